"""gunicorn as in production: how many processes, what it refuses, and restarts that fail nobody."""

import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask import request

from tests.production import serving
from tests.production.processes import running, wait_until
from tests.support import factories
from tests.support.databases import Database
from tests.support.machine import TOP
from tests.support.portal_app import close, make_app

only_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def ready(database: Database) -> Database:
    """A database with a signing key, so that ``/readyz`` says yes."""
    app = make_app(database)
    with app.app_context():
        factories.signing_key()
    close(app)
    return database


def children_of(pid: int) -> set[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return {int(child) for child in listed.read_text().split()} if listed.exists() else set()


def pause(seconds: float) -> None:
    time.sleep(seconds)  # noqa: TID251 - the load goes on meanwhile


# --- What the file makes of a machine -------------------------------------------------------------------


@pytest.fixture
def configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, Any]]:
    for name in ("WEB_CONCURRENCY", "WEB_THREADS", "PORTAL_BIND"):
        monkeypatch.delenv(name, raising=False)
    # The file would put one into the environment, for good, and later tests would count there.
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    monkeypatch.setenv("PORTAL_CONFIG", str(TOP / "config" / "test.toml"))
    monkeypatch.syspath_prepend(str(TOP))
    return runpy.run_path(str(TOP / "config" / "gunicorn.conf.py"))


@pytest.mark.parametrize(("seen", "expected"), [(1, 1), (2, 2), (64, 16)])
def test_there_is_a_process_for_each_processor(
    monkeypatch: pytest.MonkeyPatch, configuration: dict[str, Any], seen: int, expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(seen)))
    read = runpy.run_path(str(TOP / "config" / "gunicorn.conf.py"))
    assert read["workers"] == min(expected, read["processors"]())


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 8),
        ({"cpu.max": "max 100000\n"}, 8),
        ({"cpu.max": "200000 100000\n"}, 2),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "5000 100000\n"}, 1),
        ({"cpu.max": "6400000 100000\n"}, 8),
        ({"cpu.max": ""}, 8),
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 8),
    ],
)
def test_a_containers_share_of_the_processors_counts(
    configuration: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, str],
    expected: int,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert configuration["processors"](tmp_path) == expected


def test_a_worker_may_finish_what_waits_for_others(configuration: dict[str, Any]) -> None:
    held = configuration["_configured"]
    waits = {name: value for name, value in vars(held).items() if name.endswith("_timeout")}
    assert len(waits) >= 6
    for name, value in waits.items():
        if name != "database_idle_timeout":
            assert configuration["graceful_timeout"] > value, name
    assert configuration["graceful_timeout"] > 3 * (
        held.verifeye_connect_timeout + held.verifeye_read_timeout
    )
    assert configuration["timeout"] > configuration["graceful_timeout"]


def test_every_thread_of_a_process_finds_a_connection(configuration: dict[str, Any]) -> None:
    held = configuration["_configured"]
    assert held.database_pool_size + held.database_max_overflow >= configuration["threads"]


def test_a_setting_that_is_wrong_ends_the_start_with_one_sentence() -> None:
    held = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    held |= {"PORTAL_CONFIG": str(TOP / "config" / "test.toml"), "PORTAL_CODE_LIFETIME": "5"}
    done = subprocess.run(serving.COMMAND, cwd=TOP, env=held, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "code_lifetime" in done.stderr
    assert "Traceback" not in done.stderr


# --- Restarts under load --------------------------------------------------------------------------------


@only_postgresql
def test_replacing_every_worker_fails_no_request(ready: Database, tmp_path: Path) -> None:
    with serving.gunicorn(ready, tmp_path) as (process, path), serving.load(path) as seen:
        pause(0.5)
        before = children_of(process.pid)
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: not before & children_of(process.pid), "the new workers", 60)
        pause(0.5)
    assert seen.failures == []
    assert seen.served > 20


@only_sqlite
def test_a_worker_that_is_killed_is_replaced_and_the_other_serves(ready: Database, tmp_path: Path) -> None:
    with serving.gunicorn(ready, tmp_path) as (process, path):
        wait_until(lambda: len(children_of(process.pid)) == 2, "two workers")
        victim = min(children_of(process.pid))
        os.kill(victim, signal.SIGKILL)
        statuses = [serving.get(path)[0] for _ in range(5)]
        wait_until(lambda: len(children_of(process.pid) - {victim}) == 2, "the replacement")
    assert statuses == [200] * 5


@only_sqlite
def test_a_second_server_takes_over_without_a_failed_request(ready: Database, tmp_path: Path) -> None:
    pidfile = tmp_path / "pid"
    arguments = f"--pid {pidfile}"
    with serving.gunicorn(ready, tmp_path, GUNICORN_CMD_ARGS=arguments) as (former, path):
        with serving.load(path) as seen:
            pause(0.3)
            former.send_signal(signal.SIGUSR2)
            wait_until(lambda: (tmp_path / "pid.2").exists(), "the second server")
            newer = int((tmp_path / "pid.2").read_text())
            wait_until(lambda: len(children_of(newer)) == 2, "its workers")
            pause(0.5)
            former.send_signal(signal.SIGTERM)
            former.wait(timeout=60)
            pause(0.5)
            assert serving.get(path)[0] == 200
        os.kill(newer, signal.SIGTERM)
        wait_until(lambda: not Path(f"/proc/{newer}").exists() or not children_of(newer), "its end", 60)
    assert seen.failures == []
    assert seen.served > 20


#: systemd's protocol (sd_listen_fds): the socket is descriptor 3, and the process is named by its id.
HAND_OVER = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3);"
    "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid())); os.execv(sys.argv[2], sys.argv[2:])"
)


