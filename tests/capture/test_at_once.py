"""What an everyday capture writes: all of it or nothing, in few statements, and no connection kept."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from portal import clock as portal_clock
from portal import statements
from portal.capture import at_once
from portal.extensions import db
from portal.models import AuditEvent, Capture, Enrolment, Journey, JourneyState
from tests.support import factories
from tests.support.moving_clock import MovingClock
from tests.support.sandbox_server import SandboxServer
from tests.support.scenes import Scene

only_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


@pytest.fixture
def waiting(context: Flask, clock: MovingClock) -> tuple[Capture, Journey]:
    """A capture that is out, and its journey."""
    journey = factories.journey(person=factories.user())
    capture = factories.capture(journey, enrols=False)
    assert capture is not None
    return capture, journey


def set_aside(model: Any, record: Any, **values: Any) -> None:
    """Change a row behind the back of the session's record, as another request does."""
    key = model.__table__.c.id
    db.session.execute(update(model.__table__).where(key == record.id).values(**values))
    db.session.commit()


def events(journey: Journey) -> list[str]:
    of_it = select(AuditEvent.event).where(AuditEvent.reference == journey.reference)
    return list(db.session.scalars(of_it.order_by(AuditEvent.id)))


def is_untouched(capture: Capture, journey: Journey) -> bool:
    db.session.rollback()
    db.session.expire_all()
    return capture.ended_at is None and journey.verified_at is None and len(events(journey)) == 2


def test_the_first_link_records_the_consent_before_the_capture(waiting: tuple[Capture, Journey]) -> None:
    _, journey = waiting
    assert events(journey) == ["capture:consent:given", "capture:capture:started"]
    assert factories.capture(journey) is not None
    assert events(journey)[2:] == ["capture:capture:started"]


def test_the_record_says_at_once_what_was_written(waiting: tuple[Capture, Journey]) -> None:
    capture, journey = waiting
    assert at_once.accept(capture, journey, session_id="a session")
    known = {column: getattr(journey, column) for column in Journey.__table__.c.keys()}  # noqa: SIM118
    db.session.expire_all()
    assert known == {column: getattr(journey, column) for column in known}
    assert (journey.state, journey.verified_at) == (JourneyState.VERIFIED, portal_clock.now())
    assert (capture.session_id, capture.passed, capture.ended_at) == (
        "a session", True, portal_clock.now(),
    )  # fmt: skip


def test_a_page_of_an_earlier_turn_gives_out_no_link(context: Flask, clock: MovingClock) -> None:
    journey = factories.journey()
    turn = journey.turn
    db.session.expunge(journey)
    set_aside(Journey, journey, turn=turn + 1)
    began = at_once.begin(
        journey, state_secret="s", enrolment_id="e", external_id="x", enrols=True, consent_version="1"
    )
    assert not began
    assert db.session.scalars(select(Capture).where(Capture.journey_id == journey.id)).all() == []
    assert events(journey) == []


@pytest.mark.parametrize("state", [state for state in JourneyState if state != JourneyState.CAPTURING])
def test_a_journey_that_waits_no_more_keeps_its_capture_open(
    waiting: tuple[Capture, Journey], state: JourneyState
) -> None:
    capture, journey = waiting
    set_aside(Journey, journey, state=state.value)
    assert not at_once.accept(capture, journey, session_id="s")
    assert is_untouched(capture, journey)
    assert journey.state == state


@pytest.mark.parametrize("model", [Journey, Capture])
def test_what_is_too_late_is_not_accepted(
    waiting: tuple[Capture, Journey], clock: MovingClock, model: Any
) -> None:
    capture, journey = waiting
    record = journey if model is Journey else capture
    set_aside(model, record, expires_at=portal_clock.now() - timedelta(microseconds=1))
    assert not at_once.accept(capture, journey, session_id="s")
    assert is_untouched(capture, journey)


def test_a_capture_that_was_closed_moves_nothing(waiting: tuple[Capture, Journey]) -> None:
    capture, journey = waiting
    set_aside(Capture, capture, ended_at=portal_clock.now())
    assert not at_once.accept(capture, journey, session_id="s")
    db.session.refresh(journey)
    assert (journey.state, len(events(journey))) == (JourneyState.CAPTURING, 2)


