"""Okta's rules for identity verification, against tokens written by hand and signed by the test."""

import json
from typing import Any

import pytest

from portal.okta.simulator import Result, State
from tests.okta.provider import (
    CLIENT_ID,
    CONNECTION,
    ISSUER,
    NAMES,
    Provider,
    encoded,
    jwk,
    key,
    signed,
    verified,
)

PAR, TOKEN = CONNECTION.endpoints.par, CONNECTION.endpoints.token


def both(given: Any, family: Any) -> dict[str, Any]:
    return {"given_name": given, "family_name": family}


def fuzzy(value: Any) -> dict[str, Any]:
    return {"fuzzy": True, "value": value}


def outcome(result: Result) -> tuple[str | None, str | None]:
    return result.outcome.result, result.outcome.reason


# ---- What is accepted ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "encoding"),
    [
        (both(fuzzy("Amara"), fuzzy("Okafor")), "object"),
        (both(fuzzy("MATCHED"), fuzzy("MATCHED")), "object"),
        (both("MATCHED", "MATCHED"), "object"),
        ({}, "object"),
        (both({"fuzzy": "Amara"}, "Okafor"), "plain"),
        (both("Amara", "Okafor"), "plain"),
        (both("MATCHED", "MATCHED"), "plain"),
        ({}, "plain"),
    ],
)
def test_every_documented_form_of_a_verified_answer_is_accepted(
    claims: dict[str, Any], encoding: str
) -> None:
    result = Provider(verified(claims=claims)).run(encoding=encoding)

    assert outcome(result) == ("ALLOW", "CLAIMS_VERIFIED"), result.checks
    assert result.accepted
    assert result.conformant
    assert result.outcome.event == "user.identity_verification"
    assert result.outcome.idv_reference_id == "session-123"


def test_all_claims_of_okta_s_list_can_be_asked_for_and_answered() -> None:
    attributes = NAMES | {
        "middle_name": "Chidi", "email": "amara@acme.example", "birthdate": "2000-01-31",
        "phone_number": "+2348012345678", "address.street_address": "1 Marina", "address.locality": "Lagos",
        "address.region": "Lagos", "address.postal_code": "101241", "address.country": "Nigeria",
    }  # fmt: skip
    answered: dict[str, Any] = {n: fuzzy(v) for n, v in attributes.items() if "." not in n}
    answered["address"] = {n.partition(".")[2]: fuzzy(v) for n, v in attributes.items() if "." in n}
    provider = Provider(verified(claims=answered))

    result = provider.run(attributes=attributes)

    assert outcome(result) == ("ALLOW", "CLAIMS_VERIFIED"), result.checks
    asked = json.loads(provider.form(PAR)["claims"])["id_token"]["verified_claims"][0]["claims"]
    assert asked["address"]["locality"] == {"value": "Lagos", "fuzzy": True}
    assert asked["birthdate"] == {"value": "2000-01-31", "fuzzy": True}


def test_the_misspelt_name_of_okta_s_sample_is_answered_under_the_right_one() -> None:
    answered = both(fuzzy("MATCHED"), fuzzy("MATCHED")) | {"birthdate": fuzzy("MATCHED")}

    result = Provider(verified(claims=answered)).run(attributes=NAMES | {"bithdate": "2000-01-31"})

    assert result.accepted, result.checks


# ---- A person who is not verified, within the rules ------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "claims", "reason"),
    [
        ("FAILED", both(fuzzy("MATCHED"), fuzzy("MATCHED")), "CLAIMS_NOT_VERIFIED"),
        ("FAILED", {}, "CLAIMS_NOT_VERIFIED"),
        (None, {}, "CLAIMS_NOT_VERIFIED"),
        ("FAILED", both(None, fuzzy("MATCHED")), "CLAIM_GIVEN_NAME_NOT_VERIFIED"),
        ("FAILED", both(fuzzy(None), fuzzy("MATCHED")), "CLAIM_GIVEN_NAME_NOT_VERIFIED"),
        ("FAILED", both(fuzzy("MATCHED"), None), "CLAIM_FAMILY_NAME_NOT_VERIFIED"),
        ("FAILED", both(None, None), "CLAIMS_NOT_VERIFIED"),
        # A token that contradicts itself is no pass.
        ("VERIFIED", both(None, fuzzy("MATCHED")), "CLAIM_GIVEN_NAME_NOT_VERIFIED"),
    ],
)
def test_a_failed_verification_is_denied_and_breaks_no_rule(level: Any, claims: Any, reason: str) -> None:
    result = Provider(verified(level, claims)).run()

    assert outcome(result) == ("DENY", reason)
    assert result.conformant
    assert result.outcome.idv_reference_id == "session-123"


