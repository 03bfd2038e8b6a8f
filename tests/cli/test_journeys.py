"""``flask journeys``: what an operator sees when somebody reads out a reference."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import func, select

from portal import clock as portal_clock
from portal.audit.events import Event
from portal.audit.log import record
from portal.extensions import db
from portal.grants import assertions
from portal.journey import captures, lifecycle
from portal.models import AuditEvent, ClientAssertion, Enrolment, Journey, OutboxMessage, SessionNotice
from portal.users import enrolments
from tests.cli.commands import document, done, refused
from tests.support import factories
from tests.support.moving_clock import MovingClock

SESSION = "0123456789abcdef0123456789abcdef"
DAY = 86_400


@pytest.fixture
def journey(app: Flask) -> dict[str, Any]:
    """A journey with a capture that failed and one that passed for the first time."""
    with app.app_context():
        client, _ = factories.oidc_client()
        person = factories.user("ada@acme.example")
        made = factories.journey(client, person)
        record(
            Event.JOURNEY_OPENED, reference=made.reference, client_id=client.id, user_id=person.id,
            profile="okta-factor", integrity_proven=False,
        )  # fmt: skip
        enrolment = enrolments.find_or_prepare(person.id, made.verification_id)
        for number, passed in enumerate((False, True)):
            capture = factories.capture(made, enrolment_id=enrolment.id, external_id=enrolment.external_id)
            assert capture is not None
            reason = None if passed else "face-failed"
            session = SESSION[:-1] + str(number)
            assert captures.close(capture, session_id=session, passed=passed, reason=reason)
            db.session.add(
                SessionNotice(
                    session_id=session, verification_id=made.verification_id, received_at=portal_clock.now()
                )
            )
            if not passed:
                assert lifecycle.decline(made, reason="face-failed")
        assert lifecycle.accept(made, enrolment_id=enrolment.id)
        enrolments.passed(enrolment.id, journey_id=made.id, reference=made.reference, face_id=None)
        db.session.commit()
        return {"id": made.id, "reference": made.reference, "user_id": person.id}


def test_a_reference_is_taken_however_it_is_read_out(runner: FlaskCliRunner, journey: dict[str, Any]) -> None:
    reference = journey["reference"]
    for spelling in (
        reference, reference.lower(), reference.replace("-", ""), reference.replace("-", " "),
        f" {reference} ", reference.replace("-", "–"), journey["id"], journey["id"].upper(),
    ):  # fmt: skip
        assert document(runner, "journeys", "show", spelling)["journey"]["id"] == journey["id"]


def test_it_shows_states_captures_announcements_and_the_audit_log(
    runner: FlaskCliRunner, journey: dict[str, Any]
) -> None:
    shown = document(runner, "journeys", "show", journey["reference"])
    assert shown["journey"]["state"] == "VERIFIED"
    assert [capture["passed"] for capture in shown["captures"]] == [False, True]
    assert len(shown["webhook_notices"]) == 2
    assert [event["event"] for event in shown["events"]] == [
        "oidc:journey:opened", "capture:consent:given", "capture:capture:started",
        "capture:capture:started", "users:enrolment:provisional",
    ]  # fmt: skip
    printed = done(runner, "journeys", "show", journey["reference"])
    for needed in ("VERIFIED", "face-failed", SESSION[:-1], "oidc:journey:opened", "Captures"):
        assert needed in printed


def test_nothing_it_prints_lets_anybody_in(runner: FlaskCliRunner, journey: dict[str, Any]) -> None:
    shown = document(runner, "journeys", "show", journey["reference"])
    assert not {"browser_digest", "parameters", "state_digest", "code_digest"} & {
        *shown["journey"],
        *(name for item in shown["captures"] + shown["codes"] for name in item),
    }


def test_an_unknown_reference_is_refused(runner: FlaskCliRunner, journey: dict[str, Any]) -> None:
    for text in ("7KXM-2PQR", "", "nonsense", "%", "0" * 32, "a" * 5000):
        assert "no journey" in refused(runner, "journeys", "show", text)
    assert "not valid text" in refused(runner, "journeys", "show", "half\udcff")


def test_expiring_ends_it_and_discards_the_enrolment_that_nobody_redeemed(
    app: Flask, runner: FlaskCliRunner, clock: MovingClock, journey: dict[str, Any]
) -> None:
    assert document(runner, "journeys", "expire")["expired"] == 0
    clock.advance(901)
    assert document(runner, "journeys", "expire")["expired"] == 1
    assert document(runner, "journeys", "show", journey["id"])["journey"]["state"] == "EXPIRED"
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Enrolment)) == 0
        assert db.session.scalars(select(OutboxMessage.topic)).all() == ["users.delete_face"]


def test_what_was_kept_long_enough_is_removed_and_nothing_else(
    app: Flask, runner: FlaskCliRunner, clock: MovingClock, journey: dict[str, Any]
) -> None:
    with app.app_context():
        assertions.use("acme", "jti", expires_at=portal_clock.after(60))
        db.session.commit()
    clock.advance(1000)
    done(runner, "journeys", "expire")
    clock.advance(89 * DAY)
    removed = document(runner, "journeys", "expire")["removed"]
    assert {"journeys", "assertions", "pushed_requests", "audit_events", "outbox_messages"} < set(removed)
    assert set(removed.values()) == {0}
    clock.advance(DAY + 60)
    removed = document(runner, "journeys", "expire")["removed"]
    assert (removed["journeys"], removed["session_notices"], removed["audit_events"]) == (1, 2, 0)
    # Its record is gone; the audit log is kept longer, and still answers.
    left = document(runner, "journeys", "show", journey["reference"])
    assert left["journey"] is None
    assert left["events"] != []
    assert "record is gone" in done(runner, "journeys", "show", journey["reference"])
    clock.advance(311 * DAY)
    assert document(runner, "journeys", "expire")["removed"]["audit_events"] > 0
    with app.app_context():
        for table in (Journey, ClientAssertion, AuditEvent, SessionNotice):
            assert db.session.scalar(select(func.count()).select_from(table)) == 0
        # Nobody has worked it off, so it is not forgotten.
        assert db.session.scalar(select(func.count()).select_from(OutboxMessage)) == 1


def test_done_messages_are_removed_and_dead_ones_are_not(
    app: Flask, runner: FlaskCliRunner, clock: MovingClock
) -> None:
    with app.app_context():
        for number, state in enumerate(("done", "dead")):
            db.session.add(
                OutboxMessage(
                    id=f"{number:032d}", topic="test", payload={}, state=state, attempts=1,
                    available_at=clock.now(), created_at=clock.now(), ended_at=clock.now(),
                )
            )  # fmt: skip
        db.session.commit()
    clock.advance(91 * DAY)
    assert document(runner, "journeys", "expire")["removed"]["outbox_messages"] == 1
    assert [item["state"] for item in document(runner, "outbox", "list")] == ["dead"]
