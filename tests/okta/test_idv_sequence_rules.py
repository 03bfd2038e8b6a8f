"""What Okta sends for an identity verification, and what it makes of endpoints that misbehave."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from portal.http import OutboundUnavailable
from portal.okta.simulator import BrowserStep, IdvRequest, IdvSimulation, NobodyCameBack, Reply, State
from tests.okta.provider import CLIENT_ID, CONNECTION, NAMES, Provider
from tests.okta.test_idv_rules import both, outcome

PAR, TOKEN = CONNECTION.endpoints.par, CONNECTION.endpoints.token


def pushed(provider: Provider, body: str) -> dict[str, Any]:
    if body == "json":
        document: dict[str, Any] = json.loads(provider.received[PAR])
        return document
    form = provider.form(PAR)
    return form | {"claims": json.loads(form["claims"])}


@pytest.mark.parametrize("body", ["form", "json"])
def test_the_pushed_request_is_okta_s(body: str) -> None:
    provider = Provider()

    provider.run(body=body, flow="enrol")

    sent = pushed(provider, body)
    assert list(sent) == [
        "response_type", "client_id", "client_secret", "code_challenge", "code_challenge_method", "scope",
        "nonce", "claims", "state", "login_hint", "redirect_uri",
    ]  # fmt: skip
    assert sent["scope"] == "openid profile identity_assurance idv_flow_enrol"
    assert (sent["login_hint"], sent["client_id"], sent["response_type"]) == ("00u1", CLIENT_ID, "code")
    assert sent["redirect_uri"] == CONNECTION.redirect_uri
    assert sent["code_challenge_method"] == "S256"
    assert sent["claims"] == {
        "id_token": {
            "verified_claims": [
                {
                    "verification": {
                        "trust_framework": {"value": "IDV-DELEGATED", "essential": True},
                        "assurance_level": {"value": "VERIFIED", "essential": True},
                    },
                    "claims": {
                        "given_name": {"value": "Amara", "fuzzy": True},
                        "family_name": {"value": "Okafor", "fuzzy": True},
                    },
                }
            ]
        }
    }


def test_the_first_publications_encoding_is_its_own() -> None:
    provider = Provider()

    provider.run(encoding="plain")

    entry = pushed(provider, "form")["claims"]["id_token"]["verified_claims"][0]
    assert entry["claims"] == {"given_name": {"fuzzy": "Amara"}, "family_name": "Okafor"}


def test_the_browser_is_given_the_request_uri_alone() -> None:
    provider = Provider()

    provider.run()

    parts = urlsplit(provider.opened)
    assert parts.path == "/oauth2/idv-authorize"
    assert parse_qs(parts.query) == {"request_uri": ["urn:ietf:params:oauth:request_uri:6esc"]}


def test_the_token_request_carries_the_secret_and_the_verifier_in_the_body() -> None:
    provider = Provider()

    provider.run()

    sent, challenge = provider.form(TOKEN), pushed(provider, "form")["code_challenge"]
    assert sent.keys() == {
        "grant_type", "client_id", "client_secret", "code", "code_verifier", "redirect_uri",
    }  # fmt: skip
    digest = hashlib.sha256(sent["code_verifier"].encode()).digest()
    assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == challenge


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"login_hint": ""}, "EMPTY_USER_ID"),
        ({"pkce": False}, "MISSING_CODE_CHALLENGE"),
        ({"attributes": {"family_name": "Okafor"}}, "MISSING_GIVENNAME"),
        ({"attributes": NAMES | {"family_name": ""}}, "MISSING_FAMILYNAME"),
        (
            {"connection": type(CONNECTION)(CONNECTION.endpoints, "", "secret", CONNECTION.redirect_uri)},
            "MISSING_APP_INSTANCE",
        ),
    ],
)
def test_okta_does_not_send_what_it_knows_to_be_incomplete(changes: dict[str, Any], reason: str) -> None:
    provider = Provider()

    assert outcome(provider.run(**changes)) == ("DENY", reason)
    assert provider.received == {}


@pytest.mark.parametrize(
    ("status", "document"),
    [
        (400, {"error": "invalid_request", "error_description": "No."}),
        (200, {"request_uri": "urn:x", "expires_in": 60}),
        (201, {"expires_in": 60}),
        (201, {"request_uri": "urn:x"}),
        (201, {"request_uri": "urn:x", "expires_in": "60"}),
        (201, {"request_uri": "urn:x", "expires_in": 0}),
        (502, b"<html>Bad gateway</html>"),
    ],
)
def test_a_bad_answer_to_the_pushed_request_is_a_par_error(status: int, document: Any) -> None:
    provider = Provider()
    provider.par = (status, document)

    result = provider.run()

    assert outcome(result) == ("DENY", "RESPONSE_PROCESSING_ERROR_PAR")
    assert provider.opened == ""


def test_a_provider_that_is_away_is_a_par_error() -> None:
    class Away(Provider):
        def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
            raise OutboundUnavailable("no answer from idv-vendor.example")

    assert outcome(Away().run()) == ("DENY", "RESPONSE_PROCESSING_ERROR_PAR")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"error": "access_denied"}, "ERROR_RESPONSE"),
        ({"error": "invalid_request", "error_description": "No."}, "ERROR_RESPONSE"),
        ({}, "RESPONSE_PROCESSING_ERROR"),
        ({"code": ""}, "RESPONSE_PROCESSING_ERROR"),
        ({"code": "a-code", "state": "another"}, "MISSING_AUTH_STATE_TOKEN"),
        ({"error": "access_denied", "state": ""}, "MISSING_AUTH_STATE_TOKEN"),
    ],
)
def test_what_the_browser_may_bring_instead_of_a_code(answer: dict[str, str], reason: str) -> None:
    provider = Provider()
    provider.answer = answer

    assert outcome(provider.run()) == ("DENY", reason)
    assert TOKEN not in provider.received


def test_nobody_who_comes_back_leaves_only_the_start_in_the_log() -> None:
    class Gone(Provider):
        def browse(self, step: BrowserStep) -> Mapping[str, str]:
            raise NobodyCameBack("Nobody came back.")

    result = Gone().run()

    assert (result.outcome.event, result.outcome.result) == ("user.identity_verification.start", None)
    assert not result.accepted


@pytest.mark.parametrize(
    ("status", "changes", "without", "reason"),
    [
        (400, {"error": "invalid_grant"}, set(), "ERROR_RESPONSE_TOKEN"),
        (500, {}, set(), "RESPONSE_PROCESSING_ERROR"),
        (200, {}, {"id_token"}, "MISSING"),
        (200, {}, {"expires_in"}, "MISSING"),
        (200, {"expires_in": "3600"}, set(), "PARSING_ERROR"),
        (200, {"expires_in": -1}, set(), "PARSING_ERROR"),
        (200, {}, {"token_type"}, "RESPONSE_PROCESSING_ERROR"),
        (200, {"token_type": "DPoP"}, set(), "RESPONSE_PROCESSING_ERROR"),
    ],
)
def test_a_bad_token_response_denies(status: int, changes: Any, without: set[str], reason: str) -> None:
    provider = Provider()
    provider.token_status, provider.without = status, without
    provider.token |= changes
    if "id_token" in without or "expires_in" in without or "token_type" in without:
        provider.par = (201, json.dumps({"request_uri": "urn:x", "expires_in": 60}).encode())

    assert outcome(provider.run()) == ("DENY", reason)


def test_answers_that_may_be_cached_are_a_warning() -> None:
    provider = Provider()
    provider.headers = {}

    result = provider.run()

    assert result.accepted
    assert [check.rule for check in result.with_state(State.WARNING)] == ["cache_control", "cache_control"]


def test_a_flow_is_named_in_the_log() -> None:
    assert Provider().run(flow="recover").outcome.idv_flow_id == "recover"


def test_the_seeds_answer_is_judged_as_it_was_published() -> None:
    """The first publication's sample: {"fuzzy": "Dan"} and plain text, with three members of verification."""
    entry = {
        "verification": {
            "trust_framework": "IDV-DELEGATED",
            "assurance_level": "VERIFIED",
            "time": "2024-10-07T10:00:00Z",
        },
        "claims": both({"fuzzy": "Dan"}, "Jones"),
    }

    result = Provider([entry]).run(encoding="plain", attributes={"given_name": "Dan", "family_name": "Jones"})

    assert result.accepted, result.checks
    assert [check.rule for check in result.with_state(State.WARNING)] == ["verification_process"]


