"""The threads that stay with a connection: they answer what follows at once, and leave enough for others."""

import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.production import serving
from tests.production.processes import listens, running, wait_until
from tests.support.machine import TOP

GUNICORN = str(Path(sys.executable).parent / "gunicorn")
REQUEST = "GET / HTTP/1.1\r\nHost: portal.test\r\n\r\n"


@contextmanager
def server(folder: Path, *, threads: int) -> Iterator[tuple[subprocess.Popen, str]]:
    """Serve an application that says which thread answers, by the portal's kind of worker."""
    path = str(folder / "http.sock")
    command = [
        GUNICORN, "-k", "portal.serving.StayingThreads", "--threads", str(threads), "--keep-alive", "15",
        "--no-control-socket", "-b", f"unix:{path}", "tests.production.which_thread:application",
    ]  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if name != "GUNICORN_CMD_ARGS"}
    with running(command, folder / "gunicorn.log", cwd=TOP, env=environment) as process:
        wait_until(lambda: listens(path), "gunicorn")
        yield process, path


@contextmanager
def asking(path: str, connections: int, target: str = "/") -> Iterator[list[list[str]]]:
    """Ask on kept connections without a pause until the block ends; give what each was answered."""
    answered: list[list[str]] = [[] for _ in range(connections)]
    done = threading.Event()

    def ask(answers: list[str]) -> None:
        connection = serving.UnixConnection(path)
        while not done.is_set():
            connection.request("GET", target)
            answers.append(connection.getresponse().read().decode())
        connection.close()

    askers = [threading.Thread(target=ask, args=(answers,)) for answers in answered]
    for asker in askers:
        asker.start()
    try:
        yield answered
    finally:
        done.set()
        for asker in askers:
            asker.join(timeout=30)


def longest_run(answers: list[str]) -> int:
    return max((len(list(same)) for _, same in itertools.groupby(answers)), default=0)


def test_what_follows_at_once_is_answered_by_the_same_thread(tmp_path: Path) -> None:
    with server(tmp_path, threads=6) as (_, path), asking(path, 3) as answered:
        wait_until(lambda: all(len(answers) > 400 for answers in answered), "four hundred answers for each")
    assert max(longest_run(answers) for answers in answered) > 50


def test_whoever_comes_new_finds_a_thread_where_others_never_pause(tmp_path: Path) -> None:
    with server(tmp_path, threads=4) as (_, path), asking(path, 6) as answered:
        wait_until(lambda: all(answers for answers in answered), "an answer for each")
        assert serving.get(path, "/")[0] == 200


def test_nobody_is_kept_waiting_for_those_who_have_a_thread(tmp_path: Path) -> None:
    with server(tmp_path, threads=4) as (_, path), asking(path, 12, "/slow") as answered:
        wait_until(lambda: sum(map(len, answered)) > 2000, "two thousand answers")
    numbers = sorted(map(len, answered))
    assert numbers[-1] < 2 * numbers[0]


def test_one_thread_answers_everybody(tmp_path: Path) -> None:
    with server(tmp_path, threads=1) as (_, path), asking(path, 3) as answered:
        wait_until(lambda: all(len(answers) > 20 for answers in answered), "twenty answers for each")
        assert serving.get(path, "/")[0] == 200


def test_requests_sent_together_are_all_answered_in_their_order(tmp_path: Path) -> None:
    last = REQUEST.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
    with server(tmp_path, threads=4) as (_, path), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(path)
        connection.sendall((3 * REQUEST + last).encode())
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.count(b"HTTP/1.1 200 OK") == 4
    assert received.count(b"Connection: close") == 1


@pytest.mark.parametrize("pause", [0.0, 0.01, 0.2])
def test_a_client_may_pause_or_leave_when_it_likes(tmp_path: Path, pause: float) -> None:
    with server(tmp_path, threads=2) as (_, path):
        for _ in range(5):
            connection = serving.UnixConnection(path)
            for _ in range(3):
                connection.request("GET", "/")
                assert connection.getresponse().read()
                time.sleep(pause)  # noqa: TID251 - what a client does, not what the server waits for
            connection.close()
        assert serving.get(path, "/")[0] == 200


def test_a_request_that_is_never_finished_keeps_no_newcomer_waiting(tmp_path: Path) -> None:
    with server(tmp_path, threads=4) as (_, path), ExitStack() as held:
        for _ in range(2):
            connection = held.enter_context(socket.socket(socket.AF_UNIX))
            connection.connect(path)
            connection.sendall((REQUEST + REQUEST[:10]).encode())
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")
        assert serving.get(path, "/")[0] == 200


def test_a_server_that_stops_answers_what_comes_on_kept_connections(tmp_path: Path) -> None:
    with server(tmp_path, threads=4) as (process, path), ExitStack() as held:
        connections = []
        for _ in range(4):
            connection = serving.UnixConnection(path)
            held.callback(connection.close)
            connection.request("GET", "/")
            assert connection.getresponse().read()
            connections.append(connection)
        process.send_signal(signal.SIGTERM)
        for connection in connections:
            wait_until(lambda asked=connection: told_to_leave(asked), "the answer that ends a connection")
        assert process.wait(timeout=60) == 0


def told_to_leave(connection: serving.UnixConnection) -> bool:
    connection.request("GET", "/")
    response = connection.getresponse()
    assert response.status == 200
    assert response.read()
    return response.headers["Connection"] == "close"
