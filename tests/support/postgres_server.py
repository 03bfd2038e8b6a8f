"""A PostgreSQL server for the tests: the one that is named, the one that runs here, or one of our own."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.support import machine

_LOCAL = ("postgresql://postgres@127.0.0.1:5432/postgres", "postgresql://127.0.0.1:5432/postgres")
_BINARIES = "/usr/lib/postgresql/*/bin/"
_PREFIX = "portal_test_"


@contextmanager
def server() -> Iterator[str]:
    """Give the address of a server on which this process may create databases."""
    if named := os.environ.get("PORTAL_TEST_POSTGRES_URL"):
        yield named.replace("postgresql+psycopg://", "postgresql://")
        return
    for address in _LOCAL:
        if _may_create_databases(address):
            yield address
            return
    with _private_server() as address:
        yield address


@contextmanager
def new_database(address: str, label: str) -> Iterator[str]:
    """Create an empty database, give its SQLAlchemy URL, and drop it at the end."""
    name = f"{_PREFIX}{os.getpid()}_{label}"
    with psycopg.connect(address, autocommit=True) as connection:
        _drop_left_behind(connection)
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        # A test's data need not survive a power cut; what one connection sees of another stays as it is.
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    head, _, tail = address.rpartition("/")
    query = tail.partition("?")[2]
    yield f"{head}/{name}{'?' + query if query else ''}".replace("postgresql://", "postgresql+psycopg://")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _may_create_databases(address: str) -> bool:
    query = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
    try:
        with psycopg.connect(address, connect_timeout=3) as connection:
            row = connection.execute(query).fetchone()
    except psycopg.OperationalError:
        return False
    return bool(row and row[0])


def _drop_left_behind(connection: psycopg.Connection) -> None:
    """Drop what a killed test run left; a database that somebody still uses refuses to be dropped."""
    left = connection.execute(
        "SELECT datname FROM pg_database WHERE datname LIKE 'portal\\_test\\_%'"
        " AND datname NOT IN (SELECT datname FROM pg_stat_activity WHERE datname IS NOT NULL)"
    ).fetchall()
    for (name,) in left:
        number = name.removeprefix(_PREFIX).partition("_")[0]
        if number.isdigit() and not Path(f"/proc/{number}").exists():
            try:
                connection.execute(f"DROP DATABASE IF EXISTS {name}")
            except psycopg.Error:
                continue


@contextmanager
def _private_server() -> Iterator[str]:
    initdb = machine.program("initdb", _BINARIES + "initdb")
    postgres = machine.program("postgres", _BINARIES + "postgres")
    if initdb is None or postgres is None:
        machine.missing("there is no PostgreSQL: neither a server to use nor the programs to start one")
    user = _unprivileged_user()
    folder = Path(tempfile.mkdtemp(prefix="portal-postgres-"))
    if user:
        shutil.chown(folder, user)
    run_as = {"user": user, "group": user, "extra_groups": []} if user else {}
    settings = {"cwd": folder, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}, **run_as}
    data, port = folder / "data", _free_port()
    try:
        subprocess.run(
            [initdb, "-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync"],
            check=True, stdout=subprocess.DEVNULL, **settings,
        )  # fmt: skip
        options = ["-h", "127.0.0.1", "-p", str(port), "-k", str(folder), "-c", "fsync=off"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([postgres, "-D", data, *options], stdout=log, stderr=log, **settings)
        try:
            address = f"postgresql://postgres@127.0.0.1:{port}/postgres"
            _wait_for(address, process, folder / "log")
            yield address
        finally:
            process.terminate()
            process.wait(timeout=30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged_user() -> str | None:
    """Return whom the server runs as: PostgreSQL refuses root."""
    if os.getuid() != 0:
        return None
    names = {line.partition(":")[0] for line in Path("/etc/passwd").read_text().splitlines()}
    return "postgres" if "postgres" in names else "nobody"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(address: str, process: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + 30  # noqa: TID251 - another program is starting
    while time.monotonic() < end:  # noqa: TID251 - likewise
        if _may_create_databases(address):
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)  # noqa: TID251 - likewise
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")
