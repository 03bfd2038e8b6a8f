"""Okta's registration attribute holds whether somebody can use the factor, whatever happens in between."""

import threading

import pytest

from portal import clock as portal_clock
from portal.extensions import db
from portal.models import (
    AuditEvent,
    HoldReason,
    OktaRegistration,
    OutboxMessage,
    User,
    VerificationConfiguration,
)
from portal.okta import registration
from portal.okta_api.client import OktaApi
from portal.outbox import OutboxFailure, run_due
from portal.users import directory, holds, news
from tests.cli.commands import add_verification, done
from tests.okta.registration_scenes import connect, messages, person, waiting, work_off
from tests.support import factories
from tests.support.at_once import at_once
from tests.support.small_okta import rate_limited, refusal, small_okta

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def okta(context):
    with small_okta() as organisation:
        connect(organisation)
        yield organisation


def tell(user):
    news.registration_may_differ(user.id)
    db.session.commit()


def row(okta_id):
    db.session.expire_all()
    return db.session.get(OktaRegistration, okta_id)


@pytest.mark.settings(verifeye_face_deletion=False)
def test_it_follows_the_person_through_enrolment_suspension_and_erasure(okta):
    user = person(okta)
    tell(user)
    work_off()
    assert okta.value("00u00001") is False

    factories.enrolment(user, factories.verification_configuration())
    work_off()
    assert okta.value("00u00001") is True

    holds.hold(user, HoldReason.OKTA_SUSPENDED, how="test")
    db.session.commit()
    work_off()
    assert okta.value("00u00001") is False

    holds.release(user, HoldReason.OKTA_SUSPENDED, how="test")
    db.session.commit()
    work_off()
    assert okta.value("00u00001") is True

    directory.erase(user, how="test")
    db.session.commit()
    work_off()
    assert okta.value("00u00001") is False
    assert row("00u00001") is None, "of an erased person nothing is kept"
    assert all(set(profile) == {"byndidRegistered"} for _, profile in okta.writes)


def test_a_reason_among_others_to_hold_back_keeps_it_false(okta):
    user = person(okta, enrolled=True)
    for reason in (HoldReason.LEFT_GROUP, HoldReason.OPERATOR):
        holds.hold(user, reason, how="test")
    holds.release(user, HoldReason.LEFT_GROUP, how="test")
    db.session.commit()
    work_off()
    assert okta.value("00u00001") is False


def test_what_okta_is_known_to_hold_is_not_written_again(okta):
    user = person(okta, enrolled=True)
    work_off()
    for _ in range(50):
        tell(user)
    work_off()
    assert okta.writes == [("00u00001", {"byndidRegistered": True})]
    assert {message.state for message in messages()} == {"done"}


def test_each_write_is_in_the_audit_log_without_the_okta_id(okta):
    user = person(okta, enrolled=True)
    work_off()
    found = db.session.scalars(
        db.select(AuditEvent).where(AuditEvent.event == "okta:registration:written")
    ).all()
    assert [(event.user_id, event.fields) for event in found] == [(user.id, {"value": True})]


def test_without_a_connection_nothing_is_written_and_the_receipt_says_so(context):
    user = factories.user(okta_id="00u00009")
    tell(user)
    work_off()
    assert [message.receipt for message in messages()] == ["Okta is not connected; nothing was written."]


def test_somebody_whom_okta_does_not_know_is_done(okta):
    factories.enrolment(factories.user(okta_id="00uGone"), factories.verification_configuration())
    work_off()
    assert [(message.state, message.receipt) for message in messages()] == [
        ("done", "Okta knows nobody under this id.")
    ]
    assert row("00uGone") is None


def test_somebody_whom_okta_has_deactivated_is_done_and_stays_unknown(okta):
    person(okta, enrolled=True)
    okta.users["00u00001"]["status"] = "DEPROVISIONED"
    work_off()
    assert [message.state for message in messages()] == ["done"]
    assert row("00u00001").value is None
    assert row("00u00001").lease_token is None


