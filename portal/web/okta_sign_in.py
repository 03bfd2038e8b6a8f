"""Signing in with Okta, so that a person proves to the portal who they are.

The protocol is Authlib's client (authorization code, PKCE S256, state, nonce, discovery, ID token); its
calls leave through the guarded door of ``portal.http`` and its time is the portal's. What a sign-in is about
is kept in the browser's own session under the ``state``, so an answer counts only where the question was
asked, and once.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qsl

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.base_client import BaseApp, OAuth2Mixin, OpenIDMixin
from authlib.oauth2.client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from flask import current_app, request, session
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from portal import clock, credentials, records
from portal.connections import registry
from portal.credentials import UnsealError
from portal.extensions import settings
from portal.http import Answer, OutboundError, OutboundUnavailable
from portal.models import OktaConnection

_log = logging.getLogger(__name__)

SCOPE = "openid profile"
_KEPT = "okta_sign_ins"
#: Sign-ins of one browser that may be under way at once: a cookie holds them.
_MOST = 4
_PATIENCE = 3600
_METADATA_SECONDS = 3600
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512")
_NEEDED = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
_EXTENSION = "portal.okta_sign_in"
#: What the libraries raise for answers that are not what they should be.
_UNREADABLE = (
    AuthlibBaseError, JoseError, ValueError, KeyError, TypeError, AttributeError, RuntimeError,
)  # fmt: skip


class SignInAway(Exception):
    """Okta cannot be reached, or our sign-in client there is set up wrongly; the message is for the log."""


class SignInRefused(Exception):
    """The answer does not say who it is; ``reason`` is a word of ours for the log."""

    def __init__(self, reason: str, subject: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        #: What the sign-in was about, where the answer belongs to a question of this browser.
        self.subject = subject


@dataclass(frozen=True)
class Identity:
    """Who signed in: Okta's id (``sub``) and, if Okta told it, the login."""

    okta_id: str
    login: str | None


def connection() -> OktaConnection | None:
    """Return the connection if sign-in is set up there."""
    found = registry.current()
    return found if found is not None and found.sign_in_client_id else None


def begin(about: str, *, redirect_uri: str, login_hint: str, again: bool = False) -> str:
    """Return Okta's address to send the browser to; ``about`` comes back from :func:`finish`.

    ``again`` asks Okta for a fresh sign-in, for somebody who is signed in as another person. Raises
    :class:`SignInAway`.
    """
    app = _app()
    records.let_go()
    more = {"prompt": "login"} if again else {}
    try:
        made = app.create_authorization_url(redirect_uri, login_hint=login_hint, **more)
    except (OutboundError, *_UNREADABLE) as error:
        raise SignInAway(_summary(error)) from error
    kept = {"about": about, "issuer": app.issuer, "nonce": made["nonce"], "verifier": made["code_verifier"]}
    _keep(made["state"], kept)
    return str(made["url"])


def finish(*, redirect_uri: str) -> tuple[str, Identity]:
    """Take Okta's answer from this request: what it was about, and who signed in.

    Raises :class:`SignInRefused` (not asked for here, cancelled, or not to be believed) and
    :class:`SignInAway`.
    """
    kept = _take(request.args.get("state", ""))
    if kept is None:
        raise SignInRefused("unknown_state")
    about: str = kept["about"]
    # RFC 9207: an answer that names its issuer must name the one that was asked.
    asked = kept.get("issuer")
    if request.args.get("iss", asked) != asked:
        raise SignInRefused("another_issuer", about)
    if error := request.args.get("error"):
        reason = "cancelled" if error in ("access_denied", "login_required") else "okta_error"
        raise SignInRefused(reason, about)
    code = request.args.get("code", "")
    if not code or len(code) > 2048:
        raise SignInRefused("no_code", about)
    return about, _identity(about, kept, code, redirect_uri)


def _identity(about: str, kept: Mapping[str, Any], code: str, redirect_uri: str) -> Identity:
    app = _app()
    if app.issuer != kept.get("issuer"):
        # Connected to another one meanwhile, which is none to show this code to.
        raise SignInRefused("another_issuer", about)
    records.let_go()
    try:
        token = app.fetch_access_token(redirect_uri, code=code, code_verifier=kept["verifier"])
        claims = app.verified(token, kept["nonce"])
    except OutboundError as error:
        raise SignInAway(_summary(error)) from error
    except AuthlibBaseError as error:
        if getattr(error, "error", "") == "invalid_client":
            raise SignInAway("Okta refuses the sign-in client") from error
        raise SignInRefused("code_refused", about) from error
    except _UNREADABLE as error:
        _log.warning("the ID token of a sign-in was refused: %s", type(error).__name__)
        raise SignInRefused("bad_id_token", about) from error
    login = claims.get("preferred_username")
    return Identity(claims["sub"], login if isinstance(login, str) else None)


class _Claims(CodeIDToken):
    """The claims of an ID token, judged by the portal's clock."""

    def validate(self, now: int | None = None, leeway: int = 0) -> None:
        """Check every claim (OpenID Connect Core 3.1.3.7) as of the portal's now."""
        super().validate(now or clock.epoch(), leeway)


class _Response:
    """What Authlib reads of an answer."""

    def __init__(self, answer: Answer) -> None:
        self.status_code = answer.status
        self._answer = answer

    def json(self) -> Any:
        return self._answer.json()

    def raise_for_status(self) -> None:
        if self.status_code >= 400:
            raise OutboundUnavailable(f"answered with {self.status_code}")


