"""What the portal shows Okta: an API token, or a service app's access token.

A service app proves itself with a JWT signed by its private key (RFC 7523, ``private_key_jwt``), the only
way Okta takes (https://developer.okta.com/docs/guides/implement-oauth-for-okta-serviceapp/).
"""

import json
import re
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from joserfc import jwt
from joserfc.errors import InvalidKeyTypeError, JoseError
from joserfc.jwk import ECKey, RSAKey

from portal import clock, credentials
from portal.http import Answer, Outbound, OutboundError, OutboundRefusedAddress, OutboundUnavailable
from portal.okta_api import reading
from portal.okta_api.errors import (
    BadCredential,
    NotPermitted,
    OktaError,
    OktaRefused,
    OktaUnavailable,
    RateLimited,
)

#: An access token is not used in its last minute.
_SPARE_SECONDS = 60
#: Okta's last an hour. Whatever an answer says, one is not kept for longer than this.
_LONGEST_KEPT = 86_400
_ASSERTION_SECONDS = 300
_TOKEN_WAIT = 60.0
_SHORTEST_RSA = 2048
_VISIBLE = re.compile(r"[\x21-\x7e]{1,4096}")
_EC_ALGORITHMS = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}


class Credential(Protocol):
    """Something that can be shown to Okta."""

    def header(self) -> str:
        """Return the value of the ``Authorization`` header; raises :class:`OktaError`."""

    def rejected(self, header: str) -> bool:
        """Note that Okta did not take ``header`` (401), and say whether asking for another makes sense."""


class ApiToken:
    """An SSWS token, which acts with the rights of the administrator who made it."""

    def __init__(self, token: str) -> None:
        """Take the token; raises :class:`BadCredential` if it cannot be one."""
        if not _VISIBLE.fullmatch(token):
            raise BadCredential("An Okta API token is one line of visible ASCII characters without spaces.")
        self._token = token

    def header(self) -> str:
        """Return the header; nothing is asked of Okta for it."""
        return f"SSWS {self._token}"

    def rejected(self, header: str) -> bool:
        """Say that there is no other token to try."""
        return False


class ServiceApp:
    """A service app: its access token is fetched when needed and kept until shortly before it expires.

    Takes the organisation's URL, the app's client id, its private key as a JWK (see :func:`private_jwk`), the
    scopes to ask for and the door to the outside. May be shared between threads.
    """

    def __init__(
        self, org_url: str, client_id: str, key: str, scopes: Sequence[str], outbound: Outbound
    ) -> None:
        self._token_url = f"{org_url}/oauth2/v1/token"
        self._client_id = client_id
        self._key = _key(key)
        self._scopes = tuple(scopes)
        self._outbound = outbound
        self._breaker = outbound.breaker(org_url)
        self._lock = threading.Lock()
        self._held: tuple[str, datetime] | None = None

    def header(self) -> str:
        """Return the header with a token that is good for another while."""
        with self._lock:
            if self._held is None or self._held[1] <= clock.now():
                self._held = self._fetch()
            return self._held[0]

    def rejected(self, header: str) -> bool:
        """Forget the token, unless another thread has fetched a new one already."""
        with self._lock:
            if self._held is not None and self._held[0] == header:
                self._held = None
        return True

    def _fetch(self) -> tuple[str, datetime]:
        fields = {
            "grant_type": "client_credentials",
            "scope": " ".join(self._scopes),
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": self._assertion(),
        }
        try:
            # Everybody else waits for this token: an Okta that is away must not keep each of them in turn.
            with self._breaker.guard():
                answer = self._outbound.post_form(self._token_url, fields)
                if answer.status >= 500:
                    raise OutboundUnavailable(f"it answered {answer.status}")
        except OutboundRefusedAddress as error:
            raise OktaRefused(f"Okta's address cannot be called: {error}.") from error
        except OutboundError as error:
            raise OktaUnavailable(f"Okta gave no access token: {error}.") from error
        if answer.status != 200:
            raise _token_error(answer, self._scopes)
        found = reading.document(answer)
        token, lifetime = found.get("access_token"), found.get("expires_in")
        if not isinstance(token, str) or not _VISIBLE.fullmatch(token) or not isinstance(lifetime, int):
            raise OktaUnavailable("Okta's answer holds no usable access token.")
        if found.get("token_type") == "DPoP":
            raise _needs_dpop()
        return f"Bearer {token}", clock.after(min(max(lifetime - _SPARE_SECONDS, 1), _LONGEST_KEPT))

    def _assertion(self) -> str:
        now = clock.epoch()
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": self._token_url,
            "iat": now,
            "exp": now + _ASSERTION_SECONDS,
            "jti": credentials.random_hex(),
        }
        algorithm = algorithm_of(self._key)
        header = {"alg": algorithm}
        if self._key.kid:
            header["kid"] = self._key.kid
        return jwt.encode(header, claims, self._key, algorithms=[algorithm])


