"""The secrets with which Okta's event hooks authenticate; only their digests are kept."""

from datetime import timedelta

from sqlalchemy import or_, select, update

from portal import clock, credentials
from portal.audit.events import Event
from portal.audit.log import record
from portal.extensions import db, rows_touched
from portal.models import OktaHookSecret

#: One in use and its successor.
MOST_VALID = 2
_PREFIX = "hook_"
_LONGEST = 512
_NOTED_EVERY = timedelta(minutes=1)


class TooManySecrets(Exception):
    """Two secrets are valid already."""


def is_known(header_value: str) -> bool:
    """Say whether ``header_value``, the whole ``Authorization`` header of a hook, is a valid secret.

    Okta sends the configured text as it is, without a scheme. Every valid secret is compared, in a time
    that depends on none of them. That a secret was used is noted once a minute; the caller commits it.
    """
    if not 0 < len(header_value) <= _LONGEST:
        return False
    presented = credentials.digest(header_value)
    # Read all and compared here: a look-up by digest would tell by its time how far an index agrees.
    matching = [row for row in valid() if credentials.same(row.digest, presented)]
    for row in matching:
        _note_use(row)
    return bool(matching)


def add(secret: str | None = None) -> tuple[OktaHookSecret, str]:
    """Make ``secret`` (or one of our own making) valid, and return its record and itself; flushes.

    Raises :class:`TooManySecrets`, and ``ValueError`` for a chosen secret that is weak, known already or
    cannot stand in a header.
    """
    if len(valid()) >= MOST_VALID:
        raise TooManySecrets
    if secret is None:
        secret = credentials.random_token(_PREFIX)
    _check(secret)
    row = OktaHookSecret(
        id=credentials.random_hex(), digest=credentials.digest(secret), created_at=clock.now()
    )
    db.session.add(row)
    db.session.flush()
    record(Event.OKTA_HOOK_SECRET_ADDED, hook=row.id)
    return row, secret


def revoke(row_id: str) -> bool:
    """End the validity of a secret; flushes. Says whether it was valid until now."""
    ended = db.session.execute(
        update(OktaHookSecret)
        .where(OktaHookSecret.id == row_id, OktaHookSecret.revoked_at.is_(None))
        .values(revoked_at=clock.now())
    )
    if rows_touched(ended) == 0:
        return False
    record(Event.OKTA_HOOK_SECRET_REVOKED, hook=row_id)
    return True


def every() -> list[OktaHookSecret]:
    """Return every secret's record, revoked ones too, oldest first."""
    return list(db.session.scalars(select(OktaHookSecret).order_by(OktaHookSecret.created_at)))


def valid() -> list[OktaHookSecret]:
    """Return the records of the secrets that are valid now, oldest first."""
    return list(
        db.session.scalars(
            select(OktaHookSecret)
            .where(OktaHookSecret.revoked_at.is_(None))
            .order_by(OktaHookSecret.created_at)
        )
    )


def _check(secret: str) -> None:
    if len(secret) > _LONGEST or any(not 32 <= ord(letter) <= 126 for letter in secret):
        raise ValueError(f"A hook secret is one line of at most {_LONGEST} visible ASCII characters.")
    if secret != secret.strip():
        raise ValueError("A hook secret does not begin or end with a space: a header would lose it.")
    if not credentials.is_strong(secret):
        raise ValueError("That hook secret could be guessed: take 16 random characters or more.")
    known = select(OktaHookSecret.id).where(OktaHookSecret.digest == credentials.digest(secret))
    if db.session.scalar(known) is not None:
        raise ValueError("That hook secret is known already: take a new one.")


def _note_use(row: OktaHookSecret) -> None:
    lately = clock.now() - _NOTED_EVERY
    if row.last_used_at is not None and row.last_used_at > lately:
        return
    db.session.execute(
        update(OktaHookSecret)
        .where(OktaHookSecret.id == row.id)
        .where(or_(OktaHookSecret.last_used_at.is_(None), OktaHookSecret.last_used_at <= lately))
        .values(last_used_at=clock.now())
    )
