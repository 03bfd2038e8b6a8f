"""A provider made of a few lines: it answers what a test tells it to, signed with a key of its own."""

import base64
import json
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from portal import clock
from portal.http import OutboundUnavailable
from portal.okta.simulator import BrowserStep, Connection, Endpoints, IdvRequest, Reply, Result, simulate_idv

ISSUER = "https://idv-vendor.example"
CLIENT_ID = "okta-at-the-vendor"
CONNECTION = Connection(
    Endpoints.of_portal(ISSUER),
    CLIENT_ID,
    "a-client-secret-for-tests",
    "https://acme.okta.example/idp/identity-verification/callback",
)
NAMES = {"given_name": "Amara", "family_name": "Okafor"}
UNCACHED = {"cache-control": "no-cache, no-store", "content-type": "application/json"}


@cache
def key(bits: int = 2048, number: int = 0) -> rsa.RSAPrivateKey:
    """Return a key; making one takes a while, so each is made once."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def encoded(value: bytes | Mapping[str, Any]) -> str:
    """Return bytes, or an object as JSON, as base64url."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def jwk(private: rsa.RSAPrivateKey, **changes: Any) -> dict[str, Any]:
    """Return the public half as a JWK."""
    numbers = private.public_key().public_numbers()
    n = encoded(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8))
    members = {"kty": "RSA", "kid": "key-1", "use": "sig", "alg": "RS256", "n": n, "e": "AQAB"} | changes
    return {name: value for name, value in members.items() if value is not None}


def signed(header: Mapping[str, Any], claims: Mapping[str, Any] | bytes, private: rsa.RSAPrivateKey) -> str:
    """Return a signed token."""
    text = f"{encoded(header)}.{encoded(claims)}"
    return f"{text}.{encoded(private.sign(text.encode(), PKCS1v15(), SHA256()))}"


def verified(level: str | None = "VERIFIED", claims: Any = None, **changes: Any) -> list[dict[str, Any]]:
    """Return ``verified_claims`` with one entry; ``changes`` are of its ``verification``."""
    verification = {
        "trust_framework": "IDV-DELEGATED",
        "assurance_level": level,
        "time": "2025-07-16T19:26:10Z",
        "verification_process": "session-123",
    }
    both = {name: {"fuzzy": True, "value": value} for name, value in NAMES.items()}
    return [{"verification": verification | changes, "claims": both if claims is None else claims}]


class Provider:
    """A transport and a browser in one. Every attribute may be changed before it is run."""

    def __init__(self, verified_claims: Any = None, **claims: Any) -> None:
        self.claims: dict[str, Any] = {"verified_claims": verified_claims or verified(), **claims}
        #: Claims and members that are left out at the end.
        self.without: set[str] = set()
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "key-1", "typ": "JWT"}
        self.private = key()
        self.jwks: Any = {"keys": [jwk(key())]}
        self.par: tuple[int, Any] = (
            201,
            {"request_uri": "urn:ietf:params:oauth:request_uri:6esc", "expires_in": 60},
        )
        self.token: dict[str, Any] = {"token_type": "Bearer", "expires_in": 300}
        self.token_status = 200
        self.answer: dict[str, str] = {"code": "a-code"}
        self.headers = UNCACHED
        self.id_token: str | None = None
        #: What was received, by address.
        self.received: dict[str, bytes] = {}
        self.opened = ""
        self.nonce = ""

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        """Answer as the endpoint at ``url``."""
        self.received[url] = body or b""
        if url == CONNECTION.endpoints.par:
            return self._noting_the_nonce(body or b"")
        if url == CONNECTION.endpoints.token:
            return self._reply(self.token_status, {"id_token": self._id_token(), **self.token})
        if url == CONNECTION.endpoints.jwks:
            return self._reply(200, self.jwks)
        raise OutboundUnavailable("there is nothing here")

    def browse(self, step: BrowserStep) -> Mapping[str, str]:
        """Come back with the answer."""
        self.opened = step.address
        return {"state": step.state, **self.answer}

    def run(self, **changes: Any) -> Result:
        """Let Okta verify an identity; ``changes`` are of its request."""
        options = {"connection": CONNECTION, "login_hint": "00u1", "attributes": NAMES} | changes
        return simulate_idv(IdvRequest(**options), self.browse, transport=self)

    def form(self, url: str) -> dict[str, str]:
        """Return the form that was sent to ``url``."""
        return {name: values[0] for name, values in parse_qs(self.received[url].decode()).items()}

    def _noting_the_nonce(self, body: bytes) -> Reply:
        text = body.decode()
        sent = json.loads(text) if text.startswith("{") else {n: v[0] for n, v in parse_qs(text).items()}
        self.nonce = sent["nonce"]
        return self._reply(*self.par)

    def _id_token(self) -> str:
        if self.id_token is not None:
            return self.id_token
        now = clock.epoch()
        claims = {
            "iss": ISSUER, "aud": CLIENT_ID, "sub": "00u1", "exp": now + 300, "iat": now - 5,
            "nonce": self.nonce,
        } | self.claims  # fmt: skip
        return signed(
            self.header,
            {name: value for name, value in claims.items() if name not in self.without},
            self.private,
        )

    def _reply(self, status: int, document: Any) -> Reply:
        body = (
            document
            if isinstance(document, bytes)
            else json.dumps(
                {name: value for name, value in document.items() if name not in self.without}
                if isinstance(document, dict)
                else document
            ).encode()
        )
        return Reply(status, self.headers, body)
