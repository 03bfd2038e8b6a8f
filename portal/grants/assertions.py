"""Client assertions that were used: each counts once (RFC 7523 section 3, item 7)."""

from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from portal import clock, credentials
from portal.extensions import db
from portal.models import ClientAssertion

BATCH = 1000


def use(client_id: str, jti: str, *, expires_at: datetime) -> bool:
    """Remember the assertion; ``False`` if it was used before. The primary key decides, not a look-up."""
    digest = credentials.digest(f"{client_id}\n{jti}")
    try:
        with db.session.begin_nested():
            db.session.execute(insert(ClientAssertion).values(digest=digest, expires_at=expires_at))
    except IntegrityError:
        return False
    return True


def prune() -> int:
    """Forget up to a batch of assertions that have expired; the caller commits."""
    old = select(ClientAssertion.digest).where(ClientAssertion.expires_at < clock.now()).limit(BATCH)
    result = db.session.execute(delete(ClientAssertion).where(ClientAssertion.digest.in_(old)))
    return int(result.rowcount)  # type: ignore[attr-defined]
