"""Work that recurs, run by whichever worker comes first.

A run is a lease, as with messages: one UPDATE pushes ``due_at`` ahead, so that two workers never run one
job at the same time, and what a killed worker had begun is begun again when the lease ends. A job must
therefore be idempotent. One that fails is run again at its next time, or in a minute where the database could
not do it; what went wrong is kept and shown by ``flask outbox schedule``.
"""

import logging
from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from flask import Flask, current_app
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from portal import clock
from portal.extensions import DATABASE_AWAY, db, rows_touched
from portal.models import ScheduledJob
from portal.outbox.messages import NO_DATABASE, OutboxFailure, told_by_the_driver, wire_what_was_left

_log = logging.getLogger(__name__)

#: Does the work; the worker commits. A long job is a generator: each ``yield`` commits what it has done so
#: far and renews its lease, so that no transaction is held for long and another worker goes on from there.
Job = Callable[[], Iterator[object] | None]

#: A job that met no database waits so long and not for its next time, which may be tomorrow; and not less,
#: for a statement that is too slow would keep the database at nothing else.
WITHOUT_DATABASE_SECONDS = 60.0
SHORTEST_LEASE = 120.0
LONGEST_LEASE = 900.0
#: No job is put off for longer, unless it runs more seldom by itself.
LONGEST_WAIT = 3600.0
#: How far the clocks of two machines may be apart without a job being taken for one of another time.
_CLOCKS_APART = 300.0
Stop = Callable[[], bool]
_NAME = "portal.schedule"


class Entry(NamedTuple):
    """A registered job: how often it is to run, and what it does."""

    seconds: float
    job: Job

    @property
    def lease(self) -> float:
        """How long a worker may be silent before another takes the job over."""
        return min(max(2 * self.seconds, SHORTEST_LEASE), LONGEST_LEASE)

    def is_waiting(self, due_at: datetime | None) -> bool:
        """Say whether the time of the job has still to come.

        One that is too far ahead was written before the clock was set back, or before the setting was changed
        to run it more often; the job would not run until then.
        """
        longest = max(self.seconds, LONGEST_WAIT) + _CLOCKS_APART
        return due_at is not None and clock.is_within(due_at, longest)


def every(app: Flask, name: str, seconds: float, job: Job) -> None:
    """Have the workers of ``app`` run ``job`` every ``seconds`` under ``name``; 0 switches it off.

    A name is ``room.work`` and at most 64 characters long; ``ValueError`` if it is taken. The job may raise
    :class:`portal.outbox.OutboxFailure` with a sentence; ``retry_after`` then says when to run it again.
    """
    entries = app.extensions.setdefault(_NAME, {})
    if name in entries or len(name) > 64:
        raise ValueError(f"the job {name} is registered already, or its name is too long")
    entries[name] = Entry(seconds, job)


def registered() -> dict[str, Entry]:
    """Return every job of the current application by its name."""
    wire_what_was_left(current_app)
    entries: dict[str, Entry] = current_app.extensions.get(_NAME, {})
    return entries


def _never() -> bool:
    return False


def run_due(stop: Stop = _never) -> int:
    """Run every job that is due and return how many were; commits each.

    When ``stop`` says so, a job ends at its next step and is due again at once, for another worker.
    """
    rows = {row.name: row for row in db.session.execute(select(ScheduledJob.__table__))}
    db.session.rollback()
    ran = 0
    for name, entry in registered().items():
        if entry.seconds <= 0 or stop():
            continue
        if name not in rows:
            _add(name)
        due_at = rows[name].due_at if name in rows else None
        if not entry.is_waiting(due_at):
            ran += _run(name, entry, due_at, stop)
    return ran


def run_now(name: str) -> bool:
    """Run the job ``name`` at once unless a worker is running it; commits; says whether it was run.

    Raises ``KeyError`` for a name that nobody registered.
    """
    entry = registered()[name]
    row = db.session.execute(select(ScheduledJob.__table__).where(ScheduledJob.name == name)).first()
    if row is None:
        _add(name)
    elif row.leased_until is not None and entry.is_waiting(row.leased_until):
        return False
    return _run(name, entry, row.due_at if row else None)


