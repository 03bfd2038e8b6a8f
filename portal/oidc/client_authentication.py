"""How a client proves itself: by a secret in header or body, or by an assertion under its own key.

Authlib asks these methods one by one, for every endpoint that wants a client (RFC 6749 section 2.3).
"""

import base64
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

from authlib.common.security import is_secure_transport
from authlib.oauth2.rfc6749 import InvalidClientError
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from flask import request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from portal import clock
from portal.extensions import db, settings
from portal.grants import assertions
from portal.oidc import clients
from portal.oidc.client_keys import KeysUnavailable, public_keys
from portal.oidc.clients import ClientView
from portal.oidc.errors import MachineError
from portal.oidc.parameters import Parameters
from portal.oidc.profiles import ASYMMETRIC_ALGS
from portal.oidc.request import audiences

#: Mostly for operators: a client that talked to a proxy by https cannot know what the proxy said of it.
_PLAIN_HTTP = (
    "This request came over plain http. Use https; behind a proxy, the portal's settings trusted_proxies and"
    " trusted_proxy_addresses must name it."
)
_LONGEST_JTI = 256
#: The longest an assertion may live: its ``jti`` is remembered for as long.
_LONGEST_ASSERTION_SECONDS = 3600


def require_https() -> None:
    """Raise :class:`MachineError` if the current request came over plain http (RFC 6749 section 3.2)."""
    if not _is_secure(request.scheme, request.host):
        raise MachineError("invalid_request", _PLAIN_HTTP)


class Presented:
    """What may prove a client: the parameters that were read and found acceptable, and the headers.

    It has what Authlib's methods of authentication ask of a request, and nothing that only its grants ask.
    """

    def __init__(self, received: Parameters) -> None:
        """Take the parameters of the current request; raises :class:`MachineError` for plain http."""
        require_https()
        self.form = received.values
        self.headers = request.headers
        #: Whom Authlib supposes, before anything is proven, and how it was proven.
        self.client: ClientView | None = None
        self.auth_method: str | None = None


def by_basic(_query: Any, request: Presented) -> ClientView | None:
    """Return the client of HTTP Basic, both halves of which are form-encoded (RFC 6749 section 2.3.1)."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except ValueError:
        return None
    client_id, _, secret = text.partition(":")
    # Some clients do not encode: what has a plus or a percent sign is tried as it stands, too.
    decoded = unquote_plus(client_id)
    known = decoded == client_id or clients.find(decoded) is not None
    return _with_secret(decoded if known else client_id, unquote_plus(secret), secret)


def by_post(_query: Any, request: Presented) -> ClientView | None:
    """Return the client whose id and secret stand in the body."""
    client_id, secret = request.form.get("client_id"), request.form.get("client_secret")
    return _with_secret(client_id, secret) if client_id and secret else None


def _with_secret(client_id: str, *secrets: str) -> ClientView | None:
    client = clients.find(client_id)
    if client is None:
        clients.waste_a_comparison(secrets[0])
        return None
    matches = [client.check_client_secret(secret) for secret in secrets]
    return client if any(matches) else None


class ClientAssertion(JWTBearerClientAssertion):
    """``private_key_jwt`` (RFC 7523): registered keys only, this provider as audience, each ``jti`` once."""

    CLIENT_AUTH_METHOD = "private_key_jwt"

    def __init__(self) -> None:
        super().__init__(validate_jti=True)

    def __call__(self, query_client: Any, request: Presented) -> ClientView | None:
        """Return the client whose assertion is right; ``None`` without one; raises ``InvalidClientError``."""
        self.leeway = settings().clock_skew
        client: ClientView | None = super().__call__(query_client, request)
        named = request.form.get("client_id")
        if client is not None and named and named != client.id:
            raise InvalidClientError(description="The client_id is another client's.")
        return client

    def extract_assertion(self, assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return header and claims, of which nothing is proven yet; raises ``InvalidClientError``."""
        try:
            said: tuple[dict[str, Any], dict[str, Any]] = super().extract_assertion(assertion)
        except RecursionError:
            # JSON that is nested without end is no ValueError, and whoever sends it need not be a client.
            raise InvalidClientError(description="The assertion cannot be read.") from None
        return said

    def get_audiences(self) -> list[str]:
        """Return the names by which an assertion may mean this provider."""
        return audiences()

    def resolve_client_public_key(self, client: ClientView) -> ClientView:
        """Return the client itself: which of its keys is meant, the assertion says."""
        return client

    def process_assertion_claims(self, assertion: str, client: ClientView) -> Any:
        """Verify the assertion with one of the client's keys, asymmetric algorithms only."""
        headers, _ = self.extract_assertion(assertion)
        alg, kid = headers.get("alg"), headers.get("kid")
        if alg not in ASYMMETRIC_ALGS or "crit" in headers:
            raise InvalidClientError(description="The assertion's algorithm is not accepted.")
        try:
            keys = public_keys(client, kid if isinstance(kid, str) else None)
        except KeysUnavailable:
            raise InvalidClientError(description="The client's keys cannot be had.") from None
        registry = JWSRegistry(algorithms=[alg])
        for key in keys.keys:
            if isinstance(kid, str) and key.kid != kid:
                continue
            try:
                token = jwt.decode(assertion, key, algorithms=[alg], registry=registry)
            except (JoseError, ValueError, TypeError):
                continue
            self.verify_claims(token.claims)
            return token.claims
        raise InvalidClientError(description="The assertion's signature does not verify.")

    def verify_claims(self, claims: dict[str, Any]) -> None:
        """Raise ``InvalidClientError`` unless the claims are right, and the assertion ends soon."""
        expiry = claims.get("exp")
        if isinstance(expiry, bool) or not isinstance(expiry, int | float):
            raise InvalidClientError(description="The assertion needs exp.")
        if (
            not clock.epoch() - self.leeway
            < expiry
            <= clock.epoch() + _LONGEST_ASSERTION_SECONDS + self.leeway
        ):
            raise InvalidClientError(description="The assertion has expired or lives too long.")
        super().verify_claims(claims)

    def validate_jti(self, claims: dict[str, Any], jti: Any) -> bool:
        """Use the assertion up; ``False`` if it was used before or has no usable name. Commits."""
        if not isinstance(jti, str) or not 0 < len(jti) <= _LONGEST_JTI:
            return False
        remembered_until = datetime.fromtimestamp(claims["exp"] + self.leeway, UTC)
        if not assertions.use(claims["sub"], jti, expires_at=remembered_until):
            return False
        # Whatever becomes of the request, this assertion is spent.
        db.session.commit()
        return True


@lru_cache(maxsize=64)
def _is_secure(scheme: str, host: str) -> bool:
    """Say whether a secret may travel so: by https or on loopback, as Authlib judges it."""
    return bool(is_secure_transport(f"{scheme}://{host}/"))
