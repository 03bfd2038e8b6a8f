"""A command whose database cannot be reached says why, and nothing of what it was given in secret."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.apache import free_port
from tests.support.machine import TOP

PASSWORD = "a-password-that-nobody-may-read"


def say(url: str, *command: str) -> subprocess.CompletedProcess[str]:
    held = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    held |= {"PORTAL_CONFIG": str(TOP / "config" / "test.toml"), "PORTAL_DATABASE_URL": url}
    flask = [str(Path(sys.executable).parent / "flask"), "--app", "wsgi", *command]
    return subprocess.run(flask, cwd=TOP, env=held, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("command", [("user", "list"), ("db", "upgrade"), ("doctor",)])
def test_a_server_that_is_not_there_is_named(command: tuple[str, ...]) -> None:
    port = free_port()
    done = say(f"postgresql+psycopg://portal:{PASSWORD}@127.0.0.1:{port}/portal", *command)
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert f"port {port} failed: Connection refused" in said
    assert PASSWORD not in said
    assert "Traceback" not in said


def test_tables_that_are_missing_are_named(tmp_path: Path) -> None:
    done = say(f"sqlite:///{tmp_path}/empty.db", "user", "list")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no such table: users" in done.stderr
    assert "`flask db upgrade`" in done.stderr
    assert len(done.stderr.splitlines()) == 1
