"""What a reconciliation has to put right: Okta's members of the group against the directory.

A reading is a word of Okta's like any other, of the time at which it was read: what an event said later wins.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import aliased

from portal.extensions import db, settings
from portal.models import OktaFact, User, UserHold, UserStatus
from portal.okta import events_profile, registration, words
from portal.okta.events_profile import CLOCKS_DIFFER
from portal.okta_api.reading import OktaUser
from portal.users import directory, okta_facts
from portal.users.okta_facts import Fact, Kind

#: A removal of fewer people is never stopped, unless it is of everybody.
_FEW = 10
_EVERYBODY = 3
_AT_ONCE = 500
_OF_OKTA = tuple(okta_facts.HOLDS.values())


@dataclass(frozen=True, slots=True)
class Reading:
    """A member of the group as Okta had them at ``read_at``."""

    okta_id: str
    status: str
    details: dict[str, Any]
    registered: bool | None
    read_at: datetime

    @property
    def login(self) -> str:
        """The login, as Okta spells it; empty where it cannot be kept."""
        return str(self.details["login"])

    @property
    def profile(self) -> dict[str, Any]:
        """The details that the directory keeps."""
        return {name: value for name, value in self.details.items() if name != "login"}

    @property
    def facts(self) -> list[Fact]:
        """What the reading says."""
        member = Fact(self.okta_id, Kind.MEMBER, True, self.read_at - CLOCKS_DIFFER, self.login or None)
        return [member, *events_profile.facts_of_status(self.okta_id, self.status, self.read_at)]


@dataclass
class Findings:
    """Whom something has to be done about, by Okta id; who is held or comes back may be renamed too."""

    missing: list[str] = field(default_factory=list)
    adopted: list[str] = field(default_factory=list)
    joining: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    renamed: list[str] = field(default_factory=list)
    drifted: list[str] = field(default_factory=list)
    #: Of those who are held: who may use the factor until now.
    losing: list[str] = field(default_factory=list)

    def to_settle(self) -> set[str]:
        """Return everybody whose record is to be brought into line."""
        lists = (self.missing, self.adopted, self.joining, self.held, self.released, self.renamed)
        return {okta_id for each in lists for okta_id in each}

    def counts(self) -> dict[str, int]:
        """Return how many people there are under each heading."""
        return {name: len(getattr(self, name)) for name in self.__dataclass_fields__}


def reading_of(person: OktaUser, attribute: str, read_at: datetime) -> Reading:
    """Return what a reconciliation keeps of a member."""
    value = person.profile.get(attribute)
    details = {"login": person.login.strip(), **events_profile.details_of(person.profile)}
    return Reading(person.id, person.status, details, value if isinstance(value, bool) else None, read_at)


def examine(readings: Sequence[Reading]) -> Findings:
    """Compare a few hundred members with the directory."""
    found = Findings()
    known = _Known([reading.okta_id for reading in readings], [reading.login for reading in readings])
    for reading in readings:
        _examine_one(reading, known, found)
    return found


def leavers(okta_ids_after: str, limit: int, before: datetime) -> list[str]:
    """Return who was a member, by Okta's word of before ``before``, and was not read; a page after an id.

    Whoever Okta has deactivated is held for that already, and may be left out of the group's list only
    because of it.
    """
    other = aliased(OktaFact)
    deactivated = exists().where(
        other.okta_id == User.okta_id, other.kind == Kind.DEACTIVATED.value, other.value.is_(True)
    )
    members = (
        select(User.okta_id)
        .join(OktaFact, OktaFact.okta_id == User.okta_id)
        .where(OktaFact.kind == Kind.MEMBER.value, OktaFact.value.is_(True))
        .where(or_(OktaFact.published < before, words.is_to_come()))
        .where(User.okta_id > okta_ids_after, ~deactivated)
    )
    return [okta_id for okta_id in db.session.scalars(members.order_by(User.okta_id).limit(limit)) if okta_id]


def active_among(okta_ids: Iterable[str]) -> int:
    """Return how many of these people may use the factor now."""
    wanted, active = list(okta_ids), 0
    for begin in range(0, len(wanted), _AT_ONCE):
        chunk = User.okta_id.in_(wanted[begin : begin + _AT_ONCE])
        active += (
            db.session.scalar(select(func.count(User.id)).where(chunk, User.status == UserStatus.ACTIVE)) or 0
        )
    return active


def too_many(removals: int) -> bool:
    """Say whether taking the factor from so many people at once is more likely a mistake than a wish."""
    active = select(func.count(User.id)).where(User.status == UserStatus.ACTIVE, User.okta_id.is_not(None))
    base = int(db.session.scalar(active) or 0)
    everybody = removals >= base >= _EVERYBODY
    return everybody or (removals >= _FEW and removals > settings().okta_reconcile_removals * base)


class _Known:
    """What the directory has about the people of some readings."""

    def __init__(self, okta_ids: list[str], logins: list[str]) -> None:
        users = db.session.scalars(
            select(User).where(User.okta_id.in_(okta_ids)).execution_options(populate_existing=True)
        ).all()
        self.users = {user.okta_id: user for user in users}
        keys = [directory.account_key(login) for login in logins]
        self.without_id = set(
            db.session.scalars(
                select(User.login_key).where(
                    User.login_key.in_(keys), User.okta_id.is_(None), User.status != UserStatus.ERASED
                )
            )
        )
        self.facts = {
            (fact.okta_id, fact.kind): fact
            for fact in db.session.scalars(
                select(OktaFact)
                .where(OktaFact.okta_id.in_(okta_ids))
                .execution_options(populate_existing=True)
            )
        }
        self.holds: dict[str, set[str]] = {user.id: set() for user in users}
        for hold in db.session.execute(
            select(UserHold.user_id, UserHold.reason).where(
                UserHold.user_id.in_(self.holds), UserHold.reason.in_([each.value for each in _OF_OKTA])
            )
        ):
            self.holds[hold.user_id].add(hold.reason)
        self.desired = registration.desired_in_okta(okta_ids)

    def value(self, fact: Fact) -> bool:
        """Return what counts: what ``fact`` says, or a newer word of Okta's."""
        kept = self.facts.get((fact.okta_id, fact.kind.value))
        return kept.value if kept is not None and words.outranks(kept, fact.published) else fact.value


