"""Putting right what no event told: Okta's System Log since last time, then the members of the group.

It goes in steps, each in a transaction of its own: a page of the log, a page of members, a hundred people put
right. Where it is stands in the database, so that whoever comes after a killed worker goes on from there. One
works at a time, by a lease.

Nothing of the members is applied before all of them have been read, and nothing at all if it would take the
factor from too many at once.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from portal import clock, credentials
from portal.connections import registry
from portal.extensions import db, rows_touched, settings
from portal.models import OktaConnection, OktaFact, OktaReading, OktaReconciliation, User, UserStatus
from portal.okta import reconcile_steps
from portal.okta.reconcile_steps import LEASE_SECONDS, Run
from portal.outbox import OutboxFailure, schedule
from portal.users import directory
from portal.users.okta_facts import Kind

THE_ONE = "okta"
#: What was begun longer ago is begun anew: its readings are old.
_GOES_ON = timedelta(hours=1)
#: Okta's log may show an event late; what is read twice is kept once.
OVERLAP = timedelta(minutes=15)
#: Read again where our clock was ahead: more than lies between two reconciliations.
_CLOCK_WAS_AHEAD = timedelta(days=1)
#: Okta keeps its log for ninety days.
_LOG_KEPT = timedelta(days=89)
_ERASED_AT_ONCE = 50


_STEPS: dict[str, Callable[[Run, float], None]] = {
    "log": reconcile_steps.do_log,
    "members": reconcile_steps.do_members,
    "plan": reconcile_steps.do_plan,
    "apply": reconcile_steps.do_apply,
    "leave": reconcile_steps.do_leave,
}


class Busy(Exception):
    """Another reconciliation is running."""


def init_app(app: Flask) -> None:
    """Have the workers do it on schedule."""
    configured = app.extensions["portal.settings"]
    schedule.every(app, "okta.reconcile", configured.okta_reconcile_seconds, scheduled)
    schedule.every(app, "okta.erase_deleted", 86_400, erase_deleted)


def scheduled() -> Iterator[object]:
    """Reconcile, if Okta is connected; the worker commits after each step. Raises ``OutboxFailure``."""
    if registry.current() is None:
        return
    try:
        token = begin()
    except Busy:
        raise OutboxFailure(
            "Another reconciliation is running, or was cut off.", retry_after=LEASE_SECONDS
        ) from None
    yield token
    try:
        yield from steps(token)
    except OutboxFailure as failure:
        db.session.rollback()
        let_go(token, ended=failure.final)
        yield token
        raise


def begin(*, force: bool = False) -> str:
    """Take the lease, go on with what was cut off or begin anew, and return the lease's token; flushes.

    The caller commits. Raises :class:`Busy`, and ``LookupError`` where Okta is not connected.
    """
    connection = registry.current()
    if connection is None:
        raise LookupError
    token, now = credentials.random_hex(), clock.now()
    lease = {"token": token, "lease_until": clock.after(LEASE_SECONDS)}
    _ensure_row()
    free = or_(
        OktaReconciliation.token.is_(None),
        OktaReconciliation.lease_until <= now,
        # No lease is that long, two clocks allowed for: it was taken by one that has been set back since.
        OktaReconciliation.lease_until > clock.after(2 * LEASE_SECONDS),
    )
    taken = db.session.execute(
        update(OktaReconciliation).where(OktaReconciliation.id == THE_ONE, free).values(lease)
    )
    if rows_touched(taken) == 0:
        raise Busy
    row = last()
    assert row is not None
    about = _about(connection)
    is_fresh = now - _GOES_ON < row.started_at <= now
    goes_on = row.phase != "done" and is_fresh and row.report.get("about") == about
    if goes_on and row.forced == force:
        return token
    reconcile_steps.move(
        token,
        phase="log",
        after=None,
        since=reads_since(row),
        until=now,
        forced=force,
        started_at=now,
        ended_at=None,
        report={"about": about, "counts": {}, "stopped": None, "conflicts": []},
    )
    db.session.execute(delete(OktaReading))
    return token


def steps(token: str, *, patience: float = 0) -> Iterator[Run]:
    """Do one step after the other and yield after each; the caller commits.

    ``patience`` is how long each step may wait for Okta's rate limit. Raises ``OutboxFailure`` for what is
    wrong with Okta, finally or for now, and :class:`reconcile_steps.LeaseLost`.
    """
    while (run := reconcile_steps.read(token)).phase != "done":
        _STEPS[run.phase](run, patience)
        yield run
    let_go(token, ended=False)
    yield run


def let_go(token: str, *, ended: bool) -> None:
    """Give the lease back after something went wrong; ``ended`` if going on would not help. Flushes."""
    values: dict[str, Any] = {"token": None, "lease_until": None}
    if ended:
        values |= {"phase": "done", "ended_at": clock.now()}
    db.session.execute(update(OktaReconciliation).where(OktaReconciliation.token == token).values(**values))


def reads_since(row: OktaReconciliation | None) -> datetime:
    """Return from when on the System Log is read after the reconciliation ``row``, or without any before."""
    now = clock.now()
    begin = row.read_until if row is not None and row.read_until else now
    if begin > now:
        # Noted by a clock that was ahead: until when the log was read in truth, nobody knows.
        begin = now - _CLOCK_WAS_AHEAD
    return max(begin - OVERLAP, now - _LOG_KEPT)


def last() -> OktaReconciliation | None:
    """Return the reconciliation that runs or ran last, ``None`` if there never was one."""
    return db.session.scalars(
        select(OktaReconciliation)
        .where(OktaReconciliation.id == THE_ONE)
        .execution_options(populate_existing=True)
    ).first()


def erase_deleted() -> Iterator[object]:
    """Erase whom Okta has deleted long enough ago, if the setting ``okta_erase_after_days`` says so."""
    days = settings().okta_erase_after_days
    while days:
        gone = db.session.scalars(
            select(User)
            .join(OktaFact, OktaFact.okta_id == User.okta_id)
            .where(OktaFact.kind == Kind.DELETED.value, OktaFact.value.is_(True))
            .where(OktaFact.published < clock.now() - timedelta(days=days), User.status != UserStatus.ERASED)
            .limit(_ERASED_AT_ONCE)
        ).all()
        if not gone:
            return
        for user in gone:
            directory.erase(user, how="okta")
        yield len(gone)


def _about(connection: OktaConnection) -> list[str | None]:
    return [connection.org_url, connection.group_id, connection.group_name]


def _ensure_row() -> None:
    if db.session.scalar(select(OktaReconciliation.id).where(OktaReconciliation.id == THE_ONE)):
        return
    now = clock.now()
    values = {"id": THE_ONE, "phase": "done", "since": now, "until": now, "forced": False, "started_at": now}
    try:
        with db.session.begin_nested():
            db.session.execute(insert(OktaReconciliation).values(**values, report={}))
    except IntegrityError:
        return  # somebody else was first, and either row will do
