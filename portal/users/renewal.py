"""A new link for somebody whose invitation is good no more, on their own word.

Whoever holds an old link may press the button, so all that it can do is send one more mail to the address
on record. It gives nobody an invitation who has no open wish of the organisation's behind them: an operator's
word (taken back, suspended) stands, and reminders do not begin anew.
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import exists, func, or_, select

from portal import clock
from portal.audit.events import Event
from portal.extensions import db, settings
from portal.models import AuditEvent, Invitation, InvitationEnd, User, UserStatus
from portal.users import enrolments, invitations
from portal.users.invitations import NotInvited

#: What the invitation says of who wanted it.
HOW = "person"
#: New links that one person gets in a day: more would be a nuisance to them, whoever asks.
MOST_A_DAY = 3
_DAY = 86_400


class Outcome(StrEnum):
    """What became of somebody's wish for a new link; for the audit log, never for whoever asked."""

    SENT = "sent"
    SUSPENDED = "suspended"
    ENROLLED = "enrolled"
    REVOKED = "revoked"
    UNPROVEN = "unproven"
    TOO_MANY = "too_many"
    IMPOSSIBLE = "impossible"


def renew(invitation: Invitation, *, proof: bool) -> Outcome:
    """Put a new invitation in the place of the person's last one and mail it, if that may be; flushes.

    ``invitation`` is any of theirs. ``proof`` says whether Okta will have to vouch for whoever opens the
    link: without that, nobody who was enrolled before is let in again by a mailbox alone.
    """
    user = db.session.get_one(User, invitation.user_id)
    if user.status != UserStatus.ACTIVE:
        return Outcome.SUSPENDED
    last = _last(user.id)
    if enrolments.is_confirmed(enrolments.find(user.id, last.verification_id)):
        return Outcome.ENROLLED
    if last.ended_as == InvitationEnd.REVOKED:
        return Outcome.REVOKED
    if not proof and _was_enrolled(user.id):
        return Outcome.UNPROVEN
    if _asked_since(user.id, clock.after(-_DAY)) >= MOST_A_DAY:
        return Outcome.TOO_MANY
    return _replace(user, last)


def _replace(user: User, last: Invitation) -> Outcome:
    if not user.email or settings().mail_transport == "off":
        return Outcome.IMPOSSIBLE
    try:
        invitations.replace(last, user, how=HOW)
    except NotInvited:
        return Outcome.IMPOSSIBLE
    return Outcome.SENT


def _last(user_id: str) -> Invitation:
    """Return the person's newest invitation; one that is open comes first."""
    return db.session.scalars(
        select(Invitation)
        .where(Invitation.user_id == user_id)
        .order_by(Invitation.ended_at.is_not(None), Invitation.created_at.desc(), Invitation.ended_at.desc())
        .limit(1)
    ).one()


def _was_enrolled(user_id: str) -> bool:
    ends = (InvitationEnd.USED.value, InvitationEnd.ENROLLED.value)
    invited = exists().where(Invitation.user_id == user_id, Invitation.ended_as.in_(ends))
    # An operator's word and a sign-in enrol without an invitation; the audit log keeps what was taken away.
    confirmed = exists().where(
        AuditEvent.user_id == user_id, AuditEvent.event == Event.ENROLMENT_CONFIRMED.label
    )
    return bool(db.session.scalar(select(or_(invited, confirmed))))


def _asked_since(user_id: str, moment: datetime) -> int:
    asked = select(func.count()).where(
        Invitation.user_id == user_id, Invitation.how == HOW, Invitation.created_at > moment
    )
    return db.session.scalar(asked) or 0
