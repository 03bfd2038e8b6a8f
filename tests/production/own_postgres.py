"""A PostgreSQL server that a test may stop, kill and start again; nobody else uses it."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

import psycopg

from tests.production.processes import free_port, wait_until
from tests.support import machine, postgres_server

_BINARIES = "/usr/lib/postgresql/*/bin/"


class OwnPostgres:
    """The server: ``address`` is where its first database is, whether it runs at the moment or not."""

    def __init__(self, folder: Path, user: str | None, made_with: tuple[str, ...] = ()) -> None:
        self.folder, self.port = folder, free_port()
        self.address = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self.url = self.address.replace("postgresql:", "postgresql+psycopg:")
        self._run_as = {"user": user, "group": user, "extra_groups": []} if user else {}
        self._process: subprocess.Popen | None = None
        self._call(
            "initdb", "-D", folder / "data", "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-sync",
            *made_with,
        )  # fmt: skip

    def start(self, *, wait: bool = True) -> None:
        """Start it, and wait until it answers."""
        options = ["-h", "127.0.0.1", "-p", str(self.port), "-k", str(self.folder), "-c", "wal_level=minimal",
                   "-c", "max_wal_senders=0"]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [_program("postgres"), "-D", self.folder / "data", *options],
                stdout=log, stderr=log, **self._where(),
            )  # fmt: skip
        if wait:
            wait_until(self.answers, "PostgreSQL")

    def answers(self) -> bool:
        """Say whether it takes connections."""
        try:
            psycopg.connect(self.address, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def has_ended(self) -> bool:
        """Say whether it was started and has ended by itself, as it does when its disk stays full."""
        return self._process is not None and self._process.poll() is not None

    def stop(self, number: int = signal.SIGINT) -> None:
        """Stop it at once (SIGINT: PostgreSQL's fast way); SIGKILL kills every one of its processes."""
        if self._process is None:
            return
        if number == signal.SIGKILL:
            for child in self._children():
                with suppress(ProcessLookupError):  # the first one's death makes the others leave
                    os.kill(child, number)
        self._process.send_signal(number)
        self._process.wait(timeout=30)
        self._process = None

    def processes(self) -> list[int]:
        """Return every process of the server; none while it is stopped."""
        if self._process is None or self.has_ended():
            return []
        return [self._process.pid, *self._children()]

    def _children(self) -> list[int]:
        assert self._process is not None
        pid = self._process.pid
        with suppress(OSError):  # it has just ended
            listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
            return [int(child) for child in listed.split()]
        return []

    def _call(self, name: str, *arguments: object) -> None:
        subprocess.run(
            [_program(name), *map(str, arguments)], check=True, capture_output=True, **self._where()
        )

    def _where(self) -> dict:
        return {"cwd": self.folder, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}, **self._run_as}


@contextmanager
def own_postgres(
    disk: Callable[[Path, str | None], AbstractContextManager[object]] = lambda path, owner: nullcontext(),
    made_with: tuple[str, ...] = (),
) -> Iterator[OwnPostgres]:
    """Give a running server of one's own, and remove it in the end.

    ``disk`` is called with the path of its data and who owns them, and may put a disk there;
    ``made_with`` are further options of initdb.
    """
    if _program("initdb") is None or _program("postgres") is None:
        machine.missing("there are no programs to start a PostgreSQL server with")
    user = postgres_server._unprivileged_user()
    folder = Path(tempfile.mkdtemp(prefix="portal-own-postgres-"))
    if user:
        shutil.chown(folder, user)
    try:
        with disk(folder / "data", user):
            server = OwnPostgres(folder, user, made_with)
            try:
                server.start()
                yield server
            finally:
                server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _program(name: str) -> str | None:
    return machine.program(name, _BINARIES + name)
