"""``flask user enrol`` and ``unenrol``: an operator's word about a face."""

from typing import Any

from flask.testing import FlaskCliRunner

from tests.cli.commands import add_verification, document, done, refused, run


def states(runner: FlaskCliRunner) -> list[Any]:
    shown = document(runner, "user", "show", "amara@acme.example")
    return [enrolment["state"] for enrolment in shown["enrolments"]]


def test_an_operator_enrols_and_gives_up(runner: FlaskCliRunner) -> None:
    add_verification(runner)
    done(runner, "user", "add", "amara@acme.example")
    done(runner, "user", "enrol", "amara@acme.example")
    assert states(runner) == ["confirmed"]
    done(runner, "user", "unenrol", "amara@acme.example", "--yes")
    assert states(runner) == []
    assert "users.delete_face" in done(runner, "outbox", "list")


def test_enrolling_needs_a_verification(runner: FlaskCliRunner) -> None:
    done(runner, "user", "add", "amara@acme.example")
    assert "verification add" in refused(runner, "user", "enrol", "amara@acme.example")


def test_giving_up_is_asked_about(runner: FlaskCliRunner) -> None:
    add_verification(runner)
    done(runner, "user", "add", "amara@acme.example", "--enrolled")
    assert run(runner, "user", "unenrol", "amara@acme.example", given="n\n").exit_code == 1
    assert states(runner) == ["confirmed"]