def test_a_failed_claim_in_the_first_publications_form_is_denied_by_name() -> None:
    result = Provider(verified("FAILED", both({"fuzzy": None}, "Okafor"))).run(encoding="plain")

    assert outcome(result) == ("DENY", "CLAIM_GIVEN_NAME_NOT_VERIFIED")


# ---- Broken rules of verified_claims ---------------------------------------------------------------------

GOOD = verified()[0]


@pytest.mark.parametrize(
    ("answered", "reason", "rule"),
    [
        (GOOD, "PARSING_ERROR", "verified_claims"),
        ("VERIFIED", "PARSING_ERROR", "verified_claims"),
        ([{"claims": {}}], "MISSING", "verification"),
        ([{"verification": GOOD["verification"]}], "MISSING", "claims"),
        (verified(claims="all"), "PARSING_ERROR", "claims"),
        (verified(trust_framework="IDV_DELEGATED"), "CLAIMS_NOT_VERIFIED", "trust_framework"),
        (verified(trust_framework=None), "CLAIMS_NOT_VERIFIED", "trust_framework"),
        (verified("HIGH"), "CLAIMS_NOT_VERIFIED", "assurance_level"),
        (verified(time=None), "MISSING", "time"),
        (verified(time="yesterday"), "PARSING_ERROR", "time"),
        (verified(time=1730000000), "PARSING_ERROR", "time"),
        (verified("FAILED", time="0001-01-01T00:00:00-23:59x"), "PARSING_ERROR", "time"),
        (verified(verification_process=7), "PARSING_ERROR", "verification_process"),
        (verified(claims={"family_name": fuzzy("MATCHED")}), "MISSING_GIVENNAME", "given_name"),
        (verified(claims={"given_name": fuzzy("MATCHED")}), "MISSING_FAMILYNAME", "family_name"),
        (verified(claims=both("Amara", fuzzy("Okafor"))), "PARSING_ERROR_GIVENNAME", "given_name"),
        (verified(claims=both(fuzzy("A"), {"fuzzy": "Okafor"})), "PARSING_ERROR_FAMILYNAME", "family_name"),
        (
            verified(claims=both(fuzzy("Amara"), {"fuzzy": False, "value": "Okafor"})),
            "PARSING_ERROR_FAMILYNAME",
            "family_name",
        ),
        (verified(claims=both(fuzzy(""), fuzzy("Okafor"))), "PARSING_ERROR_GIVENNAME", "given_name"),
        (verified(claims=both(fuzzy(["Amara"]), fuzzy("Okafor"))), "PARSING_ERROR_GIVENNAME", "given_name"),
        (
            verified(claims=both(fuzzy("Amara"), fuzzy("Okafor")) | {"nationalities": ["NG"]}),
            "PARSING_ERROR",
            "nationalities",
        ),
        (
            verified(claims=both(fuzzy("Amara"), fuzzy("Okafor")) | {"address": "Lagos"}),
            "PARSING_ERROR_ADDRESS",
            "address",
        ),
        (
            verified(claims=both(fuzzy("Amara"), fuzzy("Okafor")) | {"address": {"formatted": fuzzy("-")}}),
            "PARSING_ERROR",
            "address.formatted",
        ),
    ],
)  # fmt: skip
def test_a_broken_rule_denies_with_its_reason(answered: Any, reason: str, rule: str) -> None:
    result = Provider(answered).run()

    assert outcome(result) == ("DENY", reason)
    assert rule in [check.rule for check in result.with_state(State.BROKEN)]


