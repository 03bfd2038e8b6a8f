"""Several processes do the same single-use thing at the same moment: exactly one of them succeeds.

Real processes on a real database file, and on PostgreSQL; several rounds each, since a race that is lost
once in ten times is still a race.
"""

from contextlib import ExitStack, contextmanager

import pytest
from sqlalchemy import select

from portal.extensions import db
from portal.grants import codes, pushed
from portal.journey import lifecycle
from portal.models import AuditEvent, AuthorizationGrant, Capture, Journey, JourneyState
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


def verified(stage, state):
    """Return a journey of a person of its own whose face was verified, with an enrolment in ``state``."""
    configuration = db.session.get_one(factories.VerificationConfiguration, stage.verification_id)
    person = factories.user()
    enrolment = factories.enrolment(person, configuration)
    journey = factories.journey(db.session.get_one(factories.Client, stage.client_id), person)
    factories.capture(journey)
    enrolment.state = state
    assert lifecycle.accept(journey, enrolment_id=enrolment.id)
    db.session.commit()
    return journey


def grants_of(journey):
    """Return the codes that were minted for a journey."""
    of_it = select(AuthorizationGrant).where(AuthorizationGrant.journey_id == journey.id)
    return db.session.scalars(of_it.execution_options(populate_existing=True)).all()


def asked(stage):
    """Return a request as it is kept once it was pushed."""
    journey = factories.journey(db.session.get_one(factories.Client, stage.client_id))
    kept = journey.parameters | {"verification_id": stage.verification_id, "login_hint": stage.login}
    db.session.delete(journey)
    db.session.commit()
    return kept


def captures(stage, number=1):
    """Return a capturing journey's captures."""
    journey = factories.journey(db.session.get_one(factories.Client, stage.client_id))
    made = [factories.capture(journey).id for _ in range(number)]
    db.session.commit()
    return journey, made


def events_of(journey):
    """Return the labels of what was recorded of a journey, in the order of the records."""
    of_it = select(AuditEvent.event).where(AuditEvent.reference == journey.reference)
    return list(db.session.scalars(of_it.order_by(AuditEvent.id)))


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


def test_one_page_gives_out_one_link(database, stage):
    with contenders(database, "begin_at_once") as play:
        for _ in range(ROUNDS):
            journey = factories.journey(db.session.get_one(factories.Client, stage.client_id))
            assert play(journey_id=journey.id, turn=journey.turn).count(True) == 1
            db.session.refresh(journey)
            begun = db.session.scalars(select(Capture.id).where(Capture.journey_id == journey.id)).all()
            assert (journey.links, len(begun)) == (1, 1)
            assert events_of(journey) == ["capture:consent:given", "capture:capture:started"]


def test_one_pass_is_accepted_once_whatever_session_it_brings(database, stage):
    with contenders(database, "accept_at_once") as play:
        for number in range(ROUNDS):
            journey, (capture_id,) = captures(stage)
            own = [{"session_id": f"{journey.id}{n if number % 2 else ''}"} for n in range(CONTENDERS)]
            assert play(*own, capture_id=capture_id).count(True) == 1
            db.session.refresh(journey)
            assert (journey.state, journey.turn) == (JourneyState.VERIFIED, 2)
            assert events_of(journey).count("capture:capture:passed") == 1
            assert db.session.get_one(Capture, capture_id, populate_existing=True).passed


def test_one_session_of_verifeye_accepts_one_journey_and_leaves_the_others_waiting(database, stage):
    with contenders(database, "accept_at_once") as play:
        for number in range(ROUNDS):
            made = [captures(stage) for _ in range(CONTENDERS)]
            own = [{"capture_id": capture_id} for _, (capture_id,) in made]
            won = play(*own, session_id=f"one session {number}")
            assert won.count(True) == 1
            for (journey, (capture_id,)), passed in zip(made, won, strict=True):
                db.session.refresh(journey)
                assert journey.state == (JourneyState.VERIFIED if passed else JourneyState.CAPTURING)
                closed = db.session.get_one(Capture, capture_id, populate_existing=True).ended_at
                assert (closed is not None) is passed


def test_a_pass_and_a_failure_of_one_capture_at_once_end_in_one_of_them(database, stage):
    """The short way and the long one lock rows in the same order: none waits for the other in a circle."""
    with contenders(database, "answer") as play:
        for number in range(ROUNDS):
            journey, (capture_id,) = captures(stage)
            own = [{"session_id": f"{journey.id}{n}", "passed": n % 2 == 0} for n in range(CONTENDERS)]
            won = play(*own, capture_id=capture_id)
            assert won.count(True) == 1, number
            db.session.refresh(journey)
            passed = won.index(True) % 2 == 0
            assert journey.state == (JourneyState.VERIFIED if passed else JourneyState.OPEN)
            assert db.session.get_one(Capture, capture_id, populate_existing=True).passed is passed


@pytest.mark.parametrize("state", ["confirmed", "provisional"])
def test_one_journey_is_issued_once(database, stage, state):
    """At once for somebody enrolled before, and step by step for somebody who enrolled just now."""
    with contenders(database, "issue") as play:
        for _ in range(ROUNDS):
            journey = verified(stage, state)
            assert play(journey_id=journey.id, client_id=stage.client_id).count(True) == 1
            db.session.refresh(journey)
            assert (journey.state, len(grants_of(journey))) == (JourneyState.ISSUED, 1)
            assert events_of(journey).count("oidc:journey:issued") == 1


@pytest.mark.parametrize("state", ["confirmed", "provisional"])
def test_whoever_is_suspended_while_a_code_is_minted_has_no_live_one(database, stage, state):
    with contenders(database, "issue_or_suspend") as play:
        for number in range(ROUNDS):
            journey = verified(stage, state)
            own = [{"suspends": None} for _ in range(CONTENDERS)]
            own[number % CONTENDERS] = {"suspends": journey.user_id}
            issued = play(*own, journey_id=journey.id, client_id=stage.client_id).count(True)
            db.session.refresh(journey)
            assert journey.state == (JourneyState.ISSUED if issued else JourneyState.REFUSED)
            assert [grant.revoked_at is not None for grant in grants_of(journey)] == [True] * issued


def test_one_pushed_request_opens_one_journey(database, stage):
    with contenders(database, "open_pushed") as play:
        for number in range(ROUNDS):
            uri = pushed.keep(stage.client_id, asked(stage), lifetime=60)
            own = [{"browser_secret": f"{number}{n}".ljust(32, "a")} for n in range(CONTENDERS)]
            assert play(*own, request_uri=uri).count(True) == 1
            journeys = db.session.scalars(select(Journey)).all()
            assert len(journeys) == number + 1
            assert pushed.find(uri).journey_id in {journey.id for journey in journeys}
            opened = db.session.get_one(Journey, pushed.find(uri).journey_id)
            assert events_of(opened) == ["oidc:journey:opened"]
            db.session.commit()


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