@only_sqlite
def test_a_restart_behind_systemds_socket_fails_no_request(ready: Database, tmp_path: Path) -> None:
    """As ``systemctl restart`` does it: systemd holds the socket, one server ends, the next one starts."""
    path, log = str(tmp_path / "http.sock"), tmp_path / "gunicorn.log"
    with socket.socket(socket.AF_UNIX) as held, ExitStack() as servers:
        held.bind(path)
        held.listen(256)
        command = [sys.executable, "-c", HAND_OVER, str(held.fileno()), *serving.COMMAND]
        options = {"cwd": TOP, "env": serving.environment(ready), "pass_fds": [held.fileno()]}
        first = servers.enter_context(running(command, log, **options))
        wait_until(lambda: len(children_of(first.pid)) == 2, "the first server")
        with serving.load(path) as seen:
            pause(0.5)
            first.send_signal(signal.SIGTERM)
            assert first.wait(timeout=60) == 0
            before = seen.served
            servers.enter_context(running(command, log, **options))
            wait_until(lambda: seen.served > before + 20, "answers of the second server")
    assert seen.failures == []
    assert before > 5


# --- What is refused, and what is written down ----------------------------------------------------------


def exchange(path: str, text: bytes) -> bytes:
    """Send bytes as they are and return all that comes back."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(path)
        connection.sendall(text)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A portal that needs no database for what is asked of it."""
    folder = tmp_path_factory.mktemp("served")
    database = Database("sqlite", f"sqlite:///{folder}/portal.sqlite3")
    with serving.gunicorn(database, folder, PORTAL_LOG_LEVEL="INFO") as (_, path):
        yield path, folder / "gunicorn.log"


HOST = b"Host: portal.test\r\n"


@pytest.mark.parametrize(
    ("request_", "statuses"),
    [
        (b"GET /healthz?a=" + b"x" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", (400, 414)),
        (b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: " + b"x" * 9000 + b"\r\n\r\n", (400, 431)),
        (b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-%d: a\r\n" * 70 % tuple(range(70)) + b"\r\n", (400, 431)),
        # Request smuggling: two lengths, two meanings of one message (RFC 9112, section 6.3 and 11.2).
        (b"POST /v1/openid/token HTTP/1.1\r\n" + HOST
         + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
         + b"0\r\n\r\nGET /x HTTP/1.1\r\n\r\n", (400,)),
        (b"POST /v1/openid/token HTTP/1.1\r\n" + HOST
         + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde", (400,)),
        (b"POST /v1/openid/token HTTP/1.1\r\n" + HOST
         + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", (400, 501)),
        (b"POST /v1/openid/token HTTP/1.1\r\n" + HOST
         + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", (400,)),
        (b"GET /healthz HTTP/1.1\r\n" + HOST + b"A: b\r\n c: folded\r\n\r\n", (400,)),
        (b"GET /heal\x00thz HTTP/1.1\r\n" + HOST + b"\r\n", (400,)),
        (b"NONSENSE\r\n\r\n", (400,)),
    ],
)  # fmt: skip
def test_what_two_servers_might_read_differently_is_refused(
    served: tuple[str, Path], request_: bytes, statuses: tuple[int, ...]
) -> None:
    answer = exchange(served[0], request_)
    assert answer.startswith(b"HTTP/1.1 "), answer
    assert int(answer.split()[1]) in statuses
    assert answer.count(b"HTTP/1.1 ") == 1, "one message was answered twice"


def test_every_line_of_the_log_is_json_and_a_requests_line_has_no_query(served: tuple[str, Path]) -> None:
    path, log = served
    serving.get(path, "/v1/openid/authorize?code=hidden-secret-4711&state=hidden-state-4711")
    wait_until(lambda: "/v1/openid/authorize" in log.read_text(), "the line")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert "hidden-s" not in log.read_text()
    asked = [line for line in lines if line.get("path") == "/v1/openid/authorize"]
    assert set(asked[-1]) >= {"time", "level", "method", "path", "status", "duration_ms", "request_id"}
    assert {line["logger"] for line in lines} >= {"gunicorn.error", "portal.access"}


# --- Forwarded headers ----------------------------------------------------------------------------------

FORWARDED = {
    "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "portal.test",
}  # fmt: skip
HSTS = "Strict-Transport-Security"  # is sent where the portal believes to be https


@only_sqlite
@pytest.mark.parametrize(
    ("hops", "peer", "believed"),
    [
        (0, "127.0.0.1", False),
        (1, "127.0.0.1", True),
        (1, "::1", True),
        (1, "::ffff:127.0.0.1", True),
        (1, "", True),
        (1, "192.0.2.7", False),
        (1, "10.9.8.7", True),
        (1, "10.10.8.7", False),
    ],
)
def test_forwarded_headers_are_believed_from_trusted_proxies_only(
    database: Database, hops: int, peer: str, believed: bool
) -> None:
    app = make_app(
        database, trusted_proxies=hops, trusted_proxy_addresses=("127.0.0.1", "::1", "10.9.0.0/16")
    )
    seen: list[str | None] = []
    app.before_request(lambda: seen.append(request.remote_addr))
    response = app.test_client().get(
        "/healthz", base_url="http://portal.test", headers=FORWARDED, environ_base={"REMOTE_ADDR": peer}
    )
    assert (HSTS in response.headers) is believed
    assert seen == ["203.0.113.9" if believed else (peer or None)]
    close(app)


def test_gunicorn_itself_believes_nothing(served: tuple[str, Path]) -> None:
    status, headers, _ = serving.get(served[0], headers={**FORWARDED, "X-Forwarded-Ssl": "off"})
    assert status == 200
    assert HSTS not in headers