@pytest.mark.parametrize("missing", ["trust_framework", "assurance_level"])
def test_a_missing_member_of_the_verification_denies(missing: str) -> None:
    entry = verified()[0]
    del entry["verification"][missing]

    assert outcome(Provider([entry]).run()) == ("DENY", "MISSING")


def test_missing_and_empty_verified_claims_deny() -> None:
    provider = Provider()
    provider.without = {"verified_claims"}
    assert outcome(provider.run()) == ("DENY", "MISSING")
    provider = Provider()
    provider.claims["verified_claims"] = []
    assert outcome(provider.run()) == ("DENY", "MISSING")


@pytest.mark.parametrize(
    ("name", "sent", "answered", "reason"),
    [
        ("birthdate", "2000-01-31", "31.01.2000", "PARSING_ERROR_BIRTHDATE"),
        ("birthdate", "2000-01-31", "2000-W05-1", "PARSING_ERROR_BIRTHDATE"),
        ("phone_number", "+2348012345678", "0801 234 5678", "PARSING_ERROR_PHONENUMBER"),
        ("middle_name", "Chidi", None, "CLAIMS_NOT_VERIFIED"),
    ],
)
def test_the_form_of_further_claims(name: str, sent: str, answered: Any, reason: str) -> None:
    claims = both(fuzzy("MATCHED"), fuzzy("MATCHED")) | {name: fuzzy(answered)}

    assert outcome(Provider(verified(claims=claims)).run(attributes=NAMES | {name: sent})) == ("DENY", reason)


def test_a_claim_that_was_asked_for_and_does_not_come_back_is_missing() -> None:
    result = Provider().run(attributes=NAMES | {"middle_name": "Chidi"})

    assert outcome(result) == ("DENY", "MISSING_MIDDLENAME")


def test_what_okta_has_published_nothing_about_warns_and_does_not_deny() -> None:
    claims = both(fuzzy("Amarachi"), fuzzy("Okafor")) | {"email": fuzzy("a@acme.example")}
    result = Provider(verified(claims=claims, verification_process=None, time="2025-07-16T19:26:10")).run()

    assert result.accepted
    assert {check.rule for check in result.with_state(State.WARNING)} == {
        "given_name", "email", "verification_process", "time",
    }  # fmt: skip


# ---- The ID token's envelope -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("iss", "https://somebody-else.example"),
        ("iss", f"{ISSUER}/"),
        ("aud", "another-client"),
        ("aud", [CLIENT_ID, "another-client"]),
        ("sub", ""),
        ("sub", 7),
        ("exp", 1),
        ("exp", "tomorrow"),
        ("exp", True),
        ("iat", 10**400),
        ("iat", 99_999_999_999),
        ("nonce", "another nonce"),
        *((name, None) for name in ("iss", "aud", "sub", "exp", "iat", "nonce")),
    ],
)
def test_a_wrong_or_missing_claim_makes_the_token_invalid(claim: str, value: Any) -> None:
    provider = Provider(**({} if value is None else {claim: value}))
    provider.without = {claim} if value is None else set()

    result = provider.run()

    assert outcome(result) == ("DENY", "ERROR_RESPONSE_TOKEN")
    assert [check.rule for check in result.with_state(State.BROKEN)] == [claim]


def test_a_token_from_a_clock_that_is_ahead_by_a_second_is_refused(clock: Any) -> None:
    assert Provider(iat=int(clock.now().timestamp())).run().accepted
    assert not Provider(iat=int(clock.now().timestamp()) + 1).run().accepted


@pytest.mark.parametrize("issuer", ["http://localhost:8080", "http://127.0.0.1:8080"])
@pytest.mark.parametrize("allowed", [True, False])
def test_plain_http_is_for_this_machine_and_only_where_it_is_allowed(issuer: str, allowed: bool) -> None:
    provider = Provider(iss=issuer)
    endpoints = type(CONNECTION.endpoints)(
        **{name: getattr(CONNECTION.endpoints, name) for name in CONNECTION.endpoints.__slots__}
        | {"issuer": issuer}
    )
    connection = type(CONNECTION)(
        endpoints, CLIENT_ID, "a secret", CONNECTION.redirect_uri, allow_loopback=allowed
    )

    result = provider.run(connection=connection)

    assert result.accepted is allowed
    assert [c.state for c in result.checks if c.rule == "iss"] == [State.WARNING if allowed else State.BROKEN]


