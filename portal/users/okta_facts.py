"""What Okta last said about people: suspended, deactivated, in the group; also about somebody unknown yet.

Okta's events come late, twice and in any order (https://developer.okta.com/docs/concepts/event-hooks/), so
the newest word on each subject is kept, by the time at which Okta published it, and the directory follows the
words and not the events: the same facts lead to the same state, in whatever order they came.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import and_, case, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from portal import clock
from portal.extensions import db, rows_touched
from portal.models import HoldReason, OktaFact, User, UserStatus
from portal.users import holds

#: Facts in one statement; SQLite takes a limited number of values.
_AT_ONCE = 500
#: Of two workers.
_CLOCKS_DIFFER = timedelta(minutes=1)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Kind(StrEnum):
    """A subject on which Okta has a last word.

    ``MEMBER``: of the group that the factor is for. ``PROFILE``: it changed, whatever it holds now.
    ``PERSON`` says nothing: whoever follows facts of a person, or adds the person, locks this row first. It
    was published when the person was last read from Okta, by our clock.
    """

    SUSPENDED = "suspended"
    DEACTIVATED = "deactivated"
    DELETED = "deleted"
    MEMBER = "member"
    PROFILE = "profile"
    PERSON = "person"


_ABOUT_SOMETHING = [kind.value for kind in Kind if kind != Kind.PERSON]
#: Which hold follows a fact.
HOLDS = {
    Kind.SUSPENDED: HoldReason.OKTA_SUSPENDED,
    Kind.DEACTIVATED: HoldReason.OKTA_DEACTIVATED,
    Kind.MEMBER: HoldReason.LEFT_GROUP,
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One word of Okta's: ``value`` was so for ``okta_id`` at ``published``."""

    okta_id: str
    kind: Kind
    value: bool
    published: datetime
    login: str | None = None


def remember(okta_id: str, kind: Kind, value: bool, published: datetime, *, login: str | None = None) -> bool:
    """Keep a word of Okta's, and say whether it is new: not older than the last one, and not the same.

    The directory does not follow it yet; :func:`apply_remembered` makes it.
    """
    remember_all([Fact(okta_id, Kind(kind), value, published, login)])
    kept = db.session.execute(
        select(OktaFact.value, OktaFact.published, OktaFact.applied).where(
            OktaFact.okta_id == okta_id, OktaFact.kind == Kind(kind).value
        )
    ).one()
    return (kept.value, kept.published) == (value, published) and not kept.applied


def remember_all(facts: Iterable[Fact]) -> None:
    """Keep many words of Okta's, in whatever order they come; flushes.

    An older word never replaces a newer one, and of two of the same moment the more careful one stays.
    """
    newest: dict[tuple[str, str], Fact] = {}
    for fact in facts:
        key = (fact.okta_id, fact.kind.value)
        if key not in newest or _rank(fact) > _rank(newest[key]):
            newest[key] = fact
    # In one order everywhere, so that two workers never wait for each other.
    rows = [_row(newest[key]) for key in sorted(newest)]
    for begin in range(0, len(rows), _AT_ONCE):
        db.session.execute(_upsert(rows[begin : begin + _AT_ONCE]))


def apply_remembered(user: User, *, how: str) -> None:
    """Let the directory follow everything Okta has said about ``user``'s Okta id; flushes.

    Called whenever a record comes to an Okta id. May be called any number of times.
    """
    if not user.okta_id or user.status == UserStatus.ERASED:
        return
    lock(user.okta_id)
    facts, has = of(user.okta_id), holds.reasons(user.id)
    for fact in facts:
        reason = HOLDS.get(Kind(fact.kind))
        wanted = fact.value is careful(fact.kind)
        # Nobody else sets or lifts these holds, and whoever does has locked the person as we have.
        if reason is not None and wanted is not (reason in has):
            (holds.hold if wanted else holds.release)(user, reason, how=how)
    _note_followed([fact for fact in facts if not fact.applied])


def lock(okta_id: str) -> None:
    """Make everybody wait who adds this person or follows facts about them, until the commit.

    Without it somebody could be added in the very moment in which they are found not to be here.
    """
    db.session.flush()
    row = {"okta_id": okta_id, "kind": Kind.PERSON.value, "value": True, "published": _LONG_AGO}
    statement: Any = _insert().values(row | {"applied": True, "login": None})
    db.session.execute(
        statement.on_conflict_do_update(
            index_elements=["okta_id", "kind"], set_={"published": OktaFact.published}
        )
    )


