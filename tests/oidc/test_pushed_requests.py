"""The pushed authorization request endpoint (RFC 9126), as Okta uses it and as anybody may."""

import base64
import json
from contextlib import nullcontext
from typing import Any

import pytest
from authlib.oauth2.rfc7523 import private_key_jwt_sign
from flask import Flask
from joserfc.jwk import ECKey
from werkzeug.test import TestResponse

from portal import statements
from portal.extensions import db
from portal.models import Client
from portal.oidc import registration
from portal.oidc.profiles import PROFILES
from tests.support import factories
from tests.support.moving_clock import MovingClock
from tests.support.person import Person
from tests.support.pushing import CHALLENGE, FORM, PAR, PREFIX, PushingScene, entry, form, in_id_token
from tests.support.sandbox_server import SandboxServer

JSON = "application/json"
PARAMETER_NAMES = (
    "response_type", "client_id", "client_secret", "code_challenge", "code_challenge_method", "scope",
    "nonce", "claims", "state", "login_hint", "redirect_uri",
)  # fmt: skip


@pytest.fixture
def scene(app: Flask, sandbox_server: SandboxServer) -> PushingScene:
    """Okta, as a client of identity verification."""
    return PushingScene(app, sandbox_server)


def refused(answer: TestResponse, code: str = "invalid_request", status: int = 400) -> str:
    """Check that ``answer`` is an error as RFC 9126 section 2.3 has it; return its description."""
    assert (answer.status_code, answer.mimetype) == (status, JSON), answer.text
    document = answer.get_json()
    assert document.keys() == {"error", "error_description"}
    assert document["error"] == code, document
    assert "no-store" in answer.headers["Cache-Control"]
    assert "Location" not in answer.headers
    return str(document["error_description"])


# -- taken ------------------------------------------------------------------------------------------------


def test_a_pushed_request_is_answered_with_a_request_uri(scene: PushingScene) -> None:
    answer = scene.push()
    assert answer.status_code == 201
    assert answer.mimetype == JSON
    assert answer.headers["Cache-Control"] == "no-cache, no-store"
    document = answer.get_json()
    assert document.keys() == {"request_uri", "expires_in"}
    assert document["request_uri"].startswith(PREFIX)
    assert document["expires_in"] == 90
    assert type(document["expires_in"]) is int


def test_a_request_uri_cannot_be_guessed_from_others(scene: PushingScene) -> None:
    made = [scene.request_uri().removeprefix(PREFIX) for _ in range(8)]
    assert len(set(made)) == len(made)
    for random_part in made:
        assert random_part.replace("-", "").replace("_", "").isalnum()
        # Base64url: six bits a letter. Nothing of one is found in the same place of all others.
        assert len(random_part) * 6 >= 256
    columns = zip(*made, strict=True)
    assert sum(len(set(column)) == 1 for column in columns) == 0


def test_the_request_uri_is_kept_as_a_digest(scene: PushingScene) -> None:
    random_part = scene.request_uri().removeprefix(PREFIX)
    (kept,) = scene.pushed()
    assert random_part not in json.dumps([kept.digest, kept.parameters, kept.client_id])
    assert scene.stage.client_secret not in json.dumps(kept.parameters)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_client_of_any_profile_may_push(app: Flask, sandbox_server: SandboxServer, profile: str) -> None:
    scene = PushingScene(app, sandbox_server, profile=profile)
    visit, back = scene.waiting(scene.arrive(login_hint=scene.stage.login))
    tokens = scene.finish(visit, back)
    assert tokens.claims["aud"] == scene.stage.client_id


def test_the_clients_without_a_profile_for_it_need_no_claims_no_hint_and_no_nonce(
    app: Flask, sandbox_server: SandboxServer
) -> None:
    scene = PushingScene(app, sandbox_server, profile="okta-factor")
    bare = {"claims": None, "login_hint": None, "nonce": None, "state": None}
    assert scene.push(**bare).status_code == 201


@pytest.mark.parametrize("content_type", [FORM, JSON, "application/json; charset=utf-8", "text/plain", ""])
def test_a_json_body_is_taken_under_any_content_type(scene: PushingScene, content_type: str) -> None:
    assert scene.push_json(content_type=content_type).status_code == 201


