"""What the outbox does with invitations: mails them, reminds, and makes up for what had to wait."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC
from typing import Any

from flask import Flask
from sqlalchemy import select

from portal import credentials, mail, outbox, records
from portal.audit.events import Event
from portal.audit.log import record
from portal.enrolment import links
from portal.extensions import db
from portal.models import Invitation, User, UserStatus
from portal.outbox import OutboxFailure, schedule
from portal.users import enrolments, invitations, news
from portal.users.invitations import NotInvited, NoVerification
from portal.web import filters, okta_sign_in

_REMIND_EVERY = 900
#: The kind of a mail that was kept back: sent only if no other went out meanwhile.
_KEPT_BACK = "kept_back"
#: A greeting is for names: one that could be read as an address is left out of a mail.
_NOT_IN_A_NAME = frozenset("./:@<>\\")


def init_app(app: Flask) -> None:
    """Handle the topics in ``app``, and remind people every quarter of an hour if it is time."""
    outbox.handles(app, invitations.MAIL, send)
    outbox.handles(app, invitations.LATER, invite_later)
    outbox.handles(app, news.BACK, send_what_was_kept_back)
    schedule.every(app, "enrolment.reminders", _REMIND_EVERY, remind)


def send(payload: dict[str, Any]) -> str:
    """Mail the invitation that ``payload`` names, if there is still a reason to; returns a receipt.

    Sent twice after a crash, it is the same mail with the same link. Raises ``OutboxFailure``.
    """
    invitation = invitations.find(payload["invitation_id"])
    if invitation is None:
        return "not sent: the invitation is gone"
    user = db.session.get_one(User, invitation.user_id)
    if (reason := _pointless(invitation, user)) is not None:
        return f"not sent: {reason}"
    if payload["kind"] == _KEPT_BACK and invitation.sent_at is not None:
        return "not sent: another mail went out"
    message = mail.compose(
        "invitation",
        user.email or "",
        _words(invitation, user, reminder=payload["kind"] == "reminder"),
        mail_id=payload["mail_id"],
        to_name=" ".join(part for part in (user.given_name, user.family_name) if part),
    )
    # A mail server may take a minute, and whoever holds a connection for so long is waited for.
    records.let_go()
    receipt = mail.send(message)
    invitations.sent(invitation.id)
    record(Event.INVITATION_SENT, user_id=user.id, kind=payload["kind"])
    return receipt


def invite_later(payload: dict[str, Any]) -> str:
    """Invite somebody who arrived while it was not clear where people enrol."""
    user = db.session.get(User, payload["user_id"])
    if user is None:
        return "the person is gone"
    try:
        invitations.invite(user, how=payload["how"])
    except NoVerification as reason:
        raise OutboxFailure(reason.sentence) from reason
    except NotInvited:
        return "no reason to invite any more"
    return "invited"


def send_what_was_kept_back(payload: dict[str, Any]) -> str:
    """Mail somebody who was held back, and is no more, the invitation that was not mailed meanwhile."""
    user = db.session.get(User, payload["user_id"])
    if user is None or user.status != UserStatus.ACTIVE or not mail.is_on():
        return "nobody to mail to"
    kept_back = db.session.scalars(
        select(Invitation).where(
            Invitation.user_id == user.id, Invitation.ended_at.is_(None), Invitation.sent_at.is_(None)
        )
    ).all()
    for invitation in kept_back:
        if invitations.is_expired(invitation):
            with suppress(NotInvited):
                invitations.replace(invitation, user, how="reminder")
        else:
            names = {"invitation_id": invitation.id, "mail_id": credentials.random_hex()}
            outbox.enqueue(invitations.MAIL, {**names, "kind": _KEPT_BACK})
    return f"mailed again: {len(kept_back)}"


def remind() -> Iterator[object]:
    """Send every reminder that is due, a batch to a commit."""
    while looked_at := invitations.remind_due():
        yield looked_at


def _pointless(invitation: Invitation, user: User) -> str | None:
    if invitation.ended_at is not None:
        return f"the invitation ended ({invitation.ended_as})"
    if invitations.is_expired(invitation):
        return "the invitation is too old"
    if user.status != UserStatus.ACTIVE:
        return "the person is suspended"
    if not user.email:
        return "the person has no e-mail address"
    if enrolments.is_confirmed(enrolments.find(user.id, invitation.verification_id)):
        return "the person is enrolled"
    return None


def _words(invitation: Invitation, user: User, *, reminder: bool) -> dict[str, Any]:
    name = " ".join((user.given_name or "").split())
    until = invitation.expires_at.astimezone(UTC)
    return {
        "given_name": name if name and not _NOT_IN_A_NAME & set(name) else None,
        "account": filters.masked(user.login),
        "link": links.url_of(invitation),
        "until": f"{until.day} {until:%B %Y, %H:%M} UTC",
        "reminder": reminder,
        "signs_in": okta_sign_in.connection() is not None,
    }
