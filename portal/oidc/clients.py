"""A relying party as the protocol endpoints see it: one read-only view, with the answers Authlib asks for."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from flask import current_app
from sqlalchemy import select

from portal import clock, credentials, records
from portal.extensions import db, vault
from portal.models import Client, ClientSecret
from portal.oidc.profiles import PROFILES, Profile

#: How a client may prove itself at the token and revocation endpoints.
AUTH_METHODS = ("client_secret_post", "client_secret_basic", "private_key_jwt")
_SECRET_METHODS = ("client_secret_post", "client_secret_basic")
_NOBODY = credentials.digest("no client has this secret")
_LONGEST_ID = 128


#: Every process reads a client anew this often (seconds): so long a disabled client or a revoked secret may
#: still be taken by another process than the one that was told.
REFRESH_SECONDS = 2.0
_EXTENSION = "portal.oidc.clients"
_MOST_REMEMBERED = 1000


@dataclass(frozen=True)
class Secret:
    """One of a client's secrets."""

    digest: str = field(repr=False)
    sealed: str | None = field(repr=False)
    expires_at: datetime | None

    @property
    def is_valid(self) -> bool:
        """Whether the secret may be used now."""
        return self.expires_at is None or self.expires_at > clock.now()


@dataclass(frozen=True)
class ClientView:
    """A client that exists and is not disabled."""

    id: str
    name: str
    profile: Profile
    verification_id: str
    redirect_uris: tuple[str, ...]
    enrolment_policy: str
    require_pkce: bool
    id_token_alg: str
    request_object_algs: tuple[str, ...]
    jwks: dict[str, Any] | None
    jwks_uri: str | None
    require_par: bool
    claim_encoding: str
    claim_returns: str
    name_threshold: float | None
    trust_frameworks: tuple[str, ...]
    known_secrets: tuple[Secret, ...]

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The secrets that are valid now."""
        return tuple(secret for secret in self.known_secrets if secret.is_valid)

    @property
    def has_keys(self) -> bool:
        """Whether public keys are registered, by value or by address."""
        return self.jwks is not None or self.jwks_uri is not None

    def symmetric_keys(self) -> list[str]:
        """Return the secrets that may key HS256 … request objects (those kept recoverable)."""
        return [vault().unseal(secret.sealed) for secret in self.secrets if secret.sealed]

    def check_client_secret(self, presented: str) -> bool:
        """Compare ``presented`` with every valid secret, in a time that tells nothing."""
        digest = credentials.digest(presented)
        matches = [credentials.same(digest, secret.digest) for secret in self.secrets]
        return any(matches)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Say whether the client may authenticate by ``method``: by a secret or by keys, as it has them."""
        if method in _SECRET_METHODS:
            return bool(self.secrets)
        return method == "private_key_jwt" and self.has_keys

    def check_grant_type(self, grant_type: str) -> bool:
        """Say whether the client may use ``grant_type``; the code is the only one offered."""
        return grant_type == "authorization_code"


def find(client_id: str) -> ClientView | None:
    """Return the client, or ``None`` if it does not exist, is disabled or its profile is not served.

    Read from the database at most every :data:`REFRESH_SECONDS`; only clients that exist are remembered.
    """
    if len(client_id) > _LONGEST_ID or not (client_id.isascii() and client_id.isprintable()):
        return None  # no client has such an id, and PostgreSQL refuses to be asked about a NUL
    remembered: dict[str, tuple[ClientView, datetime]] = current_app.extensions.setdefault(_EXTENSION, {})
    known = remembered.get(client_id)
    if known is not None and clock.is_within(known[1], REFRESH_SECONDS):
        return known[0]
    view = _read(client_id)
    if view is None:
        remembered.pop(client_id, None)
    elif len(remembered) < _MOST_REMEMBERED or client_id in remembered:
        remembered[client_id] = (view, clock.after(REFRESH_SECONDS))
    return view


def forget_remembered() -> None:
    """Read every client anew: something about one is being changed in this process.

    At once for whoever changes it, and again after the commit: other requests read the former row until then.
    """
    forget = partial(current_app.extensions.pop, _EXTENSION, None)
    forget()
    records.afterwards(forget)


def _read(client_id: str) -> ClientView | None:
    row = db.session.execute(
        select(*_COLUMNS).where(_CLIENTS.c.id == client_id, _CLIENTS.c.disabled_at.is_(None))
    ).first()
    if row is None or row.profile not in PROFILES:
        return None
    return ClientView(
        id=row.id,
        name=row.name,
        profile=PROFILES[row.profile],
        verification_id=row.verification_id,
        redirect_uris=tuple(row.redirect_uris),
        enrolment_policy=row.enrolment_policy,
        require_pkce=row.require_pkce,
        id_token_alg=row.id_token_alg,
        request_object_algs=tuple(row.request_object_algs),
        jwks=row.jwks,
        jwks_uri=row.jwks_uri,
        require_par=row.require_par,
        claim_encoding=row.claim_encoding,
        claim_returns=row.claim_returns,
        name_threshold=row.name_threshold,
        trust_frameworks=tuple(row.trust_frameworks or ()),
        known_secrets=_secrets_of(client_id),
    )


def other_trust_frameworks() -> list[str]:
    """Return the trust frameworks that any client may be answered under, beside Okta's, by name."""
    lists = db.session.scalars(select(_CLIENTS.c.trust_frameworks).where(_CLIENTS.c.disabled_at.is_(None)))
    return sorted({name for names in lists for name in names or ()})


def waste_a_comparison(presented: str) -> None:
    """Do for an unknown client what is done for a known one, so that the time tells nothing."""
    credentials.same(credentials.digest(presented), _NOBODY)


_CLIENTS = Client.__table__
_SECRETS = ClientSecret.__table__
_COLUMNS = [
    _CLIENTS.c[name]
    for name in (
        "id", "name", "profile", "verification_id", "redirect_uris", "enrolment_policy", "require_pkce",
        "id_token_alg", "request_object_algs", "jwks", "jwks_uri", "require_par",
        "claim_encoding", "claim_returns",
        "name_threshold", "trust_frameworks",
    )
]  # fmt: skip


def _secrets_of(client_id: str) -> tuple[Secret, ...]:
    rows = db.session.execute(
        select(_SECRETS.c.digest, _SECRETS.c.sealed, _SECRETS.c.expires_at).where(
            _SECRETS.c.client_id == client_id
        )
    )
    return tuple(Secret(row.digest, row.sealed, row.expires_at) for row in rows)
