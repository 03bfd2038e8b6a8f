"""Reading what an OpenID Provider sends: strict JSON and signed tokens, with no token library between.

The portal signs with a library; the simulator reads with the standard library and one RSA primitive, so
that a misunderstanding in the library cannot hide on both sides.
"""

import base64
import hashlib
import hmac
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_SMALLEST_KEY = 2048


class Malformed(Exception):
    """Something cannot be read; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Token:
    """A signed token (JWS in compact form), taken apart and not yet verified."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


def json_object(text: bytes | str, what: str) -> dict[str, Any]:
    """Return the JSON object in ``text``; raises :class:`Malformed` for anything else.

    A name that occurs twice in one object is refused: two readers could believe different halves.
    """
    try:
        document = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{what} is not valid JSON.") from error
    if not isinstance(document, dict):
        raise Malformed(f"{what} is not a JSON object.")
    return document


def token(text: str) -> Token:
    """Return a JWS in compact form, taken apart (RFC 7515 section 7.1); raises :class:`Malformed`."""
    parts = text.split(".")
    if len(parts) != 3 or not all(parts):
        raise Malformed("The ID token does not consist of three parts with dots between.")
    header, payload, signature = (_decoded(part) for part in parts)
    return Token(
        json_object(header, "The ID token's header"),
        json_object(payload, "The ID token's payload"),
        f"{parts[0]}.{parts[1]}".encode(),
        signature,
    )


def rs256_holds(signed: Token, jwk: Mapping[str, Any]) -> bool:
    """Say whether the signature is RS256 (RFC 7518 section 3.3) under the public key ``jwk``.

    Raises :class:`Malformed` if the key is no RSA key of at least 2048 bits.
    """
    if jwk.get("kty") != "RSA":
        raise Malformed("The key is not an RSA key.")
    numbers = [jwk.get(name) for name in ("n", "e")]
    n, e = (int.from_bytes(_decoded(value if isinstance(value, str) else "")) for value in numbers)
    try:
        key = RSAPublicNumbers(e, n).public_key()
    except ValueError as error:
        raise Malformed("The key's numbers are not those of an RSA key.") from error
    if key.key_size < _SMALLEST_KEY:
        raise Malformed(f"The key has {key.key_size} bits; RS256 needs {_SMALLEST_KEY}.")
    try:
        key.verify(signed.signature, signed.signed, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def hs256(claims: Mapping[str, Any], secret: str) -> str:
    """Return ``claims`` as a request object under the client secret (RFC 9101, RFC 7518 section 3.2)."""
    header = _encoded(json.dumps({"alg": "HS256", "typ": "oauth-authz-req+jwt"}).encode())
    signed = f"{header}.{_encoded(json.dumps(claims).encode())}"
    signature = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{_encoded(signature)}"


def s256(verifier: str) -> str:
    """Return the code challenge of ``verifier`` by the method S256 (RFC 7636 section 4.2)."""
    return _encoded(hashlib.sha256(verifier.encode()).digest())


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    if not _BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        raise Malformed("A part is not base64url without padding.")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a name occurs twice")
    return document


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is larger than any that can be used")
    return number
