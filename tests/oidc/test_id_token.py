"""The ID token (OpenID Connect Core 2, 3.1.3.6) and the keys that sign it."""

import json
from typing import Any

import pytest
from flask import Flask
from joserfc import jwt
from joserfc.jwk import KeySet

from portal.extensions import db
from portal.models import SigningKey
from portal.oidc.server import half_hash
from portal.signing_keys import keyring
from tests.support.moving_clock import MovingClock
from tests.support.sandbox_server import SandboxServer
from tests.support.scenes import Scene

ALWAYS = {
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "amr",
    "acr",
    "at_hash",
    "preferred_username",
}


@pytest.mark.parametrize("alg", ["RS256", "ES256", "PS256", "EdDSA"])
def test_each_algorithm_signs_a_token_that_a_client_can_verify(
    app: Flask, sandbox_server: SandboxServer, alg: str
) -> None:
    scene = Scene(app, sandbox_server, id_token_alg=alg)
    tokens = scene.sign_in()
    assert (tokens.header["alg"], tokens.header["typ"]) == (alg, "JWT")
    assert tokens.header["kid"] in {key["kid"] for key in published(scene)}
    assert tokens.claims["at_hash"] == half_hash(tokens.access_token, alg)
    assert scene.okta.metadata["id_token_signing_alg_values_supported"] == [alg]


def test_the_hash_of_the_access_token_is_the_specification_s_own_example() -> None:
    """OpenID Connect Core, appendix A.3."""
    assert half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", "RS256") == "77QmUPtjPfzWtF2AnpK9RQ"


@pytest.mark.parametrize(
    ("scope", "more"),
    [
        ("openid", set()),
        ("openid email", {"email"}),
        ("openid profile", {"given_name", "family_name"}),
        ("profile openid email", {"email", "given_name", "family_name"}),
    ],
)
def test_the_claims_are_these_and_no_others(scene: Scene, scope: str, more: set[str]) -> None:
    tokens = scene.sign_in(scope=scope)
    claims = tokens.claims
    assert claims.keys() == ALWAYS | more
    assert (claims["iss"], claims["aud"]) == ("https://portal.test", scene.stage.client_id)
    assert claims["amr"] == ["face"]
    assert all(type(claims[name]) is int for name in ("exp", "iat", "auth_time"))
    assert claims["iat"] <= claims["auth_time"] + 60 < claims["exp"] + 60
    assert isinstance(claims["sub"], str)
    assert scene.stage.login not in claims["sub"]
    about = scene.okta.userinfo(tokens.access_token).json()
    assert about == {name: claims[name] for name in {"sub", "preferred_username"} | more}
    assert tokens.answer["token_type"] == "Bearer"
    assert type(tokens.answer["expires_in"]) is int


def test_the_profile_oidc_releases_the_login_by_scope_or_on_request_only(
    app: Flask, sandbox_server: SandboxServer
) -> None:
    scene = Scene(app, sandbox_server, profile="oidc")
    assert scene.sign_in(scope="openid").claims.keys() == ALWAYS - {"preferred_username"}
    asked = json.dumps({"id_token": {"email": None}, "userinfo": {"given_name": {"essential": True}}})
    tokens = scene.sign_in(scope="openid", claims=asked)
    assert tokens.claims.keys() == (ALWAYS - {"preferred_username"}) | {"email"}
    assert scene.okta.userinfo(tokens.access_token).json().keys() == {"sub", "given_name"}


def test_a_request_without_nonce_gets_a_token_without(scene: Scene) -> None:
    visit = scene.arrive()
    query = visit.request.url.replace(f"&nonce={visit.request.nonce}", "")
    visit.person.open(query)
    visit, back = scene.waiting(visit)
    visit.person.open(back)
    answer = scene.okta.redeem_code(visit.person.arrival.parameters["code"], visit.request.code_verifier)
    keys = KeySet.import_key_set({"keys": published(scene)})
    assert "nonce" not in jwt.decode(answer["id_token"], keys, algorithms=["RS256"]).claims


