"""The steps of a reconciliation: each reads a page or puts some people right, and writes down where it is."""

from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import delete, insert, select, update

from portal import clock, outbox
from portal.audit.events import Event
from portal.audit.log import record
from portal.connections import registry
from portal.extensions import db, rows_touched
from portal.models import OktaConnection, OktaFact, OktaReading, OktaReconciliation, User
from portal.okta import events, events_people, events_reading, keeping, reconcile_plan, registration, words
from portal.okta.events_profile import CLOCKS_DIFFER
from portal.okta.failures import told_to_the_outbox
from portal.okta.logins import Conflict
from portal.okta.reconcile_plan import Findings, Reading
from portal.okta_api.client import OktaApi
from portal.okta_api.errors import NotFound
from portal.okta_api.walking import Walk
from portal.outbox import OutboxFailure
from portal.users import news, okta_facts
from portal.users.okta_facts import Fact, Kind

LEASE_SECONDS = 300
#: Where conflicts are noted without a message of the outbox.
TOPIC = "okta.reconcile"
#: Put right in one transaction: on SQLite nobody else writes meanwhile, and Okta waits three seconds at most.
_AT_ONCE = 20
_CONFLICTS_NAMED = 50
NO_GROUP = "No group is configured: only the System Log was read. `flask okta connect --group` names one."
#: People compared with the directory in one query.
_COMPARED = 500
LOG_FILTER = " or ".join(f'eventType eq "{name}"' for name in events.TYPES)


class LeaseLost(Exception):
    """The lease ended before the step did, and somebody else has it now."""


class Run(NamedTuple):
    """Where a reconciliation is."""

    token: str
    phase: str
    after: str | None
    since: datetime
    until: datetime
    forced: bool
    report: dict[str, Any]
    started_at: datetime

    def counted(self, **more: int) -> dict[str, Any]:
        """Return the report with ``more`` added to its counts."""
        counts = dict(self.report["counts"])
        for name, number in more.items():
            counts[name] = counts.get(name, 0) + number
        return self.report | {"counts": counts}

    def going_on(self, after: str | None) -> list[Any] | None:
        """Return the walk through the list that is being read, as the report keeps it; ``None`` at its end.

        Raises ``OktaUnavailable`` for a list that has no end.
        """
        return Walk.kept(self.report.get("walk")).on_to(after).to_keep() if after else None


def read(token: str) -> Run:
    """Return where the reconciliation with this lease is; raises :class:`LeaseLost`."""
    columns = [getattr(OktaReconciliation, name) for name in Run._fields]
    row = db.session.execute(select(*columns).where(OktaReconciliation.token == token)).first()
    if row is None:
        raise LeaseLost
    return Run(*row)


def move(token: str, **values: Any) -> None:
    """Write down where the reconciliation is now, and renew the lease; raises :class:`LeaseLost`."""
    moved = db.session.execute(
        update(OktaReconciliation)
        .where(OktaReconciliation.token == token)
        .values(lease_until=clock.after(LEASE_SECONDS), **values)
        .execution_options(synchronize_session=False)
    )
    if rows_touched(moved) == 0:
        raise LeaseLost


def do_log(run: Run, patience: float) -> None:
    """Keep a page of the System Log's events, as if a hook had told them."""
    _, api = okta(patience)
    with told_to_the_outbox():
        page = api.log(since=run.since, until=run.until, filter=LOG_FILTER, after=run.after)
        going_on = run.going_on(page.after) if page.items else None
    found, unreadable = events_reading.many(page.items)
    if unreadable:
        record(Event.OKTA_EVENTS_UNREADABLE, source=keeping.LOG, count=unreadable)
    new = keeping.keep(found, keeping.LOG)
    report = run.counted(events_read=len(found), events_new=new, unreadable=unreadable) | {"walk": going_on}
    if going_on:
        move(run.token, after=page.after, report=report)
    else:
        move(run.token, phase="members", after=None, read_until=run.until, report=report)


