"""From a checked or a pushed request to an open journey."""

from typing import Any

from flask import request

from portal.audit.events import Event
from portal.audit.log import record
from portal.extensions import db, settings
from portal.grants import pushed
from portal.grants.pushed import Pushed
from portal.journey import browser, lifecycle
from portal.models import Journey
from portal.oidc import clients
from portal.oidc.clients import ClientView
from portal.oidc.errors import Displayed
from portal.oidc.parameters import Parameters
from portal.oidc.request import CheckedRequest
from portal.users import directory


def open_journey(checked: CheckedRequest, browser_secret: str) -> Journey:
    """Open the journey of a request that passed every check, in the browser of that secret; flushes."""
    hint = checked.parameters.get("login_hint")
    user = directory.resolve(hint)
    journey = lifecycle.open_journey(
        client_id=checked.client.id,
        verification_id=checked.verification_id,
        parameters=checked.parameters,
        # Integrity says something about the person only where the proven request named one.
        integrity_proven=checked.integrity_proven and user is not None,
        browser_secret=browser_secret,
        user_id=user.id if user else None,
        account=directory.shown_as(user, hint) if user else None,
        lifetime=settings().journey_lifetime,
        attempts_allowed=settings().capture_attempts,
    )
    who = {"reference": journey.reference, "client_id": checked.client.id, "user_id": journey.user_id}
    record(
        Event.JOURNEY_OPENED,
        profile=checked.client.profile.name,
        integrity_proven=checked.integrity_proven,
        **who,
    )
    if checked.client.profile.answers_failures and user is None:
        # Nobody is asked who they are: another account's face must not answer for the one in question.
        lifecycle.refuse(journey, reason="unknown_account")
        record(Event.JOURNEY_REFUSED, reason="unknown_account", **who)
    return journey


def pushed_uri(received: Parameters) -> str | None:
    """Return the request_uri of ours that the request names, if it names one."""
    uri = received.get("request_uri")
    return uri if uri is not None and uri.startswith(pushed.REQUEST_URI_PREFIX) else None


def open_pushed(request_uri: str, received: Parameters, browser_secret: str) -> Journey:
    """Open the journey of a pushed request, once (RFC 9126 section 4); flushes.

    The request_uri alone suffices, as Okta sends it; another client's id is refused. Whoever opened it
    may reload: the journey goes on in the same browser. Raises :class:`Displayed` and ``WrongBrowser``.
    """
    found = pushed.find(request_uri)
    # As received: an id that cannot be read is not the client's, and not absent either.
    if found is None or received.values.get("client_id", "") not in ("", found.client_id):
        raise _dead_link("request_uri")
    if received.repeated & {"request_uri", "client_id"}:
        raise _dead_link("repeated")
    client = clients.find(found.client_id)
    if client is None:
        raise _dead_link("client_id")
    if found.journey_id is None and found.is_live:
        if (journey := _opened(found, client, browser_secret)) is not None:
            return journey
        # Somebody was first by a moment: another browser, or this one by a second click.
        found = pushed.find(request_uri)
    if found is None or found.journey_id is None:
        raise _dead_link("expired")
    return _resumed(found.journey_id)


def _opened(found: Pushed, client: ClientView, browser_secret: str) -> Journey | None:
    """Open the journey; ``None`` if the request was opened meanwhile, and then nothing of it stays."""
    kept: dict[str, Any] = dict(found.parameters)
    checked = CheckedRequest(client, kept, True, kept.pop("verification_id"))
    journey = open_journey(checked, browser_secret)
    if pushed.open_once(found, journey_id=journey.id):
        return journey
    db.session.rollback()
    return None


def _resumed(journey_id: str) -> Journey:
    journey = db.session.get(Journey, journey_id)
    if journey is None:
        raise _dead_link("expired")
    browser.require_same(request, journey)
    return journey


def _dead_link(check: str) -> Displayed:
    return Displayed(
        check,
        "This link can’t be used any more",
        "It works once, and only for a short time after it was made.",
    )