def test_a_404_of_a_proxy_leaves_nobody_with_a_factor_that_was_taken_away(okta, clock):
    user = person(okta, enrolled=True)
    work_off()
    holds.hold(user, HoldReason.OKTA_SUSPENDED, how="test")
    db.session.commit()
    okta.instead = [(404, "<html>no such route</html>", {})]
    work_off()
    assert okta.value("00u00001") is True
    assert len(waiting()) == 1
    work_off(clock)
    assert okta.value("00u00001") is False
    assert row("00u00001").value is False


@only_sqlite
@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (400, "E0000001", "okta attribute create"),
        (403, "E0000023", "source"),
        (403, "E0000075", "mapping"),
        (403, "E0000006", "admin role"),
        (401, "E0000011", "okta connect"),
    ],
)
def test_what_only_an_operator_can_mend_is_dead_with_the_sentence_that_says_how(okta, status, code, words):
    person(okta, enrolled=True)
    okta.instead = [refusal(status, code)]
    work_off()
    (message,) = messages()
    assert message.state == "dead"
    assert words in message.last_error
    assert row("00u00001").lease_token is None, "the next message can be worked off at once"
    assert row("00u00001").value is None


@only_sqlite
def test_an_attribute_that_okta_does_not_keep_is_said(okta):
    person(okta, enrolled=True)
    okta.instead = [(200, {"id": "00u00001", "status": "ACTIVE", "profile": {"login": "a@acme.example"}}, {})]
    work_off()
    (message,) = messages()
    assert message.state == "dead"
    assert "did not keep it" in message.last_error


def test_okta_being_down_for_an_hour_loses_nothing(okta, clock):
    user = person(okta, enrolled=True)
    okta.down = True
    for _ in range(60):
        work_off()
        clock.advance(60)
    (message,) = waiting()
    assert "Okta is unavailable" in message.last_error
    okta.down = False
    holds.suspend(user, how="test")
    holds.resume(user, how="test")
    db.session.commit()
    work_off(clock)
    assert okta.value("00u00001") is True
    assert {message.state for message in messages()} == {"done"}


def test_a_storm_of_429_uses_up_no_attempt(okta, clock):
    person(okta, enrolled=True)
    okta.instead = [rate_limited(60) for _ in range(30)]
    for _ in range(31):
        work_off()
        clock.advance(75)
    assert okta.value("00u00001") is True
    (message,) = messages()
    assert (message.state, message.attempts) == ("done", 1)


def test_a_change_while_writing_is_written_after_it(okta, app):
    """Somebody is suspended while `true` is on its way to Okta."""
    user_id = person(okta, enrolled=True).id

    def suspend(_okta_id):
        okta.before_write = None
        with app.app_context():
            holds.suspend(db.session.get_one(User, user_id), how="test")
            db.session.commit()

    okta.before_write = suspend
    work_off()
    assert [profile["byndidRegistered"] for _, profile in okta.writes] == [True, False]
    assert okta.value("00u00001") is False
    assert row("00u00001").value is False


def test_two_workers_never_write_about_one_person_at_the_same_time(okta, app, clock):
    """The second worker meets the lease, puts its message off, and reads anew when it is its turn."""
    user = person(okta, enrolled=True)
    payload = {"user_id": user.id, "okta_id": "00u00001"}
    met = []

    def second_worker(_okta_id):
        okta.before_write = None
        with app.app_context():
            with pytest.raises(OutboxFailure) as raised:
                registration.handle(payload)
            met.append(raised.value)

    okta.before_write = second_worker
    registration.handle(payload)
    db.session.commit()
    assert met[0].retry_after is not None
    assert not met[0].final
    assert len(okta.writes) == 1