def private_jwk(text: str) -> str:
    """Return the private key in ``text`` (a PEM file, or a JWK as Okta's console shows it) as a JWK.

    The ``kid`` of a JWK is kept: Okta finds the public half by it. Raises :class:`BadCredential`.
    """
    key = _key(text)
    if not key.is_private:
        raise BadCredential("The file holds a public key; the private one is needed.")
    return json.dumps(key.as_dict(private=True))


def algorithm_of(key: RSAKey | ECKey) -> str:
    """Return the algorithm with which assertions are signed with ``key``: one that Okta takes."""
    return "RS256" if isinstance(key, RSAKey) else _EC_ALGORITHMS[key.curve_name]


def _key(text: str) -> RSAKey | ECKey:
    try:
        key = _from_jwk(text) if text.lstrip().startswith("{") else _from_pem(text.strip().encode())
    except (ValueError, TypeError, KeyError, RecursionError, JoseError):
        raise _unusable_key() from None
    if isinstance(key, RSAKey) and key.raw_value.key_size >= _SHORTEST_RSA:
        return key
    if isinstance(key, ECKey) and key.curve_name in _EC_ALGORITHMS:
        return key
    raise _unusable_key()


def _from_jwk(text: str) -> RSAKey | ECKey:
    found = json.loads(text)
    return RSAKey.import_key(found) if found["kty"] == "RSA" else ECKey.import_key(found)


def _from_pem(pem: bytes) -> RSAKey | ECKey:
    try:
        return RSAKey.import_key(pem)
    except InvalidKeyTypeError:
        return ECKey.import_key(pem)


def _unusable_key() -> BadCredential:
    return BadCredential(
        "The private key must be an RSA key of 2048 bits or more, or an EC key (P-256, P-384, P-521), as an "
        "unencrypted PEM file or as a JWK."
    )


def _token_error(answer: Answer, scopes: Sequence[str]) -> OktaError:
    if answer.status == 429:
        return RateLimited("Okta's rate limit for access tokens is used up for now.", _TOKEN_WAIT)
    code = reading.error_code(answer)
    if code == "invalid_scope":
        return NotPermitted(
            f"Okta does not grant the service app one of the scopes {', '.join(scopes)}: grant it in the "
            'app\'s "Okta API Scopes".'
        )
    if code == "invalid_dpop_proof":
        return _needs_dpop()
    if code is None:
        return OktaUnavailable(
            f"Something other than Okta answered the request for an access token, with {answer.status}. Is "
            "this the organisation's own address, and does a proxy stand in between?"
        )
    return BadCredential(
        f"Okta gave the service app no access token ({code}). Is the client id right, is "
        "the public half of this private key registered at the app and active, and is the app active?"
    )


def _needs_dpop() -> BadCredential:
    return BadCredential(
        "The service app demands proof of possession (DPoP), which the portal does not give: in Okta, open "
        'the app\'s General settings and switch off "Require Demonstrating Proof of Possession".'
    )
