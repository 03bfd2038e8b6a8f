"""systemd units and the container file name what there is, and the units are shut as far as they can be."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from portal.cli import outbox
from tests.support import machine
from tests.support.machine import TOP

UNITS = sorted((TOP / "config" / "deploy" / "systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
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
    (command,) = re.findall(r"^ExecStart=(.*)$", unit.read_text(), re.MULTILINE)
    program, *arguments = command.split()
    assert (TOP / program.removeprefix("/opt/verification-portal/")).exists()
    if "wsgi" in arguments:
        from_flask = arguments[arguments.index("wsgi") + 1 :]
        assert from_flask[0] == "outbox"
        assert from_flask[1] in outbox.group.commands


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
    assert "UNTESTED" in text
    assert shutil.which("docker") is None or "USER portal" in text


def test_web_and_worker_count_in_one_folder_that_outlives_both() -> None:
    for unit in SERVICES:
        text = unit.read_text()
        (folder,) = re.findall(r"PROMETHEUS_MULTIPROC_DIR=/run/(\S+)", text)
        assert f"RuntimeDirectory={folder}\n" in text
        # With "no" or "restart", stopping one would take the folder away under the other.
        assert "RuntimeDirectoryPreserve=yes\n" in text
        assert "User=portal\n" in text
