"""How an invitation stands: whether somebody may begin by it now, and if not, what they are told."""

import logging
from dataclasses import dataclass

from flask import render_template
from werkzeug.wrappers import Response

from portal import credentials
from portal.audit.events import Event
from portal.audit.log import record
from portal.enrolment import links
from portal.extensions import settings
from portal.models import Invitation, InvitationEnd, User, UserStatus
from portal.users import enrolments, invitations
from portal.verifications import registry
from portal.web import errors, okta_sign_in

_log = logging.getLogger(__name__)

_ASK = "Ask the people who look after sign-in for a new invitation."
#: What somebody reads who may ask for a new link themselves, by the reason why the old one is no good.
_NEW_LINK = {
    "expired": "We can send a new link to the address that your organisation has for you.",
    "used": "If you have to set it up again, we can send a new link to the address that your organisation "
    "has for you.",
    "superseded": "Look for the newest mail about the face check and use the link in it. If you can’t find "
    "it, we can send another one.",
}


@dataclass(frozen=True)
class Refusal:
    """Why nobody can begin: a word for the log, and what the person reads."""

    reason: str
    status: int
    title: str
    cause: str
    next_step: str


_REFUSALS = {
    refusal.reason: refusal
    for refusal in (
        Refusal(
            "enrolled",
            200,
            "Your face check is set up already",
            "There is nothing left to do here.",
            "You can close this page. If it wasn’t you who set it up, ask for help now.",
        ),
        Refusal(
            "suspended",
            403,
            "This can’t be set up right now",
            "The face check is switched off for your account at the moment.",
            "Ask the people who look after sign-in; the link works again once they have switched it on.",
        ),
        Refusal("used", 410, "This invitation has been used", "Each invitation works once.", _ASK),
        Refusal("revoked", 410, "This invitation was taken back", "Its link doesn’t work any more.", _ASK),
        Refusal(
            "superseded",
            410,
            "There is a newer invitation",
            "We sent you another mail, and its link took the place of this one.",
            "Look for the newest mail about the face check and use the link in it.",
        ),
        Refusal(
            "expired", 410, "This invitation is too old", "Its link worked only for a limited time.", _ASK
        ),
        Refusal(
            "not_ready",
            403,
            "Setting up isn’t possible yet",
            "Your organisation hasn’t finished preparing the face check.",
            "Keep the mail, and tell the people who look after sign-in; the link stays good.",
        ),
    )
}


def refusal_of(invitation: Invitation, user: User) -> Refusal | None:
    """Return why ``user`` cannot begin by their ``invitation``, ``None`` if they can."""
    reason = _reason(invitation, user)
    return None if reason is None else _REFUSALS[reason]


def refuse(invitation: Invitation, refusal: Refusal) -> Response:
    """Return the page for ``refusal`` with a reference, which is recorded; the caller commits."""
    reference = credentials.reference()
    record(
        Event.INVITATION_REFUSED,
        reference=reference,
        user_id=invitation.user_id,
        reason=refusal.reason,
    )
    renewable = refusal.reason in _NEW_LINK and _can_send(refusal.reason)
    html = render_template(
        "enrolment/stopped.html",
        status=refusal.status,
        title=refusal.title,
        cause=refusal.cause,
        next_step=_NEW_LINK[refusal.reason] if renewable else refusal.next_step,
        reference=reference,
        new_link_url=links.new_link_path_of(invitation) if renewable else None,
    )
    return Response(html, refusal.status, mimetype="text/html")


def asks_for_proof() -> bool:
    """Say whether Okta vouches for whoever opens a link before they may enrol."""
    return okta_sign_in.connection() is not None


def is_set_up() -> bool:
    """Say whether somebody can enrol by a link at all."""
    return asks_for_proof() or settings().enrolment_link_alone


def unknown_link() -> Response:
    """Return the page for a link that is not one of ours: it says nothing about anybody."""
    reference = credentials.reference()
    _log.info("a link that is not ours was opened", extra={"reference": reference})
    return errors.page(
        400,
        title="This link doesn’t work",
        cause="It may have been cut off or changed on its way.",
        next_step="Open the link in the mail again, or copy the whole address from it.",
        reference=reference,
        template="enrolment/stopped.html",
    )


def _can_send(reason: str) -> bool:
    """Say whether a mail with a new link could help anybody; who it would be is not asked here."""
    needed = asks_for_proof() if reason == "used" else is_set_up()
    return needed and settings().mail_transport != "off"


def _reason(invitation: Invitation, user: User) -> str | None:
    if user.status != UserStatus.ACTIVE:
        return "suspended"
    if enrolments.is_confirmed(enrolments.find(user.id, invitation.verification_id)):
        return "enrolled"
    if invitation.ended_as is not None:
        ended = InvitationEnd(invitation.ended_as)
        return ended.value if ended in _SAID else "used"
    if invitations.is_expired(invitation):
        return "expired"
    if registry.find(invitation.verification_id) is None:
        return "not_ready"
    if not is_set_up():
        return "not_ready"
    return None


#: Ends that have words of their own; somebody enrolled otherwise and given up since counts as used.
_SAID = (InvitationEnd.USED, InvitationEnd.REVOKED, InvitationEnd.SUPERSEDED)
