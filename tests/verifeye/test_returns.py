import pytest

from portal.verifeye.returns import LONGEST, Reason, ReturnRefused, read_return, same_order

STATE = "0123456789abcdef0123456789abcdef"
SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
SIGNATURE = "70ac1eb0762395c831a09f53f854ca7e9745bf5755b83ed8137ed21dec9c7307"
GOOD = (
    f"state={STATE}&reVerificationSessionId={SESSION}&reFaceId=abc&reVerificationResult=passed"
    f"&reLivenessResult=passed&reFaceRecognitionResult=passed&reAgeVerificationResult=passed&reAge=31"
    f"&reGenderVerificationResult=passed&reGender=male&reSignature={SIGNATURE}"
)


def reason(query: str | bytes) -> Reason:
    with pytest.raises(ReturnRefused) as refusal:
        read_return(query)
    return refusal.value.reason


def test_the_vendors_example_is_read():
    returned = read_return(GOOD)
    assert returned.state == STATE
    assert returned.session_id == SESSION.replace("-", "")
    assert returned.session_id_as_received == SESSION
    assert returned.claimed == "passed"
    assert returned.raw == GOOD


def test_bytes_are_read_like_text():
    assert read_return(GOOD.encode()) == read_return(GOOD)


def test_any_order_is_read_since_the_vendor_documents_none():
    query = (
        f"reVerificationSessionId={SESSION}&reVerificationResult=failed&reLivenessResult=not_executed"
        f"&reFaceRecognitionResult=failed&reFaceId=a&reTotalFaceCount=1&reFailedReason=no+face"
        f"&state={STATE}&reSignature={SIGNATURE}"
    )
    assert read_return(query).claimed == "failed"


def test_a_session_id_without_dashes_is_the_same_session():
    assert read_return(GOOD.replace(SESSION, SESSION.replace("-", ""))).session_id == SESSION.replace("-", "")


def test_a_new_parameter_of_the_vendor_is_tolerated_once():
    assert read_return(GOOD.replace("&reAge=", "&reSomethingNew=1&reAge=")).claimed == "passed"
    assert reason(GOOD.replace("&reAge=", "&reNew=1&reNew=1&reAge=")) is Reason.RESERVED_REPEATED


def test_our_state_may_stand_before_or_behind_the_vendors_parameters():
    state, _, rest = GOOD.partition("&")
    assert read_return(rest.replace("&reSignature", f"&{state}&reSignature")).state == STATE


