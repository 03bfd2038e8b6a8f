"""Keeping the one connection, and talking to Okta through it."""

from dataclasses import dataclass, field
from threading import Lock

from flask import current_app

from portal import clock, credentials
from portal.extensions import db, settings, vault
from portal.http import GuardedOutbound, Outbound
from portal.models import OktaConnection
from portal.okta_api.client import OktaApi
from portal.okta_api.limits import RateLimits, Window
from portal.okta_api.tokens import ApiToken, Credential, ServiceApp

#: The key of the one row.
THE_ONE = "okta"
SSWS, SERVICE_APP = "ssws", "service_app"
_EXTENSION = "portal.connections"
#: A page of two hundred people with long profiles; Okta's own pages are shorter.
_LARGEST_ANSWER = 16 << 20


@dataclass
class _Shared:
    """What the clients of one process share: connections, access tokens, what Okta said of its limits."""

    lock: Lock = field(default_factory=Lock)
    outbound: Outbound | None = None
    limits: dict[str, RateLimits] = field(default_factory=dict)
    service_app: tuple[str, ServiceApp] | None = None


def current() -> OktaConnection | None:
    """Return the connection, if Okta is connected."""
    return db.session.get(OktaConnection, THE_ONE)


def api_for(connection: OktaConnection, *, patience: float = 0) -> OktaApi:
    """Return the client for ``connection``; pools, tokens and rate limits are shared in the process.

    ``patience`` is how many seconds in all the client may wait for Okta's rate limit before it raises
    ``RateLimited``. Raises ``UnsealError`` where the encryption key is not configured any more.
    """
    sealed = connection.credential_sealed
    if connection.credential_kind == SSWS:
        return new_api(connection.org_url, ApiToken(vault().unseal(sealed)), patience=patience)
    # The whole of what an access token depends on: whoever connects anew gets another token.
    identity = credentials.digest(
        "\n".join((connection.org_url, connection.client_id or "", *connection.scopes, sealed))
    )
    shared = _shared()
    held = shared.service_app
    if held is None or held[0] != identity:
        held = (
            identity,
            service_app(
                connection.org_url, connection.client_id or "", vault().unseal(sealed), connection.scopes
            ),
        )
        shared.service_app = held
    return new_api(connection.org_url, held[1], patience=patience)


def new_api(org_url: str, credential: Credential, *, patience: float = 0) -> OktaApi:
    """Return a client for an organisation that is not connected (yet)."""
    return OktaApi(org_url, credential, outbound(), _limits(org_url), patience=patience)


def service_app(org_url: str, client_id: str, key: str, scopes: list[str]) -> ServiceApp:
    """Return the credential of a service app; raises :class:`portal.okta_api.errors.BadCredential`."""
    return ServiceApp(org_url, client_id, key, scopes, outbound())


def limits_seen(connection: OktaConnection) -> dict[str, Window]:
    """Return what Okta told this process last about its rate limits, by kind of call."""
    return _limits(connection.org_url).seen()


def sign_in_issuer(connection: OktaConnection) -> str:
    """Return the issuer at which people sign in: the organisation's own authorization server, or another."""
    return connection.sign_in_issuer or connection.org_url


def sign_in_secret(connection: OktaConnection) -> str | None:
    """Return the secret of the sign-in client, ``None`` if there is none; raises ``UnsealError``."""
    sealed = connection.sign_in_secret_sealed
    return None if sealed is None else vault().unseal(sealed)


def save(org_url: str, *, credential: str, **values: object) -> OktaConnection:
    """Write the connection, in the place of the former one, and return it, flushed.

    ``credential`` is the API token or the private key; ``values`` are the other columns.
    """
    row = current() or OktaConnection(id=THE_ONE, created_at=clock.now())
    row.org_url, row.credential_sealed = org_url, vault().seal(credential)
    for name, value in values.items():
        setattr(row, name, value)
    row.updated_at = clock.now()
    db.session.add(row)
    db.session.flush()
    return row


def remove(connection: OktaConnection) -> None:
    """Forget the connection with its credential; flushes."""
    db.session.delete(connection)
    db.session.flush()


def outbound() -> Outbound:
    """Return the door to Okta: public https addresses only, this machine's too in demo and test."""
    shared = _shared()
    with shared.lock:
        if shared.outbound is None:
            shared.outbound = GuardedOutbound(
                allow_loopback=settings().allow_http_loopback,
                connect_timeout=settings().okta_connect_timeout,
                read_timeout=settings().okta_read_timeout,
                max_bytes=_LARGEST_ANSWER,
                party="okta",
            )
        return shared.outbound


def _limits(org_url: str) -> RateLimits:
    shared = _shared()
    with shared.lock:
        return shared.limits.setdefault(org_url, RateLimits(settings().okta_rate_share))


def _shared() -> _Shared:
    # Whichever thread is first, all of them find the same.
    found: _Shared = current_app.extensions.setdefault(_EXTENSION, _Shared())
    return found
