"""Pausing the factor: the registration attribute of a group, or of everybody, is false until it is resumed.

Okta's rules then send these people to Okta's own factors at once. The factor itself is not refused: who is
in the middle of it may finish. Whom a pause of a group concerns is settled when it reaches them, from the
group as it is then; a pause of everybody holds for newcomers too.

Nothing here goes through thousands of people in one transaction: a message works off a batch and writes the
next message, and waits while many registrations are still to be written.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask import Flask
from sqlalchemy import delete, exists, func, insert, select, update

from portal import clock, credentials, outbox
from portal.audit.events import Event
from portal.audit.log import record
from portal.connections import registry
from portal.extensions import db, rows_touched
from portal.models import (
    OktaPause,
    OktaPausedPerson,
    OktaRegistration,
    OutboxMessage,
    PauseScope,
    ScimGroup,
    ScimMember,
    User,
)
from portal.okta import registration
from portal.okta.failures import told_to_the_outbox
from portal.okta_api.errors import NotFound
from portal.okta_api.walking import Walk
from portal.outbox import OutboxFailure, enqueue
from portal.users.news import REGISTRATION

SPREAD = "okta.spread"
BATCH = 200
#: While so many registrations wait, no more are added: a suspension must not queue behind a whole company.
_ENOUGH_WAITING = 400
_WAIT_SECONDS = 5.0
LONGEST_REASON = OktaPause.reason.type.length


class PausedAlready(Exception):
    """The same people are paused already."""


def init_app(app: Flask) -> None:
    """Handle the topic in ``app``."""
    outbox.handles(app, SPREAD, handle)


def running() -> list[OktaPause]:
    """Return the pauses that were not resumed, oldest first."""
    return list(
        db.session.scalars(
            select(OktaPause).where(OktaPause.ended_at.is_(None)).order_by(OktaPause.created_at)
        )
    )


def scim_group(name: str) -> ScimGroup | None:
    """Return the group of this name that was pushed by SCIM."""
    return db.session.scalars(select(ScimGroup).where(ScimGroup.display_key == name.casefold())).first()


def begin(
    scope: PauseScope, *, reason: str, group_id: str | None = None, group_name: str | None = None
) -> OktaPause:
    """Begin a pause and return it, flushed; people are reached by the outbox.

    Raises :class:`PausedAlready`, and ``ValueError`` for a reason that is empty or too long.
    """
    reason = reason.strip()
    if not 0 < len(reason) <= LONGEST_REASON or not reason.isprintable():
        raise ValueError(f"Give a reason of at most {LONGEST_REASON} characters, on one line.")
    if any((pause.scope, pause.group_id) == (scope, group_id) for pause in running()):
        raise PausedAlready
    pause = OktaPause(
        id=credentials.random_hex(),
        scope=scope,
        group_id=group_id,
        group_name=group_name,
        reason=reason,
        created_at=clock.now(),
    )
    db.session.add(pause)
    db.session.flush()
    record(Event.OKTA_PAUSED, pause=pause.id, scope=scope.value)
    enqueue(SPREAD, {"pause_id": pause.id, "step": "begin"})
    return pause


def end(pause: OktaPause) -> bool:
    """End a pause, flush, and say whether it was still running; people are reached by the outbox."""
    ended = db.session.execute(
        update(OktaPause)
        .where(OktaPause.id == pause.id, OktaPause.ended_at.is_(None))
        .values(ended_at=clock.now())
    )
    if rows_touched(ended) == 0:
        return False
    record(Event.OKTA_RESUMED, pause=pause.id, scope=pause.scope)
    enqueue(SPREAD, {"pause_id": pause.id, "step": "end"})
    return True


def review_everybody() -> None:
    """Have the attribute of everybody looked at, as after Okta was connected."""
    enqueue(SPREAD, {"pause_id": None, "step": "everybody"})


def handle(payload: dict[str, Any]) -> str:
    """Work off one batch of the people whom a pause or its end concerns; raises ``OutboxFailure``.

    Done twice, a batch says twice that somebody's attribute may differ, which changes nothing.
    """
    if _waiting() >= _ENOUGH_WAITING:
        raise OutboxFailure("Many registrations are still to be written.", retry_after=_WAIT_SECONDS)
    pause = db.session.get(OktaPause, payload["pause_id"]) if payload["pause_id"] else None
    step = payload["step"]
    people, after, walk = _batch(pause, payload)
    if step == "begin" and pause is not None:
        if not _still_running(pause.id):
            return "The pause has ended already."
        if pause.scope != PauseScope.ALL:
            _keep(pause.id, people)
    told = _tell(people)
    if pause is not None and step == "end":
        _let_go(pause.id, people)
    if after is not None:
        enqueue(SPREAD, {**payload, "after": after, "walk": walk})
    return f"Looked at {len(people)} people, {told} of whom may need another value."


def prune(before: datetime) -> int:
    """Remove a batch of those whose pause ended before ``before``, and return how many; flushes.

    Ending a pause does so at once, in messages of the outbox. What is found here was left by one that became
    a dead letter: its people are told of too, so that the attribute gets back what it should hold. Nobody is
    while many registrations wait; there is time.
    """
    if _waiting() >= _ENOUGH_WAITING:
        return 0
    ended = OktaPausedPerson.pause_id.in_(select(OktaPause.id).where(OktaPause.ended_at < before))
    left = db.session.execute(
        select(OktaPausedPerson.pause_id, OktaPausedPerson.okta_id).where(ended).limit(BATCH)
    ).all()
    _tell(sorted({row.okta_id for row in left}))
    for pause_id in {row.pause_id for row in left}:
        _let_go(pause_id, [row.okta_id for row in left if row.pause_id == pause_id])
    return len(left)


def prune_ended(before: datetime) -> int:
    """Remove a batch of pauses that ended before ``before`` and hold nobody, and return how many; flushes."""
    holding = exists().where(OktaPausedPerson.pause_id == OktaPause.id)
    old = select(OktaPause.id).where(OktaPause.ended_at < before, ~holding).limit(BATCH)
    return rows_touched(db.session.execute(delete(OktaPause).where(OktaPause.id.in_(old))))


def _batch(
    pause: OktaPause | None, payload: dict[str, Any]
) -> tuple[list[str], str | None, list[Any] | None]:
    """Return the Okta ids of the next people, where to go on (``None``: nowhere), and the walk so far."""
    after = payload.get("after")
    if pause is None or pause.scope == PauseScope.ALL:
        everybody = select(User.okta_id).where(User.okta_id.is_not(None))
        return *_page(everybody, User.okta_id, after), None
    if payload["step"] == "end":
        paused = select(OktaPausedPerson.okta_id).where(OktaPausedPerson.pause_id == pause.id)
        return *_page(paused, OktaPausedPerson.okta_id, after), None
    if pause.scope == PauseScope.SCIM_GROUP:
        return *_scim_members(pause, after), None
    return _okta_members(str(pause.group_id), after, Walk.kept(payload.get("walk")))


def _page(statement: Any, column: Any, after: str | None) -> tuple[list[str], str | None]:
    if after is not None:
        statement = statement.where(column > after)
    found = list(db.session.scalars(statement.order_by(column).limit(BATCH)))
    return found, found[-1] if len(found) == BATCH else None


def _scim_members(pause: OktaPause, after: str | None) -> tuple[list[str], str | None]:
    members = (
        select(ScimMember.member, User.okta_id)
        .outerjoin(User, User.id == ScimMember.user_id)
        .where(ScimMember.group_id == pause.group_id)
    )
    if after is not None:
        members = members.where(ScimMember.member > after)
    rows = db.session.execute(members.order_by(ScimMember.member).limit(BATCH)).all()
    people = [row.okta_id for row in rows if row.okta_id]
    return people, rows[-1].member if len(rows) == BATCH else None


def _okta_members(
    group_id: str, after: str | None, walk: Walk
) -> tuple[list[str], str | None, list[Any] | None]:
    connection = registry.current()
    if connection is None:
        raise OutboxFailure("Okta is not connected any more; connect it and retry this message.", final=True)
    with told_to_the_outbox():
        api = registry.api_for(connection)
        db.session.rollback()  # nothing stays open in the database while Okta is asked
        try:
            page = api.group_members(group_id, after=after, limit=BATCH)
        except NotFound:
            return [], None, None
        going_on = walk.on_to(page.after).to_keep() if page.after else None
    return [person.id for person in page.items], page.after, going_on


def _keep(pause_id: str, people: Sequence[str]) -> None:
    """Note whom the pause of a group concerns; who is noted already stays so."""
    noted = set(
        db.session.scalars(
            select(OktaPausedPerson.okta_id).where(
                OktaPausedPerson.pause_id == pause_id, OktaPausedPerson.okta_id.in_(people)
            )
        )
    )
    new = [{"pause_id": pause_id, "okta_id": okta_id} for okta_id in dict.fromkeys(people)]
    new = [row for row in new if row["okta_id"] not in noted]
    if new:
        db.session.execute(insert(OktaPausedPerson), new)


def _still_running(pause_id: str) -> bool:
    """Say whether the pause is running, and have whoever ends it wait for this batch."""
    touched = db.session.execute(
        update(OktaPause)
        .where(OktaPause.id == pause_id, OktaPause.ended_at.is_(None))
        .values(reason=OktaPause.reason)
    )
    return rows_touched(touched) == 1


def _let_go(pause_id: str, people: Sequence[str]) -> None:
    db.session.execute(
        delete(OktaPausedPerson).where(
            OktaPausedPerson.pause_id == pause_id, OktaPausedPerson.okta_id.in_(people)
        )
    )


def _tell(people: Sequence[str]) -> int:
    """Write a message for everybody about whom Okta may hold something else than it should."""
    known = {
        row.okta_id: row.value
        for row in db.session.execute(
            select(OktaRegistration.okta_id, OktaRegistration.value).where(
                OktaRegistration.okta_id.in_(people)
            )
        )
    }
    wanted = registration.desired_in_okta(people)
    ours = db.session.execute(select(User.id, User.okta_id).where(User.okta_id.in_(people))).all()
    # Of whom nothing was ever written, only those who can use the factor need a value.
    differing = [row for row in ours if known.get(row.okta_id, False) is not wanted[row.okta_id]]
    for row in differing:
        enqueue(REGISTRATION, {"user_id": row.id, "okta_id": row.okta_id})
    return len(differing)


def _waiting() -> int:
    some = (
        select(OutboxMessage.id)
        .where(OutboxMessage.topic == REGISTRATION, OutboxMessage.state == "waiting")
        .limit(_ENOUGH_WAITING)
        .subquery()
    )
    return db.session.scalar(select(func.count()).select_from(some)) or 0
