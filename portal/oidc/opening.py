"""From a checked or a pushed request to an open journey."""

from typing import Any

from flask import request
from sqlalchemy import FromClause, Insert, bindparam

from portal import records
from portal.audit import log
from portal.audit.events import Event
from portal.extensions import db, settings, table_of
from portal.grants import pushed
from portal.grants.pushed import Pushed
from portal.journey import browser, lifecycle
from portal.models import Journey
from portal.oidc import clients
from portal.oidc.errors import Displayed
from portal.oidc.parameters import Parameters
from portal.oidc.request import CheckedRequest
from portal.statements import Row, Together
from portal.users import directory

_T = table_of(Journey)


def open_journey(checked: CheckedRequest, browser_secret: str) -> Journey:
    """Open the journey of a request that passed every check, in the browser of that secret, and commit."""
    journey = _opened(checked, browser_secret)
    assert journey is not None
    return journey


def pushed_uri(received: Parameters) -> str | None:
    """Return the request_uri of ours that the request names, if it names one."""
    uri = received.get("request_uri")
    return uri if uri is not None and uri.startswith(pushed.REQUEST_URI_PREFIX) else None


def open_pushed(request_uri: str, received: Parameters, browser_secret: str) -> Journey:
    """Open the journey of a pushed request, once (RFC 9126 section 4), and commit.

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
    # Emptied by a machine whose clock is ahead, it is over for this one, too.
    if found.journey_id is None and found.is_live and found.parameters:
        kept: dict[str, Any] = dict(found.parameters)
        checked = CheckedRequest(client, kept, True, kept.pop("verification_id"))
        if (journey := _opened(checked, browser_secret, found)) is not None:
            return journey
        # Somebody was first by a moment: another browser, or this one by a second click.
        found = pushed.find(request_uri)
    if found is None or found.journey_id is None:
        raise _dead_link("expired")
    return _resumed(found.journey_id)


def _opened(
    checked: CheckedRequest, browser_secret: str, request_pushed: Pushed | None = None
) -> Journey | None:
    """Open the journey; ``None`` if what was pushed was opened meanwhile, and then nothing of it stays."""
    hint = checked.parameters.get("login_hint")
    user = directory.named(hint)
    row = lifecycle.new_journey(
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
    event = {
        "reference": row["reference"],
        "client_id": row["client_id"],
        "user_id": row["user_id"],
        "profile": checked.client.profile.name,
        "integrity_proven": checked.integrity_proven,
    }
    if checked.client.profile.answers_failures and user is None:
        return _open_refused(row, event, request_pushed)
    return _open_at_once(row, event, request_pushed)


def _open_at_once(row: Row, event: dict[str, Any], request_pushed: Pushed | None) -> Journey | None:
    fields = {name: event[name] for name in Event.JOURNEY_OPENED.fields}
    values = {**row, "now": row["created_at"], "event": Event.JOURNEY_OPENED.label, "fields": fields}
    if request_pushed is None:
        opened = records.change(_OPENED, values)
    else:
        opened = records.change(_OPENED_ONCE, {**values, "request": request_pushed.digest})
    if opened is None:
        return None
    log.tell(Event.JOURNEY_OPENED, **event)
    return records.adopt(Journey, row)


def _open_refused(row: Row, event: dict[str, Any], request_pushed: Pushed | None) -> Journey | None:
    """Open the journey of an account that nobody has, and refuse it.

    Nobody is asked who they are: another account's face must not answer for the one in question.
    """
    if request_pushed is not None and not pushed.open_once(request_pushed, journey_id=row["id"]):
        db.session.rollback()
        return None
    journey = lifecycle.write(row)
    log.record(Event.JOURNEY_OPENED, **event)
    lifecycle.refuse(journey, reason="unknown_account")
    who = {name: event[name] for name in ("reference", "client_id", "user_id")}
    log.record(Event.JOURNEY_REFUSED, reason="unknown_account", **who)
    db.session.commit()
    return journey


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


def _recorded(source: FromClause | None) -> Insert:
    reference, client_id, user_id = (
        bindparam(name, type_=_T.c[name].type) for name in ("reference", "client_id", "user_id")
    )
    return log.recording(reference=reference, client_id=client_id, user_id=user_id, source=source)


_OPENED = Together(
    lifecycle.opening().returning(_T.c.id),
    lambda opened: _recorded(opened.rows),
)
_OPENED_ONCE = Together(
    pushed.opening(),
    lambda request: lifecycle.opening(request.rows),
    lambda request: _recorded(request.rows),
)
