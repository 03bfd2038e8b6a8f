"""OpenID Connect for Identity Assurance 1.0: omit what cannot be satisfied, never err, never say more."""

from datetime import timedelta

import pytest

from portal.idv.evaluate import evaluate_ida
from portal.idv.record import ClaimOutcome, TrustedRecord
from tests.idv.requests import ida, requested
from tests.idv.test_okta_profile import DANIEL, NOON

BARE = {"trust_framework": "IDV-DELEGATED"}


def answer(request, record=DANIEL, face=True, **options):
    return evaluate_ida(request, record, face, **{"time": NOON, "reference": "7KXM-2PQR", **options})


@pytest.mark.parametrize(
    "form",
    [None, {}, {"essential": False}, {"essential": True}, {"value": "Daniel"}, {"values": ["Dan", "Daniel"]}],
)
def test_a_claim_that_can_be_given_is_given_plainly(form):
    assert answer(ida({"given_name": form})).verified_claims == {
        "verification": BARE,
        "claims": {"given_name": "Daniel"},
    }


@pytest.mark.parametrize(
    "form",
    [
        {"value": "Peter"},
        {"value": "Peter", "essential": True},
        {"value": "dan"},
        {"value": 5},
        {"values": []},
    ],
)
def test_a_value_that_cannot_be_met_leaves_the_claim_out_and_then_everything(form):
    assert answer(ida({"given_name": form})).verified_claims is None
    left = answer(ida({"given_name": form, "family_name": None})).verified_claims
    assert left == {"verification": BARE, "claims": {"family_name": "Jones"}}


@pytest.mark.parametrize("name", ["nickname", "§\u202e🦄", "given_name ", "address.locality"])
def test_an_unknown_claim_is_left_out_even_if_essential(name):
    assert answer(ida({name: {"essential": True}, "email": None})).verified_claims["claims"] == {
        "email": "dan.jones@example.com"
    }
    assert answer(ida({name: {"essential": True}})).verified_claims is None


def test_a_claim_that_the_record_lacks_is_left_out():
    evaluation = answer(ida({"given_name": None, "birthdate": None}), TrustedRecord(given_name="Daniel"))
    assert evaluation.verified_claims["claims"] == {"given_name": "Daniel"}
    assert [finding.outcome for finding in evaluation.findings] == [
        ClaimOutcome.MATCHED,
        ClaimOutcome.RECORD_LACKS,
    ]


def test_members_of_verification_are_given_only_if_asked_for():
    asked = ida(
        {"given_name": None},
        assurance_level=None,
        time=None,
        verification_process={},
        assurance_process=None,
        evidence=[{"type": None}],
    )
    assert answer(asked).verified_claims["verification"] == {
        "trust_framework": "IDV-DELEGATED",
        "assurance_level": "VERIFIED",
        "time": "2024-10-07T10:00:00Z",
        "verification_process": "7KXM-2PQR",
    }


@pytest.mark.parametrize(
    "verification",
    [
        {"trust_framework": {"value": "de_aml"}},
        {"trust_framework": {"value": "de_aml", "essential": False}},
        {"assurance_level": {"value": "very_high"}},
        {"assurance_level": {"values": ["low", "high"]}},
        {"time": {"value": "2001-01-01T00:00:00Z"}},
        {"assurance_process": {"policy": {"value": "gpg45"}}},
        {"evidence": [{"type": {"value": "document"}, "document_details": {"type": None}}]},
        {"unheard_of": {"value": "x"}},
    ],
)
def test_a_constraint_under_verification_that_fails_leaves_the_whole_out(verification):
    evaluation = answer(ida({"given_name": None}, **verification))
    assert evaluation.verified_claims is None
    assert len(evaluation.refused) == 1


def test_constraints_that_are_met_do_no_harm():
    asked = ida(
        {"given_name": None},
        trust_framework={"values": ["eidas", "de_aml"]},
        assurance_level={"value": "VERIFIED"},
    )
    assert answer(asked, trust_frameworks=["IDV-DELEGATED", "eidas"]).verified_claims["verification"] == {
        "trust_framework": "eidas",
        "assurance_level": "VERIFIED",
    }


def test_a_verification_older_than_asked_is_left_out():
    asked = ida({"given_name": None}, time={"max_age": 60})
    assert answer(asked, now=NOON + timedelta(seconds=60)).verified_claims is not None
    assert answer(asked, now=NOON + timedelta(seconds=61)).verified_claims is None
    assert answer(asked).verified_claims is not None


def test_entries_of_an_array_are_judged_alone_and_stay_an_array():
    def entry(framework):
        return {"verification": {"trust_framework": {"value": framework}}, "claims": {"given_name": None}}

    evaluation = answer(requested([entry("IDV-DELEGATED"), entry("de_aml")]))
    assert evaluation.verified_claims == [{"verification": BARE, "claims": {"given_name": "Daniel"}}]
    assert not evaluation.verified
    assert answer(requested([entry("de_aml")])).verified_claims is None


def test_without_the_face_nothing_is_given():
    evaluation = answer(ida({"given_name": None}), face=False)
    assert evaluation.verified_claims is None
    assert [finding.outcome for finding in evaluation.findings] == [ClaimOutcome.NO_FACE]


def test_fuzzy_is_okta_s_word_and_names_are_compared_as_texts():
    assert answer(ida({"given_name": {"value": "Dan", "fuzzy": True}})).verified_claims is None


def test_an_address_is_given_in_one_object():
    assert answer(ida({"address": None})).verified_claims["claims"]["address"]["locality"] == "London"
    assert answer(ida({"address": {"country": None}})).verified_claims["claims"] == {
        "address": {"country": "GB"}
    }
    sparse = TrustedRecord(country="GB")
    assert answer(ida({"address": None}), sparse).verified_claims["claims"] == {"address": {"country": "GB"}}


def test_an_empty_request_for_claims_is_left_out():
    assert answer(ida({})).verified_claims is None
