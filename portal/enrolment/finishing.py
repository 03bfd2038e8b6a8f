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


def resume() -> Response | str:
    """Continue the journey where its last step left it; once the face is verified, it counts.

    A reload after the end shows the end again.
    """
    journey = journeys.opened(Step.ENROLMENT_CONTINUE).journey
    if journey.state == JourneyState.ENROLLED:
        return render_template("enrolment/done.html")
    if steps.next_step(journey) is not Next.ISSUE:
        return journeys.to_its_page(journey)
    if not _complete(journey):
        db.session.rollback()
        _withdraw(journey)
        db.session.commit()
        return journeys.to_its_page(journey)
    db.session.commit()
    return redirect(steps.link(journey, Step.ENROLMENT_CONTINUE), 303)


def leave() -> Response | str:
    """End the journey on the person's word; the invitation stays good. A reload shows the same."""
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
    return render_template("enrolment/left.html", again_url=_again(journey))


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
    lifecycle.withdraw(journey, reason="invitation_over")
    enrolments.discard_provisional(journey.id)
    record(
        Event.JOURNEY_REFUSED,
        reference=journey.reference,
        user_id=journey.user_id,
        reason="invitation_over",
    )


def _again(journey: Journey) -> str | None:
    """Return the way back to the invitation, as long as it is open."""
    invitation = _invitation_of(journey)
    return None if invitation is None or invitation.ended_at is not None else links.path_of(invitation)


def _invitation_of(journey: Journey) -> Invitation | None:
    return invitations.find(journey.parameters.get("invitation_id", ""))
