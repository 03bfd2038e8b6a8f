"""Secrets come from a file, from standard input or from a prompt, exactly as they are."""

from pathlib import Path

import click
import pytest
from flask import Flask
from flask.testing import FlaskCliRunner

from portal.cli import NOUNS, common
from portal.extensions import db, vault
from portal.models import VerificationConfiguration
from tests.cli.commands import UUID, done, refused

ADD = ("verification", "add", UUID, "--api-key-file")


def stored(app: Flask) -> str:
    with app.app_context():
        return vault().unseal(db.session.get_one(VerificationConfiguration, UUID).api_key_sealed)


@pytest.mark.parametrize("written", [b"the-key", b"the-key\n", b"the-key\r\n", b"\xef\xbb\xbfthe-key\n"])
def test_one_line_break_at_the_end_and_a_byte_order_mark_are_the_editors(
    app: Flask, runner: FlaskCliRunner, tmp_path: Path, written: bytes
) -> None:
    (tmp_path / "key").write_bytes(written)
    done(runner, *ADD, str(tmp_path / "key"))
    assert stored(app) == "the-key"


def test_a_dash_is_standard_input(app: Flask, runner: FlaskCliRunner) -> None:
    done(runner, *ADD, "-", given="from-a-pipe\n")
    assert stored(app) == "from-a-pipe"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"the-key\n\n", "one line"),
        (b"two words", "one line"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"\x00" * 40, "one line"),
        (b"x" * 20_000, "longer than"),
    ],
)
def test_what_cannot_be_a_secret_is_refused_in_a_sentence(
    runner: FlaskCliRunner, tmp_path: Path, written: bytes, said: str
) -> None:
    (tmp_path / "key").write_bytes(written)
    assert said in refused(runner, *ADD, str(tmp_path / "key"))


def test_a_missing_file_a_folder_and_an_impossible_name_are_refused_in_a_sentence(
    runner: FlaskCliRunner, tmp_path: Path
) -> None:
    assert "no such file" in refused(runner, *ADD, str(tmp_path / "missing"))
    assert "is a directory" in refused(runner, *ADD, str(tmp_path))
    assert "not a file name" in refused(runner, *ADD, "a\0b")


def test_without_a_file_and_without_a_terminal_nothing_is_guessed(runner: FlaskCliRunner) -> None:
    assert "no terminal" in refused(runner, "verification", "add", UUID)


def test_at_a_terminal_the_prompt_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}

    class Terminal:
        def isatty(self) -> bool:
            return True

    def prompt(text: str, **options: object) -> str:
        asked.update(options, text=text)
        return "typed"

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr(click, "prompt", prompt)
    assert common.read_secret(None, "the API key") == "typed"
    assert asked == {"text": "The API key", "hide_input": True, "err": True}


def test_no_command_takes_a_secret_as_an_argument(app: Flask) -> None:
    names: set[str] = set()

    def walk(command: click.Command) -> None:
        names.update(option for parameter in command.params for option in parameter.opts)
        for child in getattr(command, "commands", {}).values():
            walk(child)

    for noun in NOUNS:
        command = app.cli.get_command(click.Context(app.cli), noun)
        assert command is not None
        walk(command)
    telling = {name for name in names if any(word in name for word in ("secret", "key", "password", "token"))}
    files = {name for name in telling if name.endswith("-file")}
    assert {"--api-key-file", "--client-secret-file", "--ssws-token-file", "--private-key-file"} <= files
    assert telling - {"--id-token-alg"} == files