class Killed(BaseException):
    """What nobody catches: the worker is gone."""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_worker_killed_around_the_write_leaves_nothing_stale(okta, clock, monkeypatch, moment):
    """Killed before or after Okta has taken the value; then the person is suspended."""
    user = person(okta, enrolled=True)
    with monkeypatch.context() as patch:
        write = OktaApi.update_profile

        def die(self, *arguments):
            if moment == "after":
                write(self, *arguments)
            raise Killed

        patch.setattr(OktaApi, "update_profile", die)
        patch.setattr(registration._Lease, "give_back", lambda _self: None)  # the dead give nothing back
        with pytest.raises(Killed):
            registration.handle({"user_id": user.id, "okta_id": user.okta_id})
        db.session.rollback()
    assert row("00u00001").value is None, "what a killed worker wrote is not known"
    written = okta.value("00u00001")
    holds.suspend(user, how="test")
    db.session.commit()
    work_off()
    assert okta.value("00u00001") is written, "the lease of the killed worker holds still"
    work_off(clock)
    assert okta.value("00u00001") is False


def test_a_worker_that_slept_through_its_lease_has_the_last_word_taken_from_it(okta, app, clock):
    """Its late `true` reaches Okta after what another wrote meanwhile: its message is done again."""
    user = person(okta, enrolled=True)
    payload = {"user_id": user.id, "okta_id": "00u00001"}

    def sleep_long(_okta_id):
        okta.before_write = None
        clock.advance(registration.LEASE_SECONDS + 1)
        with app.app_context():
            holds.suspend(db.session.get_one(User, user.id), how="test")
            db.session.commit()
            registration.handle(payload)
            db.session.commit()
        # The suspension was written; now the sleeper's own request arrives.

    okta.before_write = sleep_long
    work_off()
    assert [profile["byndidRegistered"] for _, profile in okta.writes][:2] == [False, True]
    work_off(clock)
    assert okta.value("00u00001") is False


def test_after_a_takeover_the_value_is_trusted_only_once_it_was_written_again(okta, clock):
    user = person(okta, enrolled=True)
    payload = {"user_id": user.id, "okta_id": "00u00001"}
    registration._Lease.take("00u00001")
    clock.advance(registration.LEASE_SECONDS)
    registration.handle(payload)
    db.session.commit()
    assert row("00u00001").value is None
    registration.handle(payload)
    db.session.commit()
    assert row("00u00001").value is True
    assert len(okta.writes) == 2


def test_an_okta_id_that_has_another_owner_now_is_judged_by_that_owner(okta):
    """Erased, and provisioned anew: the late message about the former must not switch the latter off."""
    former = person(okta)
    tell(former)
    directory.erase(former, how="test")
    db.session.commit()
    factories.enrolment(factories.user(okta_id="00u00001"), factories.verification_configuration())
    work_off()
    assert okta.value("00u00001") is True


@pytest.mark.settings(workforce_verification="00000000-0000-4000-8000-000000000000")
@only_sqlite
def test_only_the_enrolment_of_the_workforce_counts_where_a_setting_names_it(okta):
    user = person(okta, enrolled=True)
    assert registration.desired([user.id]) == {user.id: False}


def test_an_enrolment_at_a_configuration_that_was_removed_routes_nobody(okta, runner):
    configuration = factories.verification_configuration().id
    factories.enrolment(person(okta), db.session.get_one(VerificationConfiguration, configuration))
    work_off()
    assert okta.value("00u00001") is True

    done(runner, "verification", "remove", configuration, "--yes")
    work_off()
    assert okta.value("00u00001") is False

    add_verification(runner, uuid=configuration)
    work_off()
    assert okta.value("00u00001") is True


def test_desired_answers_for_many_at_once(okta):
    configuration = factories.verification_configuration()
    people = [
        person(okta, number, enrolled=number % 2 == 0, configuration=configuration) for number in range(6)
    ]
    found = registration.desired([user.id for user in people])
    assert [found[user.id] for user in people] == [True, False] * 3
    assert registration.desired_in_okta(["00u00000", "00uNobody"]) == {"00u00000": True, "00uNobody": False}


def test_what_reconciling_sees_is_noted_unless_something_newer_is_known(okta, clock):
    user = person(okta, enrolled=True)
    work_off()
    before = clock.now()
    clock.advance(10)
    assert registration.note_seen("00u00001", False, read_at=clock.now()) is True
    db.session.commit()
    assert row("00u00001").value is False

    clock.advance(10)
    tell(user)
    work_off()
    assert row("00u00001").value is True
    assert registration.note_seen("00u00001", False, read_at=before) is False, "read before it was written"
    assert row("00u00001").value is True
    registration._Lease.take("00u00001")
    clock.advance(1)
    assert registration.note_seen("00u00001", True, read_at=clock.now()) is False, "somebody is writing"
    assert row("00u00001").value is None


