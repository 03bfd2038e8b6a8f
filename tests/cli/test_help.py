"""What every command has in common."""

from collections.abc import Iterator

import click
import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy.exc import OperationalError

from portal.cli import NOUNS, verification
from portal.extensions import db
from portal.verifications import registry
from tests.cli.commands import UUID, refused

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def commands(app: Flask) -> Iterator[tuple[list[str], click.Command]]:
    """Yield every command of ours with the words that call it."""
    for noun in NOUNS:
        command = app.cli.get_command(click.Context(app.cli), noun)
        assert command is not None
        yield [noun], command
        for name, child in getattr(command, "commands", {}).items():
            yield [noun, name], child


def test_every_command_and_every_option_has_a_help_text(app: Flask, runner: FlaskCliRunner) -> None:
    for words, command in commands(app):
        assert runner.invoke(args=[*words, "--help"]).exit_code == 0
        assert command.help, words
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, (words, parameter.name)


def test_the_interface_that_scripts_rely_on_is_there(app: Flask) -> None:
    there = {" ".join(words) for words, _ in commands(app)}
    assert there >= {
        "db upgrade",
        "verification add", "verification list", "verification show", "verification remove",
        "client add", "client list", "client show", "client disable", "client rotate-secret",
        "user add", "user list", "user show", "user suspend", "user erase",
        "keys list", "keys rotate", "keys retire",
        "journeys show", "journeys expire",
        "outbox run", "outbox list", "outbox retry",
        "sandbox run",
        "doctor",
    }  # fmt: skip


def test_everything_that_adds_lists_or_shows_also_speaks_json(app: Flask) -> None:
    for words, command in commands(app):
        if words[-1] in ("add", "list", "show"):
            assert any("--json" in parameter.opts for parameter in command.params), words


def test_a_database_that_fails_is_a_sentence(
    app: Flask, runner: FlaskCliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("SELECT secret FROM things", {"secret": "a-secret"}, Exception("is away"))

    monkeypatch.setattr(registry, "find", fail)
    sentence = refused(runner, "verification", "show", UUID)
    assert "flask db upgrade" in sentence
    assert "is away" in sentence, "the driver's own words"
    assert "a-secret" not in sentence
    assert "SELECT" not in sentence


def test_a_command_that_fails_half_way_changes_nothing(
    app: Flask, runner: FlaskCliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OperationalError("COMMIT", {}, Exception("disk full"))

    monkeypatch.setattr(verification.common, "commit", fail)
    refused(runner, "verification", "add", UUID, "--api-key-file", "-", given="an-api-key\n")
    with app.app_context():
        assert registry.every() == []
        db.session.rollback()