def lock_all(okta_ids: Iterable[str]) -> None:
    """Lock several people in one order, so that two workers never wait for each other.

    Before anything is remembered about them: whoever has locked a person may be about to remember something.
    """
    for okta_id in sorted(set(okta_ids)):
        lock(okta_id)


def is_newest(okta_id: str, read_at: datetime) -> bool:
    """Note that a person, locked, was read from Okta at ``read_at``; ``False`` if somebody has read later.

    What an older reading says of the login and the names was true once: whoever follows it now would give
    somebody a login back that may be another's. A moment that is still to come was noted by a clock that was
    wrong, and says nothing: Okta would be asked again and again until it has come.
    """
    earlier = or_(OktaFact.published <= read_at, OktaFact.published > clock.now() + _CLOCKS_DIFFER)
    noted = db.session.execute(
        update(OktaFact)
        .where(OktaFact.okta_id == okta_id, OktaFact.kind == Kind.PERSON.value, earlier)
        .values(published=read_at)
        .execution_options(synchronize_session=False)
    )
    return rows_touched(noted) == 1


def of(okta_id: str) -> list[OktaFact]:
    """Return what Okta has said about a person, in a stable order."""
    return list(
        db.session.scalars(
            select(OktaFact)
            .where(OktaFact.okta_id == okta_id, OktaFact.kind != Kind.PERSON.value)
            .order_by(OktaFact.kind)
            .execution_options(populate_existing=True)
        )
    )


def careful(kind: str) -> bool:
    """Return the value with which the factor is held back: not being a member, being anything else."""
    return kind != Kind.MEMBER


def forget(okta_id: str) -> None:
    """Remove everything Okta said about a person who is being erased."""
    db.session.execute(delete(OktaFact).where(OktaFact.okta_id == okta_id))


def prune_unknown(before: datetime, limit: int) -> int:
    """Remove up to ``limit`` facts that are older than ``before`` about people who never came here."""
    old = (
        select(OktaFact.okta_id, OktaFact.kind)
        .outerjoin(User, User.okta_id == OktaFact.okta_id)
        .where(OktaFact.kind.in_(_ABOUT_SOMETHING), OktaFact.published < before, User.id.is_(None))
        .limit(limit)
    )
    gone = db.session.execute(old).all()
    for row in gone:
        db.session.execute(
            delete(OktaFact).where(OktaFact.okta_id == row.okta_id, OktaFact.kind.in_([row.kind, "person"]))
        )
    return len(gone)


def _note_followed(facts: list[OktaFact]) -> None:
    """Note that the directory follows these facts, apart from those that a newer word has replaced."""
    if facts:
        same = [
            and_(
                OktaFact.kind == each.kind, OktaFact.published == each.published, OktaFact.value == each.value
            )
            for each in facts
        ]
        db.session.execute(
            update(OktaFact)
            .where(OktaFact.okta_id == facts[0].okta_id, or_(*same))
            .values(applied=True)
            .execution_options(synchronize_session=False)
        )


def _rank(fact: Fact) -> tuple[datetime, bool]:
    return fact.published, fact.value is careful(fact.kind)


def _row(fact: Fact) -> dict[str, Any]:
    return {
        "okta_id": fact.okta_id,
        "kind": fact.kind.value,
        "value": fact.value,
        "published": fact.published,
        "applied": False,
        "login": fact.login,
    }


def _upsert(rows: list[dict[str, Any]]) -> Any:
    statement = _insert().values(rows)
    told = statement.excluded
    careful = OktaFact.kind != Kind.MEMBER.value
    newer = told.published > OktaFact.published
    more_careful = and_(
        told.published == OktaFact.published, told.value != OktaFact.value, told.value == careful
    )
    same = and_(told.value == OktaFact.value, OktaFact.kind != Kind.PROFILE.value)
    return statement.on_conflict_do_update(
        index_elements=["okta_id", "kind"],
        set_={
            "value": told.value,
            "published": told.published,
            "applied": case((same, OktaFact.applied), else_=False),
            "login": func.coalesce(told.login, OktaFact.login),
        },
        where=or_(newer, more_careful),
    )


def _insert() -> Any:
    """Return an INSERT in the dialect that knows ON CONFLICT: both databases spell it alike."""
    if db.engine.dialect.name == "postgresql":
        return postgresql.insert(OktaFact)
    return sqlite.insert(OktaFact)
