"""Errors of the authorization endpoint: displayed, then redirected (RFC 6749 section 4.1.2.1)."""

import json
import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.extensions import db
from portal.oidc import registration
from tests.support.person import Page
from tests.support.sandbox_server import SandboxServer
from tests.support.scenes import Scene

AUTHORIZE = "/v1/openid/authorize"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def good(scene: Scene, **changes: str | None) -> dict[str, str]:
    values: dict[str, str | None] = {
        "client_id": scene.stage.client_id,
        "redirect_uri": scene.stage.redirect_uri,
        "response_type": "code",
        "scope": "openid",
        "state": "some state",
        **changes,
    }
    return {name: value for name, value in values.items() if value is not None}


def error_at_client(answer: TestResponse) -> dict[str, str]:
    """Return what the client is told, by whichever response mode."""
    if answer.status_code == 303:
        return dict(parse_qsl(urlsplit(answer.headers["Location"]).query, keep_blank_values=True))
    assert answer.status_code == 200, answer.text
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', answer.text))


# -- displayed --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("client_id", [None, "", "unknown", "a" * 129, "ü"])
def test_an_unknown_client_is_told_to_the_person(
    scene: Scene, client: FlaskClient, client_id: str | None
) -> None:
    answer = client.get(AUTHORIZE, query_string=good(scene, client_id=client_id))
    assert answer.status_code == 400
    assert "We do not know who is asking" in answer.text
    assert scene.audited("oidc:request:refused")[-1] == {"error": "displayed", "check": "client_id"}


def test_a_disabled_client_is_an_unknown_one(scene: Scene, client: FlaskClient) -> None:
    disable(scene)
    answer = client.get(AUTHORIZE, query_string=good(scene))
    assert (answer.status_code, "Location" in answer.headers) == (400, False)


def variants(uri: str) -> list[str]:
    """Return what looks like ``https://client.example/callback`` and is not."""
    return [
        f"{uri}/", uri.upper(), uri.replace("callback", "Callback"), uri.replace("client", "CLIENT"),
        f"{uri}?x=1", f"{uri}?", f"{uri}#", f"{uri}#x",
        uri.replace("https://", "http://"), uri.replace("https://", "HTTPS://"),
        uri.replace("https://", "https://user@"), uri.replace("https://", "https://evil.example@"),
        uri.replace("client.", "sub.client."), uri.replace("client.example", "client.example.evil.example"),
        uri.replace(".example", ".example:443"), uri.replace(".example", ".example:8443"),
        uri.replace("client.example", "client.example."), uri.replace("callback", "%63allback"),
        uri.replace("callback", "x/../callback"), f"{uri}%2F",
        uri.replace("callback", ""),
        uri.replace("callback", "callback;x"), uri.replace("/callback", "//callback"), f" {uri}", f"{uri} ",
        uri.replace("/callback", "\\callback"), f"{uri}%00", f"{uri}\t", uri[:-1],
        "//client.example/callback",         "/callback", "javascript:alert(1)", "data:text/html,x", "",
    ]  # fmt: skip


def test_only_the_registered_redirect_uri_character_by_character_is_one(
    scene: Scene, client: FlaskClient
) -> None:
    for uri in variants(scene.stage.redirect_uri):
        for mode in ("query", "form_post"):
            answer = client.get(AUTHORIZE, query_string=good(scene, redirect_uri=uri, response_mode=mode))
            assert (answer.status_code, "Location" in answer.headers) == (400, False), uri
            assert "We cannot send you back safely" in answer.text, uri
            assert "evil" not in answer.text
    assert client.get(AUTHORIZE, query_string=good(scene)).status_code == 303


def test_a_missing_redirect_uri_is_displayed_although_only_one_is_registered(
    scene: Scene, client: FlaskClient
) -> None:
    assert client.get(AUTHORIZE, query_string=good(scene, redirect_uri=None)).status_code == 400


