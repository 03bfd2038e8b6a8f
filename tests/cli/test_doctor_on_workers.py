"""``flask doctor`` says whether a worker runs, and which recurring work failed."""

from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import update

from portal.extensions import db
from portal.models import ScheduledJob
from tests.cli.test_doctor import examine
from tests.support.moving_clock import MovingClock


def test_a_worker_is_missed_seen_and_missed_again(
    app: Flask, runner: FlaskCliRunner, clock: MovingClock
) -> None:
    assert "none has ever run" in examine(runner, "--offline")["worker", "warning"]
    assert runner.invoke(args=["outbox", "schedule", "--run", "retention.expire"]).exit_code == 0
    assert ("worker", "ok") in examine(runner, "--offline")
    clock.advance(601)
    assert "none has been at work since" in examine(runner, "--offline")["worker", "problem"]


def test_recurring_work_that_failed_is_named(app: Flask, runner: FlaskCliRunner) -> None:
    assert runner.invoke(args=["outbox", "schedule", "--run", "retention.expire"]).exit_code == 0
    with app.app_context():
        db.session.execute(update(ScheduledJob).values(last_error="The disk is full."))
        db.session.commit()
    assert examine(runner, "--offline")["worker", "warning"] == "retention.expire failed: The disk is full."
