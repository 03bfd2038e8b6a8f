"""Okta's rules for what comes back: the token response, the ID token, and the factor's claims.

What is specific to identity verification is in ``verified_claims``. Every function notes each rule in a
ledger and goes on as far as it can, so that one run shows everything that is wrong. ``reason`` is the
System Log's for identity verification; the factor has published reasons for one case only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard
from urllib.parse import urlsplit

from portal import clock
from portal.okta.simulator import reading
from portal.okta.simulator.checks import Ledger
from portal.okta.simulator.exchange import Reply, is_loopback
from portal.okta.simulator.reading import Malformed, Token
from portal.okta.simulator.result import UNMATCHED

PARSING_ERROR = "PARSING_ERROR"
MISSING = "MISSING"
PROCESSING_ERROR = "RESPONSE_PROCESSING_ERROR"
ERROR_RESPONSE = "ERROR_RESPONSE"
#: Also "if the token that's provided is invalid" (guide: identity verification events).
ERROR_RESPONSE_TOKEN = "ERROR_RESPONSE_TOKEN"  # noqa: S105 - a reason in a log

#: Guide "Configure claims sharing": the ``amr`` values that count, by the kind of factor.
BIOMETRIC = frozenset({"face", "fpt", "iris", "retina", "vbm"})
POSSESSION = frozenset({"hwk", "otp", "swk", "sc", "pop", "sms", "tel", "phr"})
KNOWLEDGE = frozenset({"pwd", "kba"})
ACCEPTED_AMR = BIOMETRIC | POSSESSION | KNOWLEDGE | {"mfa"}

_LIFETIME_TOLERANCE = 60
_LONGEST_SUB = 512  # it becomes Okta's externalId


@dataclass(frozen=True, slots=True)
class Expected:
    """What the ID token has to agree with.

    ``allow_loopback`` lets an issuer on this machine be plain http, as in the demo, with a warning.
    """

    issuer: str
    client_id: str
    nonce: str
    allow_loopback: bool = True


def token_response(ledger: Ledger, reply: Reply) -> dict[str, Any]:
    """Return the token endpoint's answer if it is a success with an ID token; raises ``Stopped``."""
    try:
        document = reading.json_object(reply.body, "The token endpoint's answer")
    except Malformed as error:
        raise ledger.stop("token_response", str(error), PROCESSING_ERROR) from error
    if "error" in document:
        said = " ".join(str(document[name]) for name in ("error", "error_description") if name in document)
        raise ledger.stop("token_response", f"The token endpoint refused: {said}", ERROR_RESPONSE_TOKEN)
    if reply.status != 200:
        sentence = f"The token endpoint answered with status {reply.status} instead of 200."
        raise ledger.stop("token_response", sentence, PROCESSING_ERROR)
    ledger.ok("token_response", "The code was redeemed.")
    uncached(ledger, reply, "token response")
    kind = document.get("token_type")
    ledger.require(
        isinstance(kind, str) and kind.lower() == "bearer",
        "token_type",
        "token_type is Bearer.",
        f"token_type is {kind!r} and has to be Bearer.",
        PROCESSING_ERROR,
    )
    expires_in = document.get("expires_in")
    ledger.require(
        _is_whole(expires_in) and expires_in > 0,
        "expires_in",
        f"expires_in is {expires_in} seconds.",
        "expires_in is missing or is not a positive whole number.",
        MISSING if expires_in is None else PARSING_ERROR,
    )
    if not isinstance(document.get("id_token"), str):
        raise ledger.stop("id_token", "The token response has no id_token.", MISSING)
    return document


def uncached(ledger: Ledger, reply: Reply, what: str) -> None:
    """Note whether an answer forbids caching, as every sample of Okta's guide does."""
    if "no-store" in reply.headers.get("cache-control", "").lower():
        ledger.ok("cache_control", f"The {what} is not to be cached.")
    else:
        ledger.warning("cache_control", f"The {what} lacks Cache-Control: no-store.")


