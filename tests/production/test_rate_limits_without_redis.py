"""Rate limits are counted in one Redis; while it is away, each process counts alone and waits for nobody."""

import math
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from redis.exceptions import RedisError

from portal import clock
from portal.extensions import counts
from tests.production.processes import free_port, listens, wait_until
from tests.support import machine
from tests.support.databases import Database
from tests.support.portal_app import close, make_app

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
ADDRESS = "/v1/openid/authorize"
LIMIT = "3 per hour"


class Redis:
    """A Redis of the test's own, which keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self.program = machine.program("redis-server") or machine.missing("there is no redis-server")
        self.folder, self.port = folder, free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [self.program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""],
            cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_until(lambda: listens(("127.0.0.1", self.port)), "Redis")

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(timeout=10)
            self.process = None


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    server = Redis(tmp_path)
    server.start()
    yield server
    if server.process is not None:
        server.process.send_signal(signal.SIGCONT)
    server.stop()
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture
def nodes(database: Database, redis: Redis) -> Iterator[list[Flask]]:
    """Two processes' worth of portal, which share one Redis."""
    apps = [make_app(database, rate_limit_storage=redis.url, rate_limit_authorize=LIMIT) for _ in range(2)]
    yield apps
    for app in apps:
        app.extensions["portal.limiter"].storage.storage.close()
        close(app)


def ask(app: Flask) -> tuple[int, float]:
    """Return the status of a request that is limited, and how many seconds it took."""
    began = time.monotonic()  # noqa: TID251 - how long a dead server keeps a request is the question
    with app.test_client().get(ADDRESS) as response:
        return response.status_code, time.monotonic() - began  # noqa: TID251 - likewise


def statuses(app: Flask, count: int) -> list[int]:
    return [ask(app)[0] for _ in range(count)]


@only_sqlite
def test_two_processes_count_together(nodes: list[Flask]) -> None:
    assert statuses(nodes[0], 2) == [400, 400]
    assert statuses(nodes[1], 2) == [400, 429]
    assert statuses(nodes[0], 1) == [429]
    refused = nodes[0].test_client().get(ADDRESS)
    minutes = math.ceil(int(refused.headers["Retry-After"]) / 60)
    assert f"Wait about {minutes} minutes, then try again." in refused.text


@only_sqlite
@pytest.mark.parametrize("ended_by", [signal.SIGTERM, signal.SIGKILL])
def test_without_redis_each_process_counts_alone(nodes: list[Flask], redis: Redis, ended_by: int) -> None:
    assert statuses(nodes[0], 3) == [400, 400, 400]
    redis.stop(ended_by)
    # Nothing of what was counted is known any more, and nobody is let in without being counted.
    for node in nodes:
        assert statuses(node, 4) == [400, 400, 400, 429]


@only_sqlite
def test_a_redis_that_hangs_delays_one_request_and_not_the_next(nodes: list[Flask], redis: Redis) -> None:
    assert ask(nodes[0])[0] == 400
    assert redis.process is not None
    redis.process.send_signal(signal.SIGSTOP)
    status, seconds = ask(nodes[0])
    assert status == 400
    assert seconds < 10, "the time-out of a quarter of a second does not hold"
    following = [ask(nodes[0]) for _ in range(3)]
    assert [status for status, _ in following] == [400, 400, 429]


@only_sqlite
def test_redis_is_used_again_when_it_is_back(nodes: list[Flask], redis: Redis) -> None:
    redis.stop()
    assert ask(nodes[0])[0] == 400
    redis.start()
    limiter = nodes[0].extensions["portal.limiter"]
    wait_until(lambda: ask(nodes[0])[0] in (400, 429) and not limiter._storage_dead, "the shared count", 10)
    assert limiter.storage.storage.dbsize() >= 1, "nothing is counted in Redis"


@only_sqlite
def test_a_redis_that_nobody_started_does_not_keep_the_portal_from_starting(database: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    app = make_app(database, rate_limit_storage=f"redis://127.0.0.1:{port}/0", rate_limit_authorize=LIMIT)
    assert statuses(app, 4) == [400, 400, 400, 429]
    app.extensions["portal.limiter"].storage.storage.close()
    close(app)


@only_sqlite
def test_wrong_secrets_are_counted_together_and_their_count_may_be_lost(
    nodes: list[Flask], redis: Redis
) -> None:
    rate, place = "2 per minute; 9 per hour", ("wrong-secrets", "192.0.2.7")
    with nodes[0].app_context():
        assert counts().count(rate, *place) is None
    with nodes[1].app_context():
        assert counts().has_room(rate, *place)
        assert counts().count(rate, *place) is None
        assert not counts().has_room(rate, *place)
        ends = counts().count(rate, *place)
        now = clock.now().timestamp()
        assert ends is not None
        assert now < ends <= now + 61
        redis.stop()
        counted = counts()
        with pytest.raises(counted.failures):
            counted.count(rate, *place)


@only_sqlite
def test_a_count_that_is_lost_is_known_as_lost_when_another_thread_noticed_first(
    nodes: list[Flask], redis: Redis
) -> None:
    redis.stop()
    with nodes[0].app_context():
        counted = counts()
        with pytest.raises(RedisError) as lost:
            counted.count("2 per minute", "wrong-secrets", "192.0.2.7")
        assert ask(nodes[0])[0] == 400  # from here on, the limiter counts in memory
        assert isinstance(lost.value, counted.failures)
