"""Work that recurs: run when it is due, by one worker at a time, taken over when a worker dies."""

import pytest
from sqlalchemy import select

from portal.extensions import db
from portal.models import AuditEvent, OutboxMessage, ScheduledJob
from portal.outbox import OutboxFailure, enqueue, every, schedule


@pytest.fixture
def portal(app, context, clock):
    """The portal with an empty timetable."""
    schedule.registered().clear()
    return app


def the_job():
    db.session.expire_all()
    return db.session.scalars(select(ScheduledJob)).one()


def test_a_job_is_run_at_once_and_then_when_it_is_due(portal, clock):
    runs = []
    every(portal, "tests.job", 60, lambda: runs.append(1))
    assert schedule.run_due() == 1
    clock.advance(59)
    assert schedule.run_due() == 0
    clock.advance(1)
    assert schedule.run_due() == 1
    assert len(runs) == 2
    assert (the_job().last_error, the_job().leased_until) == (None, None)


def test_a_job_that_is_switched_off_is_not_run(portal):
    every(portal, "tests.job", 0, lambda: pytest.fail("it was run"))
    assert schedule.run_due() == 0


def test_a_name_is_taken_once(portal):
    every(portal, "tests.job", 60, lambda: None)
    with pytest.raises(ValueError, match="registered already"):
        every(portal, "tests.job", 60, lambda: None)


def test_what_a_job_did_before_it_failed_stays_as_far_as_it_yielded(portal):
    def job():
        enqueue("tests.first", {})
        yield
        enqueue("tests.second", {})
        raise OutboxFailure("Okta was away.")

    every(portal, "tests.job", 60, job)
    schedule.run_due()
    assert [message.topic for message in db.session.scalars(select(OutboxMessage))] == ["tests.first"]
    assert the_job().last_error == "Okta was away."
    assert the_job().succeeded_at is None


def test_a_job_that_fails_does_not_keep_the_others_from_running(portal, clock):
    runs = []

    def job():
        raise RuntimeError("holds a secret")

    every(portal, "tests.bad", 60, job)
    every(portal, "tests.good", 60, lambda: runs.append(1))
    assert schedule.run_due() == 2
    clock.advance(60)
    assert schedule.run_due() == 2
    errors = {row.name: row.last_error for row in db.session.scalars(select(ScheduledJob))}
    assert errors == {"tests.bad": "Unexpected RuntimeError.", "tests.good": None}


def test_a_job_says_when_it_may_be_tried_again(portal, clock):
    def job():
        raise OutboxFailure("Okta asks to wait.", retry_after=5)

    every(portal, "tests.job", 3600, job)
    schedule.run_due()
    clock.advance(4)
    assert schedule.run_due() == 0
    clock.advance(1)
    assert schedule.run_due() == 1


def test_a_running_job_is_nobody_elses_until_its_lease_ends(portal, clock):
    inside = []

    def job():
        inside.append(schedule.run_due())
        yield
        inside.append(schedule.run_now("tests.job"))

    every(portal, "tests.job", 1, job)
    schedule.run_due()
    assert inside == [0, False]


def test_a_job_whose_worker_died_is_taken_over_when_the_lease_ends(portal, clock):
    runs = []

    def job():
        runs.append(1)
        if len(runs) == 1:
            raise SystemExit  # what a killed process looks like from here: nothing is written down

    every(portal, "tests.job", 60, job)
    with pytest.raises(SystemExit):
        schedule.run_due()
    db.session.rollback()
    clock.advance(schedule.SHORTEST_LEASE - 1)
    assert schedule.run_due() == 0
    clock.advance(1)
    assert schedule.run_due() == 1
    assert len(runs) == 2


def test_a_worker_that_lost_its_lease_changes_nothing_any_more(portal, clock):
    def job():
        if job.again:
            job.again = False
            clock.advance(schedule.SHORTEST_LEASE + 1)
            assert schedule.run_due() == 1  # somebody else, in the meantime
            enqueue("tests.late", {})
        yield

    job.again = True
    every(portal, "tests.job", 60, job)
    schedule.run_due()
    assert db.session.scalars(select(OutboxMessage)).all() == []
    assert the_job().last_error is None


def test_nothing_is_written_where_nothing_is_due(portal, clock):
    every(portal, "tests.job", 60, lambda: None)
    schedule.run_due()
    began = the_job().began_at
    clock.advance(30)
    schedule.run_due()
    assert the_job().began_at == began
    assert db.session.scalars(select(AuditEvent)).all() == []


def test_what_went_wrong_is_in_the_log_and_a_wish_to_wait_is_no_error(portal, clock, caplog):
    def fails():
        raise OutboxFailure("Okta refuses the credential.")

    def waits():
        raise OutboxFailure("Okta asks to wait.", retry_after=5)

    every(portal, "tests.fails", 60, fails)
    every(portal, "tests.waits", 60, waits)
    with caplog.at_level("INFO"):
        schedule.run_due()
    lines = {line.job: (line.levelname, line.getMessage()) for line in caplog.records if hasattr(line, "job")}
    assert lines["tests.fails"] == ("ERROR", "scheduled job did not succeed: Okta refuses the credential.")
    assert lines["tests.waits"][0] == "INFO"


def test_a_clock_that_is_set_back_stops_no_job(portal, clock):
    runs = []
    every(portal, "tests.job", 60, lambda: runs.append(1))
    clock.advance(365 * 86_400)  # a machine that started with a wrong clock
    schedule.run_due()
    clock.advance(-365 * 86_400)
    assert schedule.run_due() == 1
    assert schedule.run_due() == 0
    clock.advance(60)
    assert schedule.run_due() == 1


def test_a_job_that_a_dead_worker_had_before_the_clock_was_set_back_can_be_run_by_hand(portal, clock):
    def dies():
        raise SystemExit

    every(portal, "tests.job", 60, dies)
    clock.advance(365 * 86_400)
    with pytest.raises(SystemExit):
        schedule.run_due()
    db.session.rollback()
    clock.advance(-365 * 86_400)
    schedule.registered()["tests.job"] = schedule.Entry(60, lambda: None)
    assert schedule.run_now("tests.job")


def test_clocks_of_two_machines_that_are_a_minute_apart_do_not_run_a_job_twice(portal, clock):
    every(portal, "tests.job", 3600, lambda: None)
    schedule.run_due()
    clock.advance(-60)
    assert schedule.run_due() == 0
