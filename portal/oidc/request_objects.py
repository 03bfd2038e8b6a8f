"""Signed request objects (RFC 9101, OpenID Connect Core 6.1).

Okta can send its whole request as a JWT, under the client secret by default (HS256), or under a key of
its own. Whatever decides who is verified (``login_hint``, ``claims`` …) counts only from inside the
object. A few parameters that OpenID Connect lets a client repeat or leave outside are taken from the
query where the object lacks them; it is not published which of the two Okta does.
"""

import json
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey
from joserfc.jws import JWSRegistry

from portal import clock
from portal.extensions import settings
from portal.oidc import parameters
from portal.oidc.client_keys import KeysUnavailable, public_keys
from portal.oidc.clients import ClientView
from portal.oidc.parameters import Parameters, Unreadable
from portal.oidc.profiles import ASYMMETRIC_ALGS, SYMMETRIC_REQUEST_ALGS

#: Taken from the query where the object lacks them.
FROM_OUTSIDE = (
    "client_id",
    "redirect_uri",
    "response_type",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "display",
    "ui_locales",
)
_JWT_CLAIMS = ("iss", "aud", "exp", "iat", "nbf", "jti", "sub")
_FORBIDDEN_INSIDE = ("request", "request_uri")
#: No honest moment lies beyond (seconds since 1970); a NaN does not lie before it either.
_END_OF_TIME = 1e12


class RequestObjectRefused(Exception):
    """The request object does not verify, or says something that a request object may not say."""


def verify(text: str, client: ClientView, audiences: list[str]) -> dict[str, str]:
    """Return the parameters inside the request object ``text``, as strings.

    ``audiences`` are the names by which the object may address this provider. Raises
    :class:`RequestObjectRefused` unless an algorithm registered for the client verifies it.
    """
    claims = _verified_claims(text, client)
    _check_envelope(claims, client, audiences)
    if any(name in claims for name in _FORBIDDEN_INSIDE):
        raise RequestObjectRefused("nested")
    return {name: _as_text(value) for name, value in claims.items() if name not in _JWT_CLAIMS}


def merge(inside: dict[str, str], outside: Parameters) -> Parameters:
    """Return the parameters that count: those inside, and the permitted few from outside.

    A signature proves who wrote a value, not that it can be stored or sent back: what is inside is judged
    as what is outside was. Raises :class:`RequestObjectRefused` if there is too much of it.
    """
    try:
        merged = parameters.of_pairs(list(inside.items()))
    except Unreadable:
        raise RequestObjectRefused("too many") from None
    merged.repeated = outside.repeated & (set(FROM_OUTSIDE) - set(inside))
    for name in FROM_OUTSIDE:
        if name not in inside and name in outside.values:
            merged.values[name] = outside.values[name]
            if name in outside.unreadable:
                merged.unreadable.add(name)
    return merged


def _verified_claims(text: str, client: ClientView) -> dict[str, Any]:
    try:
        header = jws.extract_compact(text.encode("ascii")).headers()
        alg = header.get("alg")
        if alg not in client.request_object_algs or "crit" in header:
            raise RequestObjectRefused("algorithm")
        registry = JWSRegistry(algorithms=[alg])
        for key in _keys(client, alg, header.get("kid")):
            try:
                return dict(jwt.decode(text, key, algorithms=[alg], registry=registry).claims)
            except JoseError:
                continue
    except (JoseError, KeysUnavailable, ValueError, TypeError, UnicodeError, RecursionError) as error:
        raise RequestObjectRefused("unreadable") from error
    raise RequestObjectRefused("signature")


def _keys(client: ClientView, alg: str, kid: Any) -> list[Any]:
    if alg in SYMMETRIC_REQUEST_ALGS:
        return [OctKey.import_key(secret) for secret in client.symmetric_keys()]
    assert alg in ASYMMETRIC_ALGS
    keys = public_keys(client, kid if isinstance(kid, str) else None)
    if kid is not None:
        return [KeySet([key for key in keys.keys if key.kid == kid])] if keys.keys else []
    return list(keys.keys)


def _check_envelope(claims: dict[str, Any], client: ClientView, audiences: list[str]) -> None:
    """Check the JWT's own claims; each is optional in OpenID Connect, and must be right where it is there."""
    now, skew = clock.epoch(), settings().clock_skew
    if claims.get("iss", client.id) != client.id or claims.get("client_id", client.id) != client.id:
        raise RequestObjectRefused("issuer")
    if "aud" in claims:
        named = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if not any(audience in audiences for audience in named if isinstance(audience, str)):
            raise RequestObjectRefused("audience")
    for name in ("exp", "nbf", "iat"):
        if name in claims and not _is_moment(claims[name]):
            raise RequestObjectRefused(name)
    if "exp" in claims and claims["exp"] + skew <= now:
        raise RequestObjectRefused("exp")
    if max(claims.get("nbf", 0), claims.get("iat", 0)) > now + skew:
        raise RequestObjectRefused("not yet")


def _is_moment(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _END_OF_TIME


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        raise RequestObjectRefused("type")
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return json.dumps(value)
    raise RequestObjectRefused("type")
