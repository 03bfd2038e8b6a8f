"""The directory follows what Okta says about a person: adds, adopts, holds, releases, renames, invites.

Every message is worked off from the facts as they are then, so it may come late, twice or in another order.

A record without an Okta id is taken for a person in Okta by its login. An event names the login of the moment
in which it was written, which may be somebody else's by now: so Okta is asked first, where it is connected,
and only the login that it has *now* makes anybody the same person.
"""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Flask
from sqlalchemy import select

from portal import clock, outbox
from portal.audit.events import Event
from portal.audit.log import record
from portal.connections import registry
from portal.extensions import db
from portal.models import OktaFact, User, UserStatus
from portal.okta import events_profile, logins, words
from portal.okta.failures import told_to_the_outbox
from portal.okta.logins import HOW, Conflict
from portal.okta_api.errors import NotFound
from portal.okta_api.reading import OktaUser
from portal.outbox import OutboxFailure
from portal.users import directory, invitations, okta_facts
from portal.users.directory import UserExists
from portal.users.okta_facts import Kind

#: ``okta_id``: there is something new about a person.
PERSON = "okta.person"
#: ``okta_id``, and ``arrived`` if the person is to be invited: their profile is to be read from Okta. With
#: ``reported``, no dead letter is made of a login that stays in use: somebody says so already. With
#: ``unknown``, the facts about the person are followed under the login that Okta has.
PROFILE = "okta.profile"
#: Short: while a worker that was killed has its lease, somebody's suspension waits.
LEASE_SECONDS = 20
_AGAIN_SECONDS = 2
#: For Okta to be asked about somebody who is in the way, before that is a dead letter.
_REREAD_SECONDS = 60

_log = logging.getLogger(__name__)


def init_app(app: Flask) -> None:
    """Handle the topics in ``app``."""
    outbox.handles(app, PERSON, handle, lease=LEASE_SECONDS)
    outbox.handles(app, PROFILE, handle_profile)


def handle(payload: dict[str, Any]) -> str:
    """Have the directory follow the facts about the person whom ``payload`` names; returns a receipt.

    Raises ``OutboxFailure``, finally, where two records stand in each other's way.
    """
    okta_id = str(payload["okta_id"])
    try:
        with db.session.begin_nested():
            okta_facts.lock(okta_id)
            if registry.current() is not None and _may_be_somebody_else(okta_id):
                outbox.enqueue(PROFILE, payload | {"unknown": True})
                return "The directory has the login without an Okta id: Okta is asked whose it is."
            return settle(okta_id)
    except Conflict as conflict:
        return _stands_in_the_way(PERSON, payload, conflict)


def handle_profile(payload: dict[str, Any]) -> str:
    """Take over a person's profile and status from Okta; returns a receipt. Raises ``OutboxFailure``.

    With them, those of whoever is in the way of their login (:mod:`portal.okta.logins`). Status counts even
    where the login does not: whoever Okta suspended is held back under the old one.
    """
    okta_id, connection = str(payload["okta_id"]), registry.current()
    if connection is None:
        return "Okta is not connected; the profile was not read."
    with told_to_the_outbox():
        api = registry.api_for(connection)
        db.session.rollback()  # nothing stays open in the database while Okta is asked
        read_at = clock.now()
        try:
            people = logins.read(api, okta_id)
        except NotFound:
            return "Okta knows nobody under this id."
    users = _follow_statuses(people, read_at)
    unknown = okta_id not in users
    if unknown and not payload.get("unknown"):
        return "Nobody here has this Okta id any more."
    if not all(okta_facts.is_newest(person.id, read_at) for person in people):
        # Another worker read while this one waited: what was read first may give a former login back.
        outbox.enqueue(PROFILE, payload, delay=_AGAIN_SECONDS)
        return "Somebody else has read this since then: it is read once more."
    try:
        with db.session.begin_nested():
            if unknown:
                return settle(okta_id, events_profile.details_of(people[0].profile), login=people[0].login)
            return _take_over(people, users, arrived=bool(payload.get("arrived")))
    except Conflict as conflict:
        return _stands_in_the_way(PROFILE, payload, conflict)


def settle(okta_id: str, profile: Mapping[str, Any] | None = None, *, login: str | None = None) -> str:
    """Bring the directory into line with the facts about a person; flushes, and says what was done.

    Whoever is in the group and not in the directory is added; somebody there with the same login and no Okta
    id is the same person. ``profile`` (the directory's names) and ``login`` are what Okta has now, if that is
    known already; else it is read from Okta in another message. Raises :class:`Conflict`.
    """
    okta_facts.lock(okta_id)
    facts = {Kind(fact.kind): fact for fact in okta_facts.of(okta_id)}
    member = facts.get(Kind.MEMBER)
    joins = member is not None and member.value and not member.applied
    user = _find(okta_id, login or _login_among(facts.values()))
    added = user is None and member is not None and member.value
    if user is None and not added:
        return "Nobody here has this Okta id; it is remembered."
    if user is None:
        user = _add(okta_id, login or _login_among(facts.values()))
    renew = any(fact.kind == Kind.PROFILE and not fact.applied for fact in facts.values())
    arrives = _follow(user) or joins
    if profile is not None:
        logins.rename(user, login, profile)
    if profile is None and (added or renew or (arrives and not user.email)):
        _ask_for_profile(okta_id, arrived=arrives)
    elif arrives:
        invitations.invite_on_arrival(user, how=HOW)
    return "Added." if added else "Followed."