def test_an_absent_value_counts_as_false(okta):
    person(okta)
    assert registration.note_seen("00u00001", None, read_at=portal_clock.now()) is False
    assert row("00u00001").value is False


def test_connecting_to_something_else_forgets_what_was_known_even_from_under_a_writer(okta, app, clock):
    person(okta, enrolled=True)

    def connect_anew(_okta_id):
        okta.before_write = None
        with app.app_context():
            registration.forget_what_is_known()
            db.session.commit()

    okta.before_write = connect_anew
    work_off()
    (message,) = messages()
    assert message.state == "waiting"
    assert row("00u00001").value is None
    work_off(clock)
    assert len(okta.writes) == 2
    assert row("00u00001").value is True


def test_the_payload_names_records_and_nothing_else(okta):
    person(okta, enrolled=True)
    payload = db.session.scalars(db.select(OutboxMessage.payload)).one()
    assert set(payload) == {"user_id", "okta_id"}


def test_whatever_several_workers_do_at_once_okta_ends_with_the_truth(okta, app, database):
    """Three workers and somebody who is suspended and resumed all the time, while Okta answers unevenly."""
    user_id = person(okta, enrolled=True).id
    over = threading.Event()
    okta.before_write = lambda _okta_id: over.wait(len(okta.writes) % 3 * 0.02)
    okta.after_write = lambda _okta_id: over.wait(len(okta.writes) % 2 * 0.03)

    def suspend_and_resume():
        with app.app_context():
            for number in range(24):
                move = holds.suspend if number % 2 == 0 else holds.resume
                move(db.session.get_one(User, user_id), how="test")
                db.session.commit()
                over.wait(0.02)
            holds.suspend(db.session.get_one(User, user_id), how="test")
            db.session.commit()
        over.set()

    def work():
        with app.app_context():
            while not over.is_set():
                run_due(5)
                over.wait(0.005)

    db.session.commit()
    at_once(4, lambda number: suspend_and_resume() if number == 0 else work())
    okta.before_write = okta.after_write = None
    work_off_in_time()
    assert okta.value("00u00001") is False
    assert row("00u00001").value is False
    assert {message.state for message in messages()} == {"done"}


def work_off_in_time():
    """Work off what was put off, by moving its time instead of waiting for it."""
    while waiting():
        db.session.execute(
            db.update(OutboxMessage)
            .where(OutboxMessage.state == "waiting")
            .values(available_at=portal_clock.now())
        )
        db.session.commit()
        work_off()


def test_an_okta_id_that_is_nobodys_any_more_is_switched_off(okta):
    """Corrected by an operator or by SCIM: the profile that was registered by mistake loses the factor."""
    user = person(okta, enrolled=True)
    okta.person("00uRight")
    work_off()
    directory.change(user, how="test", okta_id="00uRight")
    db.session.commit()
    work_off()
    assert okta.value("00u00001") is False
    assert okta.value("00uRight") is True


def test_what_okta_refused_for_a_deactivated_person_is_written_when_they_come_back(okta):
    """Left the group while deactivated, and reactivated in Okta: still `true` there, and still held here."""
    user = person(okta, enrolled=True)
    work_off()
    okta.users["00u00001"]["status"] = "DEPROVISIONED"
    for reason in (HoldReason.OKTA_DEACTIVATED, HoldReason.LEFT_GROUP):
        holds.hold(user, reason, how="test")
    db.session.commit()
    work_off()
    assert okta.value("00u00001") is True
    okta.users["00u00001"]["status"] = "ACTIVE"
    holds.release(user, HoldReason.OKTA_DEACTIVATED, how="test")
    db.session.commit()
    work_off()
    assert okta.value("00u00001") is False