def test_another_journey_is_not_accepted_by_the_capture(waiting: tuple[Capture, Journey]) -> None:
    capture, journey = waiting
    other = factories.journey()
    assert factories.capture(other) is not None
    assert not at_once.accept(capture, other, session_id="s")
    assert is_untouched(capture, journey)
    db.session.refresh(other)
    assert other.state == JourneyState.CAPTURING


def test_a_session_that_was_used_accepts_nothing(waiting: tuple[Capture, Journey]) -> None:
    capture, journey = waiting
    other = factories.journey()
    first = factories.capture(other)
    assert first is not None
    assert at_once.accept(first, other, session_id="the session")
    with pytest.raises(IntegrityError):
        at_once.accept(capture, journey, session_id="the session")
    assert is_untouched(capture, journey)


# -- what it costs ----------------------------------------------------------------------------------------


@contextmanager
def counted() -> Iterator[list[str]]:
    """Give the statements of the portal's own way to the database that follow."""
    told: list[str] = []

    def tell(_dialect: str, text: str) -> Any:
        told.append(text)
        return nullcontext()

    statements.watch(tell)
    try:
        yield told
    finally:
        statements.watch(None)


@only_postgresql
def test_somebody_who_comes_often_costs_two_statements_on_the_way_out_and_two_on_the_way_back(
    clock: MovingClock, scene: Scene
) -> None:
    for _ in range(3):  # the face gets its name, and the name is seen to last
        scene.sign_in()
    visit = scene.arrive()
    with counted() as out:
        link = scene.start(visit)
    back = scene.look(link)
    with counted() as returned:
        answer = visit.browser.get(back.removeprefix("https://portal.test"))
    assert answer.status_code == 303
    assert len(out) == 2, out
    assert len(returned) == 2, returned


def test_what_is_learnt_of_the_face_is_kept_with_the_pass(scene: Scene) -> None:
    scene.sign_in()
    with scene.app.app_context():
        enrolment = db.session.scalars(
            select(Enrolment).where(Enrolment.user_id == scene.stage.user_id)
        ).one()
        assert enrolment.face_id is not None
    assert [capture.passed for capture in scene.captures()] == [True]


@pytest.mark.parametrize("enrolled", [True, False])
def test_nobody_waits_for_a_connection_that_waits_for_verifeye(
    app: Flask, sandbox_server: SandboxServer, enrolled: bool
) -> None:
    """Nor for a lock: of SQLite there is one, and what a first enrolment writes would take it."""
    scene = Scene(app, sandbox_server, enrolled=enrolled, enrolment="first-use")
    held: list[int] = []
    with scene.app.app_context():
        pool: Any = db.engine.pool

    class Looking(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.msg.startswith("VerifEye answered"):
                held.append(pool.checkedout())

    speaking = logging.getLogger("portal.verifeye.client")
    looking, level = Looking(), speaking.level
    speaking.addHandler(looking)
    speaking.setLevel(logging.DEBUG)
    try:
        scene.sign_in(login_hint=scene.stage.login)
    finally:
        speaking.removeHandler(looking)
        speaking.setLevel(level)
    assert len(held) == 3, "a link, a signature, a result"
    assert held == [0, 0, 0]


def test_of_two_posts_of_a_first_start_page_one_gives_a_link(
    app: Flask, sandbox_server: SandboxServer
) -> None:
    scene = Scene(app, sandbox_server, enrolled=False, enrolment="first-use")
    visit = scene.arrive()

    class Overtaking(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.msg.startswith("VerifEye answered"):
                with app.app_context():
                    db.session.execute(update(Journey).values(turn=Journey.turn + 1))
                    db.session.commit()

    speaking, overtaking = logging.getLogger("portal.verifeye.client"), Overtaking()
    level = speaking.level
    speaking.addHandler(overtaking)
    speaking.setLevel(logging.DEBUG)
    try:
        visit.person.press("Start camera check")
    finally:
        speaking.removeHandler(overtaking)
        speaking.setLevel(level)
    assert visit.person.page.heading == "Set up your face check"
    assert scene.captures() == []
