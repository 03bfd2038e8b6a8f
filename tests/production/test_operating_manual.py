"""docs/operating.md and its neighbours name commands, options, settings and events that there are."""

import re
import subprocess
import tomllib

import click
import pytest
from flask import Flask

from portal.audit.events import Event
from portal.settings import CONFIG_FOLDER
from tests.support.machine import TOP

MANUAL = (TOP / "docs" / "operating.md").read_text()
NEIGHBOURS = (
    "README.md", "CHANGELOG.md", "docs/watching.md", "docs/security.md", "docs/okta-factor.md",
    "docs/okta-idv.md", "docs/okta-workforce.md",
)  # fmt: skip
NOUNS = (
    "audit", "client", "db", "doctor", "flow", "journeys", "keys", "mail", "okta", "outbox", "scim", "user",
    "sandbox", "verification",
)  # fmt: skip
only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def _commands(document: str) -> list[str]:
    """Return every command that ``document`` names in a sentence or in a block, with its options."""
    blocks = "".join(re.findall(r"^ *```[a-z]*\n(.*?)^ *```", document, re.DOTALL | re.MULTILINE))
    code = re.findall(r"`([^`\n]+)`", document) + re.sub(r"\\\n\s*", "", blocks).splitlines()
    # "outbox okta.registration" is the name of a span.
    command = rf"(?:.*(?:--app wsgi|portal|flask) |)((?:{'|'.join(NOUNS)})(?!\b\S)(?: [^.]+(?: .*)?)?)$"
    found = (re.match(command, text) for text in code if "systemctl" not in text)
    return sorted({match[1].strip() for match in found if match})


def test_the_manual_names_many_commands() -> None:
    assert len(_commands(MANUAL)) > 30
    assert sum(len(_commands((TOP / name).read_text())) for name in NEIGHBOURS) > 80


@only_sqlite
@pytest.mark.parametrize("name", ["docs/operating.md", *NEIGHBOURS])
def test_every_command_exists_with_its_options(app: Flask, name: str) -> None:
    for line in _commands((TOP / name).read_text()):
        _exists(app, line)


def _exists(app: Flask, line: str) -> None:
    words = line.split("#")[0].split()
    command: click.Command = app.cli
    while isinstance(command, click.Group) and words:
        name = words.pop(0)
        found = command.get_command(click.Context(command), name)
        assert found is not None, line
        command = found
    assert not isinstance(command, click.Group) or not words
    known = {
        option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
    }
    assert {word for word in words if word.startswith("--")} <= known, line


def test_every_event_that_is_named_exists() -> None:
    known = {event.value if isinstance(event.value, str) else event.value[0] for event in Event}
    rooms = "oidc|capture|users|journey|scim|okta|cli|enrolment"
    named = set(re.findall(rf"`((?:{rooms}):[a-z-]+(?::[a-z-]+)?)`", MANUAL))
    assert named
    for name in named:
        assert any(one == name or one.startswith(f"{name}:") for one in known), name


def test_every_setting_that_is_named_exists() -> None:
    known = set(tomllib.loads((CONFIG_FOLDER / "default.toml").read_text()))
    for name in re.findall(r"PORTAL_([A-Z_]+)", MANUAL):
        assert name.lower() in known or name in ("BIND", "CONFIG"), name
    for name in re.findall(r"`((?:database|trusted|rate_limit|retention|invitation)_[a-z_]+)`", MANUAL):
        assert name in known, name


def test_every_file_that_is_named_exists() -> None:
    for name in re.findall(r"(?<![/\w])((?:config|tests|docs|portal)/[\w./-]+\w)", MANUAL):
        assert (TOP / name).exists(), name


def test_the_shell_understands_its_blocks() -> None:
    for block in re.findall(r"^```\n(.*?)^```", MANUAL, re.DOTALL | re.MULTILINE):
        text = block.replace("<this repository>", "repository").replace("<release>", "release")
        done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