def _follow(user: User) -> bool:
    """Follow the facts about a person; says whether they may use the factor again.

    Then they are to be invited: whoever was held back when they came was not, and the face of whoever was
    away for long is deleted.
    """
    was_held = user.status != UserStatus.ACTIVE
    okta_facts.apply_remembered(user, how=HOW)
    return was_held and user.status == UserStatus.ACTIVE


def _follow_statuses(people: list[OktaUser], read_at: datetime) -> dict[str, User]:
    """Follow what Okta says of the status of people, and return the records of those who are here, locked."""
    okta_facts.lock_all(person.id for person in people)
    words.remember_all(fact for person in people for fact in events_profile.facts_of(person, read_at))
    users = {person.id: user for person in people if (user := _of(person.id)) is not None}
    for user in users.values():
        if _follow(user):
            invitations.invite_on_arrival(user, how=HOW)
    return users


def _take_over(people: list[OktaUser], users: dict[str, User], *, arrived: bool) -> str:
    changed = logins.rename_together(
        [
            (users[person.id], person.login, events_profile.details_of(person.profile))
            for person in people
            if person.id in users
        ]
    )
    if arrived:
        invitations.invite_on_arrival(users[people[0].id], how=HOW)
    return f"Took over: {', '.join(changed) or 'nothing new'}."


def _find(okta_id: str, login: str | None) -> User | None:
    """Return the person with the Okta id, or adopt the one with the login who has no Okta id yet."""
    found = _of(okta_id)
    if found is not None or login is None:
        return found
    user = _without_id(login)
    if user is not None:
        try:
            directory.change(user, how=HOW, okta_id=okta_id)
        except UserExists as error:
            raise Conflict("This Okta id is somebody else's login in the directory.") from error
    return user


def _may_be_somebody_else(okta_id: str) -> bool:
    """Say whether nobody here has the Okta id, and a record without one has the login of its events."""
    login = None if _of(okta_id) is not None else _login_among(okta_facts.of(okta_id))
    return login is not None and _without_id(login) is not None


def _without_id(login: str) -> User | None:
    """Return whoever has the login and no Okta id."""
    return db.session.scalars(
        select(User).where(
            User.login_key == directory.account_key(login),
            User.okta_id.is_(None),
            User.status != UserStatus.ERASED,
        )
    ).first()


def _of(okta_id: str) -> User | None:
    return db.session.scalars(select(User).where(User.okta_id == okta_id)).first()


def _add(okta_id: str, login: str | None) -> User:
    if login is None:
        raise Conflict(
            "Okta's event names no login to add the person under. `flask okta reconcile` reads it from Okta."
        )
    try:
        return directory.add(login, how=HOW, okta_id=okta_id)
    except UserExists as error:
        raise Conflict(
            "The directory has the login already, with another Okta id: was the person deleted in Okta and "
            "made anew? If it is the same person, give the record the new id (`flask user change`); else "
            "erase it. Then retry this message.",
            reread=logins.owner_of(login, but=okta_id),
        ) from error
    except ValueError as error:
        raise Conflict("The person's login in Okta cannot be kept: it is too long, or no text.") from error


def _login_among(facts: Any) -> str | None:
    """Return the login that the newest event named."""
    named: list[OktaFact] = [fact for fact in facts if fact.login]
    return max(named, key=lambda fact: fact.published).login if named else None


def _ask_for_profile(okta_id: str, *, arrived: bool) -> None:
    if registry.current() is None:
        _log.info("Okta is not connected: SCIM or an operator has to give what is missing about a person")
        return
    outbox.enqueue(PROFILE, {"okta_id": okta_id, "arrived": arrived})


def _stands_in_the_way(topic: str, payload: dict[str, Any], conflict: Conflict) -> str:
    """Note a conflict in the audit log; what comes again and still stands so is a dead letter.

    What fails leaves nothing behind in the database, so the note is made now and the failure is the next
    message's, a minute later where Okta is asked about whoever is in the way first. A reconciliation reports
    by itself what stays in the way.
    """
    if payload.get("reported"):
        return conflict.sentence
    if payload.get("noted"):
        raise OutboxFailure(conflict.sentence, final=True)
    user = _of(str(payload["okta_id"]))
    record(Event.OKTA_CONFLICT, user_id=user.id if user else None, topic=topic)
    delay = 0
    if (topic == PERSON or payload.get("unknown")) and conflict.reread and registry.current() is not None:
        # Whoever is in the way may have another login in Okta, and the event that said so was lost.
        outbox.enqueue(PROFILE, {"okta_id": conflict.reread, "arrived": False, "reported": True})
        delay = _REREAD_SECONDS
    outbox.enqueue(topic, payload | {"noted": True}, delay=delay)
    return conflict.sentence
