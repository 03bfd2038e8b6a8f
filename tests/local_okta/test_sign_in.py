"""Signing in at the local Okta: the code flow with PKCE, and who is not let in."""

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.local_okta.conftest import CHIDI, ELIF, Org
from tests.page_checks import check_page
from tests.support.moving_clock import MovingClock

BACK, VERIFIER = "http://localhost:9/cb", "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
ASKED = {
    "client_id": "app", "redirect_uri": BACK, "response_type": "code", "scope": "openid profile email",
    "state": "the-state", "nonce": "the-nonce", "code_challenge": CHALLENGE, "code_challenge_method": "S256",
    "login_hint": ELIF,
}  # fmt: skip


@pytest.fixture(autouse=True)
def app(org: Org) -> None:
    org.order(
        "seed", {"sign_in_apps": [{"client_id": "app", "secret": "the-secret", "redirect_uris": [BACK]}]}
    )


def asked(**changes: str | None) -> str:
    values = {name: value for name, value in {**ASKED, **changes}.items() if value is not None}
    return f"/oauth2/v1/authorize?{urlencode(values)}"


def choose(org: Org, url: str, **fields: str) -> Any:
    token = org.local.app.jinja_env.globals["csrf_token"]
    return org.browser.post(url, data={"csrf_token": token, "login": ELIF, **fields})


def parameters(answer: Any) -> dict[str, str]:
    assert answer.status_code == 302, answer.text
    assert answer.headers["Location"].startswith(BACK)
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def redeem(org: Org, code: str, *, basic: bool = False, **changes: str) -> Any:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
    if basic:
        headers = {"Authorization": "Basic " + base64.b64encode(b"app:the-secret").decode()}
    else:
        headers, form = {}, form | {"client_id": "app", "client_secret": "the-secret"}
    return org.browser.post("/oauth2/v1/token", data=form | changes, headers=headers)


@pytest.mark.parametrize("basic", [True, False], ids=["basic", "post"])
def test_a_whole_sign_in(org: Org, basic: bool) -> None:
    page = org.browser.get(asked())
    check_page(page.text, page.headers)
    assert f'value="{ELIF}" checked' in page.text
    back = parameters(choose(org, asked()))
    assert back["state"] == "the-state"
    tokens = redeem(org, back["code"], basic=basic).json
    keys = KeySet.import_key_set(org.browser.get("/oauth2/v1/keys").json)
    claims = jwt.decode(tokens["id_token"], keys, algorithms=["RS256"]).claims
    assert claims["sub"] == org.get(f"/users/{ELIF}")["id"]
    assert {claims[name] for name in ("iss", "aud", "nonce")} == {"http://localhost", "app", "the-nonce"}
    assert claims["preferred_username"] == ELIF
    userinfo = org.browser.get(
        "/oauth2/v1/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    )
    assert userinfo.json["sub"] == claims["sub"]
    assert org.call("GET", "/users", token=f"Bearer {tokens['access_token']}").status_code == 401


def test_a_code_is_good_once_for_its_client_its_address_and_its_verifier(
    org: Org, clock: MovingClock
) -> None:
    wrong: list[dict[str, str]] = [{"code_verifier": "w" * 64}, {"redirect_uri": "http://localhost:9/other"}]
    for change in wrong:
        code = parameters(choose(org, asked(prompt="login")))["code"]
        assert redeem(org, code, **change).json["error"] == "invalid_grant", change
    code = parameters(choose(org, asked(prompt="login")))["code"]
    assert redeem(org, code, client_secret="wrong").json["error"] == "invalid_client"
    assert [redeem(org, code).status_code for _ in range(2)] == [200, 400]
    code = parameters(choose(org, asked(prompt="login")))["code"]
    clock.advance(301)
    assert redeem(org, code).json["error"] == "invalid_grant"


def test_a_session_answers_at_once_until_it_may_not(org: Org, clock: MovingClock) -> None:
    assert parameters(org.browser.get(asked(prompt="none")))["error"] == "login_required"
    choose(org, asked())
    assert "code" in parameters(org.browser.get(asked()))
    assert "code" in parameters(org.browser.get(asked(prompt="none")))
    assert org.browser.get(asked(prompt="login")).status_code == 200
    clock.advance(60)
    assert org.browser.get(asked(max_age="30")).status_code == 200
    org.call("POST", f"/users/{ELIF}/lifecycle/suspend")
    assert org.browser.get(asked()).status_code == 200, "a suspended person's session is over"


@pytest.mark.parametrize("step", ["suspend", "deactivate"])
def test_whoever_is_not_active_is_not_let_in(org: Org, step: str) -> None:
    org.call("POST", f"/users/{CHIDI}/lifecycle/{step}")
    answer = choose(org, asked(), login=CHIDI)
    assert answer.status_code == 403
    assert "Unable to sign in" in answer.text
    assert choose(org, asked(), login="nobody@acme.example").status_code == 403


def test_whoever_cancels_goes_back_with_an_error(org: Org) -> None:
    assert parameters(choose(org, asked(), leave="1"))["error"] == "access_denied"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"state": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
    ],
    ids=["token", "scope", "state", "plain", "short"],
)
def test_a_request_that_is_not_right_is_answered_with_an_error(
    org: Org, changes: dict[str, str | None], error: str
) -> None:
    assert parameters(org.browser.get(asked(**changes)))["error"] == error


@pytest.mark.parametrize("changes", [{"client_id": "other"}, {"redirect_uri": f"{BACK}/more"}], ids=str)
def test_nobody_is_sent_to_an_address_that_is_not_registered(org: Org, changes: dict[str, str]) -> None:
    answer = org.browser.get(asked(**changes))
    assert answer.status_code == 400
    check_page(answer.text, answer.headers)
