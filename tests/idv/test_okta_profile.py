"""Okta's profile: an answer to every entry, FAILED and null where it must be, nothing else ever."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.idv.evaluate import Encoding, Returns, evaluate_okta
from portal.idv.record import ClaimOutcome, TrustedRecord
from portal.idv.requested import CLAIM_NAMES, Requested, read_claims
from tests.idv.requests import SEED, TODAY, okta, requested

NOON = datetime(2024, 10, 7, 10, 0, 0, tzinfo=UTC)
DANIEL = TrustedRecord(
    given_name="Daniel",
    family_name="Jones",
    middle_name="Robert",
    email="dan.jones@example.com",
    birthdate="1990-02-28",
    phone_number="+442079460958",
    street_address="12 Main Street",
    locality="London",
    region="Greater London",
    postal_code="SW1A 1AA",
    country="GB",
)


def answer(request, record=DANIEL, face=True, **options):
    """Evaluate with values and a reference, unless ``options`` say otherwise."""
    return evaluate_okta(
        request,
        record,
        face,
        **{"time": NOON, "reference": "7KXM-2PQR", "returns": Returns.VALUES, **options},
    )


def outcomes(evaluation):
    return {finding.claim: finding.outcome for finding in evaluation.findings}


def test_the_seed_s_example_comes_back_byte_for_byte():
    seed = TrustedRecord(given_name="Dan", family_name="Jones")
    evaluation = answer(read_claims(SEED).id_token, seed, encoding=Encoding.PLAIN, reference=None)
    expected = [
        {
            "verification": {
                "trust_framework": "IDV-DELEGATED",
                "assurance_level": "VERIFIED",
                "time": "2024-10-07T10:00:00Z",
            },
            "claims": {"given_name": {"fuzzy": "Dan"}, "family_name": "Jones"},
        }
    ]
    assert json.dumps(evaluation.verified_claims) == json.dumps(expected)
    assert evaluation.verified


def test_today_s_contract_is_answered_in_its_encoding():
    evaluation = answer(read_claims(TODAY).id_token)
    assert evaluation.verified
    (entry,) = evaluation.verified_claims
    assert entry["verification"] == {
        "trust_framework": "IDV-DELEGATED",
        "assurance_level": "VERIFIED",
        "time": "2024-10-07T10:00:00Z",
        "verification_process": "7KXM-2PQR",
    }
    assert entry["claims"]["given_name"] == {"fuzzy": True, "value": "Daniel"}
    assert entry["claims"]["phone_number"] == {"fuzzy": True, "value": "+442079460958"}
    assert entry["claims"]["address"]["country"] == {"fuzzy": True, "value": "GB"}
    assert set(entry["claims"]["address"]) == {
        "street_address",
        "locality",
        "region",
        "postal_code",
        "country",
    }


def test_matched_is_said_in_place_of_every_value():
    evaluation = answer(read_claims(TODAY).id_token, returns=Returns.MATCHED)
    said = json.dumps(evaluation.verified_claims)
    assert '"given_name": {"fuzzy": true, "value": "MATCHED"}' in said
    for value in ("Daniel", "Jones", "example.com", "1990", "7946", "London", "GB"):
        assert value not in said


def test_matched_is_what_is_said_unless_values_are_asked_for():
    evaluation = evaluate_okta(okta({"given_name": "Daniel"}), DANIEL, True, time=NOON, reference=None)
    assert evaluation.verified_claims[0]["claims"] == {"given_name": {"fuzzy": False, "value": "MATCHED"}}


def test_one_claim_that_differs_fails_the_entry_and_is_null_while_the_others_stand():
    evaluation = answer(okta({"given_name": {"value": "Danielle", "fuzzy": True}, "family_name": "Jones"}))
    (entry,) = evaluation.verified_claims
    assert not evaluation.verified
    assert entry["verification"]["assurance_level"] == "FAILED"
    assert entry["claims"]["given_name"] == {"fuzzy": True, "value": None}
    assert entry["claims"]["family_name"] == {"fuzzy": False, "value": "Jones"}
    assert outcomes(evaluation) == {"given_name": ClaimOutcome.DIFFERS, "family_name": ClaimOutcome.MATCHED}


def test_the_log_can_tell_a_record_that_lacks_the_claim():
    evaluation = answer(
        okta({"middle_name": {"value": "Robert", "fuzzy": True}}),
        TrustedRecord(given_name="Daniel", middle_name=" "),
    )
    assert outcomes(evaluation) == {"middle_name": ClaimOutcome.RECORD_LACKS}
    assert not evaluation.verified


def test_without_the_face_nothing_is_said():
    evaluation = answer(read_claims(TODAY).id_token, face=False)
    (entry,) = evaluation.verified_claims
    assert entry["verification"]["assurance_level"] == "FAILED"
    assert entry["claims"]["given_name"] == {"fuzzy": True, "value": None}
    assert set(outcomes(evaluation).values()) == {ClaimOutcome.NO_FACE}
    assert "Jones" not in json.dumps(evaluation.verified_claims)


def test_a_claim_without_fuzzy_is_compared_as_text():
    assert not answer(okta({"given_name": "Dan"})).verified
    assert not answer(okta({"family_name": "jones"})).verified
    assert not answer(okta({"family_name": {"value": "JONES", "fuzzy": False}})).verified
    assert answer(okta({"family_name": {"value": "JONES", "fuzzy": True}})).verified


def test_dates_mail_and_telephone_are_compared_by_meaning_even_so():
    assert answer(
        okta(
            {
                "email": "DAN.JONES@example.COM",
                "phone_number": "+44 (0)20 7946 0958",
                "birthdate": "1990-02-28",
            }
        )
    ).verified


def test_a_claim_that_is_not_essential_does_not_fail_the_entry():
    evaluation = answer(
        okta(
            {
                "given_name": {"value": "Dan", "fuzzy": True},
                "email": {"value": "x@example.com", "essential": False},
            }
        )
    )
    assert evaluation.verified
    assert evaluation.verified_claims[0]["claims"]["email"] == {"fuzzy": False, "value": None}


def test_any_of_several_values_will_do():
    assert answer(okta({"given_name": {"values": ["Robert", "Daniel"]}})).verified
    assert not answer(okta({"given_name": {"values": ["Robert", "Peter"]}})).verified


def test_a_claim_asked_for_without_a_value_only_has_to_be_there():
    assert answer(okta({"given_name": None})).verified_claims[0]["claims"] == {
        "given_name": {"fuzzy": False, "value": "Daniel"}
    }
    assert not answer(okta({"given_name": None}), TrustedRecord()).verified


def test_claims_outside_the_list_are_never_answered():
    evaluation = answer(okta({"given_name": "Daniel", "nickname": "Dan", "picture": {"value": "x"}}))
    assert evaluation.verified
    assert set(evaluation.verified_claims[0]["claims"]) == {"given_name"}
    assert not answer(okta({"given_name": "Daniel", "nickname": {"essential": True}})).verified


def test_the_name_of_a_foreign_claim_does_not_reach_the_log():
    evaluation = answer(okta({"evil\nname": {"essential": True}}))
    assert [finding.claim for finding in evaluation.findings] == ["(other)"]


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"nickname": "Dan"},
        {"given_name": {"value": "Peter", "essential": False}},
    ],
    ids=["none", "none of Okta's list", "none that agrees"],
)
def test_a_face_alone_verifies_no_claim(claims):
    """Beside no claims, Okta takes the assurance level for the answer to all of them."""
    evaluation = answer(okta(claims))
    assert not evaluation.verified
    assert evaluation.verified_claims[0]["verification"]["assurance_level"] == "FAILED"


def test_misspelt_words_come_back_right():
    evaluation = answer(
        okta({"bithdate": {"value": "1990-02-28", "fuzzy": True}}, trust_framework={"value": "IDV_DELEGATED"})
    )
    (entry,) = evaluation.verified_claims
    assert entry["verification"]["trust_framework"] == "IDV-DELEGATED"
    assert entry["claims"] == {"birthdate": {"fuzzy": True, "value": "1990-02-28"}}


@pytest.mark.parametrize(
    ("constraint", "frameworks", "framework", "verified"),
    [
        ({"value": "IDV-DELEGATED"}, ["IDV-DELEGATED"], "IDV-DELEGATED", True),
        (None, ["IDV-DELEGATED"], "IDV-DELEGATED", True),
        ({"value": "eidas"}, ["IDV-DELEGATED"], "IDV-DELEGATED", False),
        ({"value": "eidas", "essential": False}, ["IDV-DELEGATED"], "IDV-DELEGATED", False),
        ({"value": "eidas"}, ["IDV-DELEGATED", "eidas"], "eidas", True),
        ({"values": ["de_aml", "eidas"]}, ["IDV-DELEGATED", "eidas"], "eidas", True),
        ({"values": []}, ["IDV-DELEGATED"], "IDV-DELEGATED", False),
    ],
)
def test_the_trust_framework_asked_for_is_honoured(constraint, frameworks, framework, verified):
    evaluation = answer(
        okta({"given_name": "Daniel"}, trust_framework=constraint), trust_frameworks=frameworks
    )
    assert evaluation.verified_claims[0]["verification"]["trust_framework"] == framework
    assert evaluation.verified is verified
    assert evaluation.refused == (() if verified else ("trust_framework",))


@pytest.mark.parametrize(
    ("constraint", "verified"),
    [
        (None, True),
        ({"values": ["VERIFIED", "HIGH"]}, True),
        ({"value": "HIGH"}, False),
        ({"value": "FAILED"}, False),
    ],
)
def test_the_assurance_level_asked_for_is_honoured(constraint, verified):
    evaluation = answer(okta({"given_name": "Daniel"}, assurance_level=constraint))
    assert evaluation.verified is verified
    assert evaluation.verified_claims[0]["verification"]["assurance_level"] == (
        "VERIFIED" if verified else "FAILED"
    )


@pytest.mark.parametrize(
    ("demanded", "verified"),
    [
        ({"evidence": [{"type": {"value": "document"}}]}, False),
        ({"evidence": None}, True),
        ({"assurance_process": {"policy": {"value": "gpg45"}}}, False),
        ({"assurance_process": {"policy": None}}, True),
        ({"time": {"max_age": 60}}, True),
        ({"time": {"max_age": 59}}, False),
        ({"verification_process": {"value": "another"}}, False),
    ],
)
def test_whatever_else_is_demanded_of_the_verification_is_not_passed_over(demanded, verified):
    evaluation = answer(okta({"given_name": "Daniel"}, **demanded), now=NOON + timedelta(seconds=60))
    (entry,) = evaluation.verified_claims
    assert entry["verification"]["assurance_level"] == ("VERIFIED" if verified else "FAILED")
    assert evaluation.verified is verified
    assert (entry["claims"]["given_name"]["value"] is None) is not verified


def test_every_entry_is_answered_and_judged_alone():
    one = {"verification": {"trust_framework": None}, "claims": {"given_name": "Daniel"}}
    other = {"verification": {"trust_framework": None}, "claims": {"given_name": "Peter"}}
    evaluation = answer(requested([one, other]))
    assert [entry["verification"]["assurance_level"] for entry in evaluation.verified_claims] == [
        "VERIFIED",
        "FAILED",
    ]
    assert not evaluation.verified


def test_nothing_asked_is_nothing_verified():
    assert answer(Requested()).verified_claims is None
    assert not answer(Requested()).verified


def test_times_are_written_in_utc_and_never_without_a_zone():
    eastward = NOON.astimezone(timezone(timedelta(hours=9)))
    assert (
        answer(okta({}), time=eastward).verified_claims[0]["verification"]["time"] == "2024-10-07T10:00:00Z"
    )
    with pytest.raises(ValueError, match="zone"):
        answer(okta({}), time=NOON.replace(tzinfo=None))


def test_the_plain_encoding_mirrors_what_was_asked():
    request = okta(
        {
            "given_name": {"value": "Dan", "fuzzy": True},
            "family_name": "Smith",
            "address": {"country": {"fuzzy": "UK"}},
        }
    )
    claims = answer(request, encoding=Encoding.PLAIN).verified_claims[0]["claims"]
    assert claims == {
        "given_name": {"fuzzy": "Daniel"},
        "family_name": None,
        "address": {"country": {"fuzzy": "GB"}},
    }


VALUES = (
    st.none()
    | st.sampled_from(["Daniel", "Dan", "Jones", "", "\u202e", "GB"])
    | st.fixed_dictionaries(
        {},
        optional={
            "value": st.text(max_size=5),
            "fuzzy": st.booleans() | st.text(max_size=5),
            "essential": st.booleans(),
        },
    )
)


@settings(deadline=None, max_examples=150)
@given(
    claims=st.dictionaries(
        st.sampled_from([name for name in CLAIM_NAMES if "." not in name]) | st.text(max_size=6),
        VALUES,
        max_size=5,
    ),
    face=st.booleans(),
    returns=st.sampled_from(Returns),
    encoding=st.sampled_from(Encoding),
)
def test_never_more_than_asked_for_and_verified_only_with_a_face(claims, face, returns, encoding):
    evaluation = answer(
        okta({name: value for name, value in claims.items() if name != "address"}),
        face=face,
        returns=returns,
        encoding=encoding,
    )
    (entry,) = evaluation.verified_claims
    assert set(entry["claims"]) <= {"birthdate" if name == "bithdate" else name for name in claims} & set(
        CLAIM_NAMES
    )
    assert face or entry["verification"]["assurance_level"] == "FAILED"
    essential = [finding for finding in evaluation.findings if finding.essential]
    agrees = any(finding.outcome is ClaimOutcome.MATCHED for finding in evaluation.findings)
    assert evaluation.verified == (
        face and agrees and all(finding.outcome is ClaimOutcome.MATCHED for finding in essential)
    )
    json.dumps(evaluation.verified_claims)
