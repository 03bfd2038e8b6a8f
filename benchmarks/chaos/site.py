"""The site: two nodes behind nginx, two workers, one PostgreSQL and, if wanted, a Redis, all of its own.

What dies is started again as systemd would: everything of its group is ended, and after a pause it is begun
anew (config/deploy/systemd). A part that was taken away on purpose stays away until it is brought back.
"""

import contextlib
import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.chaos.http1 import Place
from tests.production import front
from tests.production.own_postgres import OwnPostgres, own_postgres
from tests.production.processes import free_port, listens, wait_until
from tests.production.serving import COMMAND, environment
from tests.production.small_disk import SmallDisk, small_disk
from tests.support import machine
from tests.support.databases import Database
from tests.support.machine import TOP

ISSUER = f"https://{front.NAME}"
RESULT_URL = f"{ISSUER}/v1/openid/verify-result"
_WORKER = [str(Path(sys.executable).parent / "flask"), "--app", "wsgi", "outbox", "run", "--loop"]


class Part:
    """A program that runs until it is told otherwise, and is started again when it dies."""

    def __init__(
        self, name: str, command: list[str], environment: dict[str, str], folder: Path, pause: float
    ) -> None:
        self.name, self._command, self._environment = name, command, environment
        self._log, self._pause = folder / f"{name}.log", pause
        self._process: subprocess.Popen[bytes] | None = None
        self._away = threading.Event()
        self._keeper: threading.Thread | None = None
        #: How many times it was started.
        self.starts = 0

    @property
    def pid(self) -> int:
        """The process that was started."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and see to it from now on."""
        self._away.clear()
        self._begin()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Take it away: this signal first, and SIGKILL for what is left of its group."""
        if self._keeper is None or self._process is None:
            return
        self._away.set()
        self._keeper.join()
        self._keeper = None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        self._end_group()

    def signal(self, number: int) -> None:
        """Send the started process a signal."""
        os.kill(self.pid, number)

    def signal_all(self, number: int) -> None:
        """Send every process of the part's group a signal."""
        os.killpg(self.pid, number)

    def children(self) -> list[int]:
        """Return the processes that it has forked."""
        return children_of(self.pid)

    def said(self, words: str) -> int:
        """Return how often ``words`` are in its log."""
        return self._log.read_text(errors="replace").count(words) if self._log.exists() else 0

    def _begin(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=TOP, env=self._environment, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True,
            )  # fmt: skip
        self.starts += 1

    def _keep(self) -> None:
        while not self._away.wait(0.1):
            assert self._process is not None
            if self._process.poll() is not None:
                self._end_group()
                if self._away.wait(self._pause):
                    return
                self._begin()

    def _end_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.signal_all(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()


class Site:
    """The parts: ``nodes`` and ``workers`` (two each), ``nginx``, ``postgres`` and perhaps ``redis``.

    ``disk`` is where PostgreSQL's data are, if that is a disk of their own.
    """

    disk: SmallDisk | None = None

    def __init__(self, folder: Path, postgres: OwnPostgres, settings: dict[str, str], *, redis: bool) -> None:
        self.folder, self.postgres = folder, postgres
        self.ports = [free_port(), free_port()]
        self._port, self._redis_port = free_port(), free_port()
        counted = f"redis://127.0.0.1:{self._redis_port}/0" if redis else "memory://"
        fixed = {
            "PORTAL_ISSUER": ISSUER, "PORTAL_TRUSTED_PROXIES": "1", "PORTAL_RATE_LIMIT_STORAGE": counted,
            "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        self.environment = environment(Database("postgresql", postgres.url), **fixed | settings)
        self.nodes = [self._node(number) for number in range(2)]
        self.workers = [self._worker(number) for number in range(2)]
        self.redis = self._redis() if redis else None
        self.nginx = self._nginx()

    @property
    def parts(self) -> list[Part]:
        """Every part but PostgreSQL, in the order in which they are started."""
        redis = [self.redis] if self.redis else []
        return [*redis, *self.nodes, *self.workers, self.nginx]

    @property
    def door(self) -> Place:
        """Where people come in: nginx."""
        trusted = ssl.create_default_context(cafile=self.folder / "certificate.pem")
        return Place("127.0.0.1", self._port, front.NAME, trusted)

    @property
    def back_doors(self) -> list[Place]:
        """The nodes themselves, with the headers that nginx would write."""
        headers = {
            "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": front.NAME,
        }  # fmt: skip
        return [Place("127.0.0.1", port, front.NAME, None, headers) for port in self.ports]

    def start(self) -> None:
        """Start everything and wait until it can serve."""
        for part in self.parts:
            part.start()
        self.wait_until_all_serve()

    def stop(self) -> None:
        """Stop everything, also what is stopped in its tracks; PostgreSQL is its owner's."""
        for part in reversed(self.parts):
            part.stop()

    def wait_until_all_serve(self, seconds: float = 60) -> None:
        """Wait until both nodes, nginx and the Redis take connections, and PostgreSQL does."""
        wait_until(self.postgres.answers, "PostgreSQL", seconds)
        wanted = [*self.ports, self._port, *([self._redis_port] if self.redis else [])]
        for port in wanted:
            wait_until(lambda at=port: listens(("127.0.0.1", at)), f"port {port}", seconds)

    def _node(self, number: int) -> Part:
        own = {
            "PORTAL_BIND": f"127.0.0.1:{self.ports[number]}",
            # A folder that is not left behind when its owner is killed.
            "PROMETHEUS_MULTIPROC_DIR": str(self.folder / f"metrics-{number}"),
        }
        return Part(f"node-{number}", COMMAND, self.environment | own, self.folder, 2.0)

    def _worker(self, number: int) -> Part:
        own = {"PROMETHEUS_MULTIPROC_DIR": str(self.folder / f"metrics-{number}")}
        return Part(f"worker-{number}", _WORKER, self.environment | own, self.folder, 5.0)

    def _redis(self) -> Part:
        program = machine.program("redis-server") or machine.missing("there is no redis-server")
        options = f"--port {self._redis_port} --bind 127.0.0.1 --appendonly no --dir {self.folder}".split()
        return Part("redis", [program, *options, "--save", ""], dict(os.environ), self.folder, 2.0)

    def _nginx(self) -> Part:
        program = machine.program("nginx", "/usr/sbin/nginx") or machine.missing("there is no nginx")
        front.make_certificate(self.folder)
        nodes = [f"127.0.0.1:{port}" for port in self.ports]
        frame = front.made_for_this_machine(self.folder, self._port, free_port(), *nodes)
        command = [program, "-p", str(self.folder), "-c", str(frame)]
        return Part("nginx", command, dict(os.environ), self.folder, 2.0)


@contextmanager
def site(
    folder: Path, settings: dict[str, str], *, redis: bool = False, disk_of: int | None = None
) -> Iterator[Site]:
    """Give a site whose PostgreSQL runs, and is empty; the rest is to be started. It ends with the block.

    With ``disk_of`` (MiB) PostgreSQL's data are on a disk of that size, in memory, which can be filled; its
    log's files are small, so that a full disk stops the log too, as it would a busy server's.
    """
    disks: list[SmallDisk] = []

    @contextmanager
    def disk(path: Path, owner: str | None) -> Iterator[None]:
        assert disk_of is not None
        with small_disk(path, disk_of, owner) as mounted:
            disks.append(mounted)
            yield

    on_it = own_postgres(disk, ("--wal-segsize=1",)) if disk_of else own_postgres()
    with on_it as postgres:
        made = Site(folder, postgres, settings, redis=redis)
        made.disk = disks[0] if disks else None
        try:
            yield made
        finally:
            made.stop()


def children_of(pid: int) -> list[int]:
    """Return the processes that ``pid`` has forked and that are still there."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