def do_members(run: Run, patience: float) -> None:
    """Read a page of the group's members, without any effect yet."""
    connection, api = okta(patience)
    group_id = find_group(connection, api)
    if group_id is None:
        _end(run, run.report | {"stopped": NO_GROUP})
        return
    read_at = clock.now()
    with told_to_the_outbox():
        page = api.group_members(group_id, after=run.after)
        going_on = run.going_on(page.after)
    readings = {
        each.id: reconcile_plan.reading_of(each, connection.attribute, read_at) for each in page.items
    }
    for ids in _chunks(sorted(readings), _COMPARED):
        db.session.execute(delete(OktaReading).where(OktaReading.okta_id.in_(ids)))
        db.session.execute(insert(OktaReading), [_row(readings[okta_id]) for okta_id in ids])
    report = run.counted(members=len(readings)) | {"walk": going_on}
    if going_on:
        move(run.token, after=page.after, report=report)
    else:
        move(run.token, phase="plan", after=None, report=report)


def do_plan(run: Run, patience: float) -> None:
    """Count what would change, and stop where that would take the factor from too many."""
    counts: dict[str, int] = {}
    after = ""
    while readings := _readings(after, _COMPARED):
        for name, number in reconcile_plan.examine(readings).counts().items():
            counts[name] = counts.get(name, 0) + number
        after = readings[-1].okta_id
    gone = _leavers(run, "", None)
    counts["left"] = len(gone)
    losing = counts.pop("losing", 0) + reconcile_plan.active_among(gone)
    report = run.counted(**counts)
    if reconcile_plan.too_many(losing) and not run.forced:
        record(Event.OKTA_RECONCILE_STOPPED, reason="too-many-removals", counts=report["counts"])
        _end(run, report | {"stopped": stopped_sentence(losing)})
        return
    move(run.token, phase="apply", after="", report=report)


def stopped_sentence(losing: int) -> str:
    """Return what to say where a reconciliation stops."""
    return (
        f"This would take the factor from {losing} people at once. Is the right group configured "
        "(`flask okta status`)? If it is what you want: `flask okta reconcile --force`."
    )


def do_apply(run: Run, patience: float) -> None:
    """Put some of the members right."""
    readings = _readings(run.after or "", _AT_ONCE)
    if not readings:
        move(run.token, phase="leave", after="")
        return
    found = reconcile_plan.examine(readings)
    to_settle = found.to_settle()
    okta_facts.lock_all(to_settle)
    words.remember_all(fact for reading in readings for fact in reading.facts)
    conflicts = [each.okta_id for each in readings if each.okta_id in to_settle and not _settle(each)]
    _note_followed(readings, found)
    _note_drift(readings, found)
    report = run.counted(conflicts=len(conflicts))
    report["conflicts"] = [*report["conflicts"], *conflicts][:_CONFLICTS_NAMED]
    move(run.token, after=readings[-1].okta_id, report=report)


def do_leave(run: Run, patience: float) -> None:
    """Hold the factor back of some who are not in the group any more."""
    gone = _leavers(run, run.after or "", _AT_ONCE)
    if not gone:
        record(Event.OKTA_RECONCILED, counts=run.report["counts"], forced=run.forced)
        _end(run, run.report)
        return
    published = run.started_at - CLOCKS_DIFFER
    okta_facts.lock_all(gone)
    words.remember_all(Fact(okta_id, Kind.MEMBER, False, published) for okta_id in gone)
    for okta_id in gone:
        events_people.settle(okta_id)
    move(run.token, after=gone[-1])


def okta(patience: float) -> tuple[OktaConnection, OktaApi]:
    """Return the connection, apart from the database, and its client; raises ``OutboxFailure``."""
    connection = registry.current()
    if connection is None:
        raise OutboxFailure("Okta is not connected any more.", final=True)
    with told_to_the_outbox():
        api = registry.api_for(connection, patience=patience)
    db.session.expunge(connection)
    db.session.rollback()  # nothing stays open in the database while Okta is asked
    return connection, api


