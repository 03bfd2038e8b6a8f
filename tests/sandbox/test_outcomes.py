import pytest

from portal.verifeye import signing
from tests.sandbox.conftest import API_KEY, returned

EVERYTHING = {"verifiers": ["liveness", "age", "gender"]}
ALL = ["Liveness", "FaceRecognition", "AgeVerification", "GenderVerification"]


def query(answer) -> str:
    return answer.headers["Location"].partition("?")[2]


def signed(answer) -> bool:
    return signing.verify(query(answer), API_KEY)


def test_a_pass_tells_everything_in_the_documented_order(host):
    answer = host(**EVERYTHING).end(custom="own")
    assert signed(answer)
    assert [part.partition("=")[0] for part in query(answer).split("&")] == [
        *(
            "state",
            "custom",
            "reVerificationSessionId",
            "reFaceId",
            "reVerificationResult",
            "reLivenessResult",
        ),
        *(
            "reFaceRecognitionResult",
            "reAgeVerificationResult",
            "reAge",
            "reGenderVerificationResult",
            "reGender",
        ),
        "reSignature",
    ]
    told = returned(answer)
    assert (told["custom"], told["reAge"], told["reGender"]) == ("own", "34", "female")


@pytest.mark.parametrize(
    ("outcome", "failing"),
    [
        ("liveness_fails", "Liveness"),
        ("face_fails", "FaceRecognition"),
        ("age_fails", "AgeVerification"),
        ("gender_fails", "GenderVerification"),
    ],
)
def test_one_verifier_fails_and_with_it_the_whole(host, outcome, failing):
    told = host(**EVERYTHING).result(outcome=outcome)
    assert told["reVerificationResult"] == "failed"
    assert told[f"re{failing}Result"] == "failed"
    assert told["reFailedReason"].startswith("sandbox_")


def test_a_face_too_young_fails_the_age_check(host):
    told = host(verifiers=["age"]).result(face="elif")
    assert told["reAgeVerificationResult"] == told["reVerificationResult"] == "failed"


def test_no_face_fails(host):
    told = host(**EVERYTHING).result(face="no-face")
    assert told["reVerificationResult"] == "failed"
    assert told["reFaceRecognitionResult"] == "not_executed"


@pytest.mark.parametrize(("strict", "overall"), [(False, "passed"), (True, "failed")])
def test_two_faces_fail_only_where_the_configuration_says_so(host, strict, overall):
    assert host(fail_on_multiple_faces=strict).result(face="two-faces")["reVerificationResult"] == overall


def test_a_verifier_not_executed_still_passes_overall(host):
    told = host().result(outcome="not_executed")
    assert (told["reVerificationResult"], told["reLivenessResult"]) == ("passed", "not_executed")


def test_a_missing_verifier_still_passes_overall(host):
    told = host().result(outcome="missing_verifier")
    assert told["reVerificationResult"] == "passed"
    assert "reLivenessResult" not in told


def test_a_link_may_switch_liveness_off_only_where_overrides_are_allowed(host):
    assert host().result(reDisableLivenessVerifier="true")["reLivenessResult"] == "passed"
    told = host(allow_verifier_overrides=True).result(reDisableLivenessVerifier="true")
    assert (told["reVerificationResult"], told["reLivenessResult"]) == ("passed", "not_executed")


def test_unknown_reserved_parameters_are_dropped(host):
    assert "reVerificationResult2" not in host().result(reVerificationResult2="x")


def test_a_forged_address_says_passed_and_the_service_failed(host):
    page = host()
    answer = page.end(outcome="forged_result")
    told = returned(answer)
    assert signed(answer)
    assert told["reVerificationResult"] == "passed"
    assert page.told(told["reVerificationSessionId"]).json()["verificationResult"] == "failed"


def test_a_tampered_signature_does_not_fit(host):
    assert not signed(host().end(outcome="tampered_signature"))


@pytest.mark.parametrize("outcome", ["duplicated_parameter", "recased_parameter"])
def test_a_twisted_query_is_still_signed_well(host, outcome):
    answer = host().end(outcome=outcome)
    assert signed(answer)
    assert query(answer).lower().count("reverificationresult=") == (2 if outcome.startswith("dup") else 1)
    assert ("ReVerificationResult" in query(answer)) == (outcome == "recased_parameter")


def test_a_replay_brings_back_the_last_result(host):
    page = host()
    assert page.end(outcome="replay").status == 409
    first = page.end()
    assert page.end(outcome="replay").headers["Location"] == first.headers["Location"]


def test_never_returning_leads_nowhere_and_leaves_no_result(host):
    page = host()
    opened = page.get(page.link())
    answer = page.choose(opened, outcome="never_return")
    assert answer.status == 200
    assert "Nobody comes back" in answer.data.decode()
    assert page.sandbox.state()["sessions"][0]["scenario"] is None


def test_slow_goes_on_by_itself_after_some_seconds(host):
    answer = host().end(outcome="slow")
    assert answer.status == 200
    assert answer.headers["Refresh"].startswith("5; url=https://portal.example/verify-result?state=")


def test_a_result_may_be_ready_only_later(host):
    page = host()
    session = page.result(outcome="not_ready")["reVerificationSessionId"]
    assert [page.told(session).status for _ in range(4)] == [404, 404, 200, 200]


def test_an_unfinished_session_has_no_result(host):
    page = host()
    page.get(page.link())
    assert page.told(page.sandbox.state()["sessions"][0]["id"]).status == 404


@pytest.mark.parametrize("session", ["", "x", "0" * 32, "%00", "%ff"])
def test_an_unknown_session_has_no_result(host, session):
    assert host().told(session).status == 404


def test_identifiers_are_told_only_if_the_configuration_says_so(host):
    page = host(tell_identifiers=False)
    told = page.told(page.result()["reVerificationSessionId"]).json()
    assert not {"externalId", "configurationId", "customInputParameters"} & set(told)
