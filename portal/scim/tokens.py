"""The secrets of SCIM clients: made once, kept as digests, several good at the same time."""

from sqlalchemy import delete, or_, select, update

from portal import clock, credentials
from portal.audit.events import Event
from portal.audit.log import record
from portal.extensions import db
from portal.models import ScimToken
from portal.users import details

_PREFIX = "vps_"
_SHOWN = 12
_LONGEST_NAME = 100
_DAY = 86_400
#: How exact the time of the last use is: a write for every call would be one too many.
_USE_SECONDS = 60


class TokenExists(Exception):
    """There is a token of this name already."""


def add(name: str, *, days: int | None = None) -> tuple[ScimToken, str]:
    """Make a token that is good for ``days`` (``None``: until it is revoked); return it and its secret.

    The secret is not kept. Raises :class:`TokenExists` or ``ValueError``.
    """
    name = name.strip()
    if not details.is_plain(name, _LONGEST_NAME) or ":" in name:
        # HTTP Basic ends the user name at the first colon (RFC 7617 section 2).
        raise ValueError("A name has 1 to 100 characters, no control characters and no colon.")
    if find(name) is not None:
        raise TokenExists(name)
    secret = credentials.random_token(_PREFIX)
    token = ScimToken(
        id=credentials.random_hex(),
        name=name,
        digest=credentials.digest(secret),
        prefix=secret[:_SHOWN],
        created_at=clock.now(),
        expires_at=None if days is None else clock.after(days * _DAY),
    )
    db.session.add(token)
    db.session.flush()
    record(Event.SCIM_TOKEN_ADDED, name=name, days=days)
    return token, secret


def find(name: str) -> ScimToken | None:
    """Return the token of this name."""
    return db.session.scalars(select(ScimToken).where(ScimToken.name == name)).one_or_none()


def every() -> list[ScimToken]:
    """Return every token, in the order in which they were made."""
    return list(db.session.scalars(select(ScimToken).order_by(ScimToken.created_at, ScimToken.name)))


def revoke(name: str) -> bool:
    """Remove the token of this name, which ends it at once; says whether there was one."""
    removed = db.session.execute(
        delete(ScimToken).where(ScimToken.name == name).returning(ScimToken.id)
    ).first()
    if removed is None:
        return False
    record(Event.SCIM_TOKEN_REVOKED, name=name)
    return True


def proven_by(secret: str, *, name: str | None = None) -> ScimToken | None:
    """Return the token that ``secret`` is, whether expired or not; with ``name`` only that one."""
    wanted = credentials.digest(secret)
    token = db.session.scalars(select(ScimToken).where(ScimToken.digest == wanted)).one_or_none()
    if token is None or not credentials.same(token.digest, wanted):
        return None
    return token if name is None or name == token.name else None


def has_expired(token: ScimToken) -> bool:
    """Say whether a token's time is over."""
    return token.expires_at is not None and token.expires_at <= clock.now()


def note_use(token: ScimToken) -> bool:
    """Write down that a token was used, unless that was done a moment ago; says whether anything changed."""
    before = clock.after(-_USE_SECONDS)
    if token.last_used_at is not None and token.last_used_at > before:
        return False
    unused = or_(ScimToken.last_used_at.is_(None), ScimToken.last_used_at <= before)
    db.session.execute(
        update(ScimToken).where(ScimToken.id == token.id, unused).values(last_used_at=clock.now())
    )
    return True