@pytest.mark.parametrize(
    ("header", "rule"),
    [
        ({"alg": "ES256", "kid": "key-1"}, "alg"),
        ({"alg": "none", "kid": "key-1"}, "alg"),
        ({"alg": "HS256", "kid": "key-1"}, "alg"),
        ({"kid": "key-1"}, "alg"),
        ({"alg": "RS256"}, "kid"),
        ({"alg": "RS256", "kid": "key-2"}, "kid"),
    ],
)
def test_the_header_names_rs256_and_a_published_key(header: dict[str, Any], rule: str) -> None:
    provider = Provider()
    provider.header = header

    result = provider.run()

    assert outcome(result) == ("DENY", "ERROR_RESPONSE_TOKEN")
    assert [check.rule for check in result.with_state(State.BROKEN)] == [rule]


@pytest.mark.parametrize(
    "keys",
    [
        [jwk(key(number=1))],
        [jwk(key(1024))],
        [jwk(key(), use="enc")],
        [jwk(key(), alg="PS256")],
        [jwk(key(), kty="EC")],
        [jwk(key(), n=None)],
        [jwk(key(), n="=")],
    ],
    ids=[
        "another key",
        "short",
        "for encryption",
        "another algorithm",
        "no RSA key",
        "no number",
        "no base64",
    ],
)
def test_a_signature_that_does_not_hold_is_refused(keys: list[Any]) -> None:
    provider = Provider()
    provider.private = key(1024) if keys[0].get("n") == jwk(key(1024))["n"] else key()
    provider.jwks = {"keys": keys}

    result = provider.run()

    assert outcome(result) == ("DENY", "ERROR_RESPONSE_TOKEN")
    assert [check.rule for check in result.with_state(State.BROKEN)] == ["signature"]


def test_two_keys_under_one_kid_are_no_choice() -> None:
    provider = Provider()
    provider.jwks = {"keys": [jwk(key()), jwk(key(number=1))]}

    assert outcome(provider.run()) == ("DENY", "ERROR_RESPONSE_TOKEN")


@pytest.mark.parametrize("jwks", [{"keys": "none"}, b"<html>", []])
def test_keys_that_cannot_be_read_are_a_processing_error(jwks: Any) -> None:
    provider = Provider()
    provider.jwks = jwks

    assert outcome(provider.run()) == ("DENY", "RESPONSE_PROCESSING_ERROR")


@pytest.mark.parametrize(
    "text",
    [
        "no token",
        "a.b",
        f"{encoded(b'no JSON')}.{encoded({})}.{encoded(b'signature')}",
        f"{encoded({'alg': 'RS256'})}.{encoded(b'[]')}.{encoded(b'signature')}",
        f"{encoded({'alg': 'RS256'})}.{encoded(b'{}')}=.{encoded(b'signature')}",
        signed({"alg": "RS256", "kid": "key-1"}, b'{"aud": "one", "aud": "two"}', key()),
        signed({"alg": "RS256", "kid": "key-1"}, b'{"exp": 1e999}', key()),
        signed({"alg": "RS256", "kid": "key-1"}, b'{"exp": Infinity}', key()),
        signed({"alg": "RS256", "kid": "key-1"}, b'{"exp": ' + b"[" * 20_000, key()),
    ],
)
def test_a_token_that_cannot_be_read_is_a_parsing_error(text: str) -> None:
    provider = Provider()
    provider.id_token = text

    assert outcome(provider.run()) == ("DENY", "PARSING_ERROR")


def test_every_broken_rule_is_listed_and_not_only_the_first() -> None:
    provider = Provider(verified("HIGH", time=None), aud="another-client", exp=1)

    result = provider.run()

    broken = [check.rule for check in result.with_state(State.BROKEN)]
    assert broken == ["aud", "exp", "assurance_level", "time"]
    assert all(check.sentence.endswith(".") for check in result.checks)


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_a_time_at_the_edge_of_the_calendar_is_read(time: str) -> None:
    assert Provider(verified(time=time)).run().accepted