def find_group(connection: OktaConnection, api: OktaApi) -> str | None:
    """Return the id of the group that the factor is for, or ``None``; raises ``OutboxFailure``."""
    if connection.group_id or not connection.group_name:
        return connection.group_id
    with told_to_the_outbox():
        found = api.find_group(connection.group_name)
        if found is None:
            raise NotFound(
                "Okta has no group of the configured name; `flask okta connect --group` names another."
            )
    return found.id


def _settle(reading: Reading) -> bool:
    """Bring the record of one member into line; says whether that could be done as a whole.

    Where the login is in somebody else's record, everything but the login and the names counts all the same,
    and Okta is asked about both of them anew (:mod:`portal.okta.logins`): a reading may be an hour old. Of
    whom a message of the outbox has read since then, login and names stay as that found them.
    """
    profile = reading.profile if okta_facts.is_newest(reading.okta_id, reading.read_at) else None
    try:
        with db.session.begin_nested():
            events_people.settle(reading.okta_id, profile, login=reading.login or None)
    except Conflict as conflict:
        with suppress(Conflict), db.session.begin_nested():
            events_people.settle(reading.okta_id, login=reading.login or None)
        if conflict.reread:
            asked = {"okta_id": conflict.reread, "arrived": False, "reported": True}
            outbox.enqueue(events_people.PROFILE, asked)
        user = db.session.scalars(select(User).where(User.okta_id == reading.okta_id)).first()
        record(Event.OKTA_CONFLICT, user_id=user.id if user else None, topic=TOPIC)
        return False
    return True


def _note_followed(readings: list[Reading], found: Findings) -> None:
    """Note that the directory follows what was read about people with whom everything was in order."""
    others = [reading for reading in readings if reading.okta_id not in found.to_settle()]
    db.session.execute(
        update(OktaFact)
        .where(OktaFact.okta_id.in_([reading.okta_id for reading in others]), OktaFact.applied.is_(False))
        # Only what this reading said: a newer word has a message of its own.
        .where(OktaFact.published.in_({reading.read_at - CLOCKS_DIFFER for reading in others}))
        .where(OktaFact.kind != Kind.PROFILE.value)
        .values(applied=True)
        .execution_options(synchronize_session=False)
    )


def _note_drift(readings: list[Reading], found: Findings) -> None:
    drifted = set(found.drifted)
    for reading in readings:
        if reading.okta_id not in drifted:
            continue
        if registration.note_seen(reading.okta_id, reading.registered, read_at=reading.read_at):
            user_id = db.session.scalar(select(User.id).where(User.okta_id == reading.okta_id))
            if user_id:
                news.registration_may_differ(user_id)


def _leavers(run: Run, after: str, limit: int | None) -> list[str]:
    """Return who is to leave, up to ``limit`` after an id, or all of them."""
    before = run.started_at - CLOCKS_DIFFER
    gone: list[str] = []
    while page := reconcile_plan.leavers(after, _COMPARED, before):
        there = set(db.session.scalars(select(OktaReading.okta_id).where(OktaReading.okta_id.in_(page))))
        gone += [okta_id for okta_id in page if okta_id not in there]
        after = page[-1]
        if limit is not None and len(gone) >= limit:
            return gone[:limit]
    return gone


def _end(run: Run, report: dict[str, Any]) -> None:
    db.session.execute(delete(OktaReading))
    move(run.token, phase="done", after=None, report=report, ended_at=clock.now())


def _readings(after: str, limit: int) -> list[Reading]:
    rows = db.session.scalars(
        select(OktaReading).where(OktaReading.okta_id > after).order_by(OktaReading.okta_id).limit(limit)
    )
    return [Reading(row.okta_id, row.status, row.details, row.registered, row.read_at) for row in rows]


def _row(reading: Reading) -> dict[str, Any]:
    return {name: getattr(reading, name) for name in Reading.__dataclass_fields__}


def _chunks(ids: list[str], size: int) -> list[list[str]]:
    return [ids[begin : begin + size] for begin in range(0, len(ids), size)]