def taken_apart(ledger: Ledger, text: str) -> Token:
    """Return the ID token in its parts; raises ``Stopped`` if it is not a signed token."""
    try:
        return reading.token(text)
    except Malformed as error:
        raise ledger.stop("id_token", str(error), PARSING_ERROR) from error


def signature(ledger: Ledger, signed: Token, reply: Reply) -> None:
    """Note whether the token is signed with RS256 by the key that its ``kid`` names in the JWK Set."""
    alg, kid = signed.header.get("alg"), signed.header.get("kid")
    if not ledger.require(
        alg == "RS256",
        "alg",
        "The algorithm is RS256, the one that Okta is known to accept.",
        f"The algorithm is {alg!r}; Okta is known to accept RS256 only.",
        ERROR_RESPONSE_TOKEN,
    ):
        return
    try:
        keys = reading.json_object(reply.body, "The JWK Set").get("keys")
    except Malformed as error:
        ledger.broken("jwks", str(error), PROCESSING_ERROR)
        return
    if reply.status != 200 or not isinstance(keys, list):
        ledger.broken("jwks", f"The JWK Set cannot be used (status {reply.status}).", PROCESSING_ERROR)
        return
    found = [key for key in keys if isinstance(key, dict) and key.get("kid") == kid]
    if not ledger.require(
        isinstance(kid, str) and len(found) == 1,
        "kid",
        "Its kid names one key of the JWK Set.",
        "Its header has no kid, which Okta chooses the key by."
        if kid is None
        else f"Its kid names {len(found)} keys of the JWK Set.",
        ERROR_RESPONSE_TOKEN,
    ):
        return
    _held_by(ledger, signed, found[0])


def id_token(ledger: Ledger, claims: Mapping[str, Any], expected: Expected) -> None:
    """Note the rules that every ID token has to keep: iss, aud, sub, exp, iat and nonce."""
    _issuer(ledger, claims.get("iss"), expected)
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    ledger.require(
        audiences == [expected.client_id],
        "aud",
        "aud is the client id.",
        f"aud is {audience!r} and has to be the client id {expected.client_id} alone.",
        ERROR_RESPONSE_TOKEN,
    )
    subject = claims.get("sub")
    ledger.require(
        isinstance(subject, str) and 0 < len(subject) <= _LONGEST_SUB,
        "sub",
        "sub names the person.",
        f"sub is missing, or is not text of 1 to {_LONGEST_SUB} characters.",
        ERROR_RESPONSE_TOKEN,
    )
    now = clock.now().timestamp()
    expiry, issued = claims.get("exp"), claims.get("iat")
    ledger.require(
        _is_number(expiry) and expiry > now,
        "exp",
        "exp is in the future.",
        "exp is missing or is not a number." if not _is_number(expiry) else "The token has expired.",
        ERROR_RESPONSE_TOKEN,
    )
    ledger.require(
        _is_number(issued) and issued <= now,
        "iat",
        "iat is in the past (maxClockSkew 0).",
        "iat is missing or is not a number."
        if not _is_number(issued)
        else f"iat is {issued}, later than now ({now:.0f}); Okta's maxClockSkew is 0 unless it is set.",
        ERROR_RESPONSE_TOKEN,
    )
    ledger.require(
        claims.get("nonce") == expected.nonce,
        "nonce",
        "nonce is the one that was sent.",
        "nonce is missing." if claims.get("nonce") is None else "nonce is not the one that was sent.",
        ERROR_RESPONSE_TOKEN,
    )


def lifetime(ledger: Ledger, expires_in: Any, expiry: Any) -> None:
    """Note where ``expires_in`` is not the ID token's lifetime, as Okta's guide describes it."""
    if not _is_whole(expires_in) or not _is_number(expiry):
        return
    lives = expiry - clock.epoch()
    if abs(lives - expires_in) > _LIFETIME_TOLERANCE:
        ledger.warning("expires_in", f"expires_in is {expires_in}, and the ID token lives {lives} seconds.")