@pytest.mark.parametrize("spaces", ["\n", " \t\r\n ", ""])
def test_a_json_body_may_begin_with_white_space(scene: PushingScene, spaces: str) -> None:
    body = spaces + json.dumps(scene.parameters(), indent=2) + spaces
    assert scene.push_body(body).status_code == 201


def test_claims_come_as_text_or_as_an_object_and_mean_the_same(scene: PushingScene) -> None:
    claims = in_id_token(entry())
    for push, value in (
        (scene.push, claims),
        (scene.push_json, claims),
        (scene.push_json, json.dumps(claims)),
    ):
        assert push(claims=value).status_code == 201
    first, second, third = (kept.parameters for kept in scene.pushed())
    assert first == second == third
    assert first["verified_claims"] == claims


@pytest.mark.parametrize("name", ["Amara", "Am\ue000ra", "Am\U000e0fffra", "Am\u2028ra"], ids=ascii)
def test_claims_may_be_indented_and_hold_whatever_letters_a_name_has(scene: PushingScene, name: str) -> None:
    claims = in_id_token(entry({"given_name": {"value": name, "fuzzy": True}}))
    for text in (json.dumps(claims, ensure_ascii=False, indent="\t"), json.dumps(claims, indent=2) + "\r\n"):
        for push in (scene.push, scene.push_json):
            assert push(claims=text).status_code == 201
            assert scene.pushed()[-1].parameters["verified_claims"] == claims


def test_a_control_character_inside_a_claim_is_refused(scene: PushingScene) -> None:
    for odd in ("\x00", "\n", "\x1b"):
        text = json.dumps(in_id_token(entry({"given_name": "Am?ra"}))).replace("?", odd)
        refused(scene.push(claims=text))
        refused(scene.push_json(claims=text))


def test_the_state_may_be_any_text_and_is_kept_as_it_is(scene: PushingScene) -> None:
    for state in ("a b+c&d=e%20", "Ωé漢字🙂", "x" * 4096):
        scene.request_uri(state=state)
        assert scene.pushed()[-1].parameters["state"] == state


# -- client authentication --------------------------------------------------------------------------------


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


def test_a_client_authenticates_by_http_basic_with_and_without_its_id_in_the_body(
    scene: PushingScene,
) -> None:
    headers = basic(scene.stage.client_id, scene.stage.client_secret)
    for more in ({}, {"client_id": None}):
        assert scene.push(headers=headers, client_secret=None, **more).status_code == 201
    body = json.dumps(scene.parameters(client_secret=None, client_id=None))
    assert scene.push_body(body, content_type=JSON, headers=headers).status_code == 201


@pytest.mark.parametrize(
    "audience", ["", "/oauth2/par", "/oauth2/token", "/v1/openid/token"], ids=lambda path: path or "issuer"
)
@pytest.mark.parametrize("encoding", ["form", "json"])
def test_a_client_authenticates_by_its_private_key(
    app: Flask, sandbox_server: SandboxServer, audience: str, encoding: str
) -> None:
    """Issuer, token endpoint and this endpoint are all names of ours (RFC 9126 section 2)."""
    key = ECKey.generate_key("P-256", {"kid": "k1"})
    scene = PushingScene(app, sandbox_server, jwks={"keys": [key.as_dict(private=False)]})
    changes = assertion(scene, key, scene.okta.issuer + audience)
    push = scene.push if encoding == "form" else scene.push_json
    assert push(**changes).status_code == 201
    assert refused(push(**changes), "invalid_client", 401), "an assertion is good for one request"


def test_an_assertion_for_somebody_else_is_refused(app: Flask, sandbox_server: SandboxServer) -> None:
    key = ECKey.generate_key("P-256", {"kid": "k1"})
    scene = PushingScene(app, sandbox_server, jwks={"keys": [key.as_dict(private=False)]})
    for audience in ("https://other.example", scene.okta.issuer + "/oauth2/parx", scene.okta.issuer + "."):
        refused(scene.push(**assertion(scene, key, audience)), "invalid_client", 401)
    foreign = ECKey.generate_key("P-256", {"kid": "k1"})
    refused(scene.push(**assertion(scene, foreign, scene.okta.issuer)), "invalid_client", 401)


