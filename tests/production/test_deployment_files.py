"""systemd units and the container file name what there is, and the units are shut as far as they can be."""

import re
import subprocess
from pathlib import Path

import click
import pytest

from portal import cli
from tests.support import machine
from tests.support.machine import TOP

UNITS = sorted((TOP / "config" / "deploy" / "systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
SERVING = [unit for unit in SERVICES if "Restart=always" in unit.read_text()]
TIMERS = [unit for unit in UNITS if unit.suffix == ".timer"]
CONTAINERFILE = TOP / "config" / "deploy" / "container" / "Containerfile"
#: What systemd-analyze calls "OK"; a service without any of the settings has 9.6.
MOST_EXPOSED = 2.0


@pytest.fixture
def analyze() -> str:
    return machine.program("systemd-analyze") or machine.missing("there is no systemd-analyze")


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_service_is_shut_in(analyze: str, unit: Path) -> None:
    done = subprocess.run(
        [analyze, "security", "--offline=yes", unit], capture_output=True, text=True, check=True, timeout=60
    )
    exposure = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)[1])
    assert exposure <= MOST_EXPOSED, done.stdout


def test_systemd_understands_every_unit(analyze: str, tmp_path: Path) -> None:
    # A copy whose programs are where this machine has them.
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace("/opt/verification-portal", str(TOP)))
    done = subprocess.run(
        [analyze, "verify", "--man=no", *sorted(tmp_path.iterdir())],
        capture_output=True,
        text=True,
        timeout=60,
    )
    ours = [
        line for line in done.stderr.splitlines() if str(tmp_path) in line or "verification-portal" in line
    ]
    assert done.returncode == 0, done.stderr
    assert ours == []


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_service_starts_what_there_is(unit: Path) -> None:
    commands = re.findall(r"^ExecStart=(.*)$", unit.read_text(), re.MULTILINE)
    assert commands
    for command in commands:
        program, *arguments = command.split()
        assert (TOP / program.removeprefix("/opt/verification-portal/")).exists()
        if "--app" in arguments:
            _understands(arguments[arguments.index("wsgi") + 1 :])


def _understands(words: list[str]) -> None:
    """Have click read the words of a command as far as they are not about this machine."""
    command = cli._Nouns().get_command(click.Context(click.Command("flask")), words.pop(0))
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    assert command is not None
    known = {
        option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
    }
    assert {word for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize("unit", TIMERS, ids=lambda unit: unit.name)
def test_a_timer_has_a_service_that_ends(unit: Path) -> None:
    service = unit.with_suffix(".service")
    assert service in SERVICES
    assert "Type=oneshot\n" in service.read_text()
    assert service not in SERVING


def test_the_service_may_take_as_long_to_stop_as_gunicorn_does() -> None:
    unit = (TOP / "config" / "deploy" / "systemd" / "verification-portal.service").read_text()
    assert int(re.search(r"TimeoutStopSec=(\d+)", unit)[1]) >= 120


def test_the_container_file_copies_what_there_is() -> None:
    text = CONTAINERFILE.read_text()
    copied = [
        name
        for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE)
        for name in line.split()[:-1]
    ]
    assert {"portal", "migrations", "templates", "static", "config", "wsgi.py"} <= set(copied)
    for name in copied:
        assert (TOP / name).exists(), name
    assert "USER portal" in text


def test_web_and_worker_count_in_one_folder_that_outlives_both() -> None:
    assert len(SERVING) == 2
    for unit in SERVING:
        text = unit.read_text()
        (folder,) = re.findall(r"PROMETHEUS_MULTIPROC_DIR=/run/(\S+)", text)
        assert f"RuntimeDirectory={folder}\n" in text
        # With "no" or "restart", stopping one would take the folder away under the other.
        assert "RuntimeDirectoryPreserve=yes\n" in text
        assert "User=portal\n" in text
