"""``flask sandbox run``."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import urllib3
from flask.testing import FlaskCliRunner

from tests.cli.commands import UUID, document, refused
from tests.support.databases import Database
from tests.support.machine import TOP

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.mark.settings(allow_sandbox=False)
def test_settings_that_do_not_allow_it_refuse_it(runner: FlaskCliRunner) -> None:
    assert "allow_sandbox" in refused(runner, "sandbox", "run", "--port", "9")


def test_it_listens_on_loopback_only(runner: FlaskCliRunner) -> None:
    assert "loopback" in refused(runner, "sandbox", "run", "--port", "9", "--host", "0.0.0.0")


def test_a_place_that_cannot_be_written_is_refused(runner: FlaskCliRunner, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    place = str(tmp_path / "file" / "sandbox.sqlite3")
    assert "cannot start" in refused(runner, "sandbox", "run", "--port", "9", "--database", place)


def test_it_knows_the_portals_configurations_and_stops_on_control_c(
    database: Database, runner: FlaskCliRunner, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    document(
        runner, "verification", "add", UUID, "--api-key-file", "-", "--service-url", address,
        "--api-url", address, "--match", "match", "--require", "liveness", given="an-api-key\n",
    )  # fmt: skip
    process = subprocess.Popen(
        [
            sys.executable, "-m", "flask", "--app", "wsgi", "sandbox", "run", "--port", str(port),
            "--database", str(tmp_path / "made" / "sandbox.sqlite3"),
        ],
        cwd=TOP,
        env={
            "PATH": os.environ["PATH"],
            "PORTAL_CONFIG": str(TOP / "config" / "test.toml"),
            "PORTAL_DATABASE_URL": database.url,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        assert "verifies nobody" in process.stdout.readline()
        assert "knows 1 of" in process.stdout.readline()
        with urllib3.PoolManager() as pool:
            answer = pool.request(
                "GET", f"{address}/v1/datetime/utc-now", headers={"Authorization": "ApiKey an-api-key"}
            )
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        assert "Stopped." in process.communicate(timeout=30)[0]
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