def assertion(scene: PushingScene, key: Any, audience: str) -> dict[str, Any]:
    signed = private_key_jwt_sign(key, scene.stage.client_id, audience, alg="ES256", header={"kid": "k1"})
    return {
        "client_secret": None,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": signed,
    }


@pytest.mark.parametrize("encoding", ["form", "json"])
def test_a_client_that_does_not_authenticate_is_refused(scene: PushingScene, encoding: str) -> None:
    push = scene.push if encoding == "form" else scene.push_json
    wrong: list[dict[str, str | None]] = [
        {"client_secret": "not-the-secret-at-all"}, {"client_secret": None}, {"client_secret": ""},
        {"client_id": "nobody"}, {"client_id": None}, {"client_id": "a" * 129}, {"client_id": "ü"},
    ]  # fmt: skip
    for changes in wrong:
        answer = push(**changes)
        refused(answer, "invalid_client", 401)
        assert "WWW-Authenticate" in answer.headers
    assert scene.pushed() == []
    assert scene.audited("oidc:client:authentication-failed") == [{"method": "par"}] * len(wrong)


def test_a_disabled_client_is_an_unknown_one(scene: PushingScene) -> None:
    with scene.app.app_context():
        registration.disable(db.session.get_one(Client, scene.stage.client_id))
        db.session.commit()
    refused(scene.push(), "invalid_client", 401)


def test_nobody_pushes_in_anothers_name(scene: PushingScene, sandbox_server: SandboxServer) -> None:
    other = PushingScene(scene.app, sandbox_server)
    headers = basic(other.stage.client_id, other.stage.client_secret)
    refused(scene.push(headers=headers, client_secret=None), "invalid_client", 401)
    refused(scene.push(client_secret=other.stage.client_secret), "invalid_client", 401)
    assert scene.pushed() == []


def test_two_ways_of_authenticating_are_one_too_many(scene: PushingScene) -> None:
    refused(scene.push(headers=basic(scene.stage.client_id, scene.stage.client_secret)))


def test_the_secret_in_the_query_is_none(scene: PushingScene) -> None:
    body = form(scene.parameters(client_secret=None))
    answer = scene.app.test_client().post(
        f"{PAR}?client_secret={scene.stage.client_secret}", data=body, content_type=FORM
    )
    refused(answer, "invalid_client", 401)


# -- refused ----------------------------------------------------------------------------------------------


WRONG: tuple[tuple[str, dict[str, Any]], ...] = (
    ("invalid_request", {"redirect_uri": "https://evil.example/callback"}),
    ("invalid_request", {"redirect_uri": None}),
    ("invalid_request", {"redirect_uri": ""}),
    ("invalid_request", {"response_type": None}),
    ("unsupported_response_type", {"response_type": "token"}),
    ("unsupported_response_type", {"response_type": "code id_token"}),
    ("invalid_request", {"response_mode": "fragment"}),
    ("invalid_scope", {"scope": "profile identity_assurance"}),
    ("invalid_scope", {"scope": None}),
    ("invalid_scope", {"scope": "openid idv_flow_unheard-of"}),
    ("request_uri_not_supported", {"request_uri": PREFIX + "x" * 43}),
    ("request_uri_not_supported", {"request_uri": "https://client.example/request.jwt"}),
    ("registration_not_supported", {"registration": "{}"}),
    ("invalid_request", {"code_challenge": None, "code_challenge_method": None}),
    ("invalid_request", {"code_challenge_method": "plain"}),
    ("invalid_request", {"code_challenge_method": None}),
    ("invalid_request", {"code_challenge_method": "s256"}),
    ("invalid_request", {"code_challenge": None}),
    ("invalid_request", {"code_challenge": CHALLENGE + "="}),
    ("invalid_request", {"code_challenge": "too-short"}),
    ("interaction_required", {"prompt": "none"}),
    ("invalid_request", {"prompt": "sometimes"}),
    ("invalid_request", {"max_age": "soon"}),
    ("invalid_request", {"login_hint": None}),
    ("invalid_request", {"login_hint": ""}),
    ("invalid_request", {"login_hint": "x" * 321}),
    ("invalid_request", {"claims": None}),
    ("invalid_request", {"claims": {}}),
    ("invalid_request", {"claims": {"id_token": {}}}),
    ("invalid_request", {"claims": {"id_token": {"verified_claims": []}}}),
    ("invalid_request", {"claims": {"userinfo": {"verified_claims": [entry()]}}}),
    ("invalid_request", {"claims": in_id_token(entry({}))}),
    ("invalid_request", {"claims": in_id_token(entry({"nickname": None}))}),
    ("invalid_request", {"claims": in_id_token(entry(), entry({}))}),
    ("request_not_supported", {"request": "a.b.c"}),
)


