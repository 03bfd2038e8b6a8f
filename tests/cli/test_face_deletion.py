"""What becomes of a face that is to be deleted at VerifEye."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner

from portal.extensions import db
from portal.models import AuditEvent
from portal.users import enrolments
from portal.verifications import registry
from tests.cli.commands import document, done, work_off
from tests.support import factories
from tests.support.sandbox_server import SandboxServer


def left(runner: FlaskCliRunner) -> tuple[str, str | None]:
    work_off(runner)
    messages = document(runner, "outbox", "list", "--state", "dead", "--state", "waiting", "--state", "done")
    return messages[0]["state"], messages[0]["last_error"] or messages[0]["receipt"]


def discard(app: Flask, sandbox: SandboxServer | None = None, **options: Any) -> str:
    with app.app_context():
        configuration = factories.verification_configuration(sandbox=sandbox, **options)
        person = factories.user()
        factories.enrolment(person, configuration)
        enrolments.discard_all(person.id, reason="erased")
        db.session.commit()
        return configuration.id


def test_the_face_is_deleted_and_the_receipt_is_kept(
    app: Flask, runner: FlaskCliRunner, sandbox_server: SandboxServer
) -> None:
    discard(app, sandbox_server)
    state, receipt = left(runner)
    assert (state, bool(receipt)) == ("done", True)
    with app.app_context():
        event = db.session.scalars(db.select(AuditEvent).filter_by(event="users:face:deleted")).one()
        assert event.fields["receipt"] == receipt


@pytest.mark.settings(verifeye_face_deletion=False)
def test_where_deletion_is_not_offered_an_operator_is_told_what_to_do(
    app: Flask, runner: FlaskCliRunner
) -> None:
    discard(app)
    state, said = left(runner)
    assert state == "dead"
    assert "verifeye_face_deletion" in (said or "")
    assert "VerifEye's console" in (said or "")
    (waiting,) = document(runner, "outbox", "list")
    assert waiting["payload"]["external_id"] in (said or ""), "whoever is to delete it must know which"
    done(runner, "outbox", "settle", waiting["id"])
    (settled,) = document(runner, "outbox", "list", "--state", "done")
    assert (settled["payload"], settled["last_error"]) == ({}, None)


def test_a_removed_configuration_leaves_it_to_an_operator(app: Flask, runner: FlaskCliRunner) -> None:
    configuration_id = discard(app)
    with app.app_context():
        configuration = registry.find(configuration_id)
        assert configuration is not None
        registry.remove(configuration)
        db.session.commit()
    assert left(runner)[0] == "dead"


def test_a_verifeye_that_is_away_is_asked_again_later(
    app: Flask, runner: FlaskCliRunner, sandbox_server: SandboxServer
) -> None:
    discard(app, sandbox_server)
    sandbox_server.next_answers(operation="face/delete", status=503, times=1)
    work_off(runner)
    assert document(runner, "outbox", "list")[0]["last_error"] == "VerifEye did not answer."


def test_a_refused_key_is_final(app: Flask, runner: FlaskCliRunner, sandbox_server: SandboxServer) -> None:
    discard(app, sandbox_server)
    sandbox_server.next_answers(operation="face/delete", status=401, times=1)
    work_off(runner)
    assert document(runner, "outbox", "list")[0]["state"] == "dead"
