"""Reading ``verified_claims``: every shape that is documented, and nothing that is hostile."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.idv.requested import (
    CLAIM_NAMES,
    ClaimShape,
    ClaimsRefusal,
    ClaimsRefused,
    Requested,
    VerifiedClaimsRequest,
    read_claims,
)
from tests.idv.requests import SEED, TODAY, entry_of, place


def claim(value, name="given_name"):
    """Return the one claim read from an entry that asks for ``value`` under ``name``."""
    (read,) = entry_of({"claims": {name: value}}).claims
    return read


def refusal(claims):
    with pytest.raises(ClaimsRefused) as refused:
        read_claims(claims)
    return refused.value.reason


def test_the_seed_s_own_request_is_read():
    (entry,) = read_claims(SEED).id_token.entries
    given_name, family_name = entry.claims
    assert (given_name.shape, given_name.fuzzy, given_name.element.accepted) == (
        ClaimShape.FUZZY_TEXT,
        True,
        ("Dan",),
    )
    assert (family_name.shape, family_name.fuzzy, family_name.element.accepted) == (
        ClaimShape.TEXT,
        False,
        ("Jones",),
    )
    assert entry.verification["trust_framework"].accepted == ("IDV-DELEGATED",)
    assert entry.verification["assurance_level"].accepted == ("VERIFIED",)
    assert entry.verification["assurance_level"].essential is True


def test_today_s_request_is_read_with_every_claim_on_okta_s_list():
    requested = read_claims(json.dumps(TODAY)).id_token
    assert requested.array
    (entry,) = requested.entries
    assert [claim.name for claim in entry.claims] == list(CLAIM_NAMES)
    assert all(claim.fuzzy and claim.shape is ClaimShape.OBJECT for claim in entry.claims)


def test_text_and_parsed_value_are_read_alike():
    assert read_claims(json.dumps(TODAY)) == read_claims(TODAY)


def test_the_misspellings_of_okta_s_pages_are_understood():
    entry = entry_of(
        {
            "verification": {"trust_framework": {"values": ["IDV_DELEGATED", "eidas"]}},
            "claims": {"bithdate": {"value": "2000-01-01"}},
        }
    )
    assert entry.verification["trust_framework"].accepted == ("IDV-DELEGATED", "eidas")
    assert [claim.name for claim in entry.claims] == ["birthdate"]


def test_of_both_spellings_the_right_one_counts():
    (read,) = entry_of(
        {"claims": {"bithdate": {"value": "2001-01-01"}, "birthdate": {"value": "2000-01-01"}}}
    ).claims
    assert read.element.accepted == ("2000-01-01",)


@pytest.mark.parametrize(
    "value", [None, {}, {"essential": False}, {"essential": True}, {"fuzzy": True}, {"purpose": "to know"}]
)
def test_a_claim_may_be_asked_for_without_a_value(value):
    read = claim(value)
    assert read.shape is ClaimShape.ANY
    assert read.element.accepted is None


def test_value_and_values_together_leave_what_is_in_both():
    assert claim({"values": ["Dan", "Daniel"]}).element.accepted == ("Dan", "Daniel")
    assert claim({"value": "Dan", "values": ["Dan", "Daniel"]}).element.accepted == ("Dan",)
    assert claim({"value": "Bob", "values": ["Dan"]}).element.accepted == ()


def test_a_value_that_is_not_text_can_never_be_met():
    assert claim({"value": 5}).element.accepted == ()
    assert claim({"values": [None, {"a": 1}]}).element.accepted == ()


def test_unknown_members_and_claims_are_kept_out_of_the_way():
    entry = entry_of(
        {
            "extra": 1,
            "claims": {
                "shoe_size": {"value": 43},
                "🦄\u202e": None,
                "x": "y",
                "given_name": {"value": "D", "mood": []},
            },
        }
    )
    assert [claim.known for claim in entry.claims] == [False, False, False, True]


def test_an_address_is_read_part_by_part_or_whole():
    parts = entry_of(
        {"claims": {"address": {"locality": {"value": "Paris", "fuzzy": True}, "planet": {}}}}
    ).claims
    assert [(part.name, part.fuzzy) for part in parts] == [("address.locality", True)]
    whole = entry_of({"claims": {"address": None}}).claims
    assert [part.name for part in whole] == [name for name in CLAIM_NAMES if name.startswith("address.")]
    valued = entry_of({"claims": {"address": {"value": {"country": "FR"}}}}).claims
    assert [(part.name, part.element.accepted) for part in valued] == [("address.country", ("FR",))]


def test_an_object_and_an_array_of_entries_are_told_apart():
    entry = {"verification": {"trust_framework": None}, "claims": {"given_name": None}}
    assert not read_claims(place(entry)).id_token.array
    assert read_claims(place([entry, entry])).id_token.array
    assert len(read_claims(place([entry, entry])).id_token.entries) == 2


def test_each_place_stands_for_itself_and_nothing_asked_is_nothing_read():
    entry = {"verification": {"trust_framework": None}, "claims": {"given_name": None}}
    request = read_claims({"userinfo": {"verified_claims": entry, "name": None}, "id_token": {"acr": None}})
    assert request.id_token == Requested()
    assert len(request.userinfo.entries) == 1
    assert read_claims({}) == read_claims('{"id_token": null}') == VerifiedClaimsRequest()


@pytest.mark.parametrize("purpose", ["", "ab", "x" * 301, 5, {}, ["why"]])
def test_a_purpose_has_3_to_300_characters(purpose):
    assert (
        refusal(
            place({"verification": {"trust_framework": None}, "claims": {"given_name": {"purpose": purpose}}})
        )
        is ClaimsRefusal.BAD_PURPOSE
    )


@pytest.mark.parametrize("purpose", ["abc", "x" * 300, "<script>alert(1)</script>"])
def test_a_proper_purpose_is_kept_as_it_is(purpose):
    assert claim({"purpose": purpose}).element.purpose == purpose


def deep(levels):
    value: object = None
    for _ in range(levels):
        value = {"a": value}
    return value


HOSTILE = [
    ("{", ClaimsRefusal.NOT_JSON),
    ("", ClaimsRefusal.NOT_JSON),
    ('{"a": NaN}', ClaimsRefusal.NOT_JSON),
    ("[" * 30_000, ClaimsRefusal.TOO_DEEP),
    ('{"a": 1, "a": 2}', ClaimsRefusal.WRONG_SHAPE),
    ("x" * 40_000, ClaimsRefusal.TOO_LARGE),
    ({"a": "x" * 40_000}, ClaimsRefusal.TOO_LARGE),
    ({"a": [None] * 2_000}, ClaimsRefusal.TOO_LARGE),
    (deep(50), ClaimsRefusal.TOO_DEEP),
    (place([{"verification": {}, "claims": {}}] * 11), ClaimsRefusal.TOO_MANY),
    (
        place([{"verification": {}, "claims": {"email": {"values": ["a", "b"] * 8}}}] * 10),
        ClaimsRefusal.TOO_MANY,
    ),
    (None, ClaimsRefusal.WRONG_SHAPE),
    ([], ClaimsRefusal.WRONG_SHAPE),
    (5, ClaimsRefusal.WRONG_SHAPE),
    (b"{}", ClaimsRefusal.WRONG_SHAPE),
    ({"id_token": []}, ClaimsRefusal.WRONG_SHAPE),
    ({1: 2}, ClaimsRefusal.WRONG_SHAPE),
    ({"a": float("inf")}, ClaimsRefusal.WRONG_SHAPE),
    ({"a": {1, 2}}, ClaimsRefusal.WRONG_SHAPE),
    (place("yes"), ClaimsRefusal.WRONG_SHAPE),
    (place([None]), ClaimsRefusal.WRONG_SHAPE),
    (place({"claims": {"given_name": None}}), ClaimsRefusal.WRONG_SHAPE),
    (place({"verification": {}, "claims": []}), ClaimsRefusal.WRONG_SHAPE),
    (place({"verification": {}, "claims": {"given_name": 5}}), ClaimsRefusal.WRONG_SHAPE),
    (place({"verification": {}, "claims": {"given_name": {"essential": "yes"}}}), ClaimsRefusal.WRONG_SHAPE),
    (place({"verification": {}, "claims": {"given_name": {"fuzzy": 1}}}), ClaimsRefusal.WRONG_SHAPE),
    (place({"verification": {}, "claims": {"given_name": {"values": "Dan"}}}), ClaimsRefusal.WRONG_SHAPE),
    (place({"verification": {}, "claims": {"address": "Paris"}}), ClaimsRefusal.WRONG_SHAPE),
    (place({"verification": {"time": {"max_age": -1}}, "claims": {}}), ClaimsRefusal.WRONG_SHAPE),
    (place({"verification": {"time": {"max_age": True}}, "claims": {}}), ClaimsRefusal.WRONG_SHAPE),
]


@pytest.mark.parametrize(("claims", "reason"), HOSTILE, ids=lambda value: repr(value)[:60])
def test_what_cannot_be_used_is_refused_with_its_reason(claims, reason):
    assert refusal(claims) is reason


def test_a_document_that_contains_itself_is_refused():
    claims: dict[str, object] = {}
    claims["id_token"] = claims
    assert refusal(claims) is ClaimsRefusal.TOO_DEEP


def test_a_refusal_says_nothing_of_what_was_sent():
    with pytest.raises(ClaimsRefused) as refused:
        read_claims(place({"verification": {}, "claims": {"given_name": {"purpose": "no"}}}))
    assert str(refused.value) == "bad_purpose"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id_token",
                    "verified_claims",
                    "verification",
                    "claims",
                    "given_name",
                    "address",
                    "value",
                    "values",
                    "fuzzy",
                    "essential",
                    "purpose",
                    "max_age",
                    "locality",
                    "trust_framework",
                    "time",
                    "evidence",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=300)
@given(value=JSON)
def test_no_value_raises_anything_but_the_refusal(value):
    for claims in (value, place(value), place({"verification": value, "claims": value}), json.dumps(value)):
        try:
            read_claims(claims)
        except ClaimsRefused:
            continue


@pytest.mark.parametrize(
    "address",
    [
        {"value": "99 Nowhere, Paris"},
        {"values": [{"locality": "Paris"}]},
        {"formatted": {"value": "99 Nowhere", "fuzzy": True}},
        {"fuzzy": "99 Nowhere, Paris"},
        {"city": {"value": "Paris"}},
    ],
)
def test_an_address_that_is_constrained_in_a_way_not_kept_here_is_met_by_nothing(address: object) -> None:
    (entry,) = read_claims(
        {
            "id_token": {
                "verified_claims": {"verification": {"trust_framework": None}, "claims": {"address": address}}
            }
        }
    ).id_token.entries
    (claim,) = entry.claims
    assert (claim.known, claim.element.accepted, claim.element.essential) == (False, (), True)


@pytest.mark.parametrize("claim", [{"value": None, "fuzzy": True}, {"value": "Zed", "fuzzy": "Daniel"}])
def test_a_comparison_with_nothing_or_with_two_things_agrees_with_nothing(claim: object) -> None:
    (entry,) = read_claims(
        {
            "id_token": {
                "verified_claims": {
                    "verification": {"trust_framework": None},
                    "claims": {"given_name": claim},
                }
            }
        }
    ).id_token.entries
    assert entry.claims[0].element.accepted == ()
