"""What each move of a journey leaves behind, beside its state."""

import pytest
from sqlalchemy.exc import IntegrityError

from portal import clock as portal_clock
from portal.extensions import db
from portal.journey import captures, lifecycle
from portal.models import Journey, JourneyState
from tests.support import factories


@pytest.fixture
def journey(context, clock):
    return factories.journey(person=factories.user("amara@acme.example"))


begin = factories.capture


def test_the_account_once_named_stays(context):
    journey = factories.journey()
    assert lifecycle.identify(journey, user_id=None, account="first@acme.example")
    assert not lifecycle.identify(journey, user_id=factories.user().id, account="second@acme.example")
    assert (journey.account, journey.user_id) == ("first@acme.example", None)


def test_only_a_digest_of_the_one_time_state_is_kept(journey):
    capture = begin(journey, "the one-time state")
    assert "the one-time state" not in repr(vars(capture))
    assert len(capture.state_digest) == 64


def test_a_capture_lasts_no_longer_than_its_journey(journey, clock):
    capture = begin(journey)
    clock.set(journey.expires_at)
    assert not captures.close(capture, session_id="s", passed=True, reason=None)
    assert not lifecycle.accept(journey, enrolment_id="e")


def test_verifeyes_session_counts_for_one_capture_only(journey):
    first, second = begin(journey, "one"), begin(journey, "two")
    assert captures.close(first, session_id="the session", passed=False, reason="face_failed")
    with pytest.raises(IntegrityError):
        captures.close(second, session_id="the session", passed=True, reason=None)


def test_going_back_and_starting_again_is_no_failed_attempt_but_links_are_limited(journey):
    allowed = journey.attempts_allowed * captures.LINKS_PER_ATTEMPT
    assert all(begin(journey, f"state {number}") for number in range(allowed))
    assert begin(journey, "one too many") is None
    assert (journey.attempts, journey.links) == (0, allowed)


def test_the_last_failed_attempt_refuses_the_journey(journey):
    for number in range(1, journey.attempts_allowed + 1):
        assert begin(journey, f"state {number}")
        assert lifecycle.decline(journey, reason="face_failed")
        last = number == journey.attempts_allowed
        assert journey.state == (JourneyState.REFUSED if last else JourneyState.OPEN)
    assert begin(journey, "another") is None
    assert journey.refusal == "face_failed"


def test_a_new_capture_forgets_why_the_one_before_failed(journey):
    begin(journey, "one")
    lifecycle.decline(journey, reason="liveness_failed")
    begin(journey, "two")
    assert journey.refusal is None


def test_consent_is_written_down_once(journey, clock):
    begin(journey, consent_version="2026-11-21")
    moment = journey.consented_at
    assert moment == clock.now()
    clock.advance(60)
    begin(journey, consent_version="2027-01-01")
    db.session.refresh(journey)
    assert (journey.consent_version, journey.consented_at) == ("2026-11-21", moment)


def test_an_issued_journey_lasts_as_long_as_its_code(journey, clock):
    begin(journey)
    lifecycle.accept(journey, enrolment_id="e")
    until = portal_clock.after(90)
    assert lifecycle.issue(journey, redeemable_until=until)
    assert journey.expires_at == until
    assert not lifecycle.issue(journey, redeemable_until=until)


def test_every_move_counts_the_turn_on_and_a_refused_move_does_not(journey):
    turns = [journey.turn]
    for move in (
        lambda: begin(journey),
        lambda: lifecycle.accept(journey, enrolment_id="e"),
        lambda: lifecycle.issue(journey, redeemable_until=portal_clock.after(60)),
    ):
        assert move()
        turns.append(journey.turn)
    assert turns == [0, 1, 2, 3]
    assert not lifecycle.cancel(journey)
    assert journey.turn == 3


def test_two_sessions_that_read_the_same_journey_cannot_both_accept_it(app, database, clock):
    with app.app_context():
        journey = factories.journey()
        begin(journey)
        db.session.commit()
        journey_id = journey.id
    with app.app_context():
        here = db.session.get_one(Journey, journey_id)
        with app.app_context():
            there = db.session.get_one(Journey, journey_id)
            assert there.state == JourneyState.CAPTURING
            db.session.rollback()
            assert lifecycle.accept(there, enrolment_id="e")
            db.session.commit()
        assert not lifecycle.accept(here, enrolment_id="e")
        assert here.state == JourneyState.VERIFIED


def test_a_capture_is_consumed_once_whatever_it_brings_the_second_time(journey):
    capture = begin(journey)
    assert captures.close(capture, session_id="one", passed=False, reason="face_failed")
    assert not captures.close(capture, session_id="two", passed=True, reason=None)
    db.session.refresh(capture)
    assert (capture.session_id, capture.passed, capture.reason) == ("one", False, "face_failed")
