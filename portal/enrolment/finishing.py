"""The end of an enrolment: the dispatcher to which the capture returns, and the way out."""

from flask import redirect, render_template, request
from werkzeug.wrappers import Response

from portal.audit.events import Event
from portal.audit.log import record
from portal.enrolment import links
from portal.extensions import db
from portal.journey import lifecycle, steps
from portal.journey.errors import JourneyOver
from portal.journey.steps import Next, Step
from portal.models import Invitation, Journey, JourneyState, User, UserStatus
from portal.users import enrolments, invitations
from portal.web import journeys

#: Why a journey is withdrawn whose face passed: the invitation, or who may use it, is not what it was.
_INVITATION_OVER = "invitation_over"


def resume() -> Response | str:
    """Continue the journey where its last step left it; once the face is verified, it counts.

    A reload after the end shows the end again.
    """
    journey = journeys.opened(Step.ENROLMENT_CONTINUE).journey
    if journey.state == JourneyState.ENROLLED:
        return render_template("enrolment/done.html")
    if steps.next_step(journey) is not Next.ISSUE:
        return _how_it_stands(journey)
    if not _complete(journey):
        db.session.rollback()
        _withdraw(journey)
    db.session.commit()
    return redirect(steps.link(journey, Step.ENROLMENT_CONTINUE), 303)


def leave() -> Response | str:
    """End the journey on the person's word; the invitation stays good. A reload shows the same.

    If the invitation is over by then, its own page says why, and what can be done.
    """
    journey = journeys.opened(Step.ENROLMENT_LEAVE).journey
    was = journey.state
    if request.method == "POST" or was != JourneyState.CANCELLED:
        if lifecycle.cancel(journey):
            enrolments.given_up(journey)
            record(
                Event.JOURNEY_CANCELLED,
                reference=journey.reference,
                client_id=None,
                user_id=journey.user_id,
                state=was,
            )
            db.session.commit()
        elif was in (JourneyState.VERIFIED, JourneyState.ENROLLED):
            raise JourneyOver(journey)
    invitation = _invitation_of(journey)
    if invitation is not None and invitation.ended_at is not None:
        return redirect(links.path_of(invitation), 303)
    return render_template(
        "enrolment/left.html", again_url=links.path_of(invitation) if invitation is not None else None
    )


def _how_it_stands(journey: Journey) -> Response:
    """Return the way to the page that is true: of the invitation, where it was that which was over.

    It may be over because this very person was quicker in another tab.
    """
    invitation = _invitation_of(journey) if journey.refusal == _INVITATION_OVER else None
    if invitation is None:
        return journeys.to_its_page(journey)
    return redirect(links.path_of(invitation), 303)


def _complete(journey: Journey) -> bool:
    """Consume the invitation, count the enrolment and end the journey; ``False`` if any is not possible.

    The caller rolls back then: all of it happens, or nothing.
    """
    invitation = _invitation_of(journey)
    user = db.session.get(User, journey.user_id)
    if invitation is None or user is None or user.status != UserStatus.ACTIVE or not journey.enrolment_id:
        return False
    if not lifecycle.complete(journey) or not invitations.use(invitation):
        return False
    confirmed = enrolments.confirm(journey.enrolment_id, how="invitation")
    if not confirmed and not _counts(journey):
        return False
    record(
        Event.ENROLMENT_COMPLETED,
        reference=journey.reference,
        user_id=user.id,
        verification=journey.verification_id,
    )
    return True


def _counts(journey: Journey) -> bool:
    """Say whether the enrolment that the capture matched was confirmed in another way."""
    found = enrolments.find(journey.user_id or "", journey.verification_id)
    return enrolments.is_confirmed(found) and found is not None and found.id == journey.enrolment_id


def _withdraw(journey: Journey) -> None:
    if not lifecycle.withdraw(journey, reason=_INVITATION_OVER):
        return  # the same page, loaded twice at once, was quicker
    enrolments.discard_provisional(journey.id)
    record(
        Event.JOURNEY_REFUSED,
        reference=journey.reference,
        user_id=journey.user_id,
        reason=_INVITATION_OVER,
    )


def _invitation_of(journey: Journey) -> Invitation | None:
    return invitations.find(journey.parameters.get("invitation_id", ""))
