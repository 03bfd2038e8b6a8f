"""What the directory tells the rooms above it: as outbox messages, never as an import."""

from sqlalchemy import select

from portal.extensions import db
from portal.models import User
from portal.outbox import enqueue

#: The payload names the person and their Okta id; whoever handles it reads the present state, so that
#: messages may come late, twice or in another order.
REGISTRATION = "okta.registration"


def registration_may_differ(user_id: str) -> None:
    """Say that what Okta's registration attribute should hold about a person may be another now."""
    okta_id = db.session.scalar(select(User.okta_id).where(User.id == user_id))
    if okta_id:
        enqueue(REGISTRATION, {"user_id": user_id, "okta_id": okta_id})
