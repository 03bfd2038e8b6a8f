"""Where people stand with their enrolment: unenrolled, invited, enrolled, suspended; computed, never stored.

The strongest word counts: somebody suspended is suspended whatever else, and somebody enrolled needs no
invitation. Whoever was erased is nobody's and in no list.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, case, exists, literal, select

from portal import clock
from portal.extensions import db
from portal.models import Enrolment, EnrolmentState, Invitation, User, UserStatus


class Standing(StrEnum):
    """How far somebody's enrolment is."""

    UNENROLLED = "unenrolled"
    INVITED = "invited"
    ENROLLED = "enrolled"
    SUSPENDED = "suspended"


def of(user: User, verification_id: str | None = None) -> Standing | None:
    """Return where ``user`` stands; ``None`` for somebody erased.

    Without ``verification_id`` an enrolment or an invitation at any verification counts.
    """
    found = db.session.execute(_statement(verification_id).where(User.id == user.id)).first()
    return None if found is None else Standing(found.standing)


def everybody(
    verification_id: str | None = None, *, only: Standing | None = None
) -> Iterator[tuple[User, Standing]]:
    """Yield everybody with where they stand, oldest first; ``only`` those of one standing."""
    statement = _statement(verification_id).order_by(User.created_at, User.id)
    if only is not None:
        statement = statement.where(_standing(verification_id) == only.value)
    for row in db.session.execute(statement):
        yield row.User, Standing(row.standing)


def by_id() -> dict[str, Standing]:
    """Return where everybody stands, by their ids."""
    statement = _statement(None).with_only_columns(User.id, _standing(None).label("standing"))
    return {row.id: Standing(row.standing) for row in db.session.execute(statement)}


def _statement(verification_id: str | None) -> Select[Any]:
    return select(User, _standing(verification_id).label("standing")).where(User.status != UserStatus.ERASED)


def _standing(verification_id: str | None) -> Any:
    enrolled = exists().where(
        Enrolment.user_id == User.id,
        Enrolment.state == EnrolmentState.CONFIRMED,
        _at(Enrolment.verification_id, verification_id),
    )
    invited = exists().where(
        Invitation.user_id == User.id,
        Invitation.ended_at.is_(None),
        Invitation.expires_at > clock.now(),
        _at(Invitation.verification_id, verification_id),
    )
    return case(
        (User.status != UserStatus.ACTIVE, Standing.SUSPENDED.value),
        (enrolled, Standing.ENROLLED.value),
        (invited, Standing.INVITED.value),
        else_=literal(Standing.UNENROLLED.value),
    )


def _at(column: Any, verification_id: str | None) -> Any:
    return literal(True) if verification_id is None else column == verification_id