@pytest.mark.parametrize("encoding", ["form", "json"])
def test_a_request_that_fails_a_check_is_refused(scene: PushingScene, encoding: str) -> None:
    push = scene.push if encoding == "form" else scene.push_json
    for code, wrong in WRONG:
        refused(push(**wrong), code)
    assert scene.pushed() == []


@pytest.mark.parametrize("profile", PROFILES)
def test_pkce_is_demanded_where_the_profile_says_so(
    app: Flask, sandbox_server: SandboxServer, profile: str
) -> None:
    scene = PushingScene(app, sandbox_server, profile=profile)
    answer = scene.push(code_challenge=None, code_challenge_method=None)
    if profile in ("okta-idv", "oidc"):
        assert "PKCE" in refused(answer)
    else:
        assert answer.status_code == 201


UNUSABLE_CLAIMS = (
    "not JSON",
    "[]",
    '"text"',
    "null",
    "NaN",
    '{"id_token": {"verified_claims": NaN}}',
    '{"id_token": {"verified_claims": {"verification": {}, "claims": {"x": -Infinity}}}}',
    '{"id_token": {"verified_claims": "all"}}',
    '{"id_token": {"verified_claims": [1]}}',
    '{"id_token": {"verified_claims": [{"claims": {}}]}}',
    '{"id_token": {"verified_claims": [{"verification": null, "claims": {}}]}}',
    '{"id_token": {"verified_claims": [{"verification": {}, "claims": []}]}}',
    '{"id_token": {"verified_claims": [{"verification": {}, "claims": {"given_name": 1}}]}}',
    '{"id_token": {"verified_claims": [{"verification": {}, "claims": {"given_name": ["Dan"]}}]}}',
    '{"id_token": []}',
    '{"id_token": {"verified_claims": [], "verified_claims": [{"verification": {}}]}}',
    '{"a":' * 5000 + "1" + "}" * 5000,
    "[" * 7000 + "]" * 7000,
    '{"id_token": {"verified_claims": ' + "[" * 30 + "]" * 30 + "}}",
    json.dumps(in_id_token(*[entry()] * 11)),
    json.dumps(in_id_token(entry({f"claim{number}": None for number in range(2000)}))),
    json.dumps(in_id_token(entry({"given_name": "x" * 17_000}))),
)


def test_claims_that_cannot_be_used_are_refused(scene: PushingScene) -> None:
    for claims in UNUSABLE_CLAIMS:
        refused(scene.push(claims=claims))
        refused(scene.push_json(claims=claims))
    assert scene.pushed() == []


@pytest.mark.parametrize("name", PARAMETER_NAMES)
def test_a_parameter_that_is_there_twice_is_refused_in_both_encodings(scene: PushingScene, name: str) -> None:
    values = scene.parameters()
    refused(scene.push_body(f"{form(values)}&{form({name: values[name]})}"))
    text = json.dumps(values)
    refused(scene.push_body(f"{text[:-1]}, {json.dumps(name)}: {json.dumps(values[name])}}}"))
    assert scene.pushed() == []


def test_a_json_value_of_the_wrong_type_is_refused(scene: PushingScene) -> None:
    for name in ("state", "client_id", "redirect_uri", "scope", "claims"):
        for value in (["a"], [], None, True, False, 1.5, [{"a": "b"}]):
            refused(scene.push_body(json.dumps(scene.parameters() | {name: value})))