def _add(name: str) -> None:
    """Make the row of a job that has none; another worker may have done so in the meantime."""
    try:
        with db.session.begin_nested():
            db.session.execute(insert(ScheduledJob).values(name=name, due_at=clock.now()))
    except IntegrityError:
        pass
    db.session.commit()


def _run(name: str, entry: Entry, due_at: datetime | None, stop: Stop = _never) -> bool:
    lease = _Lease(name, entry.lease)
    if not lease.begin(due_at):
        return False
    began = clock.monotonic()
    error, due = None, clock.after(entry.seconds)
    try:
        steps = entry.job()
        for _step in steps or ():
            lease.renew()
            if stop():
                due = clock.now()
                break
        if isinstance(steps, Generator):
            steps.close()
    except LeaseLost:
        db.session.rollback()
        _log.warning("scheduled job was taken over", extra={"job": name})
        return True
    except OutboxFailure as failure:
        db.session.rollback()
        error = failure.sentence
        if failure.retry_after is not None:
            due = clock.after(min(failure.retry_after, LONGEST_WAIT))
        # Whoever only asks to wait has not failed.
        level = logging.ERROR if failure.retry_after is None else logging.INFO
        _log.log(level, "scheduled job did not succeed: %s", failure.sentence, extra={"job": name})
    except DATABASE_AWAY as away:
        db.session.rollback()
        error, due = NO_DATABASE, clock.after(min(entry.seconds, WITHOUT_DATABASE_SECONDS))
        why, kind = told_by_the_driver(away)
        _log.error("scheduled job has no database: %s", why, extra={"job": name, "kind": kind})
    except Exception as unexpected:
        db.session.rollback()
        error = f"Unexpected {type(unexpected).__name__}."
        _log.exception("scheduled job failed", extra={"job": name})
    lease.end(due_at=due, seconds=clock.monotonic() - began, error=error)
    return True


class LeaseLost(Exception):
    """The lease ended before the job did, and another worker has it now."""


class _Lease:
    """One worker's hold on one job, known by the moment at which it ends."""

    def __init__(self, name: str, seconds: float) -> None:
        self.name = name
        self.seconds = seconds
        self._until: datetime | None = None

    def begin(self, due_at: datetime | None) -> bool:
        """Take the job if it is still due as it was seen to be; commits."""
        return self._move(due_at, began_at=clock.now())

    def renew(self) -> None:
        """Make what was done so far last and go on; raises :class:`LeaseLost`."""
        if not self._move(self._until):
            raise LeaseLost

    def end(self, *, due_at: datetime, seconds: float, error: str | None) -> None:
        """Make what the job did last and write down how it went; commits unless the lease is lost."""
        values: dict[str, Any] = {
            "ended_at": clock.now(),
            "milliseconds": round(seconds * 1000),
            "last_error": error,
        }
        if error is None:
            values["succeeded_at"] = clock.now()
        if not self._set(self._until, due_at=due_at, leased_until=None, **values):
            _log.warning("scheduled job was taken over", extra={"job": self.name})

    def _move(self, seen: datetime | None, **values: Any) -> bool:
        until = clock.after(self.seconds)
        moved = self._set(seen, due_at=until, leased_until=until, **values)
        self._until = until
        return moved

    def _set(self, seen: datetime | None, **values: Any) -> bool:
        condition = [ScheduledJob.due_at == seen] if seen is not None else [ScheduledJob.began_at.is_(None)]
        result = db.session.execute(
            update(ScheduledJob)
            .where(ScheduledJob.name == self.name, *condition)
            .values(**values)
            .execution_options(synchronize_session=False)
        )
        if rows_touched(result) != 1:
            db.session.rollback()
            return False
        db.session.commit()
        return True
