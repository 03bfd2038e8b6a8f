"""Every parameter of every address, with every hostile value: a clear answer, and nothing of it repeated."""

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.oidc.hostile import MARKER, VALUES, check_answer
from tests.support import factories
from tests.support.person import Person
from tests.support.sandbox_server import SandboxServer
from tests.support.scenes import RESULT_PATH, START, Scene

AUTHORIZE = "/v1/openid/authorize"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
FORM = "application/x-www-form-urlencoded"
AUTHORIZE_PARAMETERS = (
    "client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "display",
    "prompt", "max_age", "ui_locales", "claims_locales", "id_token_hint", "login_hint", "acr_values",
    "claims", "request", "request_uri", "registration", "code_challenge", "code_challenge_method",
    "app_name", "app_instance_id", "OktaAppName", "OktaAppInstanceId", "unknown",
)  # fmt: skip
TOKEN_PARAMETERS = (
    "grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_secret", "client_assertion",
    "client_assertion_type", "scope", "unknown",
)  # fmt: skip


@pytest.fixture
def request_parameters(app: Flask) -> dict[str, str]:
    """A good request, of a client to which every check applies."""
    with app.app_context():
        stage = factories.stage(profile="oidc", request_algs=["HS256"])
    return {
        "client_id": stage.client_id,
        "redirect_uri": stage.redirect_uri,
        "response_type": "code",
        "scope": "openid",
        "state": "a-state",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }


def send(client: FlaskClient, method: str, path: str, raw: str) -> TestResponse:
    if method == "GET":
        return client.get(path, environ_overrides={"QUERY_STRING": raw})
    return client.open(path, method=method, data=raw.encode("latin-1"), content_type=FORM)


def with_one(good: dict[str, str], name: str, raw_value: str) -> Iterator[tuple[str, str]]:
    """Give the raw query with ``name`` hostile, and with it hostile in a second occurrence."""
    rest = urlencode({key: value for key, value in good.items() if key != name})
    yield "alone", f"{rest}&{name}={raw_value}"
    if name in good:
        yield "repeated", f"{rest}&{name}={quote(good[name])}&{name}={raw_value}"


@pytest.mark.parametrize(("method", "mode"), [("GET", "query"), ("POST", "form_post")])
def test_authorize_answers_every_hostile_parameter(
    client: FlaskClient, request_parameters: dict[str, str], method: str, mode: str
) -> None:
    redirect_uri = request_parameters["redirect_uri"]
    good = request_parameters | ({} if mode == "query" else {"response_mode": mode})
    for name in AUTHORIZE_PARAMETERS:
        for oddity, value in VALUES.items():
            for how, raw in with_one(good, name, value):
                what = f"{name}, {oddity}, {how}"
                answer = send(client, method, AUTHORIZE, raw)
                if name == "state" and "error" not in answer.text and answer.status_code == 303:
                    continue
                if name == "state" and mode == "form_post" and answer.status_code == 200:
                    continue  # an answer to the client repeats its state, escaped
                check_answer(answer, what, allowed_location=(f"{redirect_uri}?",))
                if answer.headers.get("Location", "").startswith(redirect_uri):
                    described = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
                    assert MARKER not in described["error_description"], what
                    assert described["iss"], what


def test_a_hostile_name_of_a_parameter_is_no_failure_either(
    client: FlaskClient, request_parameters: dict[str, str]
) -> None:
    good = urlencode(request_parameters)
    for oddity, name in VALUES.items():
        for method in ("GET", "POST"):
            answer = send(client, method, AUTHORIZE, f"{good}&{name}=x")
            check_answer(answer, oddity, allowed_location=(f"{request_parameters['redirect_uri']}?",))