UNREADABLE = (
    b"",
    b"{",
    b"{}x",
    b"[]",
    b'"text"',
    b"\xef\xbb\xbf{}",
    b'{"client_id": NaN}',
    b'{"client_id": 1e999}',
    b'{"client_id": ' + b"9" * 5000 + b"}",
    b'{"a":' * 30_000 + b"1" + b"}" * 30_000,
    b'{"claims": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    b'{"client_id": "\xff"}',
    b"\x00",
    b"{" + b",".join(b'"p%d": "v"' % number for number in range(100)) + b"}",
    b"&".join(b"p%d=v" % number for number in range(100)),
    b'{"client_id": "\\ud800", "client_secret": "x"}',
    b'{"client_id": "\\u0000", "client_secret": "x"}',
    b"client_id=%FF&client_secret=x",
)


@pytest.mark.parametrize("content_type", [FORM, JSON, "multipart/form-data; boundary=x"])
def test_a_body_that_cannot_be_read_is_an_error_in_json(scene: PushingScene, content_type: str) -> None:
    for body in UNREADABLE:
        answer = scene.push_body(body, content_type=content_type)
        assert answer.status_code in (400, 401, 413), body[:40]
        assert answer.mimetype == JSON
        assert answer.get_json()["error"] in ("invalid_request", "invalid_client"), body[:40]


def test_a_body_without_end_is_refused_before_it_is_read(scene: PushingScene) -> None:
    for body in ("state=" + "a" * 3_000_000, json.dumps(scene.parameters(state="a" * 3_000_000))):
        answer = scene.push_body(body)
        assert (answer.status_code, answer.mimetype) in ((400, JSON), (413, JSON))


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b", "a\nb", "a\x7fb", "a\u2028b", "a\U000e0fffb"])
def test_characters_that_nobody_can_store_are_refused(scene: PushingScene, text: str) -> None:
    for name in ("state", "nonce", "login_hint", "app_name"):
        refused(scene.push_body(json.dumps(scene.parameters(**{name: text}))))


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b", "\udc00", "\x00", "a\u202eb", "\ufeff"])
def test_odd_characters_in_a_requested_value_break_nothing_and_match_nobody(
    scene: PushingScene, text: str
) -> None:
    claims = in_id_token(entry({"given_name": {"value": text, "fuzzy": True}, "family_name": text}))
    answer = scene.push_json(claims=claims)
    assert answer.status_code in (201, 400), answer.text
    if answer.status_code == 201:
        visit, back = scene.waiting(scene.open(answer.get_json()["request_uri"]))
        tokens = scene.finish(visit, back)
        assert tokens.claims["verified_claims"][0]["verification"]["assurance_level"] == "FAILED"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD"])
def test_another_method_is_not_allowed(scene: PushingScene, method: str) -> None:
    answer = scene.app.test_client().open(PAR, method=method, query_string=scene.parameters())
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    if method != "HEAD":
        assert answer.mimetype == JSON
        assert "error" in answer.get_json()


def test_an_error_repeats_nothing_of_the_request(scene: PushingScene) -> None:
    for name in ("scope", "redirect_uri", "response_type", "code_challenge", "prompt", "claims"):
        answer = scene.push(**{name: "<b>zqmarkerqz"})
        assert answer.status_code == 400, name
        assert "zqmarkerqz" not in answer.text, name


# -- signed requests, metadata, clients that must push ----------------------------------------------------


def test_a_signed_request_object_can_be_pushed(app: Flask, sandbox_server: SandboxServer) -> None:
    key = ECKey.generate_key("P-256", {"kid": "k1"})
    scene = PushingScene(app, sandbox_server, jwks={"keys": [key.as_dict(private=False)]})
    scene.okta.private_key = key
    values = scene.parameters(client_secret=None)
    signed = scene.okta.request_object("ES256", values)
    login = {"client_id": scene.stage.client_id, "client_secret": scene.stage.client_secret}
    answer = scene.push_body(form(login | {"request": signed, "state": "from outside", "login_hint": "x"}))
    assert answer.status_code == 201, answer.text
    (kept,) = scene.pushed()
    assert (kept.parameters["state"], kept.parameters["login_hint"]) == ("a-state", scene.okta_id)
    tampered = signed[:-6] + ("AAAAAA" if not signed.endswith("AAAAAA") else "BBBBBB")
    refused(scene.push_body(form(login | {"request": tampered})), "invalid_request_object")
    inside = scene.okta.request_object("ES256", values | {"request_uri": PREFIX + "x" * 43})
    refused(scene.push_body(form(login | {"request": inside})), "invalid_request_object")
    foreign = scene.okta.request_object("ES256", values | {"client_id": "another"})
    refused(scene.push_body(form(login | {"request": foreign})), "invalid_request_object")


