"""Side effects waiting to be worked off, and work that recurs."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.extensions import Model

#: The conditions of partial indexes. A query that is to use one repeats its condition letter by letter: with
#: a bound value neither database can know, when it plans the query, that the index will do.
WAITING = text("state = 'waiting'")
DEAD = text("state = 'dead'")
LEASED = text("leased_until IS NOT NULL")


def _partial(name: str, *columns: str, where: Any) -> Index:
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


class OutboxMessage(Model):
    """One side effect, written in the commit of the change that wants it."""

    __tablename__ = "outbox_messages"
    __table_args__ = (
        # What waits is found however many rows are done; each topic has its own queue.
        _partial("ix_outbox_messages_waiting", "topic", "available_at", where=WAITING),
        _partial("ix_outbox_messages_dead", "topic", "created_at", where=DEAD),
        _partial("ix_outbox_messages_leased", "topic", "leased_until", where=LEASED),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    topic: Mapped[str] = mapped_column(String(64))
    #: Emptied when the message is done: nobody needs it any more.
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    #: The ``user_id`` of the payload, if it has one.
    user_id: Mapped[str | None] = mapped_column(String(32), index=True)
    #: ``waiting``, ``done`` or ``dead``.
    state: Mapped[str] = mapped_column(String(8))
    attempts: Mapped[int]
    #: Not to be tried before; also the end of a worker's lease.
    available_at: Mapped[datetime]
    #: The end of the lease while a worker has the message, else ``None``.
    leased_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(index=True)
    #: What went wrong last: a class of error and a sentence of ours, no foreign text.
    last_error: Mapped[str | None] = mapped_column(Text)
    #: What the other side answered, kept as a receipt.
    receipt: Mapped[str | None] = mapped_column(Text)


class ScheduledJob(Model):
    """Work that recurs: when it is due, and how it went last."""

    __tablename__ = "scheduled_jobs"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    #: Not to be run before; also the end of a worker's lease.
    due_at: Mapped[datetime]
    #: The end of the lease while a worker runs it, else ``None``.
    leased_until: Mapped[datetime | None]
    began_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    #: When it last ended well.
    succeeded_at: Mapped[datetime | None]
    #: How long the last run took.
    milliseconds: Mapped[int | None]
    #: What went wrong in the last run: a class of error or a sentence of ours; ``None`` if it went well.
    last_error: Mapped[str | None] = mapped_column(Text)