@pytest.mark.parametrize("path", ["/v1/openid/token", "/oauth2/token", "/v1/openid/revoke"])
def test_the_token_and_revocation_endpoints_answer_every_hostile_parameter(
    app: Flask, client: FlaskClient, path: str
) -> None:
    with app.app_context():
        stage = factories.stage()
    good = {
        "grant_type": "authorization_code",
        "code": "vpc_" + "a" * 43,
        "redirect_uri": stage.redirect_uri,
        "client_id": stage.client_id,
        "client_secret": stage.client_secret,
        "token": "vpa_" + "a" * 43,
    }
    for name in (*TOKEN_PARAMETERS, "token", "token_type_hint"):
        for oddity, value in VALUES.items():
            for how, raw in with_one(good, name, value):
                answer = send(client, "POST", path, raw)
                check_answer(answer, f"{name}, {oddity}, {how}")
                assert answer.headers["Cache-Control"] == "no-store"
                if answer.status_code != 200:
                    assert answer.json is not None
                    assert answer.json["error"] in ("invalid_request", "invalid_client", "invalid_grant",
                                                    "unsupported_grant_type"), name  # fmt: skip


@pytest.mark.parametrize("path", ["/v1/openid/token", "/v1/openid/revoke"])
def test_hostile_credentials_in_the_authorization_header_are_a_wrong_client(
    client: FlaskClient, path: str
) -> None:
    pairs = [f"{value}:{value}" for value in VALUES.values()] + ["", ":", "a", "a:", ":b", "\x00:\x00", "é:ü"]
    raws = [
        base64.b64encode(pair.encode("latin-1", "replace")).decode() for pair in pairs if len(pair) < 9000
    ]
    headers = [f"Basic {raw}" for raw in raws] + [
        f"basic  {raws[0]}",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Bearer x",
        "x",
    ]
    for header in headers:
        answer = client.post(
            path,
            data={"grant_type": "authorization_code", "code": "vpc_x", "redirect_uri": "x", "token": "vpa_x"},
            headers={"Authorization": header},
        )
        check_answer(answer, header[:80])
        assert (answer.status_code, answer.json["error"]) == (401, "invalid_client"), header[:80]
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_userinfo_answers_every_hostile_token(client: FlaskClient) -> None:
    for oddity, value in VALUES.items():
        query = send(client, "GET", "/v1/openid/userinfo", f"access_token={value}")
        body = send(client, "POST", "/v1/openid/userinfo", f"access_token={value}")
        answers = [query, body]
        if "\xff" not in value and len(value) < 20_000:
            answers.append(client.get("/v1/openid/userinfo", headers={"Authorization": f"Bearer {value}"}))
        for answer in answers:
            check_answer(answer, oddity)
            assert answer.status_code in (400, 401), oddity
            if "\xff" not in value:  # such a query is refused before any address is asked
                assert answer.headers["WWW-Authenticate"].startswith("Bearer "), oddity


