"""A client's key is one that others cannot take apart, whoever put it where it lies."""

import base64
import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from flask import Flask

from portal.extensions import db
from portal.models import Client
from portal.oidc import registration
from tests.support import factories
from tests.support.sandbox_server import SandboxServer
from tests.support.scenes import Scene

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

#: Both are valid RSA keys, and valid JWKs.
LONG, SHORT = (rsa.generate_private_key(65537, bits) for bits in (2048, 1024))
_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _jwk(key: rsa.RSAPrivateKey, kid: str) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    modulus = numbers.n.to_bytes(key.key_size // 8, "big")
    return {"kty": "RSA", "kid": kid, "n": _text(modulus), "e": _text(numbers.e.to_bytes(3, "big"))}


JWKS = {"keys": [_jwk(LONG, "long"), _jwk(SHORT, "short")]}


def _assertion(client_id: str, key: rsa.RSAPrivateKey, kid: str) -> str:
    now = int(time.time())  # noqa: TID251 - the client's own clock
    claims: dict[str, Any] = {"iss": client_id, "sub": client_id, "aud": "https://portal.test"}
    claims |= {"jti": kid, "iat": now, "exp": now + 60}
    parts = [_text(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": kid}, claims)]
    body = ".".join(parts)
    return f"{body}.{_text(key.sign(body.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def test_a_short_key_proves_no_client_even_where_it_is_listed(
    app: Flask, sandbox_server: SandboxServer
) -> None:
    """RFC 7518, section 3.3. Written past the registration, as a client's own address would tell it."""
    scene = Scene(app, sandbox_server)
    with app.app_context():
        db.session.get_one(Client, scene.stage.client_id).jwks = JWKS
        db.session.commit()

    def status(key: rsa.RSAPrivateKey, kid: str) -> int:
        text = _assertion(scene.stage.client_id, key, kid)
        form = {"token": "vpa_unknown", "client_assertion": text, "client_assertion_type": _TYPE}
        return app.test_client().post("/v1/openid/revoke", data=form).status_code

    assert (status(LONG, "long"), status(SHORT, "short")) == (200, 401)


@pytest.mark.usefixtures("context")
def test_a_short_key_is_not_registered() -> None:
    verification = factories.verification_configuration().id
    with pytest.raises(ValueError, match="2048 bits"):
        registration.register(
            "Acme",
            verification_id=verification,
            profile="okta-factor",
            redirect_uris=["https://client.example/callback"],
            jwks=JWKS,
        )