def test_a_long_nonce_comes_back_whole(scene: Scene) -> None:
    assert scene.sign_in(nonce="n" * 384).claims["nonce"] == "n" * 384


def test_every_sign_in_is_a_new_one_with_the_same_subject(clock: MovingClock, scene: Scene) -> None:
    first, _ = scene.with_code(), clock.advance(2)
    second = scene.with_code(prompt="login", max_age="1")
    decoded = []
    for visit, code in (first, second):
        answer = scene.okta.redeem_code(code, visit.request.code_verifier)
        keys = KeySet.import_key_set({"keys": published(scene)})
        decoded.append(jwt.decode(answer["id_token"], keys, algorithms=["RS256"]).claims)
    assert decoded[0]["sub"] == decoded[1]["sub"]
    assert decoded[1]["auth_time"] == decoded[0]["auth_time"] + 2


# -- keys -------------------------------------------------------------------------------------------------


def published(scene: Scene) -> list[dict[str, Any]]:
    answer = scene.app.test_client().get("/v1/openid/jwks")
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    keys: list[dict[str, Any]] = answer.json["keys"]
    return keys


def test_published_keys_have_names_of_their_own_and_nothing_private(
    app: Flask, sandbox_server: SandboxServer
) -> None:
    scene = Scene(app, sandbox_server)
    with app.app_context():
        for alg in ("ES256", "EdDSA", "RS256"):
            keyring.create(alg)
        db.session.commit()
    keys = published(scene)
    assert len({key["kid"] for key in keys}) == len(keys) == 4
    for key in keys:
        assert not key.keys() & {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
        assert key["use"] == "sig"
        assert key["alg"] in ("RS256", "ES256", "EdDSA")


@pytest.mark.settings(key_publish_ahead=600, id_token_lifetime=300)
def test_rotation_and_retirement_without_one_failed_verification(clock: MovingClock, scene: Scene) -> None:
    """A client that keeps the key set as long as it may, and asks anew only then."""
    held: dict[str, Any] = {"at": None, "keys": None}
    signed_by: list[str] = []
    living: list[tuple[str, int]] = []

    def client_keys() -> KeySet:
        if held["at"] is None or (clock.now() - held["at"]).total_seconds() >= 300:
            held.update(at=clock.now(), keys=KeySet.import_key_set({"keys": published(scene)}))
        keys: KeySet = held["keys"]
        return keys

    def step(seconds: int) -> None:
        clock.advance(seconds)
        visit, code = scene.with_code()
        token = scene.okta.redeem_code(code, visit.request.code_verifier)["id_token"]
        living.append((token, jwt.decode(token, client_keys(), algorithms=["RS256"]).claims["exp"]))
        signed_by.append(jwt.decode(token, client_keys(), algorithms=["RS256"]).header["kid"])
        for old, expires in living:
            if expires > clock.now().timestamp():
                jwt.decode(old, client_keys(), algorithms=["RS256"])

    step(1)
    with scene.app.app_context():
        former = keyring.published()[0].kid
        newer = keyring.create("RS256").kid
        db.session.commit()
        with pytest.raises(keyring.KeyInUse):
            keyring.retire(former)
        with pytest.raises(keyring.KeyInUse):
            keyring.retire(newer)
    for seconds in (1, 150, 150, 150, 140, 8, 1, 1, 5, 1):
        step(seconds)
    assert (signed_by[0], signed_by[-1]) == (former, newer)
    assert signed_by == sorted(signed_by, key=[former, newer].index), "no way back to the former key"
    with scene.app.app_context():
        keyring.retire(former)
        db.session.commit()
    for seconds in (1, 100, 100, 100, 100, 300):
        step(seconds)
    assert [key["kid"] for key in published(scene)] == [newer]
    with scene.app.app_context():
        assert db.session.get(SigningKey, former) is not None
