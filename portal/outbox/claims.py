"""Taking a message and giving it back: each is one statement, conditional on what the worker saw.

A claim is a lease. It pushes ``available_at`` ahead, so that a worker that dies leaves a message which
another takes up when the lease ends; and whoever closes a message must still hold the lease, so that a
worker which was too slow undoes what it did instead of writing over what the next one has done.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, ScalarSelect, func, literal, select, update

from portal import clock
from portal.extensions import db, rows_touched
from portal.models import OutboxMessage
from portal.models.outbox import LEASED, WAITING

_M = OutboxMessage


class Claim(NamedTuple):
    """A message that this worker holds until ``leased_until``."""

    id: str
    topic: str
    payload: dict[str, Any]
    attempts: int
    leased_until: datetime


def due_topics() -> list[str]:
    """Return every topic of which a message is due; costs the same however many messages there are."""
    first = select(_least(_M.topic).label("topic")).cte("topics", recursive=True)
    following = _least(_M.topic, _M.topic > first.c.topic)
    topics = first.union_all(select(following).where(first.c.topic.is_not(None)))
    due = _least(_M.available_at, _M.topic == topics.c.topic) <= clock.now()
    return list(db.session.scalars(select(topics.c.topic).where(topics.c.topic.is_not(None), due)))


def _least(column: Any, *conditions: ColumnElement[bool]) -> ScalarSelect[Any]:
    """Return the least value of ``column`` among what waits.

    In an order, and neither as a minimum nor by asking whether there is one: for those PostgreSQL may read
    everything that waits, where many messages have come since it last counted them.
    """
    return select(column).where(WAITING, *conditions).order_by(column).limit(1).scalar_subquery()


def take(topic: str, *, group: Collection[str], at_once: int, lease: float) -> Claim | None:
    """Lease the message of ``topic`` that is due longest; ``None`` if there is none, or none may be begun.

    Of the topics of ``group`` together at most ``at_once`` messages are under way, across all workers.
    """
    _let_others_of_the_group_count_first(topic)
    now, until = clock.now(), clock.after(lease)
    busy = (
        select(func.count())
        .select_from(_M)
        .where(LEASED, _M.topic.in_(sorted(group)), _M.leased_until > now)
        .scalar_subquery()
    )
    oldest = (
        select(_M.id)
        .where(WAITING, _M.topic == topic, _M.available_at <= now)
        .order_by(_M.available_at)
        .limit(1)
        # PostgreSQL; SQLite has one writer at a time and knows no such words.
        .with_for_update(skip_locked=True)
    )
    row = db.session.execute(
        update(_M)
        .where(_M.id == oldest.scalar_subquery(), busy < at_once)
        .values(available_at=until, leased_until=until, attempts=_M.attempts + 1)
        .returning(_M.id, _M.topic, _M.payload, _M.attempts)
        .execution_options(synchronize_session=False)
    ).first()
    return None if row is None else Claim(row.id, row.topic, row.payload, row.attempts, until)


def close(claim: Claim, **values: Any) -> bool:
    """Write down how it went and give the lease back; ``False`` if the lease was lost in the meantime."""
    result = db.session.execute(
        update(_M)
        .where(_M.id == claim.id, _M.leased_until == claim.leased_until, _M.state == "waiting")
        .values(leased_until=None, **values)
        .execution_options(synchronize_session=False)
    )
    return rows_touched(result) == 1


def _let_others_of_the_group_count_first(topic: str) -> None:
    """Wait for whoever claims a message of the same group now: both would count without the other's.

    Held until the claim is committed. SQLite counts and writes in one statement under its one lock.
    """
    if db.session.get_bind().dialect.name == "postgresql":
        key = func.hashtext(literal(f"portal.outbox:{group_of(topic)}"))
        db.session.execute(select(func.pg_advisory_xact_lock(key)))


def group_of(topic: str) -> str:
    """Return the first word of a topic: who outside has to do with it (``okta``, ``mail`` …)."""
    return topic.partition(".")[0]
