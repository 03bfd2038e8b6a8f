"""The authorization endpoint and the dispatcher to which every step returns."""

from flask import redirect, request
from werkzeug.wrappers import Response

from portal.audit.events import Event
from portal.audit.log import record
from portal.extensions import db
from portal.journey import browser, lifecycle, steps
from portal.journey.errors import JourneyExpired, JourneyOver
from portal.journey.steps import Next, Step
from portal.models import Journey, JourneyState
from portal.oidc import clients, issuing, opening, parameters, responses
from portal.oidc.clients import ClientView
from portal.oidc.errors import (
    ACCESS_DENIED,
    CANCELLED,
    TEMPORARILY_UNAVAILABLE,
    TIMED_OUT,
    Displayed,
    ProtocolError,
)
from portal.oidc.parameters import Parameters, Unreadable
from portal.oidc.request import check
from portal.oidc.responses import WayBack
from portal.users import enrolments
from portal.web import errors
from portal.web.journeys import require_own


def authorize() -> Response:
    """Open a journey for an authorization request (OpenID Connect Core 3.1.2) and show its first page.

    A request that was pushed (RFC 9126) is opened by its request_uri alone.
    """
    received = _received()
    secret = browser.secret_of(request) or browser.new_secret()
    if pushed_uri := opening.pushed_uri(received):
        journey = opening.open_pushed(pushed_uri, received, secret)
    else:
        journey = opening.open_journey(check(received), secret)
    errors.note_reference(journey.reference)
    response = redirect(steps.link(journey, steps.page_of(journey)), 303)
    browser.remember(response, secret)
    return response


def resume() -> Response:
    """Continue a journey where its last step left it: the dispatcher."""
    journey_id, _turn = steps.named_by(request.args, Step.CONTINUE)
    waiting = issuing.find(journey_id)
    if waiting is None:
        raise JourneyExpired
    journey = waiting.journey
    require_own(journey)
    if steps.next_step(journey) is not Next.ISSUE:
        return redirect(steps.link(journey, steps.page_of(journey)), 303)
    client = _client_of(journey)
    # Made before the commit, after which the record would be read again.
    back = _way_back(journey, client)
    try:
        code = issuing.issue(waiting, client)
    except issuing.PersonRefused:
        lifecycle.withdraw(journey, reason="person_refused")
        enrolments.discard_provisional(journey.id)
        db.session.commit()
        return redirect(steps.link(journey, Step.REFUSED), 303)
    return responses.success(code, back)


def leave() -> Response:
    """Take the person back to the client without a verification, on their click.

    A client that is answered about failures gets a code for one; others get an error. Also by GET: the
    link is signed, and only a page of this journey in its own browser holds it.
    """
    read = steps.read_link(request.args, Step.LEAVE)
    journey = read.journey
    require_own(journey)
    client = _client_of(journey)
    # Somebody erased meanwhile is not spoken of any more: their client gets an error instead.
    is_answered = client.profile.answers_failures and "login_hint" in journey.parameters
    if is_answered and steps.is_refused(journey):
        code = issuing.issue_failure(journey, client)
        db.session.commit()
        return responses.success(code, _way_back(journey, client))
    error = _end(journey)
    db.session.commit()
    return responses.failure(error, _way_back(journey, client))


def _received() -> Parameters:
    try:
        return parameters.of_form(request) if request.method == "POST" else parameters.of_query(request)
    except Unreadable:
        raise Displayed(
            "unreadable",
            "We cannot read this request",
            "The sign-in page that sent you here asked in a way we cannot read.",
        ) from None


def _end(journey: Journey) -> ProtocolError:
    """End the journey if it still runs, and say why in the client's terms."""
    was, refusal = journey.state, journey.refusal
    if lifecycle.is_expired(journey):
        return TIMED_OUT
    if was == JourneyState.CANCELLED:
        return CANCELLED
    if not lifecycle.cancel(journey):
        raise JourneyOver(journey)
    enrolments.given_up(journey)
    lifecycle.forget_what_was_asked(journey)
    record(
        Event.JOURNEY_CANCELLED,
        reference=journey.reference,
        client_id=journey.client_id,
        user_id=journey.user_id,
        state=was,
    )
    if refusal == lifecycle.UNAVAILABLE:
        return TEMPORARILY_UNAVAILABLE
    return ACCESS_DENIED if was == JourneyState.REFUSED else CANCELLED


def _client_of(journey: Journey) -> ClientView:
    client = clients.find(journey.client_id) if journey.client_id else None
    if client is None:
        raise Displayed(
            "client_disabled",
            "This sign-in is switched off",
            "Your organisation has switched off the sign-in you came from.",
        )
    return client


def _way_back(journey: Journey, client: ClientView) -> WayBack:
    kept = journey.parameters
    return WayBack(kept["redirect_uri"], kept["response_mode"], kept["state"], client.name, journey.reference)