def factor_claims(
    ledger: Ledger, read: Mapping[str, Any], claims: Mapping[str, Any], *, login: str | None, trust: bool
) -> None:
    """Note the rules of the factor: ``preferred_username`` is the Okta login, and ``amr`` can be used.

    ``read`` is where Okta reads the profile: userinfo if it is configured, else the ID token's ``claims``.
    ``login`` is the person's Okta login, if it is known; ``trust`` is the identity provider's setting "Trust
    claims from this identity provider".
    """
    name = read.get("preferred_username")
    if not isinstance(name, str) or not name:
        ledger.broken("preferred_username", "preferred_username is missing; it has to be the Okta login.")
    elif login is None:
        ledger.warning("preferred_username", f"preferred_username is {name}; no login to compare it with.")
    elif name == login:
        ledger.ok("preferred_username", f"preferred_username is the Okta login {login}.")
    elif name.casefold() == login.casefold():
        ledger.warning(
            "preferred_username",
            f"preferred_username is {name} and the login {login}: only the case differs.",
        )
    else:
        ledger.broken(
            "preferred_username", f"preferred_username is {name} and the Okta login is {login}.", UNMATCHED
        )
    _amr(ledger, claims.get("amr"), trust=trust)


def _amr(ledger: Ledger, amr: Any, *, trust: bool) -> None:
    note = ledger.broken if trust else ledger.warning
    if amr is None:
        note("amr", "amr is missing: with “Trust claims from this identity provider” the sign-in breaks.")
        return
    if not isinstance(amr, list) or not all(isinstance(value, str) for value in amr):
        note("amr", "amr is not a list of texts.")
        return
    accepted = [value for value in amr if value in ACCEPTED_AMR]
    if not accepted:
        note("amr", f"amr is {amr}, of which Okta accepts nothing.")
        return
    ledger.ok("amr", f"amr has {', '.join(accepted)}, which Okta accepts.")
    if ignored := [value for value in amr if value not in ACCEPTED_AMR]:
        ledger.warning("amr", f"Okta ignores {', '.join(ignored)} in amr.")
    if BIOMETRIC.intersection(amr) and not POSSESSION.intersection(amr):
        ledger.warning(
            "amr",
            "A biometric value counts only beside one of possession (such as hwk): towards a policy this "
            "is the possession factor that the authenticator is, and no biometric.",
        )


def _issuer(ledger: Ledger, issuer: Any, expected: Expected) -> None:
    if issuer != expected.issuer:
        sentence = f"iss is {issuer!r} and has to be the configured issuer {expected.issuer}."
        ledger.broken("iss", sentence, ERROR_RESPONSE_TOKEN)
        return
    if urlsplit(expected.issuer).scheme == "https":
        ledger.ok("iss", "iss is the configured issuer.")
    elif expected.allow_loopback and is_loopback(expected.issuer):
        ledger.warning("iss", "iss is the configured issuer, but not https: right for this machine only.")
    else:
        ledger.broken("iss", "iss is not an https address.", ERROR_RESPONSE_TOKEN)


def _held_by(ledger: Ledger, signed: Token, key: Mapping[str, Any]) -> None:
    if key.get("use", "sig") != "sig" or key.get("alg", "RS256") != "RS256":
        ledger.broken("signature", "The key is published for another use or algorithm.", ERROR_RESPONSE_TOKEN)
        return
    try:
        holds = reading.rs256_holds(signed, key)
    except Malformed as error:
        ledger.broken("signature", str(error), ERROR_RESPONSE_TOKEN)
        return
    ledger.require(
        holds,
        "signature",
        "The signature holds.",
        "The signature does not hold under the key that the kid names.",
        ERROR_RESPONSE_TOKEN,
    )


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
