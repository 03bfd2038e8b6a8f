"""A process of its own that does what it is told, at the moment it is told.

It says that it is ready, then takes one order for each round and answers it.
"""

from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from flask import Flask
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import attributes

from portal import clock, settings
from portal.app import create_app
from portal.capture import at_once
from portal.extensions import db
from portal.grants import assertions, codes
from portal.journey import captures, lifecycle
from portal.journey.errors import JourneyOver, WrongBrowser
from portal.models import Capture, Journey, User
from portal.oidc import clients, issuing, opening
from portal.oidc.parameters import Parameters
from portal.outbox import handles, run_due
from portal.users import enrolments, holds
from tests.support import factories
from tests.support.forked import orders
from tests.support.machine import TOP

TOPIC = "tests.count"


def redeem_over_http(app: Flask, code: str, client_id: str, client_secret: str) -> int:
    """Redeem a code at the token endpoint; return the status of the answer."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": "https://client.example/callback",
        "client_id": client_id,
        "client_secret": client_secret,
    }
    return app.test_client().post("/v1/openid/token", data=form, base_url="https://portal.test").status_code


def redeem(app: Flask, code: str) -> bool:
    """Redeem a code at the service."""
    grant = codes.find(code)
    assert grant is not None
    won = codes.redeem(grant, access_token=codes.new_access_token(), access_lifetime=60)
    db.session.commit()
    return won


def accept(app: Flask, capture_id: str) -> bool:
    """Close a capture and accept its journey, as verify-result does, each with a session of its own."""
    capture = db.session.get_one(Capture, capture_id)
    journey = db.session.get_one(Journey, capture.journey_id)
    session_id = f"{capture_id[:16]}{id(app):x}{clock.monotonic():.9f}"[:64]
    closed = captures.close(capture, session_id=session_id, passed=True, reason=None)
    won = closed and lifecycle.accept(journey, enrolment_id="e")
    db.session.commit()
    return won


def bring_session(app: Flask, capture_ids: list[str], session_id: str, number: int) -> bool:
    """Bring one VerifEye session to a capture of one's own."""
    capture = db.session.get_one(Capture, capture_ids[number])
    try:
        won = captures.close(capture, session_id=session_id, passed=True, reason=None)
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        return False
    return won


def begin_at_once(app: Flask, journey_id: str, turn: int) -> bool:
    """Press the button of one start page, whose link is good for one turn."""
    journey = db.session.get_one(Journey, journey_id)
    attributes.set_committed_value(journey, "turn", turn)
    return factories.capture(journey) is not None


def accept_at_once(app: Flask, capture_id: str, session_id: str) -> bool:
    """Accept a pass as an everyday return does; ``False`` also where its session was used."""
    capture = db.session.get_one(Capture, capture_id)
    journey = db.session.get_one(Journey, capture.journey_id)
    try:
        return at_once.accept(capture, journey, session_id=session_id)
    except IntegrityError:
        db.session.rollback()
        return False


def answer(app: Flask, capture_id: str, session_id: str, passed: bool) -> bool:
    """Accept a pass at once, or decline what is none step by step, as verify-result does."""
    if passed:
        return accept_at_once(app, capture_id, session_id)
    capture = db.session.get_one(Capture, capture_id)
    journey = db.session.get_one(Journey, capture.journey_id)
    won = captures.close(
        capture, session_id=session_id, passed=False, reason="overall_not_passed"
    ) and lifecycle.decline(journey, reason="face_failed")
    db.session.commit() if won else db.session.rollback()
    return won


def issue(app: Flask, journey_id: str, client_id: str) -> bool:
    """Mint a verified journey's code, as the dispatcher does."""
    waiting, client = issuing.find(journey_id), clients.find(client_id)
    assert waiting is not None
    assert client is not None
    try:
        return bool(issuing.issue(waiting, client))
    except (JourneyOver, issuing.PersonRefused):
        db.session.rollback()
        return False


def issue_or_suspend(app: Flask, journey_id: str, client_id: str, suspends: str | None) -> bool:
    """Suspend the person of this id, or mint the code of their journey."""
    if suspends is None:
        return issue(app, journey_id, client_id)
    holds.suspend(db.session.get_one(User, suspends), how="test")
    db.session.commit()
    return False


def open_pushed(app: Flask, request_uri: str, browser_secret: str) -> bool:
    """Open a pushed request in a browser of one's own."""
    with app.test_request_context():
        try:
            return bool(opening.open_pushed(request_uri, Parameters(), browser_secret))
        except WrongBrowser:
            db.session.rollback()
            return False


def use_assertion(app: Flask, jti: str) -> bool:
    """Use a client assertion's identifier."""
    won = assertions.use("client", jti, expires_at=clock.after(60))
    db.session.commit()
    return won


def prepare_enrolment(app: Flask, user_id: str, verification_id: str) -> str:
    """Return the identifier under which VerifEye would know the person."""
    identifier = enrolments.find_or_prepare(user_id, verification_id).external_id
    db.session.commit()
    return identifier


def work_off(app: Flask) -> list[int]:
    """Work the outbox off; return the numbers of the messages that this process handled."""
    done: list[int] = app.extensions.setdefault("tests.done", [])
    if not done:
        app.extensions["portal.outbox"].pop(TOPIC, None)
        handles(app, TOPIC, lambda payload: done.append(payload["n"]))
    while run_due():
        pass
    taken, done[:] = list(done), []
    return taken


ACTIONS: dict[str, Callable[..., Any]] = {
    action.__name__: action
    for action in (
        redeem_over_http, redeem, accept, accept_at_once, answer, begin_at_once, bring_session, issue,
        issue_or_suspend, open_pushed, use_assertion, prepare_enrolment, work_off,
    )
}  # fmt: skip


def contend(url: str, action: str, connection: Connection) -> None:
    """Do ``action`` with the values of each order."""
    environment = {"PORTAL_CONFIG": str(TOP / "config" / "test.toml")}
    app = create_app(settings.load(environment, database_url=url, log_level="ERROR"))
    connection.send("ready")
    for values in orders(connection):
        with app.app_context():
            connection.send(ACTIONS[action](app, **values))