def test_the_metadata_announces_the_endpoint(scene: PushingScene) -> None:
    metadata = scene.okta.metadata
    assert metadata["pushed_authorization_request_endpoint"] == scene.okta.issuer + PAR
    assert metadata["require_pushed_authorization_requests"] is False
    assert metadata["verified_claims_supported"] is True
    assert metadata["trust_frameworks_supported"] == ["IDV-DELEGATED"]
    assert set(metadata["claims_in_verified_claims_supported"]) == {
        "given_name", "family_name", "middle_name", "email", "birthdate", "phone_number", "address",
    }  # fmt: skip
    assert "identity_assurance" in metadata["scopes_supported"]


def test_the_metadata_announces_the_trust_frameworks_of_the_clients_that_are_served(
    app: Flask, sandbox_server: SandboxServer
) -> None:
    answers = registration.VerifiedClaims(trust_frameworks=("eidas", "de_aml"))
    scene = PushingScene(app, sandbox_server, verified_claims=answers)
    assert scene.okta.metadata["trust_frameworks_supported"] == ["IDV-DELEGATED", "de_aml", "eidas"]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("required", [False, True])
def test_a_client_that_must_push_cannot_ask_in_the_open(
    app: Flask, sandbox_server: SandboxServer, profile: str, required: bool
) -> None:
    scene = PushingScene(app, sandbox_server, profile=profile, require_par=required)
    open_request = form(scene.parameters(client_secret=None))
    person = Person(app.test_client(), sandbox_server.origin)
    person.open(f"/v1/openid/authorize?{open_request}")
    if required or profile == "okta-idv":
        answer = person.arrival.parameters
        assert (answer["error"], answer["state"]) == ("invalid_request", "a-state")
        assert answer["iss"] == scene.okta.issuer
    else:
        assert "camera check" in person.page.text
    scene.arrive()
    assert len(scene.pushed()) == 1


@pytest.mark.settings(request_uri_lifetime=45)
def test_the_lifetime_is_a_setting(scene: PushingScene, clock: MovingClock) -> None:
    answer = scene.push().get_json()
    assert answer["expires_in"] == 45
    clock.advance(46)
    assert scene.open(answer["request_uri"]).person.page.status == 400


def test_pushed_requests_are_counted_in_the_audit_log_without_their_content(scene: PushingScene) -> None:
    scene.request_uri()
    scene.push(scope="openid idv_flow_nothing")
    taken, declined = scene.audited("oidc:request:pushed")[-1], scene.audited("oidc:request:refused")[-1]
    assert taken == {}
    assert declined == {"error": "invalid_scope", "check": "flow"}


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.settings(database_pool_size=1, database_max_overflow=0)
def test_pushing_holds_one_connection_at_a_time_and_is_one_statement(
    scene: PushingScene, clock: MovingClock
) -> None:
    scene.request_uri()
    clock.advance(6)  # what is remembered of the client has to be read again
    run: list[str] = []
    statements.watch(lambda _dialect, text: nullcontext(run.append(text)))
    try:
        assert scene.push().status_code == 201
    finally:
        statements.watch(None)
    assert len(run) == 1, run
    assert len(scene.audited("oidc:request:pushed")) == len(scene.pushed()) == 2


def test_the_factory_makes_what_this_file_is_about(scene: PushingScene) -> None:
    """Okta's client is one that has to push, with PKCE, whatever an operator said."""
    with scene.app.app_context():
        client = db.session.get_one(Client, scene.stage.client_id)
        assert (client.profile, client.require_par, client.require_pkce) == ("okta-idv", True, True)
    assert scene.stage.redirect_uri == factories.RP_REDIRECT_URI