def test_a_repeated_client_or_redirect_uri_is_displayed(scene: Scene, client: FlaskClient) -> None:
    for name in ("client_id", "redirect_uri"):
        pairs = [*good(scene).items(), (name, good(scene)[name])]
        answer = client.get(f"{AUTHORIZE}?{'&'.join(f'{k}={v}' for k, v in pairs)}")
        assert (answer.status_code, "Location" in answer.headers) == (400, False), name


# -- redirected -------------------------------------------------------------------------------------------

REFUSED: list[tuple[dict[str, str | None], str, str]] = [
    ({"response_type": None}, "invalid_request", "response_type"),
    ({"response_type": ""}, "invalid_request", "response_type"),
    ({"response_type": "token"}, "unsupported_response_type", "response_type"),
    ({"response_type": "id_token"}, "unsupported_response_type", "response_type"),
    ({"response_type": "code id_token"}, "unsupported_response_type", "response_type"),
    ({"response_type": "code "}, "unsupported_response_type", "response_type"),
    ({"response_type": "Code"}, "unsupported_response_type", "response_type"),
    ({"response_type": 'co"de'}, "unsupported_response_type", "response_type"),
    ({"response_mode": "fragment"}, "invalid_request", "response_mode"),
    ({"response_mode": "Query"}, "invalid_request", "response_mode"),
    ({"scope": None}, "invalid_scope", "scope"),
    ({"scope": "profile"}, "invalid_scope", "scope"),
    ({"scope": "OPENID"}, "invalid_scope", "scope"),
    ({"scope": "openid\tprofile"}, "invalid_request", "unreadable"),
    ({"nonce": "nön"}, "invalid_request", "unreadable"),
    ({"nonce": "n" * 1025}, "invalid_request", "unreadable"),
    ({"state": "s" * 4097}, "invalid_request", "unreadable"),
    ({"state": "a\nb"}, "invalid_request", "unreadable"),
    ({"login_hint": "l" * 321}, "invalid_request", "unreadable"),
    ({"prompt": "none"}, "interaction_required", "prompt"),
    ({"prompt": "none login"}, "invalid_request", "prompt"),
    ({"prompt": "create"}, "invalid_request", "prompt"),
    ({"max_age": "-1"}, "invalid_request", "max_age"),
    ({"max_age": "1.5"}, "invalid_request", "max_age"),
    ({"max_age": "ten"}, "invalid_request", "max_age"),
    ({"max_age": "9" * 11}, "invalid_request", "max_age"),
    ({"request_uri": "https://client.example/request"}, "request_uri_not_supported", "request_uri"),
    ({"registration": "{}"}, "registration_not_supported", "registration"),
    ({"request": "a.b.c"}, "invalid_request_object", "request"),
    ({"request": ""}, "invalid_request_object", "request"),
    ({"code_challenge": CHALLENGE}, "invalid_request", "pkce"),
    ({"code_challenge_method": "S256"}, "invalid_request", "pkce"),
    ({"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, "invalid_request", "pkce"),
    ({"code_challenge": CHALLENGE, "code_challenge_method": "s256"}, "invalid_request", "pkce"),
    ({"code_challenge": CHALLENGE[:-1], "code_challenge_method": "S256"}, "invalid_request", "pkce"),
    ({"code_challenge": CHALLENGE + "a", "code_challenge_method": "S256"}, "invalid_request", "pkce"),
    ({"code_challenge": CHALLENGE[:-1] + "+", "code_challenge_method": "S256"}, "invalid_request", "pkce"),
    ({"claims": "[]"}, "invalid_request", "claims"),
    ({"claims": "null"}, "invalid_request", "claims"),
    ({"claims": "{"}, "invalid_request", "claims"),
    ({"claims": '{"id_token": []}'}, "invalid_request", "claims"),
    ({"claims": '{"id_token": {"email": "x"}}'}, "invalid_request", "claims"),
    ({"claims": '{"id_token": {"email": {"value": NaN}}}'}, "invalid_request", "claims"),
    ({"claims": '{"id_token": {"max": 1e999}, "userinfo": Infinity}'}, "invalid_request", "claims"),
    ({"claims": "9" * 5000}, "invalid_request", "claims"),
    ({"claims": '{"id_token": {"email": null, "email": {"essential": true}}}'}, "invalid_request", "claims"),
    ({"claims": '{"a": ' + "9" * 5000 + "}"}, "invalid_request", "claims"),
]  # fmt: skip


@pytest.mark.parametrize("mode", ["query", "form_post"])
def test_each_check_answers_the_client_with_state_and_issuer(
    scene: Scene, client: FlaskClient, mode: str
) -> None:
    for changes, code, check in REFUSED:
        wanted = {"response_mode": mode} | changes
        answer = client.get(AUTHORIZE, query_string=good(scene, **wanted))
        told = error_at_client(answer)
        assert told.pop("error_description").isascii(), changes
        expected = {"error": code, "iss": "https://portal.test"}
        if check != "unreadable" or "state" not in changes:
            expected["state"] = "some state"
        assert told == expected, changes
        assert scene.audited("oidc:request:refused")[-1]["check"] == check, changes
        by_form = mode == "form_post" and "response_mode" not in changes
        assert answer.status_code == (200 if by_form else 303), changes


def test_a_client_without_request_objects_says_so(app: Flask, sandbox_server: SandboxServer) -> None:
    scene = Scene(app, sandbox_server, request_algs=[])
    for text in ("a.b.c", ""):
        told = error_at_client(app.test_client().get(AUTHORIZE, query_string=good(scene, request=text)))
        assert told["error"] == "request_not_supported"


def test_the_first_failing_check_is_the_one_that_answers(scene: Scene, client: FlaskClient) -> None:
    """The order of the checks is what this test says; it is also the order in which they are listed."""
    wrong: dict[str, str] = {
        "client_id": "unknown",
        "redirect_uri": "https://evil.example",
        "request": "a.b.c",
        "response_mode": "fragment",
        "nonce": "ö",
        "request_uri": "https://client.example/r",
        "response_type": "token",
        "scope": "email",
        "code_challenge_method": "plain",
        "prompt": "none",
        "max_age": "x",
        "claims": "[]",
    }
    names = {"nonce": "unreadable", "code_challenge_method": "pkce"}
    remaining = dict(wrong)
    for name in wrong:
        client.get(AUTHORIZE, query_string=good(scene) | remaining)
        assert scene.audited("oidc:request:refused")[-1]["check"] == names.get(name, name)
        del remaining[name]
    assert client.get(AUTHORIZE, query_string=good(scene)).status_code == 303


def test_a_repeated_parameter_is_refused_at_the_client(scene: Scene, client: FlaskClient) -> None:
    query = "&".join(f"{name}={value}" for name, value in good(scene).items())
    for extra in ("scope=openid", "nonce=a&nonce=a", "unknown=1&unknown=2", "response_type=code"):
        told = error_at_client(client.get(f"{AUTHORIZE}?{query}&{extra}"))
        assert told["error"] == "invalid_request", extra
    told = error_at_client(client.get(f"{AUTHORIZE}?{query}&state=other"))
    assert "state" not in told, "of two states neither is the client's"


def test_unknown_parameters_are_ignored_whatever_they_hold(scene: Scene, client: FlaskClient) -> None:
    """RFC 6749 section 3.1: the authorization server must ignore unrecognized request parameters."""
    query = "&".join(f"{name}={value}" for name, value in good(scene).items())
    extras = [
        "extra=foobar", "extra=", "extra=%FF", "extra=%00", "extra=" + "x" * 9000, "%FF=x", "n" * 300 + "=x",
        "resource=https://a.example", "dpop_jkt=x", "sessionToken=y", "extra",
    ]  # fmt: skip
    for extra in extras:
        answer = client.get(f"{AUTHORIZE}?{query}&{extra}")
        assert answer.status_code == 303, extra
        assert answer.headers["Location"].startswith("/v1/openid/"), extra


def test_harmless_parameters_of_the_specification_cause_no_error(scene: Scene, client: FlaskClient) -> None:
    harmless: list[dict[str, str]] = [
        {"display": "page"}, {"display": "popup"}, {"display": "touch"}, {"ui_locales": "fr-CA fr en"},
        {"claims_locales": "se"}, {"acr_values": "1 2"}, {"prompt": "login"}, {"prompt": "consent"},
        {"prompt": "select_account"}, {"prompt": "login consent"}, {"max_age": "0"}, {"max_age": "1"},
        {"max_age": "10000"}, {"scope": "email profile openid"},
        {"scope": "openid address phone offline_access"},
        {"nonce": "n" * 384}, {"state": None}, {"response_mode": "query"}, {"response_mode": ""},
        {"claims": json.dumps({"userinfo": {"name": {"essential": True}}, "id_token": {"auth_time": None}})},
        {"claims": '{"id_token": {"x": "\\u0000"}, "userinfo": {"sub": {"value": "\\ud800\\u0000"}}}'},
        {"code_challenge": CHALLENGE, "code_challenge_method": "S256"},
        {"code_challenge": "", "code_challenge_method": ""},
    ]  # fmt: skip
    for changes in harmless:
        answer = client.get(AUTHORIZE, query_string=good(scene, **changes))
        assert answer.headers.get("Location", "").startswith("/v1/openid/"), changes


@pytest.mark.parametrize("depth", [20, 100, 300, 600, 900, 990, 2000, 8000])
def test_nested_claims_are_refused_at_any_depth(scene: Scene, client: FlaskClient, depth: int) -> None:
    shapes = ["[" * depth + "]" * depth]
    if depth < 2500:
        shapes.append('{"a":' * depth + "1" + "}" * depth)
    for text in shapes:
        answer = client.post(AUTHORIZE, data=good(scene, claims=f'{{"id_token":{{"x":{text}}}}}'))
        assert error_at_client(answer)["error"] == "invalid_request"


@pytest.mark.parametrize(
    "state", ["", "s" * 128, "s" * 4096, "Ω é 漢字 🙂", " a b+c%20&=#?;/ ", "\"\\<>'", "\u202e"]
)
@pytest.mark.parametrize("mode", ["query", "form_post"])
def test_state_comes_back_as_it_was_sent(scene: Scene, client: FlaskClient, state: str, mode: str) -> None:
    asked = good(scene, state=state, prompt="none", response_mode=mode)
    answer = client.post(AUTHORIZE, data=asked)
    if mode == "query":
        told = error_at_client(answer)
    else:
        told = Page(AUTHORIZE, 200, answer.headers, answer.text).form().fields
    assert told.get("state", "") == state


def test_an_answer_is_not_kept_by_any_cache(scene: Scene, client: FlaskClient) -> None:
    for asked in (good(scene), good(scene, prompt="none"), good(scene, client_id="x")):
        assert client.get(AUTHORIZE, query_string=asked).headers["Cache-Control"] == "no-store"


def test_a_post_is_read_from_its_body_alone(scene: Scene, client: FlaskClient) -> None:
    assert client.post(AUTHORIZE, data=good(scene)).status_code == 303
    assert client.post(AUTHORIZE, query_string=good(scene)).status_code == 400
    assert client.post(AUTHORIZE, json=good(scene)).status_code == 400
    mixed = client.post(AUTHORIZE, data=good(scene), query_string={"client_id": "other", "prompt": "none"})
    assert mixed.headers["Location"].startswith("/v1/openid/")


def test_nothing_but_get_and_post_is_understood(scene: Scene, client: FlaskClient) -> None:
    for method in ("PUT", "DELETE", "PATCH"):
        assert client.open(AUTHORIZE, method=method, query_string=good(scene)).status_code == 405


def disable(scene: Scene) -> None:
    with scene.app.app_context():
        found: Any = registration.find(scene.stage.client_id)
        registration.disable(found)
        db.session.commit()
