"""``private_key_jwt`` (OpenID Connect Core 9, RFC 7523)."""

import base64
import time
from typing import Any

import pytest
from flask import Flask
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from werkzeug.test import TestResponse

from tests.support.sandbox_server import SandboxServer
from tests.support.scenes import Scene

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
KEY = RSAKey.generate_key(2048, {"kid": "mine"}, private=True)
EC = ECKey.generate_key("P-256", {"kid": "ec"}, private=True)
STRANGER = RSAKey.generate_key(2048, {"kid": "mine"}, private=True)


@pytest.fixture
def scene(app: Flask, sandbox_server: SandboxServer) -> Scene:
    return Scene(app, sandbox_server, jwks={"keys": [key.as_dict(private=False) for key in (KEY, EC)]})


_serial = iter(range(10**9))


def assertion(scene: Scene, *, key: Any = KEY, alg: str = "RS256", header: Any = None, **changes: Any) -> str:
    now = int(time.time())  # noqa: TID251 - the client's own clock
    claims = {
        "iss": scene.stage.client_id, "sub": scene.stage.client_id, "aud": "https://portal.test",
        "jti": f"{next(_serial)}", "iat": now, "exp": now + 60, **changes,
    }  # fmt: skip
    claims = {name: value for name, value in claims.items() if value is not ...}
    return jwt.encode({"alg": alg, **(header or {})}, claims, key, algorithms=[alg])


def present(scene: Scene, text: str, **more: str) -> TestResponse:
    fields = {"token": "vpa_unknown", "client_assertion": text, "client_assertion_type": TYPE, **more}
    return scene.app.test_client().post("/v1/openid/revoke", data=fields)


def refused(answer: TestResponse, what: object = "") -> None:
    assert (answer.status_code, answer.json["error"]) == (401, "invalid_client"), what
    assert answer.json["error_description"] == "Client authentication failed.", what


def test_a_whole_sign_in_by_assertion(scene: Scene) -> None:
    scene.okta = scene.relying_party(auth_method="private_key_jwt", private_key=KEY)
    assert scene.sign_in().claims["sub"] == scene.stage.user_id


def test_an_assertion_for_any_name_of_the_provider_is_taken_once(scene: Scene) -> None:
    for audience in ("https://portal.test", "https://portal.test/v1/openid/token", ["https://portal.test"]):
        text = assertion(scene, aud=audience)
        assert present(scene, text).status_code == 200, audience
        refused(present(scene, text), "a second time")
    assert present(scene, assertion(scene, key=EC, alg="ES256", header={"kid": "ec"})).status_code == 200
    assert present(scene, assertion(scene), client_id=scene.stage.client_id).status_code == 200


def test_what_an_assertion_must_say(scene: Scene) -> None:
    now = int(time.time())  # noqa: TID251 - the client's own clock
    wrong: list[dict[str, Any]] = [
        *({"aud": value} for value in ("https://other.example", [], ..., None, {"a": 1}, 1)),
        *({"exp": value} for value in (..., now - 300, now + 10**6, "soon", None, True)),
        *({"exp": value} for value in (float("nan"), float("inf"), 10**400)),
        *({"nbf": now + 600}, {"nbf": "x"}, {"iat": now + 600}, {"iat": "x"}),
        *({"jti": value} for value in (..., "", 1, "j" * 300, ["x"])),
        *({"iss": value} for value in (..., "somebody", 1)),
        *({"sub": value} for value in (..., "somebody", "", 1, None, ["x"], {})),
        *({"sub": value, "iss": value} for value in ("a\x00b", "ü", "x" * 1000)),
    ]
    for changes in wrong:
        refused(present(scene, assertion(scene, **changes)), changes)
    refused(present(scene, assertion(scene), client_id="somebody-else"))


def test_whose_signature_it_must_bear(app: Flask, sandbox_server: SandboxServer, scene: Scene) -> None:
    secret = OctKey.import_key(scene.stage.client_secret)
    other = Scene(app, sandbox_server, jwks={"keys": [STRANGER.as_dict(private=False)]})
    for text in (
        assertion(scene, key=STRANGER),
        assertion(scene, key=STRANGER, header={"kid": "mine"}),
        assertion(scene, key=secret, alg="HS256"),
        assertion(scene, header={"kid": "unknown"}),
        assertion(scene, key=STRANGER, header={"jwk": STRANGER.as_dict(private=False)}),
        assertion(other, key=KEY),
        assertion(scene)[:-8] + "AAAAAAAA",
        assertion(scene).rpartition(".")[0] + ".",
        "eyJhbGciOiJub25lIn0." + assertion(scene).split(".")[1] + ".",
        "x", "a.b.c", "..", "." * 100, "é.é.é", "x" * 2000,
    ):  # fmt: skip
        refused(present(scene, text), text[:40])
    assert present(other, assertion(other, key=STRANGER)).status_code == 200


def test_a_client_without_keys_cannot_use_one(app: Flask, sandbox_server: SandboxServer) -> None:
    scene = Scene(app, sandbox_server)
    refused(present(scene, assertion(scene)))


def test_the_type_must_be_named(scene: Scene) -> None:
    for kind in ("", "something", TYPE.upper()):
        refused(present(scene, assertion(scene), client_assertion_type=kind), kind)


def _segment(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


@pytest.mark.parametrize("path", ["/v1/openid/token", "/v1/openid/revoke", "/oauth2/par"])
@pytest.mark.parametrize("deep", ["header", "claims"])
def test_what_is_nested_without_end_is_refused_and_no_failure_of_ours(
    scene: Scene, path: str, deep: str
) -> None:
    """Nobody has to be a client to send it."""
    nested = b'{"x":' + b"[" * 2900 + b"]" * 2900 + b"}"
    if deep == "header":
        nested = b'{"alg":"RS256","x":' + b"[" * 1500 + b"]" * 1500 + b"}"
    parts = {"header": b'{"alg":"RS256"}', "claims": b"{}", deep: nested}
    text = f"{_segment(parts['header'])}.{_segment(parts['claims'])}.AAAA"
    data = {
        "grant_type": "authorization_code", "code": "vpc_unknown", "token": "vpa_unknown",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": text,
    }  # fmt: skip
    answer = scene.app.test_client().post(path, data=data)
    assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")