def test_a_web_server_runs_it_in_two_halves() -> None:
    provider = Provider()
    simulation = IdvSimulation(IdvRequest(CONNECTION, "00u1", NAMES), provider)

    address = simulation.begin()
    result = simulation.complete({"code": "a-code", "state": simulation.state})

    assert address is not None
    assert address.startswith(f"{CONNECTION.endpoints.idv_authorization}?request_uri=")
    assert result.accepted
    assert [hop.what for hop in result.hops] == [
        "The request is pushed (form body)",
        "Okta sends the browser off",
        "Back at Okta",
        "The code is redeemed",
        "The provider's public keys",
    ]


def test_a_request_that_is_refused_has_no_address_and_a_result() -> None:
    provider = Provider()
    provider.par = (400, {"error": "invalid_scope"})
    simulation = IdvSimulation(IdvRequest(CONNECTION, "00u1", NAMES), provider)

    assert simulation.begin() is None
    assert outcome(simulation.result()) == ("DENY", "RESPONSE_PROCESSING_ERROR_PAR")


def test_an_expires_in_that_is_not_the_id_token_s_lifetime_is_a_warning() -> None:
    provider = Provider()
    provider.token["expires_in"] = 3600

    result = provider.run()

    assert result.accepted
    assert [check.rule for check in result.with_state(State.WARNING)] == ["expires_in"]