def _holds(now: dict[Kind, bool]) -> set[str]:
    """Return why the factor is to be held back by what counts ``now``."""
    return {
        reason.value
        for kind, reason in okta_facts.HOLDS.items()
        if kind in now and now[kind] is okta_facts.careful(kind)
    }


def _examine_one(reading: Reading, known: _Known, found: Findings) -> None:
    okta_id, facts = reading.okta_id, reading.facts
    now = {fact.kind: known.value(fact) for fact in facts}
    for (of, kind), fact in known.facts.items():
        if of == okta_id:
            now.setdefault(Kind(kind), fact.value)
    user = known.users.get(okta_id)
    if user is None:
        if now[Kind.MEMBER]:
            adopted = directory.account_key(reading.login) in known.without_id
            (found.adopted if adopted else found.missing).append(okta_id)
        return
    wanted, has = _holds(now), known.holds[user.id]
    if wanted - has:
        found.held.append(okta_id)
        if user.status == UserStatus.ACTIVE:
            found.losing.append(okta_id)
    if {reason for kind, reason in okta_facts.HOLDS.items() if kind in now} & has - wanted:
        found.released.append(okta_id)
    was = known.facts.get((okta_id, Kind.MEMBER.value))
    if now[Kind.MEMBER] and (was is None or not was.value):
        found.joining.append(okta_id)
    if (reading.login and user.login != reading.login) or any(
        getattr(user, name) != kept for name, kept in reading.profile.items()
    ):
        found.renamed.append(okta_id)
    if known.desired[okta_id] is not (reading.registered is True):
        found.drifted.append(okta_id)
