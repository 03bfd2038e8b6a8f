"""People who are suspended, who leave, and who come back."""

import threading

import pytest
from sqlalchemy import select

from portal import outbox
from portal.extensions import db
from portal.grants import codes
from portal.journey import lifecycle
from portal.models import AuditEvent, HoldReason, Journey, JourneyState, OutboxMessage, UserStatus
from portal.outbox import schedule
from portal.users import directory, enrolments, holds, removal
from tests.support import factories

DAY = 86_400


@pytest.fixture
def amara(context, clock):
    person = factories.user("amara@acme.example", okta_id="00u1")
    factories.enrolment(person, factories.verification_configuration())
    db.session.execute(OutboxMessage.__table__.delete())
    db.session.commit()
    return person


def look():
    """Run the job as a worker does."""
    schedule.run_now("users.faces_of_removed")
    db.session.expire_all()


def faces_to_delete():
    return db.session.scalars(
        select(OutboxMessage.payload).where(OutboxMessage.topic == enrolments.DELETE_FACE)
    ).all()


@pytest.mark.parametrize("reason", removal.LEFT)
def test_the_face_of_somebody_who_left_is_deleted_when_the_policy_says(amara, clock, reason):
    external_id = enrolments.find(amara.id, where_enrolled(amara)).external_id
    holds.hold(amara, reason, how="test")
    db.session.commit()
    clock.advance(30 * DAY - 1)
    look()
    assert faces_to_delete() == []
    clock.advance(1)
    look()
    assert [payload["external_id"] for payload in faces_to_delete()] == [external_id]
    assert "users:enrolment:discarded" in db.session.scalars(select(AuditEvent.event)).all()
    look()
    assert len(faces_to_delete()) == 1


def where_enrolled(person):
    rows = select(enrolments.Enrolment.verification_id).where(enrolments.Enrolment.user_id == person.id)
    return db.session.scalars(rows).one()


@pytest.mark.parametrize("reason", sorted(set(HoldReason) - set(removal.LEFT)))
def test_somebody_who_is_only_suspended_keeps_the_face(amara, clock, reason):
    holds.hold(amara, reason, how="test")
    db.session.commit()
    clock.advance(400 * DAY)
    look()
    assert faces_to_delete() == []


def test_somebody_who_came_back_in_time_keeps_the_face(amara, clock):
    holds.hold(amara, HoldReason.LEFT_GROUP, how="test")
    db.session.commit()
    clock.advance(20 * DAY)
    holds.release(amara, HoldReason.LEFT_GROUP, how="test")
    holds.hold(amara, HoldReason.LEFT_GROUP, how="test")
    db.session.commit()
    clock.advance(20 * DAY)
    look()
    assert faces_to_delete() == [], "the time runs from the day on which they left last"
    holds.release(amara, HoldReason.LEFT_GROUP, how="test")
    assert amara.status == UserStatus.ACTIVE


@pytest.mark.settings(face_deletion_after_days=0)
def test_a_policy_of_never_is_kept(amara, clock):
    holds.hold(amara, HoldReason.LEFT_GROUP, how="test")
    db.session.commit()
    clock.advance(4000 * DAY)
    look()
    assert faces_to_delete() == []


def test_many_who_left_are_worked_off_in_batches(amara, clock, monkeypatch):
    monkeypatch.setattr(removal, "BATCH", 2)
    configuration = factories.verification_configuration()
    for _ in range(5):
        person = factories.user()
        factories.enrolment(person, configuration)
        holds.hold(person, HoldReason.SCIM_INACTIVE, how="test")
    db.session.commit()
    clock.advance(31 * DAY)
    assert list(removal.delete_faces()) == [2, 2, 1]


def test_suspending_ends_what_runs_and_resuming_brings_everything_back(amara):
    client = factories.oidc_client()[0]
    journey = factories.journey(client, amara)
    code = minted(journey, amara)
    holds.suspend(amara, how="test")
    db.session.commit()
    assert not codes.redeem(codes.find(code), access_token="t", access_lifetime=60)
    assert db.session.get_one(Journey, journey.id).state == JourneyState.REFUSED
    holds.resume(amara, how="test")
    assert amara.status == UserStatus.ACTIVE
    assert enrolments.is_confirmed(enrolments.find(amara.id, where_enrolled(amara)))
    news = db.session.scalars(select(OutboxMessage).where(OutboxMessage.topic == "okta.registration")).all()
    assert len(news) == 2


def minted(journey, person):
    return codes.mint(
        journey_id=journey.id, client_id=journey.client_id, user_id=person.id,
        redirect_uri="https://client.example/callback", scope="openid", code_challenge=None,
        id_token_claims={}, userinfo_claims={}, confirms_enrolment=None, lifetime=60,
    )  # fmt: skip


def test_giving_an_enrolment_up_ends_what_runs_on_it(amara):
    client = factories.oidc_client()[0]
    running, at_its_end = (factories.journey(client, amara) for _ in range(2))
    factories.capture(at_its_end, enrols=False)
    lifecycle.accept(at_its_end, enrolment_id="e")
    code = minted(running, amara)
    enrolments.discard_all(amara.id, reason="operator")
    db.session.commit()
    assert not codes.redeem(codes.find(code), access_token="t", access_lifetime=60)
    for journey in (running, at_its_end):
        db.session.refresh(journey)
        assert (journey.state, journey.refusal, journey.verified_at) == ("REFUSED", "unenrolled", None)
    assert amara.status == UserStatus.ACTIVE
    assert not db.session.scalars(select(enrolments.Enrolment)).all()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("leave", [holds.suspend, directory.erase])
def test_a_code_that_is_minted_while_somebody_is_suspended_is_worth_nothing(app, amara, leave):
    """The code's transaction is open when the suspension begins, and is committed before it ends."""
    journey = factories.journey(factories.oidc_client()[0], amara)
    factories.capture(journey, enrols=False)
    lifecycle.accept(journey, enrolment_id="e")
    db.session.commit()
    user_id, started = amara.id, threading.Event()

    def suspend():
        with app.app_context():
            person = db.session.get_one(holds.User, user_id)
            started.set()
            leave(person, how="test")
            db.session.commit()
            db.session.remove()

    assert lifecycle.issue(journey, redeemable_until=journey.expires_at)
    other = threading.Thread(target=suspend)
    other.start()
    started.wait(10)
    other.join(1.0)
    assert other.is_alive(), "it waits for the journey that is being issued"
    code = minted(journey, amara)
    db.session.commit()
    other.join(30)
    db.session.expire_all()
    assert not codes.redeem(codes.find(code), access_token="t", access_lifetime=60)


def test_the_jobs_of_the_house_are_registered(app, context):
    assert set(schedule.registered()) >= {"retention.expire", "retention.prune", "users.faces_of_removed"}
    assert outbox.every is schedule.every
