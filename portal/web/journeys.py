"""What the pages of a journey share: opening its link, the ways on and back, a page for each dead end."""

from datetime import datetime
from typing import Any

from flask import Flask, abort, current_app, make_response, redirect, render_template, request, url_for
from sqlalchemy import bindparam, select
from werkzeug.wrappers import Response

from portal import clock, records
from portal.extensions import db, settings, table_of
from portal.journey import browser, lifecycle, steps
from portal.journey.errors import (
    JourneyError,
    JourneyExpired,
    JourneyOver,
    LinkRefused,
    OutOfTurn,
    WrongBrowser,
)
from portal.journey.steps import Link, Step
from portal.models import Client, Journey, JourneyPurpose
from portal.statements import Prepared
from portal.web import errors, headers

_ACTING = (
    Step.CONTINUE.value,
    Step.LEAVE.value,
    Step.ENROLMENT_CONTINUE.value,
    Step.ENROLMENT_LEAVE.value,
    "capture.verify_result",
    "enrolment.okta_callback",
    "oidc_pages.authorize",
    "oidc_pages.idv_authorize",
    "oidc_pages.oauth2_authorize",
)
_CLIENTS = table_of(Client)
_CLIENT_NAME = Prepared(select(_CLIENTS.c.name).where(_CLIENTS.c.id == bindparam("client")))
_NAMES = "portal.web.client_names"
#: Every process asks for a client's name anew this often (seconds), as for all that it remembers of a client.
_NAME_SECONDS = 2.0
_ENDED_WITHOUT_RETURN = ("ISSUED", "REDEEMED", "ENROLLED")


def init_app(app: Flask) -> None:
    """Register a page for each way in which a journey cannot go on."""
    app.before_request(_refuse_head)
    app.register_error_handler(LinkRefused, _link_refused)
    app.register_error_handler(WrongBrowser, wrong_browser)
    app.register_error_handler(JourneyExpired, expired)
    app.register_error_handler(JourneyOver, already_used)
    app.register_error_handler(OutOfTurn, _out_of_turn)


def opened(step: Step) -> Link:
    """Return the journey whose link for ``step`` this request carries, in the browser that began it.

    Raises the errors of ``steps.read_link`` and ``browser.require_same``.
    """
    read = steps.read_link(request.args, step)
    require_own(read.journey)
    return read


def require_own(journey: Journey) -> None:
    """Name the journey in the log and on error pages; raise ``WrongBrowser`` in another than its browser."""
    errors.note_reference(journey.reference)
    browser.require_same(request, journey)


def to_its_page(journey: Journey) -> Response:
    """Return the redirect to the page where the journey stands now."""
    return redirect(steps.link(journey, steps.page_of(journey)), 303)


def ways_back(journey: Journey) -> dict[str, str | None]:
    """Return who asked and the way back there, and let this page's forms lead to it."""
    returns = journey.state not in _ENDED_WITHOUT_RETURN
    if returns and "redirect_uri" in journey.parameters:
        headers.allow_form_action(journey.parameters["redirect_uri"], onward=True)
    return {
        # Nobody's client asked for an enrolment: the organisation did.
        "client_name": _name_of(journey.client_id) if journey.client_id else settings().organisation,
        "back_url": steps.link(journey, steps.way_out_of(journey)) if returns else None,
    }


def template(journey: Journey | None, name: str) -> str:
    """Return the template of a page that reads differently to somebody who was invited to enrol."""
    room = "enrolment" if journey is not None and journey.purpose == JourneyPurpose.ENROL else "capture"
    return f"{room}/{name}"


def camera_help_url() -> str:
    """Return the address of the help about cameras."""
    return url_for("capture.camera_help")


def away(journey: Journey, *, retry_url: str | None = None) -> Response:
    """Return the page for a verification service that cannot be reached."""
    again = retry_url or steps.link(journey, steps.dispatcher_of(journey))
    response = _page(503, "away.html", journey, retry_url=again, **ways_back(journey))
    response.headers["Retry-After"] = str(errors.RETRY_AFTER)
    return response


def result_rejected(journey: Journey | None) -> Response:
    """Return the page for a result that could not be accepted; ``journey`` only in its own browser."""
    if journey is None:
        return _page(400, "result_rejected.html", client_name=None, retry_url=None, back_url=None)
    return _page(
        400,
        "result_rejected.html",
        journey,
        retry_url=steps.link(journey, steps.dispatcher_of(journey)),
        **ways_back(journey),
    )


def already_used(error: JourneyError) -> Response:
    """Return the page for a step that was taken before."""
    journey = _own(error)
    if journey is None:
        return _page(409, "already_used.html", client_name=None, continue_url=None, back_url=None)
    errors.note_reference(journey.reference)
    goes_on = journey.state not in (*_ENDED_WITHOUT_RETURN, *lifecycle.ENDED) and not lifecycle.is_expired(
        journey
    )
    link = steps.link(journey, steps.dispatcher_of(journey)) if goes_on else None
    return _page(409, "already_used.html", journey, continue_url=link, **ways_back(journey))


def expired(error: JourneyError) -> Response:
    """Return the page for a journey whose time is over."""
    journey = _own(error)
    if journey is None:
        return _page(410, "expired.html", client_name=None, back_url=None)
    return _page(410, "expired.html", journey, **ways_back(journey))


def wrong_browser(error: JourneyError) -> Response:
    """Return the page for a browser that did not begin the journey; it learns what it was for, no more."""
    return _page(403, "wrong_browser.html", error.journey, client_name=None, back_url=None)


def _refuse_head() -> None:
    """Answer 405 to HEAD where GET acts: whoever only wants to look must not use anything up."""
    if request.method == "HEAD" and request.endpoint in _ACTING:
        abort(405)


def _out_of_turn(error: OutOfTurn) -> Response:
    """A link that was used already leads to where the journey stands."""
    journey = _own(error)
    db.session.rollback()
    if journey is None:
        return wrong_browser(error)
    db.session.refresh(journey)
    try:
        return to_its_page(journey)
    except JourneyExpired as over:
        return expired(over)
    except JourneyOver as over:
        return already_used(over)


def _link_refused(_error: LinkRefused) -> Response:
    return errors.page(
        400,
        title="This link doesn’t work",
        cause="It may have been cut off or changed on its way.",
        next_step="Go back to the place you came from and start again.",
    )


def _own(error: JourneyError) -> Journey | None:
    """Return the journey of the error, if this browser began it."""
    if error.journey is None:
        return None
    try:
        browser.require_same(request, error.journey)
    except WrongBrowser:
        return None
    return error.journey


def _name_of(client_id: str) -> str:
    """Return the client's name; remembered for clients that exist, so that nobody can fill the memory."""
    names: dict[str, tuple[str, datetime]] = current_app.extensions.setdefault(_NAMES, {})
    known = names.get(client_id)
    if known is not None and clock.is_within(known[1], _NAME_SECONDS):
        return known[0]
    row = records.first(_CLIENT_NAME, {"client": client_id})
    if row is None:
        return settings().organisation
    names[client_id] = (row["name"], clock.after(_NAME_SECONDS))
    return str(row["name"])


def _page(status: int, name: str, journey: Journey | None = None, **parameters: Any) -> Response:
    return make_response(render_template(template(journey, name), **parameters), status)
