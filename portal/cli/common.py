"""What the commands share: groups that speak in sentences, secrets from files, tables and JSON."""

import json
import logging
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
from alembic.util import CommandError
from flask.cli import AppGroup
from sqlalchemy.exc import SQLAlchemyError

from portal import credentials, logs
from portal.credentials import UnsealError
from portal.extensions import db
from portal.models import VerificationConfiguration
from portal.outbox.messages import told_by_the_driver
from portal.verifications import registry

_LARGEST_SECRET = 16_384
_LARGEST_DOCUMENT = 262_144
_Function = TypeVar("_Function", bound=Callable[..., Any])


class Group(AppGroup):
    """A noun's commands. Whatever goes wrong ends as one sentence on standard error and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what it has not committed is undone if it fails."""
        _print_what_the_terminal_lacks()
        with logs.at_least(logging.WARNING):
            try:
                return super().invoke(ctx)
            except SQLAlchemyError as error:
                fail(database_sentence(error))
            except CommandError as error:
                fail(f"The migration cannot be done: {error}")
            except UnicodeEncodeError:
                # Bytes that are not UTF-8 come from the command line as halves of characters.
                fail("An argument is not valid text (UTF-8).")
            except UnsealError:
                fail(
                    "A stored secret cannot be opened with the configured encryption keys: put the key "
                    "it was sealed with back into PORTAL_ENCRYPTION_KEY."
                )


def _print_what_the_terminal_lacks() -> None:
    """Have letters that the terminal's encoding does not know printed as escapes.

    A name in another script would end a list half-way, or call a change failed that is committed.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def fail(sentence: str) -> NoReturn:
    """End the command with ``sentence`` on standard error and exit code 1."""
    raise click.ClickException(sentence)


def sentence_of(error: Exception) -> str:
    """Return the message of an exception whose messages are sentences for operators."""
    return str(error.args[0]) if error.args else "That was refused."


def database_sentence(error: SQLAlchemyError) -> str:
    """Say what to do about a database error, with the driver's reason where it can quote no value."""
    return (
        f"The database cannot do that ({database_reason(error)}). Is it running, and are its tables up to "
        "date? `flask db upgrade` makes them so; `flask doctor` says more."
    )


def database_reason(error: SQLAlchemyError) -> str:
    """Return why the database is away, in the driver's words on one line; of other errors the kind alone."""
    why, _ = told_by_the_driver(error)
    return logs.one_line("; ".join(line.strip() for line in why.splitlines() if line.strip()))


def json_option(function: _Function) -> _Function:
    """Add ``--json`` to a command, as the parameter ``as_json``."""
    option: Callable[[_Function], _Function] = click.option(
        "--json", "as_json", is_flag=True, help="Print machine-readable JSON."
    )
    return option(function)


def yes_option(function: _Function) -> _Function:
    """Add ``--yes`` to a command that asks before it destroys something."""
    option: Callable[[_Function], _Function] = click.option(
        "--yes", is_flag=True, help="Do it without asking (for scripts)."
    )
    return option(function)


def confirm(question: str, *, yes: bool) -> None:
    """Ask ``question`` unless ``yes``; anything but a yes ends the command."""
    if yes:
        return
    if not click.confirm(question, err=True):
        fail("Nothing was changed.")


def print_json(document: Any) -> None:
    """Print ``document``, escaped to ASCII so that no terminal or pipe can spoil it."""
    click.echo(as_json(document))


def as_json(document: Any) -> str:
    """Return ``document`` as JSON in ASCII."""
    return json.dumps(document, indent=2, default=_plain)


def write_private(path: str, text: str) -> None:
    """Write ``text`` to the file ``path``, which from its first byte only its owner may read.

    The file appears whole or not at all, and takes the place of one that is there.
    """
    try:
        target = Path(path)
        draft = target.with_name(f".{target.name}.{credentials.random_hex(64)}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        try:
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "not a file name").lower()
        fail(f"{_name(path)} cannot be written: {reason}.")


def print_table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print ``rows`` in columns under ``headings``."""
    lines = [[*headings], *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    for line in lines:
        click.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def print_facts(facts: Iterable[tuple[str, Any]]) -> None:
    """Print names and values, one pair a line; a list takes a line for each item."""
    pairs = [(name, value if isinstance(value, list | tuple) else [value]) for name, value in facts]
    width = max(len(name) for name, _ in pairs)
    for name, values in pairs:
        for number, value in enumerate(values or ["-"]):
            click.echo(f"{(name if number == 0 else '').ljust(width)}  {_cell(value)}".rstrip())


def moment(value: datetime | None) -> str | None:
    """Return a moment as ISO 8601 in UTC with seconds, or ``None``."""
    return None if value is None else value.isoformat(timespec="seconds").replace("+00:00", "Z")


def read_secret(path: str | None, what: str) -> str:
    """Return the secret in the file ``path`` (``-``: standard input), or ask for it without showing it.

    One line break at the end is an editor's and is dropped; everything else is taken as it is.
    """
    if path is None:
        if not sys.stdin.isatty():
            fail(f"There is no terminal to ask for {what}: name a file, or - for standard input.")
        asked: str = click.prompt(what[:1].upper() + what[1:], hide_input=True, err=True)
        return asked
    secret = read_text(path, what, _LARGEST_SECRET).removesuffix("\n").removesuffix("\r")
    if not secret:
        fail(f"{_name(path)} is empty; it should hold {what}.")
    return secret


def read_text(path: str, what: str, largest: int = _LARGEST_DOCUMENT) -> str:
    """Return the text of the file ``path`` (``-``: standard input), which should hold ``what``."""
    try:
        if path == "-":
            content = sys.stdin.buffer.read(largest + 1)
        else:
            with Path(path).open("rb") as file:
                content = file.read(largest + 1)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "not a file name").lower()
        fail(f"{_name(path)}, which should hold {what}, cannot be read: {reason}.")
    if len(content) > largest:
        fail(f"{_name(path)} is longer than {largest} bytes; is it the file with {what}?")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        fail(f"{_name(path)} is not UTF-8 text; is it the file with {what}?")


def canonical(text: str) -> str:
    """Return a configuration's canonical id, or end the command with a sentence."""
    try:
        return registry.canonical_id(text)
    except ValueError as error:
        fail(sentence_of(error))


def configuration(text: str) -> VerificationConfiguration:
    """Return the configuration that ``text`` names, or end the command with a sentence."""
    found = registry.find(canonical(text))
    if found is None:
        fail(
            f"There is no verification configuration {canonical(text)}; `flask verification list` shows all."
        )
    return found


def commit() -> None:
    """Make what the command did last."""
    db.session.commit()


def _name(path: str) -> str:
    return "Standard input" if path == "-" else f"The file {logs.one_line(path)}"


def _plain(value: Any) -> str | None:
    return moment(value) if isinstance(value, datetime) else str(value)


def _cell(value: Any) -> str:
    """Return a value for people: stored text may come from outside and must not steer a terminal."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return moment(value) or "-"
    if isinstance(value, list | tuple):
        return ", ".join(_cell(item) for item in value) or "-"
    return logs.one_line(str(value))
