"""A client's public keys: registered by value, or fetched from its ``jwks_uri`` and kept for a while.

The address is the client's choice, so it is called through the guarded door that never leads inside.
"""

import base64
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

from flask import current_app
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet, import_key

from portal import clock, records
from portal.extensions import settings
from portal.http import GuardedOutbound, OutboundError
from portal.oidc.clients import ClientView

_EXTENSION = "portal.oidc.client_keys"
_FRESH_SECONDS = 300
#: An unknown ``kid`` makes us look again, but not more often than this.
_LOOK_AGAIN_SECONDS = 30
#: After a failure an address is left alone for so long, and whoever comes while another asks it waits at most
#: so long: they wait in threads that everybody's sign-ins need.
_REST_SECONDS = 10
_PATIENCE_SECONDS = 3.0
_MOST_REMEMBERED = 1000
_MOST_KEYS = 100
#: RFC 7518, sections 3.3 and 3.5: a shorter RSA key must not be used.
SHORTEST_RSA = 2048


class KeysUnavailable(Exception):
    """The client's keys cannot be had: none registered, address unreachable or answer unreadable."""


@dataclass(frozen=True)
class _Fetched:
    keys: KeySet
    at: datetime


class _Fetcher:
    def __init__(self, outbound: GuardedOutbound) -> None:
        self._outbound = outbound
        self._locks: dict[str, Lock] = {}
        self._held: dict[str, _Fetched] = {}
        self._rests_until: dict[str, datetime] = {}

    def get(self, uri: str, kid: str | None) -> KeySet:
        held = self._held.get(uri)
        if held is not None and not self._is_stale(held, kid):
            return held.keys
        # One look at an address at a time, and no connection to the database is held meanwhile.
        records.let_go()
        looking = self._locks.setdefault(uri, Lock())
        if not looking.acquire(timeout=_PATIENCE_SECONDS):
            raise KeysUnavailable(uri)
        try:
            held = self._held.get(uri)
            if held is None or self._is_stale(held, kid):
                held = self._look(uri)
            return held.keys
        finally:
            looking.release()

    def _look(self, uri: str) -> _Fetched:
        rests_until = self._rests_until.get(uri)
        if rests_until is not None and clock.is_within(rests_until, _REST_SECONDS):
            raise KeysUnavailable(uri)
        if len(self._held) >= _MOST_REMEMBERED:
            self._held.clear()
        try:
            fetched = _Fetched(self._fetch(uri), clock.now())
        except KeysUnavailable:
            self._rests_until[uri] = clock.after(_REST_SECONDS)
            raise
        self._held[uri] = fetched
        return fetched

    @staticmethod
    def _is_stale(held: _Fetched, kid: str | None) -> bool:
        age = (clock.now() - held.at).total_seconds()
        unknown = kid is not None and all(key.kid != kid for key in held.keys.keys)
        # What was fetched in the future was fetched before the clock was set back.
        return not 0 <= age <= _FRESH_SECONDS or (unknown and age > _LOOK_AGAIN_SECONDS)

    def _fetch(self, uri: str) -> KeySet:
        try:
            answer = self._outbound.get(uri, headers={"Accept": "application/json"})
            if answer.status != 200:
                raise KeysUnavailable(uri)  # whatever the body of an error says, it is not the client's word
            return _key_set(answer.json())
        except OutboundError as error:
            raise KeysUnavailable(uri) from error


def public_keys(client: ClientView, kid: str | None) -> KeySet:
    """Return the client's public keys; ``kid`` (from an unverified header) may cause a fresh look.

    Raises :class:`KeysUnavailable`.
    """
    if client.jwks is not None:
        return _key_set(client.jwks)
    if client.jwks_uri is None:
        raise KeysUnavailable(client.id)
    return _fetcher().get(client.jwks_uri, kid)


def is_too_short(document: dict[str, Any]) -> bool:
    """Say whether a JWK is an RSA key that others could take apart; of what cannot be read, ``False``."""
    modulus = document.get("n")
    if document.get("kty") != "RSA" or not isinstance(modulus, str):
        return False
    try:
        number = int.from_bytes(base64.urlsafe_b64decode(modulus + "=="))
    except ValueError:
        return False
    return number.bit_length() < SHORTEST_RSA


def _fetcher() -> _Fetcher:
    fetcher: _Fetcher | None = current_app.extensions.get(_EXTENSION)
    if fetcher is None:
        outbound = GuardedOutbound(allow_loopback=settings().allow_http_loopback, party="client")
        fetcher = current_app.extensions.setdefault(_EXTENSION, _Fetcher(outbound))
    return fetcher


def _key_set(document: Any) -> KeySet:
    """Import a JWK Set without keys by which others could sign (symmetric, too short) and unreadable ones."""
    found = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(found, list):
        raise KeysUnavailable("unreadable")
    keys = [key for key in map(_key, found[:_MOST_KEYS]) if key is not None]
    if not keys:
        raise KeysUnavailable("unreadable")
    return KeySet(keys)


def _key(document: Any) -> Key | None:
    if not isinstance(document, dict) or document.get("kty") not in ("RSA", "EC", "OKP"):
        return None
    if is_too_short(document):
        return None
    try:
        return import_key(document)
    except (JoseError, ValueError, KeyError, TypeError, AttributeError):
        return None
