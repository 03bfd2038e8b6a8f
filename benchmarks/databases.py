"""The databases of a run: SQLite in a folder, and a PostgreSQL and a Redis on the measured core."""

import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import create_engine, inspect, text

from benchmarks.processes import Missing, Program, free_port, pause


class NotEmpty(Exception):
    """A database that is to be cleared in the end holds something; the text says what."""


def version_of_empty(url: str) -> str:
    """Return the server's version of an empty PostgreSQL database (SQLAlchemy's ``url``).

    Raises :class:`NotEmpty`: whatever it holds would be dropped after the run.
    """
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            # Migrations that were taken back leave their own table.
            if held := set(inspect(connection).get_table_names()) - {"alembic_version"}:
                raise NotEmpty(f"the database is not empty: it has the table {min(held)}")
            return str(connection.execute(text("SHOW server_version")).scalar_one())
    finally:
        engine.dispose()


def scratch() -> Path:
    """Return a new folder on a disk: in memory, a durable commit would cost nothing."""
    in_memory = _kind_of_filesystem(tempfile.gettempdir()) in ("tmpfs", "ramfs")
    return Path(tempfile.mkdtemp(prefix="portal-bench-", dir="/var/tmp" if in_memory else None))


class Postgres:
    """A server that this run started, with PostgreSQL's own defaults: every commit is synced to disk."""

    def __init__(self, folder: Path) -> None:
        user = _unprivileged_user()
        self._data = folder / "postgres"
        self._data.mkdir(mode=0o700)
        if user:
            # Only the way to it is opened; the rest of the folder stays ours.
            folder.chmod(0o711)
            shutil.chown(self._data, user, user)
        self._port = free_port()
        run_as = {"user": user, "group": user, "extra_groups": []} if user else {}
        subprocess.run(
            [_postgres("initdb"), "-D", str(self._data), "-U", "postgres", "--auth=trust",
             "-E", "UTF8", "--locale=C.UTF-8"],
            check=True, capture_output=True, cwd="/", **run_as,
        )  # fmt: skip
        options = [
            "-h",
            "127.0.0.1",
            "-p",
            str(self._port),
            "-k",
            str(self._data),
            "-c",
            "max_connections=200",
        ]
        self.program = Program(
            [_postgres("postgres"), "-D", str(self._data), *options],
            folder / "postgres.log", folder=Path("/"), user=user,
        )  # fmt: skip
        self.program.listening(self._port)
        self._wait_until_it_answers()

    def new(self, name: str) -> str:
        """Make an empty database and return its address (``postgresql://…``)."""
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self._address(name)

    def version(self) -> str:
        """Return the server's version."""
        with psycopg.connect(self._address("postgres")) as connection:
            return str(connection.execute("SHOW server_version").fetchone()[0])  # type: ignore[index]

    def stop(self) -> None:
        """Stop the server at once (SIGINT: PostgreSQL's fast way)."""
        self.program.stop(signal.SIGINT)

    def _address(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self._port}/{name}"

    def _wait_until_it_answers(self) -> None:
        for _ in range(200):
            try:
                psycopg.connect(self._address("postgres"), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                pause(0.05)


@contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    """Give a PostgreSQL of one's own; raises :class:`Missing`."""
    server = Postgres(folder)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def redis(folder: Path) -> Iterator[tuple[Program, int]]:
    """Give a Redis of one's own, which writes nothing to disk, and its port; raises :class:`Missing`."""
    found = shutil.which("redis-server")
    if found is None:
        raise Missing("Redis is missing: apt-get install redis-server")
    port = free_port()
    program = Program(
        [found, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
         "--dir", str(folder)],
        folder / "redis.log",
    )  # fmt: skip
    try:
        program.listening(port)
        yield program, port
    finally:
        program.stop()


def _postgres(name: str) -> str:
    found = shutil.which(name) or next(
        iter(sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))[::-1]), None
    )
    if found is None:
        raise Missing("PostgreSQL's programs are missing: apt-get install postgresql")
    return found


def _unprivileged_user() -> str | None:
    """Return whom the server runs as: PostgreSQL refuses root."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _kind_of_filesystem(path: str) -> str:
    best, kind = "", ""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, where, what, *_ = line.split()
        if (path == where or path.startswith(where.rstrip("/") + "/")) and len(where) > len(best):
            best, kind = where, what
    return kind
