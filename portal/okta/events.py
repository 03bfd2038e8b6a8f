"""Reading from Okta's events, as they were kept (``keeping``), what Okta says about people now.

They are worked off by the outbox: an event becomes facts (``users.okta_facts``), and the directory follows
the facts of each person in a message of its own, so that somebody whose record is in the way of it is in
nobody else's.
"""

from typing import Any

from flask import Flask
from sqlalchemy import select, update

from portal import outbox
from portal.connections import registry
from portal.extensions import db
from portal.models import OktaConnection, OktaEvent, OktaFact, User
from portal.okta import words
from portal.okta.events_people import LEASE_SECONDS, PERSON
from portal.okta.keeping import EVENTS
from portal.users.okta_facts import Fact, Kind

_ROWS_AT_ONCE = 500
#: Worked off in one transaction; the rest in another message.
_MOST_AT_ONCE = 2000

#: What each type of event says about a person.
_SAYS: dict[str, tuple[tuple[Kind, bool], ...]] = {
    "user.lifecycle.suspend": ((Kind.SUSPENDED, True),),
    "user.lifecycle.unsuspend": ((Kind.SUSPENDED, False),),
    "user.lifecycle.deactivate": ((Kind.DEACTIVATED, True),),
    # Okta's status is one value: whoever becomes active is neither deactivated nor suspended.
    "user.lifecycle.activate": ((Kind.DEACTIVATED, False), (Kind.SUSPENDED, False)),
    "user.lifecycle.reactivate": ((Kind.DEACTIVATED, False), (Kind.SUSPENDED, False)),
    "user.lifecycle.delete.initiated": ((Kind.DEACTIVATED, True), (Kind.DELETED, True)),
    "user.account.update_profile": ((Kind.PROFILE, True),),
}
#: The same, of the group that the factor is for only.
_OF_GROUP = {
    "group.user_membership.add": ((Kind.MEMBER, True),),
    "group.user_membership.remove": ((Kind.MEMBER, False),),
}
#: Every type of event that has an effect.
TYPES = (*_SAYS, *_OF_GROUP)


def init_app(app: Flask) -> None:
    """Handle the topic in ``app``."""
    outbox.handles(app, EVENTS, handle, lease=LEASE_SECONDS)


def handle(payload: dict[str, Any]) -> str:
    """Read the facts from the events of the batch that ``payload`` names, and return a receipt."""
    batch = str(payload["batch"])
    waiting = db.session.scalars(
        select(OktaEvent)
        .where(OktaEvent.batch == batch, OktaEvent.outcome.is_(None))
        .order_by(OktaEvent.published, OktaEvent.uuid)
        .limit(_MOST_AT_ONCE)
    ).all()
    connection = registry.current()
    outcomes: dict[str, list[OktaEvent]] = {}
    facts: list[Fact] = []
    known = _known({event.okta_id for event in waiting})
    for event in waiting:
        # Whoever arrives is read from Okta then; until that, a stranger's profile is nobody's business here.
        strange = event.okta_id not in known
        said = [word for word in says(event, connection) if not (strange and word[0] is Kind.PROFILE)]
        facts += [Fact(event.okta_id, kind, value, event.published, event.login) for kind, value in said]
        outcomes.setdefault("read" if said else "ignored", []).append(event)
    words.remember_all(facts)
    _tell(sorted({fact.okta_id for fact in facts}))
    for outcome, events in outcomes.items():
        _write(outcome, events)
    if len(waiting) == _MOST_AT_ONCE:
        outbox.enqueue(EVENTS, payload)
    return ", ".join(f"{outcome}: {len(events)}" for outcome, events in sorted(outcomes.items()))


def _known(okta_ids: set[str]) -> set[str]:
    """Return those of ``okta_ids`` that somebody in the directory has."""
    wanted, found = sorted(okta_ids), set[str]()
    for begin in range(0, len(wanted), _ROWS_AT_ONCE):
        chunk = User.okta_id.in_(wanted[begin : begin + _ROWS_AT_ONCE])
        found |= {okta_id for okta_id in db.session.scalars(select(User.okta_id).where(chunk)) if okta_id}
    return found


def says(event: OktaEvent, connection: OktaConnection | None) -> tuple[tuple[Kind, bool], ...]:
    """Return what ``event`` says about its person; nothing if it failed or is about something else."""
    if not event.succeeded or not event.okta_id:
        return ()
    if event.event_type in _OF_GROUP and not _is_of_group(event, connection):
        return ()
    return _SAYS.get(event.event_type) or _OF_GROUP.get(event.event_type) or ()


def _is_of_group(event: OktaEvent, connection: OktaConnection | None) -> bool:
    """Say whether one of the event's groups is the one that the factor is for: by id, if it is known."""
    if connection is None:
        return False
    if connection.group_id:
        return any(group[0] == connection.group_id for group in event.groups)
    return bool(connection.group_name) and any(group[1] == connection.group_name for group in event.groups)


def _tell(okta_ids: list[str]) -> None:
    """Have the directory follow what is new about these people, each in a transaction of its own."""
    for begin in range(0, len(okta_ids), _ROWS_AT_ONCE):
        chunk = okta_ids[begin : begin + _ROWS_AT_ONCE]
        behind = select(OktaFact.okta_id).where(OktaFact.okta_id.in_(chunk), OktaFact.applied.is_(False))
        for okta_id in db.session.scalars(behind.distinct().order_by(OktaFact.okta_id)):
            outbox.enqueue(PERSON, {"okta_id": okta_id})


def _write(outcome: str, events: list[OktaEvent]) -> None:
    for begin in range(0, len(events), _ROWS_AT_ONCE):
        uuids = {event.uuid for event in events[begin : begin + _ROWS_AT_ONCE]}
        db.session.execute(
            update(OktaEvent)
            .where(OktaEvent.batch == events[0].batch, OktaEvent.uuid.in_(uuids))
            # Nobody needs the login of an event that is of no consequence.
            .values(outcome=outcome, **({"login": None} if outcome == "ignored" else {}))
            .execution_options(synchronize_session=False)
        )
