"""Several processes do the same single-use thing at the same moment: exactly one of them succeeds.

Real processes on a real database file, and on PostgreSQL; several rounds each, since a race that is lost
once in ten times is still a race.
"""

from contextlib import ExitStack, contextmanager

import pytest

from portal.extensions import db
from portal.grants import codes
from portal.journey import lifecycle
from portal.models import JourneyState
from portal.outbox import enqueue
from tests.concurrency.contender import TOPIC, contend
from tests.support import factories
from tests.support.forked import forked

CONTENDERS = 4
ROUNDS = 10


@contextmanager
def contenders(database, action):
    """Start the processes; give a function that lets them all do a round and returns their answers."""
    with ExitStack() as stack:
        processes = [stack.enter_context(forked(contend, database.url, action)) for _ in range(CONTENDERS)]
        assert [process.receive() for process in processes] == ["ready"] * CONTENDERS

        def play(*own, **shared):
            for number, process in enumerate(processes):
                process.send(shared | (own[number] if own else {}))
            return [process.receive() for process in processes]

        yield play


@pytest.fixture
def stage(app):
    with app.app_context():
        yield factories.stage()


def a_code(stage):
    person = db.session.get_one(factories.User, stage.user_id)
    journey = factories.journey(db.session.get_one(factories.Client, stage.client_id), person)
    code = codes.mint(
        journey_id=journey.id, client_id=stage.client_id, user_id=stage.user_id,
        redirect_uri=stage.redirect_uri, scope="openid", code_challenge=None,
        id_token_claims={"sub": stage.user_id}, userinfo_claims={"sub": stage.user_id},
        confirms_enrolment=None, lifetime=60,
    )  # fmt: skip
    db.session.commit()
    return code


def captures(stage, number=1):
    """Return a capturing journey's captures."""
    journey = factories.journey(db.session.get_one(factories.Client, stage.client_id))
    made = [
        lifecycle.begin_capture(
            journey, state_secret=f"{journey.id}{n}", enrolment_id="e", external_id="x", enrols=True
        ).id
        for n in range(number)
    ]
    db.session.commit()
    return journey, made


def test_one_code_is_redeemed_once_at_the_token_endpoint(database, stage):
    with contenders(database, "redeem_over_http") as play:
        for _ in range(ROUNDS):
            code = a_code(stage)
            answers = play(code=code, client_id=stage.client_id, client_secret=stage.client_secret)
            assert sorted(answers) == [200] + [400] * (CONTENDERS - 1)


def test_one_code_is_redeemed_once_at_the_service(database, stage):
    with contenders(database, "redeem") as play:
        for _ in range(ROUNDS):
            assert play(code=a_code(stage)).count(True) == 1


def test_one_capture_is_accepted_once(database, stage):
    with contenders(database, "accept") as play:
        for _ in range(ROUNDS):
            journey, (capture_id,) = captures(stage)
            assert play(capture_id=capture_id).count(True) == 1
            db.session.refresh(journey)
            assert journey.state == JourneyState.VERIFIED


def test_one_session_of_verifeye_counts_for_one_capture(database, stage):
    with contenders(database, "bring_session") as play:
        for number in range(ROUNDS):
            capture_ids = [capture_id for _, (capture_id,) in (captures(stage) for _ in range(CONTENDERS))]
            own = [{"number": n} for n in range(CONTENDERS)]
            assert play(*own, capture_ids=capture_ids, session_id=f"session{number}").count(True) == 1


def test_one_journey_is_issued_once(database, stage):
    with contenders(database, "issue") as play:
        for _ in range(ROUNDS):
            journey, _ = captures(stage)
            lifecycle.accept(journey, enrolment_id="e")
            db.session.commit()
            assert play(journey_id=journey.id).count(True) == 1


def test_one_client_assertion_is_used_once(database, stage):
    with contenders(database, "use_assertion") as play:
        for number in range(ROUNDS):
            assert play(jti=f"jti{number}").count(True) == 1


def test_a_person_who_begins_several_times_at_once_has_one_identifier(database, stage):
    with contenders(database, "prepare_enrolment") as play:
        for _ in range(ROUNDS):
            person = factories.user()
            identifiers = play(user_id=person.id, verification_id=stage.verification_id)
            assert len(set(identifiers)) == 1


def test_several_workers_share_the_outbox_and_no_message_is_worked_off_twice(database, stage):
    with contenders(database, "work_off") as play:
        for _ in range(3):
            for number in range(12):
                enqueue(TOPIC, {"n": number})
            db.session.commit()
            handled = [number for numbers in play() for number in numbers]
            assert sorted(handled) == list(range(12))
