"""The portal under gunicorn with ``config/gunicorn.conf.py``, as in production, on a database of a test."""

import http.client
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

from tests.production.processes import flask, listens, running, wait_until
from tests.support.databases import Database
from tests.support.machine import TOP

_FOREIGN = ("PORTAL_", "FLASK_", "GUNICORN_", "WEB_", "LISTEN_")


def environment(database: Database, **given: str) -> dict[str, str]:
    """Return the environment of a portal on ``database``; ``given`` are further variables."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    ours = {"PORTAL_CONFIG": str(TOP / "config" / "test.toml"), "PORTAL_DATABASE_URL": database.url}
    return inherited | ours | {"WEB_CONCURRENCY": "2", "WEB_THREADS": "4"} | given


#: Not ``python -m gunicorn``: what USR2 starts would then have gunicorn's own folder first on its path, and
#: take gunicorn's package ``http`` for Python's.
COMMAND = [str(Path(sys.executable).parent / "gunicorn"), "-c", "config/gunicorn.conf.py", "wsgi:app"]


def prepare(database: Database, **given: str) -> None:
    """Make the tables of ``database`` and a signing key, as an operator does."""
    held = environment(database, **given)
    flask(held, "db", "upgrade")
    flask(held, "keys", "rotate")


@contextmanager
def gunicorn(database: Database, folder: Path, **given: str) -> Iterator[tuple[Popen, str]]:
    """Serve the portal on a Unix socket in ``folder``; give the process and the socket's path."""
    path = str(folder / "http.sock")
    held = environment(database, PORTAL_BIND=f"unix:{path}", **given)
    with running(COMMAND, folder / "gunicorn.log", cwd=TOP, env=held) as process:
        wait_until(lambda: listens(path) or process.poll() is not None, "gunicorn")
        assert process.poll() is None, (folder / "gunicorn.log").read_text()
        yield process, path


class UnixConnection(http.client.HTTPConnection):
    """A connection to a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("portal.test", timeout=30)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket instead of a port."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def get(
    path: str, target: str = "/healthz", headers: dict[str, str] | None = None
) -> tuple[int, dict, bytes]:
    """Make one request at a Unix socket, on a connection of its own, as nginx does."""
    connection = UnixConnection(path)
    try:
        connection.request("GET", target, headers={"Connection": "close", **(headers or {})})
        response = connection.getresponse()
        return response.status, dict(response.headers), response.read()
    finally:
        connection.close()


@dataclass
class Load:
    """What some threads got that made requests without a pause."""

    served: int = 0
    failures: list[str] = field(default_factory=list)


@contextmanager
def load(path: str, target: str = "/readyz", threads: int = 3) -> Iterator[Load]:
    """Make requests in ``threads`` threads until the block ends; every answer but 200 is a failure.

    With a pause that leaves the processor to the servers: what restarts meanwhile has to be imported.
    """
    seen, done = Load(), threading.Event()

    def visit() -> None:
        while not done.wait(0.02):
            try:
                status, _, _ = get(path, target)
            except OSError as error:
                seen.failures.append(repr(error))
            except http.client.HTTPException as error:
                seen.failures.append(repr(error))
            else:
                seen.served += 1
                if status != 200:
                    seen.failures.append(str(status))

    visitors = [threading.Thread(target=visit) for _ in range(threads)]
    for visitor in visitors:
        visitor.start()
    try:
        yield seen
    finally:
        done.set()
        for visitor in visitors:
            visitor.join(timeout=40)
