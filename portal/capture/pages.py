"""The pages before and between captures."""

from typing import Any

from flask import redirect, render_template, request
from werkzeug.wrappers import Response

from portal import clock
from portal.audit.events import Event
from portal.audit.log import record
from portal.capture import beginning, wording
from portal.capture.beginning import Arrived, NotSetUp
from portal.extensions import db
from portal.journey import lifecycle, steps
from portal.journey.steps import Step
from portal.models import Journey, JourneyState
from portal.users import directory
from portal.verifeye.errors import VerifEyeError, VerifEyeRefused
from portal.verifications import registry
from portal.web import filters, headers, journeys


def identify() -> Response | str:
    """Ask which account it is about: one page, and one answer, for accounts that exist and that do not."""
    journey = journeys.opened(Step.IDENTIFY).journey
    if steps.page_of(journey) is not Step.IDENTIFY:
        return journeys.to_its_page(journey)
    if request.method != "POST":
        return _ask(journey, error=None)
    typed = request.form.get("login", "").strip()
    if not typed or not directory.is_account(typed):
        return _ask(journey, error="unreadable" if typed else "empty", typed=typed)
    user = directory.named(typed)
    lifecycle.identify(journey, user_id=user.id if user else None, account=typed)
    record(Event.JOURNEY_IDENTIFIED, how="typed", **_who(journey))
    db.session.commit()
    return journeys.to_its_page(journey)


def start() -> Response | str:
    """Say what is about to happen (GET); on the person's word, send them to the camera (POST)."""
    arrived = beginning.who_arrived(request.args)
    journey = arrived.journey
    journeys.require_own(journey)
    if steps.page_of(journey) is not Step.CAPTURE:
        return journeys.to_its_page(journey)
    if request.method != "POST":
        return _explain(arrived)
    steps.require_turn(arrived.link)
    if request.form.get("consent_version") != wording.CONSENT_VERSION:
        # The text on the screen is not the one that would be recorded: show it again.
        return journeys.to_its_page(journey)
    try:
        link = beginning.begin(arrived, consent_version=wording.CONSENT_VERSION)
    except NotSetUp as why:
        return _refuse(journey, why.reason)
    except VerifEyeError as error:
        return _away(journey, error)
    return redirect(link, 303)


def refused() -> Response | str:
    """Say that it cannot go on, and wait for a click before going back."""
    journey = journeys.opened(Step.REFUSED).journey
    if steps.page_of(journey) is not Step.REFUSED:
        return journeys.to_its_page(journey)
    used_up = journey.attempts >= journey.attempts_allowed or journey.refusal == beginning.LINKS_USED_UP
    name = "refused.html" if used_up else "not_set_up.html"
    more = {} if name == "refused.html" else {"identify_url": None}
    return render_template(journeys.template(journey, name), **journeys.ways_back(journey), **more)


def camera_help() -> str:
    """Help with a camera that is refused, missing or busy, browser by browser."""
    return render_template("capture/camera_help.html", start_url=None)


def _ask(journey: Journey, *, error: str | None, typed: str = "") -> str:
    return render_template(
        "capture/identify.html",
        identify_url=steps.link(journey, Step.IDENTIFY),
        # No page may hold a control character, whatever was typed.
        login="".join(letter for letter in typed if letter.isprintable())[: directory.LONGEST_ACCOUNT],
        error=error,
        **journeys.ways_back(journey),
    )


def _explain(arrived: Arrived) -> str | Response:
    journey = arrived.journey
    configuration = registry.remembered(journey.verification_id)
    if configuration is None:
        return _refuse(journey, "configuration_removed")
    flow = journey.parameters.get("flow", {})
    # Browsers apply form-action to the redirect that follows the form.
    headers.allow_form_action(configuration.service_url)
    back = journeys.ways_back(journey)
    return render_template(
        "capture/start.html",
        client_name=back["client_name"],
        login=_shown_account(journey),
        purpose=wording.purpose(journey),
        other_way=wording.other_way(journey),
        checks=wording.checks(configuration, flow.get("required_verifiers", ())),
        where=wording.where(configuration),
        keeps=wording.KEEPS,
        first_time=beginning.is_first_time(arrived),
        failure=_last_failure(arrived),
        attempts_left=journey.attempts_allowed - journey.attempts,
        waiting=journey.state == JourneyState.CAPTURING,
        start_url=steps.link(journey, Step.CAPTURE),
        cancel_url=back["back_url"],
        camera_help_url=journeys.camera_help_url(),
        consent_version=wording.CONSENT_VERSION,
        seconds_left=int((journey.expires_at - clock.now()).total_seconds()),
        start_over=wording.start_over(journey),
        extend_url=None,
    )


def _shown_account(journey: Journey) -> str:
    """Return the account as the page shows it: masked where nobody has signed in yet (recovery, unlock)."""
    account = journey.account or ""
    return filters.masked(account) if journey.parameters.get("verified_claims") else account


def _last_failure(arrived: Arrived) -> str | None:
    refusal = arrived.journey.refusal
    if refusal == wording.NOT_MATCHED and beginning.is_first_time(arrived):
        return wording.NOT_TAKEN
    return None if refusal == lifecycle.UNAVAILABLE else refusal


def _refuse(journey: Journey, reason: str) -> Response:
    lifecycle.refuse(journey, reason=reason)
    record(Event.JOURNEY_REFUSED, reason=reason, **_who(journey))
    db.session.commit()
    return journeys.to_its_page(journey)


def _away(journey: Journey, error: VerifEyeError) -> Response:
    """VerifEye cannot be reached, or refuses us: nothing was counted, and the client may be told."""
    db.session.rollback()
    kind = "refused" if isinstance(error, VerifEyeRefused) else "unavailable"
    lifecycle.note(journey, refusal=lifecycle.UNAVAILABLE)
    record(Event.VERIFEYE_UNAVAILABLE, step="signature/create", kind=kind, **_who(journey))
    db.session.commit()
    return journeys.away(journey)


def _who(journey: Journey) -> dict[str, Any]:
    return {"reference": journey.reference, "client_id": journey.client_id, "user_id": journey.user_id}
