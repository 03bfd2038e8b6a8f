"""The faces of people who have left, deleted after a while.

Whoever is removed from the Okta group, deactivated in Okta or made inactive by SCIM cannot use the factor
from that moment. The face stays at VerifEye for as long as the policy says, so that somebody who is back
soon need not enrol again; then the enrolment is given up and the face deleted through the outbox, with
VerifEye's answer as the receipt. Whoever comes back later is invited anew.
"""

from collections.abc import Iterator
from datetime import datetime

from flask import Flask
from sqlalchemy import ColumnElement, exists, select

from portal import clock, outbox
from portal.extensions import db, settings
from portal.models import Enrolment, HoldReason, User, UserHold
from portal.users import enrolments, holds

#: The holds by which somebody has left; an operator or a suspension in Okta only interrupts.
LEFT = (HoldReason.LEFT_GROUP, HoldReason.OKTA_DEACTIVATED, HoldReason.SCIM_INACTIVE)
BATCH = 100
_EVERY_SECONDS = 3600
_DAY = 86_400


def init_app(app: Flask) -> None:
    """Have the workers of ``app`` look every hour who left long enough ago."""
    outbox.every(app, "users.faces_of_removed", _EVERY_SECONDS, delete_faces)


def delete_faces() -> Iterator[int]:
    """Give up the enrolments of people who left longer ago than the policy says.

    Yields how many people that were, a batch at a time; the caller commits at each.
    """
    if settings().face_deletion_after_days == 0:
        return
    before = clock.after(-settings().face_deletion_after_days * _DAY)
    while ids := _due(before):
        for user_id in ids:
            _give_up(user_id, before)
        yield len(ids)


def _due(before: datetime) -> list[str]:
    return list(db.session.scalars(select(UserHold.user_id).where(*_left(before)).distinct().limit(BATCH)))


def _left(before: datetime) -> tuple[ColumnElement[bool], ...]:
    enrolled = exists().where(Enrolment.user_id == UserHold.user_id)
    return UserHold.since <= before, UserHold.reason.in_([reason.value for reason in LEFT]), enrolled


def _give_up(user_id: str, before: datetime) -> None:
    user = db.session.get_one(User, user_id)
    # Whoever lets the person back in waits, or has been here: then nothing is to be done.
    holds.lock(user)
    still = select(UserHold.user_id).where(UserHold.user_id == user_id, *_left(before)).limit(1)
    if db.session.scalar(still) is not None:
        enrolments.discard_all(user_id, reason="removed")
