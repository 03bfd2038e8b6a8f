"""Running a command in a test and looking at what it said."""

import json
from typing import Any

from click.testing import Result
from flask.testing import FlaskCliRunner

UUID = "0f9d6f0e-7a55-4c1e-9d0a-3a5f1c2b4d6e"
CALLBACK = "https://acme.okta.com/oauth2/v1/authorize/callback"


def run(runner: FlaskCliRunner, *arguments: str, given: str | bytes | None = None) -> Result:
    """Run a command with ``given`` on its standard input."""
    return runner.invoke(args=list(arguments), input=given)


def done(runner: FlaskCliRunner, *arguments: str, given: str | bytes | None = None) -> str:
    """Run a command that has to succeed and return what it printed."""
    result = run(runner, *arguments, given=given)
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    return result.stdout


def document(runner: FlaskCliRunner, *arguments: str, given: str | bytes | None = None) -> Any:
    """Run a command with ``--json`` and return what it printed."""
    return json.loads(done(runner, *arguments, "--json", given=given))


def refused(runner: FlaskCliRunner, *arguments: str, given: str | bytes | None = None) -> str:
    """Run a command that has to fail and return its one sentence."""
    result = run(runner, *arguments, given=given)
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("Error: "), result.stderr
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr.removeprefix("Error: ").strip()


def add_verification(runner: FlaskCliRunner, *more: str, uuid: str = UUID) -> Any:
    """Add a verification configuration by the command."""
    return document(
        runner, "verification", "add", uuid, "--api-key-file", "-", *more, given="an-api-key-for-tests\n"
    )


def add_client(runner: FlaskCliRunner, *more: str, profile: str = "okta-factor") -> Any:
    """Add a client by the command."""
    arguments = ("client", "add", "Acme", "--verification", UUID, "--profile", profile)
    return document(runner, *arguments, "--redirect-uri", CALLBACK, *more)


def work_off(runner: FlaskCliRunner, *more: str) -> str:
    """Work off what is due; a message that is given up is an error in the log and not of the command."""
    result = run(runner, "outbox", "run", *more)
    assert result.exit_code == 0, result.stderr
    return result.stdout