def test_a_return_without_an_overall_result_claims_nothing():
    assert read_return(GOOD.replace("&reVerificationResult=passed", "")).claimed is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", Reason.STATE_MISSING),
        (b"", Reason.STATE_MISSING),
        (GOOD + "&" + "reX=" + "a" * LONGEST, Reason.TOO_LONG),
        (GOOD.replace("male", "mäle"), Reason.NOT_ASCII),
        (GOOD.replace("male", "mäle").encode(), Reason.NOT_ASCII),
        (GOOD.replace("male", "ma le"), Reason.CONTROL_CHARACTER),
        (GOOD.replace("male", "ma\r\nle"), Reason.CONTROL_CHARACTER),
        (GOOD.replace("male", "ma%00le"), Reason.CONTROL_CHARACTER),
        (GOOD.replace("male", "ma%0d%0ale"), Reason.CONTROL_CHARACTER),
        (GOOD.replace("male", "ma%7fle"), Reason.CONTROL_CHARACTER),
        (GOOD.replace("male", "m%zz"), Reason.BAD_ESCAPE),
        (GOOD.replace("male", "m%"), Reason.BAD_ESCAPE),
        (GOOD.replace("male", "m%ff"), Reason.BAD_ESCAPE),
        (GOOD.replace("&reAge", ";reAge"), Reason.ODD_SEPARATOR),
        (GOOD.replace("male", "ma+le"), Reason.ODD_SEPARATOR),
        (GOOD.replace("&reAge=", "&&reAge="), Reason.ODD_SEPARATOR),
        (GOOD + "&", Reason.ODD_SEPARATOR),
        (GOOD + "&flag", Reason.ODD_SEPARATOR),
        (GOOD.replace("reAge=", "%72eAge="), Reason.ESCAPED_NAME),
        (GOOD + "&%72eSignature=x", Reason.ESCAPED_NAME),
        (GOOD.replace("state=", "st%61te="), Reason.ESCAPED_NAME),
        (GOOD.replace("reAge=", "re+Age="), Reason.ESCAPED_NAME),
        (GOOD.replace("reVerificationResult", "ReVerificationResult"), Reason.RESERVED_MISSPELT),
        (GOOD.replace("reVerificationResult", "reverificationresult"), Reason.RESERVED_MISSPELT),
        (GOOD.replace("reVerificationResult", "reVerificationresult"), Reason.RESERVED_MISSPELT),
        (GOOD.replace("reSignature", "resignature"), Reason.RESERVED_MISSPELT),
        (GOOD.replace("reAge=", "RE_AGE="), Reason.RESERVED_MISSPELT),
        (GOOD.replace("reAge=", "re="), Reason.RESERVED_MISSPELT),
        (GOOD.replace("reAge=", "red="), Reason.RESERVED_MISSPELT),
        (GOOD + "&reVerificationResult=passed", Reason.RESERVED_REPEATED),
        (GOOD + "&REVERIFICATIONRESULT=passed", Reason.RESERVED_REPEATED),
        (f"reSignature={SIGNATURE}&{GOOD}", Reason.RESERVED_REPEATED),
        (GOOD.replace("&reAge=", "&admin=1&reAge="), Reason.UNKNOWN_PARAMETER),
        (GOOD.replace("&reAge=", "&=1&reAge="), Reason.UNKNOWN_PARAMETER),
        ("?" + GOOD, Reason.UNKNOWN_PARAMETER),
        (GOOD.replace(f"state={STATE}&", ""), Reason.STATE_MISSING),
        (GOOD.replace("state=", "State="), Reason.STATE_MISSPELT),
        (GOOD + f"&STATE={STATE}", Reason.STATE_MISSPELT),
        (GOOD + f"&state={STATE}", Reason.STATE_REPEATED),
        (GOOD.replace(STATE, STATE.upper()), Reason.STATE_MALFORMED),
        (GOOD.replace(STATE, STATE[:-1]), Reason.STATE_MALFORMED),
        (GOOD.replace(STATE, STATE + "0"), Reason.STATE_MALFORMED),
        (GOOD.replace(STATE, STATE + "%0a"), Reason.CONTROL_CHARACTER),
        (GOOD.replace(STATE, ""), Reason.STATE_MALFORMED),
        (GOOD.partition("&reSignature")[0], Reason.SIGNATURE_MISSING),
        (GOOD.replace(SIGNATURE, ""), Reason.SIGNATURE_MALFORMED),
        (GOOD.replace(SIGNATURE, SIGNATURE.upper()), Reason.SIGNATURE_MALFORMED),
        (GOOD.replace(SIGNATURE, "x" * 600), Reason.SIGNATURE_MALFORMED),
        (GOOD.replace(f"reVerificationSessionId={SESSION}&", ""), Reason.SESSION_MISSING),
        (GOOD.replace(SESSION, "1"), Reason.SESSION_MALFORMED),
        (GOOD.replace(SESSION, "{" + SESSION + "}"), Reason.SESSION_MALFORMED),
        (GOOD.replace(SESSION, SESSION.replace("-", "--", 1)), Reason.SESSION_MALFORMED),
        (GOOD.replace("Result=passed", "Result=Passed", 1), Reason.RESULT_MALFORMED),
        (GOOD.replace("Result=passed", "Result=true", 1), Reason.RESULT_MALFORMED),
        (GOOD.replace("Result=passed", "Result=", 1), Reason.RESULT_MALFORMED),
    ],
)
def test_whatever_is_not_the_documented_spelling_is_refused(query, expected):
    assert reason(query) is expected


NAMES = read_return(GOOD).names


def test_the_names_are_kept_in_the_order_they_came_in():
    assert NAMES[:2] == ("state", "reVerificationSessionId")
    assert NAMES[-1] == "reSignature"


@pytest.mark.parametrize("other", [NAMES[::-1], tuple(sorted(NAMES)), (*NAMES[1:], NAMES[0])])
def test_a_shuffled_return_shows_although_the_signature_would_survive(other):
    assert same_order(NAMES, NAMES)
    assert not same_order(other, NAMES)


def test_parameters_that_come_and_go_do_not_make_another_order():
    fewer = tuple(name for name in NAMES if name != "reFaceId")
    assert same_order(fewer, NAMES)
    assert same_order(NAMES, fewer)
    assert same_order((*NAMES[:-1], "reFailedReason", NAMES[-1]), NAMES)


def test_a_refusal_does_not_repeat_what_was_sent():
    with pytest.raises(ReturnRefused) as refusal:
        read_return(GOOD.replace("state=", "State="))
    assert STATE not in str(refusal.value)
    assert str(refusal.value) == "state_misspelt"