@pytest.mark.parametrize("path", ["continue", "leave", "account", "check", "refused"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_hostile_link_is_a_link_that_does_not_work(client: FlaskClient, path: str, method: str) -> None:
    for oddity, value in VALUES.items():
        query = {"QUERY_STRING": f"link={value}&code={MARKER}&journey={MARKER}"}
        answer = client.open(f"/v1/openid/{path}", method=method, environ_overrides=query)
        check_answer(answer, oddity)
        assert answer.status_code in (400, 405), oddity


def test_a_hostile_account_is_asked_for_again_or_nobody_s(app: Flask, sandbox_server: SandboxServer) -> None:
    scene = Scene(app, sandbox_server)
    for oddity, value in VALUES.items():
        visit = scene.arrive(login_hint=None)
        form = visit.person.page.form()
        fields = urlencode({name: held for name, held in form.fields.items() if name != "login"})
        answer = send(
            visit.browser, "POST", form.action.removeprefix("https://portal.test"), f"{fields}&login={value}"
        )
        assert answer.status_code in (200, 303, 400, 413), oddity
        if answer.status_code == 303:
            assert answer.headers["Location"].startswith("/v1/openid/"), oddity
        assert f"<script>alert('{MARKER}" not in answer.text


def test_hostile_fields_on_the_start_page_change_nothing(app: Flask, sandbox_server: SandboxServer) -> None:
    scene = Scene(app, sandbox_server)
    visit = scene.arrive()
    form = visit.person.page.form(START)
    for oddity, value in VALUES.items():
        fields = urlencode({name: held for name, held in form.fields.items() if name != "csrf_token"})
        path = form.action.removeprefix("https://portal.test")
        answer = send(visit.browser, "POST", path, f"{fields}&csrf_token={value}")
        check_answer(answer, oddity)
        assert answer.status_code in (400, 413), oddity
    assert scene.journey().state == "OPEN"


def test_the_result_endpoint_answers_every_hostile_parameter(
    app: Flask, sandbox_server: SandboxServer
) -> None:
    scene = Scene(app, sandbox_server)
    visit, back = scene.waiting()
    good = dict(parse_qsl(back.partition("?")[2]))
    for name in (*good, "reExternalId", "reFailedReason", "unknown", "code"):
        for oddity, value in VALUES.items():
            for how, raw in with_one(good, name, value):
                answer = send(visit.browser, "GET", RESULT_PATH, raw)
                check_answer(answer, f"{name}, {oddity}, {how}")
                assert answer.status_code == 400, f"{name}, {oddity}, {how}"
    assert scene.finish(visit, back).claims["sub"] == scene.stage.user_id


WEBHOOK_BODIES: list[bytes] = [
    b"", b"{", b"[]", b"null", b'"text"', b"{}", b'{"event": "VerificationCompleted"}', b"\xff\xfe",
    b'{"event": "VerificationCompleted", "verificationSessionId": 1}',
    b'{"event": "VerificationCompleted", "verificationSessionId": "\\u0000"}',
    b'{"event": "VerificationCompleted", "verificationSessionId": "\\ud800"}',
    b'{"event": ["VerificationCompleted"], "verificationSessionId": {"a": 1}}',
    b"[" * 50_000, b'{"a":' * 30_000, b'{"event": NaN}', b"9" * 30_000,
]  # fmt: skip


def test_the_webhook_answers_every_hostile_body_and_key(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        factories.verification_configuration()
    keys: list[dict[str, Any]] = [{}, {"X-API-Key": ""}, {"X-API-Key": "é"}, {"X-API-Key": MARKER}]
    for body in WEBHOOK_BODIES:
        for headers in keys:
            answer = client.post(
                "/verifeye/webhook", data=body, headers=headers, content_type="application/json"
            )
            check_answer(answer, repr(body[:40]))
            assert answer.status_code == 401
        right = {"X-API-Key": factories.API_KEY}
        answer = client.post("/verifeye/webhook", data=body, headers=right, content_type="application/json")
        check_answer(answer, repr(body[:40]))
        assert answer.status_code == 400


def test_the_published_documents_ignore_parameters(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        factories.signing_key()
    paths = (
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        "/v1/openid/jwks",
    )
    for path in paths:
        honest = client.get(path).data
        for oddity, value in VALUES.items():
            answer = send(client, "GET", path, f"issuer={value}&{value}")
            assert (answer.status_code, answer.data) == (200, honest), f"{path}, {oddity}"


def test_a_hostile_cookie_is_another_browser(app: Flask, sandbox_server: SandboxServer) -> None:
    scene = Scene(app, sandbox_server)
    _, back = scene.waiting()
    for oddity, value in VALUES.items():
        if "\xff" in value or len(value) > 20_000:
            continue
        stranger = app.test_client()
        answer = stranger.get(
            back, headers={"Cookie": f"__Host-portal-browser={value}; __Host-portal-session={value}"}
        )
        check_answer(answer, oddity)
        assert answer.status_code == 403, oddity


def test_a_hostile_host_header_leads_nowhere(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        stage = factories.stage()
    document = client.get("/.well-known/openid-configuration", headers={"Host": f"{MARKER}.example"})
    assert MARKER not in document.text
    person = Person(client)
    person.open(f"{AUTHORIZE}?client_id={stage.client_id}&redirect_uri={quote(stage.redirect_uri)}"
                "&response_type=code&scope=openid")  # fmt: skip
    assert person.page.status == 200
