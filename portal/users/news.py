"""What the directory tells the rooms above it: as outbox messages, never as an import."""

from sqlalchemy import exists, select

from portal.extensions import db
from portal.models import Invitation, User
from portal.outbox import enqueue

#: The payload names the person and their Okta id; whoever handles it reads the present state, so that
#: messages may come late, twice or in another order.
REGISTRATION = "okta.registration"
#: Somebody who was held back may use the factor again, and has an invitation of which no mail went out:
#: ``user_id``.
BACK = "enrolment.back"


def registration_may_differ(user_id: str) -> None:
    """Say that what Okta's registration attribute should hold about a person may be another now."""
    okta_id = db.session.scalar(select(User.okta_id).where(User.id == user_id))
    if okta_id:
        enqueue(REGISTRATION, {"user_id": user_id, "okta_id": okta_id})


def is_back(user_id: str) -> None:
    """Say that a person is held back no more, where an invitation may have been kept from them meanwhile."""
    unsent = exists().where(
        Invitation.user_id == user_id, Invitation.ended_at.is_(None), Invitation.sent_at.is_(None)
    )
    if db.session.scalar(select(unsent)):
        enqueue(BACK, {"user_id": user_id})
