"""The page behind an invitation's link, and how enrolment begins.

Opening the page changes nothing, however often and by whomever (mail scanners open links too); pressing its
button begins, and even that uses nothing up.
"""

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from portal import credentials
from portal.audit.events import Event
from portal.audit.log import record
from portal.enrolment import links, standing
from portal.extensions import db, settings
from portal.journey import browser, lifecycle, steps
from portal.journey.steps import Step
from portal.models import Invitation, Journey, JourneyPurpose, User
from portal.users import invitations
from portal.web import errors, filters, headers, okta_sign_in
from portal.web.okta_sign_in import SignInAway


def enter() -> Response | str:
    """Say what will happen (GET); on the person's word, begin (POST)."""
    invitation = links.read(request.args)
    if invitation is None:
        return standing.unknown_link()
    user = db.session.get_one(User, invitation.user_id)
    if (refusal := standing.refusal_of(invitation, user)) is not None:
        page = standing.refuse(invitation, refusal)
        db.session.commit()
        return page
    # HEAD, with which mail scanners look, is not a person's word either.
    if request.method != "POST":
        return _explain(invitation, user)
    if okta_sign_in.connection() is not None:
        return _to_okta(invitation, user)
    response = begin(invitation, user, signed_in=False)
    db.session.commit()
    return response


def begin(invitation: Invitation, user: User, *, signed_in: bool) -> Response:
    """Open the journey of this enrolment in this browser and return the way to the capture; flushes."""
    secret = browser.secret_of(request) or browser.new_secret()
    journey = lifecycle.open_journey(
        client_id=None,
        verification_id=invitation.verification_id,
        parameters={"invitation_id": invitation.id},
        integrity_proven=signed_in,
        browser_secret=secret,
        user_id=user.id,
        # Nobody vouched for whoever holds a mere link, so the capture's pages show no more than the mail.
        account=user.login if signed_in else filters.masked(user.login),
        lifetime=settings().journey_lifetime,
        attempts_allowed=settings().capture_attempts,
        purpose=JourneyPurpose.ENROL,
    )
    invitations.begun(invitation)
    _note(journey, signed_in=signed_in)
    response = redirect(steps.link(journey, Step.CAPTURE), 303)
    browser.remember(response, secret)
    return response


def sign_in_callback() -> str:
    """Return the address at which Okta hands the person back, as it is registered there."""
    return f"{settings().issuer}{url_for('enrolment.okta_callback')}"


def okta_away() -> Response:
    """Return the page for an Okta that cannot be reached: nothing is lost."""
    reference = credentials.reference()
    response = errors.page(
        503,
        title="We can’t reach Okta right now",
        cause="You would sign in there first. Nothing is lost: your invitation stays good.",
        next_step="Wait a few minutes, then open the link in the mail again.",
        reference=reference,
    )
    response.headers["Retry-After"] = str(errors.RETRY_AFTER)
    return response


def _explain(invitation: Invitation, user: User) -> str:
    connection = okta_sign_in.connection()
    if connection is not None:
        # Browsers apply form-action to every redirect after the form, and Okta may send people further on.
        headers.allow_form_action(connection.sign_in_issuer or connection.org_url, onward=True)
    return render_template(
        "enrolment/invitation.html",
        account=filters.masked(user.login),
        enter_url=links.path_of(invitation),
        signs_in=connection is not None,
        until=invitation.expires_at,
    )


def _to_okta(invitation: Invitation, user: User) -> Response:
    again = request.form.get("again") == "yes"
    try:
        url = okta_sign_in.begin(
            invitation.id, redirect_uri=sign_in_callback(), login_hint=user.login, again=again
        )
    except SignInAway as away:
        return _away(invitation, away)
    return redirect(url, 303)


def _away(invitation: Invitation, away: SignInAway) -> Response:
    page = okta_away()
    record(Event.IDENTITY_REFUSED, user_id=invitation.user_id, reason="okta_away")
    db.session.commit()
    return page


def _note(journey: Journey, *, signed_in: bool) -> None:
    record(
        Event.INVITATION_BEGUN,
        reference=journey.reference,
        user_id=journey.user_id,
        signed_in=signed_in,
    )