class _Session(OAuth2Client):
    """The session of Authlib's client, through the guarded door."""

    def __init__(self, **options: Any) -> None:
        self.headers: dict[str, str] = {}
        super().__init__(self, **options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        return None

    def request(self, method: str, url: str, **_options: Any) -> _Response:
        if method != "GET":
            raise RuntimeError("only documents are fetched this way")
        return _Response(registry.outbound().get(url))

    def post(self, url: str, *, data: Mapping[str, str], headers: Mapping[str, str], auth: Any) -> _Response:
        url, sent, body = auth.prepare("POST", url, dict(headers), "")
        fields = {**data, **dict(parse_qsl(body, keep_blank_values=True))}
        return _Response(registry.outbound().post_form(url, fields, headers=sent))


class _App(OAuth2Mixin, OpenIDMixin, BaseApp):
    """Our client at one issuer; discovery and keys are remembered for a while."""

    client_cls = _Session
    server_metadata: dict[str, Any]

    def __init__(self, issuer: str, client_id: str, secret: str | None) -> None:
        super().__init__(
            None,
            client_id=client_id,
            client_secret=secret,
            client_kwargs={"scope": SCOPE, "code_challenge_method": "S256"},
        )
        self.issuer = issuer
        self._until = clock.after(-1)

    def load_server_metadata(self) -> dict[str, Any]:
        """Return the issuer's discovery document, as far as it is needed and can be trusted."""
        if clock.is_within(self._until, _METADATA_SECONDS):
            return self.server_metadata
        url = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
        answer = registry.outbound().get(url)
        document = answer.json()
        if answer.status != 200 or not isinstance(document, dict):
            raise OutboundUnavailable("no discovery document at the issuer")
        if document.get("issuer") != self.issuer:
            raise ValueError("the discovery document speaks for another issuer")
        offered = document.get("id_token_signing_alg_values_supported") or ["RS256"]
        metadata: dict[str, Any] = {name: document[name] for name in _NEEDED}
        # Never "none", and never a secret of ours as the key: what a document offers is not an order.
        algorithms = [alg for alg in _ALGORITHMS if alg in offered]
        if not algorithms or not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError("the discovery document offers nothing that can be used")
        metadata["id_token_signing_alg_values_supported"] = algorithms
        self.server_metadata, self._until = metadata, clock.after(_METADATA_SECONDS)
        return metadata

    def fetch_jwk_set(self, force: bool = False) -> Any:
        """Return the issuer's keys; raises ``OutboundUnavailable`` for none, which are not remembered."""
        found = super().fetch_jwk_set(force)
        try:
            has_keys = bool(KeySet.import_key_set(found).keys)
        except _UNREADABLE:
            has_keys = False
        if not has_keys:
            # Kept, they would send everybody away until the discovery document is read again.
            self.server_metadata.pop("jwks", None)
            raise OutboundUnavailable("no keys at the issuer")
        return found

    def verified(self, token: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        """Return the claims of the ID token in a token answer; raises ``JoseError`` or ``ValueError``."""
        claims: dict[str, Any] | None = self.parse_id_token(
            token,
            nonce,
            claims_options={
                "iss": {"essential": True, "value": self.issuer},
                "aud": {"essential": True, "value": self.client_id},
            },
            claims_cls=_Claims,
            leeway=settings().clock_skew,
        )
        if claims is None or not isinstance(claims.get("sub"), str):
            raise ValueError("the answer carries no ID token")
        return claims


def _app() -> _App:
    """Return the client of the present connection; one is shared as long as the connection stays as it is."""
    there = connection()
    if there is None:
        raise SignInAway("sign-in with Okta is not set up")
    issuer, client_id = registry.sign_in_issuer(there), there.sign_in_client_id or ""
    identity = credentials.digest("\n".join((issuer, client_id, there.sign_in_secret_sealed or "")))
    held: tuple[str, _App] | None = current_app.extensions.get(_EXTENSION)
    if held is None or held[0] != identity:
        try:
            secret = registry.sign_in_secret(there)
        except UnsealError as error:
            raise SignInAway("the secret of the sign-in client cannot be opened") from error
        held = (identity, _App(issuer, client_id, secret))
        current_app.extensions[_EXTENSION] = held
    return held[1]


def _keep(state: str, what: dict[str, str]) -> None:
    kept: dict[str, dict[str, Any]] = dict(session.get(_KEPT, {}))
    # By their time: a session comes back from its cookie sorted by its keys.
    for oldest in sorted(kept, key=lambda each: kept[each]["at"])[: max(0, len(kept) + 1 - _MOST)]:
        del kept[oldest]
    session[_KEPT] = {**kept, state: {**what, "at": clock.epoch()}}


def _take(state: str) -> dict[str, Any] | None:
    """Return what a sign-in of this browser was about, once, if it is not too long ago."""
    kept: dict[str, dict[str, Any]] = dict(session.get(_KEPT, {}))
    found = kept.pop(state, None)
    session[_KEPT] = kept
    if found is None or clock.epoch() - found["at"] > _PATIENCE:
        return None
    return found


def _summary(error: Exception) -> str:
    """Name what went wrong; only our own exceptions have texts that may be shown."""
    return str(error) if isinstance(error, OutboundError) else type(error).__name__
