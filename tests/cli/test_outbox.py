"""``flask outbox``."""

import signal
import subprocess
import sys
import time

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import select

from portal import outbox
from portal.extensions import db
from portal.models import Journey, OutboxMessage
from portal.outbox import OutboxFailure, worker
from tests.cli.commands import document, done, refused, run, work_off
from tests.support import factories
from tests.support.databases import Database
from tests.support.machine import TOP
from tests.support.moving_clock import MovingClock


@pytest.fixture
def message(app: Flask) -> str:
    """A message whose handler fails for good until it is told otherwise."""

    def handle(payload: dict[str, str]) -> str:
        if app.config.get("works"):
            return "a receipt"
        raise OutboxFailure("The other side said no.", final=True)

    outbox.handles(app, "test.topic", handle)
    with app.app_context():
        made = outbox.enqueue("test.topic", {"id": "1"})
        db.session.commit()
    return made


def test_what_is_given_up_stays_in_sight_until_it_is_retried(
    app: Flask, runner: FlaskCliRunner, message: str
) -> None:
    assert document(runner, "outbox", "list")[0]["state"] == "waiting"
    assert work_off(runner) == "Tried 1 message.\n"
    dead = document(runner, "outbox", "list")[0]
    assert (dead["state"], dead["last_error"]) == ("dead", "The other side said no.")
    assert "The other side said no." in done(runner, "outbox", "list")
    assert work_off(runner) == "Tried 0 messages.\n"
    app.config["works"] = True
    done(runner, "outbox", "retry", message)
    work_off(runner)
    assert document(runner, "outbox", "list") == []
    assert document(runner, "outbox", "list", "--state", "done")[0]["receipt"] == "a receipt"


def test_what_was_done_by_hand_is_settled(runner: FlaskCliRunner, message: str) -> None:
    work_off(runner)
    done(runner, "outbox", "settle", message)
    assert "no such message" in done(runner, "outbox", "list")
    (settled,) = document(runner, "outbox", "list", "--state", "done")
    assert (settled["receipt"], settled["last_error"]) == ("done by hand, says an operator", None)
    assert "no message" in refused(runner, "outbox", "settle", message)
    assert "no message" in refused(runner, "outbox", "retry", message)


def test_an_unknown_message_is_refused(runner: FlaskCliRunner) -> None:
    for order in ("retry", "settle"):
        for name in ("unknown", "\0"):
            assert "message" in refused(runner, "outbox", order, name)
        assert "not valid text" in refused(runner, "outbox", order, "half\udcff")


def test_the_limit_holds(app: Flask, runner: FlaskCliRunner, message: str, clock: MovingClock) -> None:
    with app.app_context():
        outbox.enqueue("test.topic", {})
        db.session.commit()
    assert work_off(runner, "--limit", "1") == "Tried 1 message.\n"
    assert len(document(runner, "outbox", "list", "--limit", "1")) == 1


def test_a_loop_ends_by_itself_when_it_is_told_to(database: Database, message: str) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "wsgi", "outbox", "run", "--loop"],
        cwd=TOP,
        env={
            "PATH": "/usr/bin:/bin",
            "PORTAL_CONFIG": str(TOP / "config" / "test.toml"),
            "PORTAL_DATABASE_URL": database.url,
            "PORTAL_LOG_LEVEL": "INFO",
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    assert worker.stderr is not None
    try:
        began = time.monotonic()  # noqa: TID251 - another process's time passes whatever a test says
        while "outbox worker started" not in worker.stderr.readline():
            assert time.monotonic() - began < 30  # noqa: TID251 - as above
        worker.send_signal(signal.SIGTERM)
        rest = worker.communicate(timeout=30)[1]
    finally:
        worker.kill()
        worker.wait()
    assert worker.returncode == 0
    assert "outbox worker stopped" in rest


def test_everything_that_was_given_up_is_retried_at_once(
    app: Flask, runner: FlaskCliRunner, message: str
) -> None:
    work_off(runner)
    assert "Name the id" in refused(runner, "outbox", "retry")
    assert "Name the id" in refused(runner, "outbox", "retry", message, "--dead")
    assert "Name the id" in refused(runner, "outbox", "retry", message, "--topic", "test.topic")
    assert done(runner, "outbox", "retry", "--dead", "--topic", "other.topic") == "Due again: 0.\n"
    app.config["works"] = True
    assert done(runner, "outbox", "retry", "--dead", "--topic", "test.topic") == "Due again: 1.\n"
    work_off(runner)
    assert document(runner, "outbox", "list") == []


def test_what_a_worker_has_in_hand_is_left_to_it(
    app: Flask, runner: FlaskCliRunner, clock: MovingClock, message: str
) -> None:
    with app.app_context():
        assert worker.Worker()._claim() is not None  # and here the worker dies
    for order in ("retry", "settle"):
        assert "under way" in refused(runner, "outbox", order, message)
    clock.advance(worker.LEASE_SECONDS)
    done(runner, "outbox", "settle", message)


def test_the_schedule_says_what_recurs_and_how_it_went(
    app: Flask, runner: FlaskCliRunner, clock: MovingClock
) -> None:
    def fails() -> None:
        raise OutboxFailure("The other side was away.")

    outbox.every(app, "test.fails", 60, fails)
    outbox.every(app, "test.off", 0, fails)
    before = {job["name"]: job for job in document(runner, "outbox", "schedule")}
    assert before["retention.expire"]["every"] == 60
    assert before["retention.expire"]["began_at"] is None
    done(runner, "outbox", "schedule", "--run", "retention.expire")
    said = run(runner, "outbox", "schedule", "--run", "test.fails")
    assert (said.exit_code, "off" in said.stdout) == (0, True)
    assert "The other side was away." in said.stdout
    jobs = {job["name"]: job for job in document(runner, "outbox", "schedule")}
    assert jobs["retention.expire"]["succeeded_at"] == jobs["retention.expire"]["began_at"]
    assert jobs["test.fails"]["succeeded_at"] is None
    assert not jobs["test.fails"]["under_way"]
    assert "nothing.there" in refused(runner, "outbox", "schedule", "--run", "nothing.there")


def test_the_schedule_ends_journeys_and_removes_what_is_old(
    app: Flask, runner: FlaskCliRunner, clock: MovingClock
) -> None:
    with app.app_context():
        journey_id = factories.journey().id
        outbox.enqueue("test.topic", {})
        db.session.commit()
    outbox.handles(app, "test.topic", lambda payload: None)
    work_off(runner)
    clock.advance(91 * 86_400)
    for name in ("retention.expire", "retention.prune"):
        done(runner, "outbox", "schedule", "--run", name)
    with app.app_context():
        assert db.session.get_one(Journey, journey_id).state == "EXPIRED"
        assert db.session.scalars(select(OutboxMessage)).all() == []
