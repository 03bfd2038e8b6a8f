"""Service apps authenticate with a signed assertion, and their tokens do what their scopes say."""

from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from portal import clock as portal_clock
from portal import credentials
from tests.local_okta.conftest import ELIF, Org
from tests.support.moving_clock import MovingClock

KEY = RSAKey.generate_key(2048, {"kid": "the-app"})
EC = ECKey.generate_key("P-256", {"kid": "the-other"})
SCOPES = ["okta.users.read", "okta.users.manage", "okta.groups.read"]
HERE = "http://localhost/oauth2/v1/token"


@pytest.fixture(autouse=True)
def app(org: Org) -> None:
    keys = [KEY.as_dict(private=False), EC.as_dict(private=False)]
    org.order("seed", {"service_apps": [{"client_id": "service", "keys": keys, "scopes": SCOPES}]})


def assertion(key: Any = KEY, alg: str = "RS256", **changes: Any) -> str:
    now = portal_clock.epoch()
    claims = {"iss": "service", "sub": "service", "aud": HERE, "iat": now, "exp": now + 300,
              "jti": credentials.random_hex()} | changes  # fmt: skip
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode({"alg": alg, "kid": key.kid}, claims, key, algorithms=[alg])


def ask(org: Org, said: str, scope: str = "okta.users.read") -> Any:
    form = {
        "grant_type": "client_credentials", "scope": scope, "client_assertion": said,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }  # fmt: skip
    return org.browser.post("/oauth2/v1/token", data=form)


@pytest.mark.parametrize(("key", "alg"), [(KEY, "RS256"), (KEY, "RS512"), (EC, "ES256")])
def test_a_good_assertion_gets_a_token_that_opens_what_its_scope_names(org: Org, key: Any, alg: str) -> None:
    answer = ask(org, assertion(key, alg))
    assert answer.status_code == 200, answer.text
    token = f"Bearer {answer.json['access_token']}"
    assert org.call("GET", f"/users/{ELIF}", token=token).status_code == 200
    for method, path in (("POST", f"/users/{ELIF}"), ("GET", "/logs"), ("GET", "/groups")):
        refused = org.call(method, path, token=token, json={"profile": {}} if method == "POST" else None)
        assert (refused.status_code, refused.json["errorCode"]) == (403, "E0000006"), path
        assert "insufficient_scope" in refused.headers["WWW-Authenticate"]


def test_manage_includes_read_and_a_service_app_has_half_of_the_limit(org: Org) -> None:
    token = f"Bearer {ask(org, assertion(), 'okta.users.manage okta.groups.read').json['access_token']}"
    answer = org.call("GET", f"/users/{ELIF}", token=token)
    assert (answer.status_code, answer.headers["X-Rate-Limit-Limit"]) == (200, "300")


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "http://localhost/"},
        {"aud": None},
        {"iss": "other"},
        {"sub": "other"},
        {"sub": None},
        {"exp": 1},
        {"exp": None},
        {"exp": 100_000_000_000},  # long after the year 5000
    ],
    ids=str,
)
def test_an_assertion_with_one_wrong_claim_gets_nothing(org: Org, changes: dict[str, Any]) -> None:
    answer = ask(org, assertion(**changes))
    assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")


def test_an_assertion_is_good_once_and_under_the_apps_own_keys(org: Org) -> None:
    said = assertion()
    assert [ask(org, said).status_code for _ in range(2)] == [200, 401]
    assert ask(org, assertion(RSAKey.generate_key(2048, {"kid": "the-app"}))).status_code == 401
    for nonsense in ("", "a.b.c", "ä", "..", f"{said}x", "W10.W10.W10"):
        assert ask(org, nonsense).status_code == 401, nonsense


def test_scopes_that_were_not_granted_are_refused_as_a_whole(org: Org) -> None:
    answer = ask(org, assertion(), "okta.users.read okta.logs.read")
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_scope")


def test_a_token_ends_after_an_hour(org: Org, clock: MovingClock) -> None:
    token = f"Bearer {ask(org, assertion()).json['access_token']}"
    clock.advance(3_601)
    answer = org.call("GET", f"/users/{ELIF}", token=token)
    assert (answer.status_code, answer.json["errorCode"]) == (401, "E0000011")
    assert "invalid_token" in answer.headers["WWW-Authenticate"]


def test_a_secret_is_no_way_in_for_a_service_app(org: Org) -> None:
    form = {
        "grant_type": "client_credentials",
        "scope": "okta.users.read",
        "client_id": "service",
        "client_secret": "x",
    }
    assert org.browser.post("/oauth2/v1/token", data=form).json["error"] == "invalid_client"
