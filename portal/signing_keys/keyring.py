"""Making, finding, rotating and retiring signing keys."""

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from threading import Lock
from typing import Any

from flask import current_app
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from sqlalchemy import or_, select

from portal import clock
from portal.credentials import UnsealError
from portal.extensions import db, settings, vault
from portal.models import SigningKey

#: What a client may ask for; RS256 is what Okta is known to accept.
ALGORITHMS = ("RS256", "ES256", "PS256", "EdDSA")
#: A process looks for a newer key this often (seconds).
REFRESH_SECONDS = 5
#: A successor is published at least this long before it signs, so that every process serves it by then.
SHORTEST_PUBLISH_AHEAD = 2 * REFRESH_SECONDS

_EXTENSION = "portal.signing_keys"
_JSON = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_Key = RSAKey | ECKey | OKPKey


class NoSigningKey(Exception):
    """There is no active key for the algorithm: run ``keys rotate``."""


class KeyInUse(Exception):
    """The key cannot be retired: it signs, or its successor does not sign yet."""


@dataclass(frozen=True)
class Signer:
    """A private key held ready; importing one takes a hundred times as long as signing with it."""

    kid: str
    alg: str
    key: _Key

    def sign(self, claims: dict[str, Any]) -> str:
        """Return ``claims`` as a signed JWT with ``kid`` and ``alg`` in its header (compact form)."""
        signed = f"{self._header}.{_segment(claims)}"
        signature: bytes = self._algorithm.sign(signed.encode("ascii"), self.key)
        return f"{signed}.{_base64url(signature)}"

    @cached_property
    def _header(self) -> str:
        return _segment({"alg": self.alg, "kid": self.kid, "typ": "JWT"})

    @cached_property
    def _algorithm(self) -> Any:
        return JWSRegistry(algorithms=[self.alg]).get_alg(self.alg)


def _segment(part: dict[str, Any]) -> str:
    return _base64url(_JSON.encode(part).encode())


def _base64url(raw: bytes) -> str:
    """Encode as RFC 7515 section 2 has it: without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


class _Ring:
    """The signers of this process, looked up anew every few seconds."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._signers: dict[str, Signer] = {}
        self._fresh_until: dict[str, datetime] = {}

    def signer(self, alg: str) -> Signer:
        fresh_until = self._fresh_until.get(alg)
        if fresh_until is not None and clock.is_within(fresh_until, REFRESH_SECONDS):
            return self._signers[alg]
        with self._lock:
            row = _active_row(alg, clock.now())
            held = self._signers.get(alg)
            if held is None or held.kid != row.kid:
                self._signers[alg] = Signer(row.kid, alg, _import(alg, vault().unseal(row.private_sealed)))
            self._fresh_until[alg] = clock.after(REFRESH_SECONDS)
            return self._signers[alg]

    def forget(self) -> None:
        self._fresh_until.clear()


def _ring() -> _Ring:
    ring: _Ring | None = current_app.extensions.get(_EXTENSION)
    return ring if ring is not None else current_app.extensions.setdefault(_EXTENSION, _Ring())


def signer(alg: str) -> Signer:
    """Return the signer for ``alg``; raises :class:`NoSigningKey`."""
    return _ring().signer(alg)


def create(alg: str) -> SigningKey:
    """Make a key for ``alg`` and return its record, flushed.

    The first key of an algorithm signs at once. A successor is published ahead of its first
    signature by the setting ``key_publish_ahead``, so that clients have seen it.
    """
    if alg not in ALGORITHMS:
        raise ValueError(f"The algorithm must be one of {', '.join(ALGORITHMS)}.")
    key = _generate(alg)
    ahead = max(settings().key_publish_ahead, SHORTEST_PUBLISH_AHEAD) if _has_active(alg) else 0
    row = SigningKey(
        kid=key.thumbprint(),
        alg=alg,
        private_sealed=vault().seal(json.dumps(key.as_dict(private=True))),
        public_jwk={**key.as_dict(private=False), "kid": key.thumbprint(), "alg": alg, "use": "sig"},
        created_at=clock.now(),
        active_from=clock.after(ahead),
    )
    db.session.add(row)
    db.session.flush()
    _ring().forget()
    return row


def retire(kid: str) -> SigningKey:
    """Stop publishing a key once the last token it signed has expired; return its record, flushed.

    Raises ``LookupError`` for an unknown key and :class:`KeyInUse` while it signs.
    """
    row = db.session.get(SigningKey, kid)
    if row is None:
        raise LookupError(kid)
    if row.active_from > clock.now():
        raise KeyInUse("The key has not signed yet; it becomes the signer at its time.")
    if _active_row(row.alg, clock.now()).kid == kid:
        raise KeyInUse("The key signs at present; run `keys rotate` and wait until its successor signs.")
    if row.published_until is None:
        margin = settings().id_token_lifetime + settings().clock_skew + SHORTEST_PUBLISH_AHEAD
        row.published_until = clock.after(margin)
        db.session.flush()
    return row


def published() -> list[SigningKey]:
    """Return every key whose public half is published now, newest first."""
    return list(
        db.session.scalars(
            select(SigningKey)
            .where(or_(SigningKey.published_until.is_(None), SigningKey.published_until > clock.now()))
            .order_by(SigningKey.created_at.desc())
        )
    )


def every() -> list[SigningKey]:
    """Return every key ever made, newest first."""
    return list(db.session.scalars(select(SigningKey).order_by(SigningKey.created_at.desc())))


def can_be_opened(row: SigningKey) -> bool:
    """Say whether the encryption keys of this process open the private half."""
    try:
        vault().unseal(row.private_sealed)
    except UnsealError:
        return False
    return True


def jwks() -> dict[str, Any]:
    """Return the JWK Set to publish (RFC 7517): public halves only."""
    return {"keys": [row.public_jwk for row in published()]}


def _active_row(alg: str, now: datetime) -> SigningKey:
    row = db.session.scalars(
        select(SigningKey)
        .where(SigningKey.alg == alg, SigningKey.active_from <= now, SigningKey.published_until.is_(None))
        .order_by(SigningKey.active_from.desc())
        .limit(1)
    ).first()
    if row is None:
        raise NoSigningKey(alg)
    return row


def _has_active(alg: str) -> bool:
    try:
        return bool(_active_row(alg, clock.now()))
    except NoSigningKey:
        return False


def _generate(alg: str) -> _Key:
    if alg == "ES256":
        return ECKey.generate_key("P-256", private=True)
    if alg == "EdDSA":
        return OKPKey.generate_key("Ed25519", private=True)
    return RSAKey.generate_key(2048, private=True)


def _import(alg: str, private_json: str) -> _Key:
    kinds: dict[str, type[RSAKey | ECKey | OKPKey]] = {"ES256": ECKey, "EdDSA": OKPKey}
    return kinds.get(alg, RSAKey).import_key(json.loads(private_json))
