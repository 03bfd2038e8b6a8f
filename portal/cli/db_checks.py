"""The part of ``flask db check`` that asks the database server whether it keeps what it is told.

What loses data is a problem in production and a warning elsewhere: a test's server may be fast instead.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from portal import clock
from portal.cli.findings import Finding, ok, problem, warning
from portal.extensions import db, settings

#: Older ones get no corrections any more (postgresql.org/support/versioning).
_OLDEST_POSTGRESQL = 14
_LEAST_FREE_BYTES = 1 << 30
_MOST_SECONDS_APART = 2.0
_ENDS_SESSIONS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")


def server() -> Iterator[Finding]:
    """Yield what is in order and what is not about the database server, or SQLite's file."""
    with db.engine.connect() as connection:
        checks = _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL
        for check in checks:
            yield from check(connection)


def _loses(subject: str, what: str, next_step: str) -> Finding:
    return (problem if settings().production else warning)(subject, what, next_step)


def _show(connection: Connection, name: str) -> str:
    value: str = connection.execute(text("SELECT current_setting(:name)"), {"name": name}).scalar_one()
    return value


def _version(connection: Connection) -> Iterator[Finding]:
    version = _show(connection, "server_version")
    if int(_show(connection, "server_version_num")) < _OLDEST_POSTGRESQL * 10_000:
        yield warning("server", f"PostgreSQL {version} gets no corrections any more", "upgrade the server")
    elif connection.execute(text("SELECT pg_is_in_recovery()")).scalar():
        yield problem("server", "it is a standby and takes no writes", "name the primary in database_url")
    else:
        yield ok("server", f"PostgreSQL {version}")


def _durability(connection: Connection) -> Iterator[Finding]:
    wanted = {
        "fsync": ("on",),
        "full_page_writes": ("on",),
        "synchronous_commit": ("on", "local", "remote_write", "remote_apply"),
    }
    held = {name: _show(connection, name) for name in wanted}
    lost = [f"{name} is {value}" for name, value in held.items() if value not in wanted[name]]
    if lost:
        yield _loses(
            "durability",
            f"{', '.join(lost)}: a crash may bring a spent code back to life",
            "set them as PostgreSQL's manual recommends (chapter 20.5)",
        )
    else:
        yield ok("durability", ", ".join(f"{name} {value}" for name, value in held.items()))


def _text(connection: Connection) -> Iterator[Finding]:
    encoding, locale = _show(connection, "server_encoding"), connection.execute(
        text("SELECT datcollate FROM pg_database WHERE datname = current_database()")
    ).scalar_one()  # fmt: skip
    if encoding != "UTF8":
        yield problem(
            "text",
            f"the database's encoding is {encoding}, which cannot hold every name",
            "make a database with ENCODING 'UTF8' TEMPLATE template0 and restore a dump into it",
        )
    else:
        yield ok("text", f"encoding UTF8, collation {locale}, time zone {_show(connection, 'TimeZone')}")
    yield from _collation_version(connection)


def _collation_version(connection: Connection) -> Iterator[Finding]:
    """After an upgrade of the system's C library, indexes of texts may be in another order than it."""
    if int(_show(connection, "server_version_num")) < 150_000:
        return
    kept, actual = connection.execute(
        text(
            "SELECT datcollversion, pg_database_collation_actual_version(oid)"
            " FROM pg_database WHERE datname = current_database()"
        )
    ).one()
    if kept is not None and kept != actual:
        yield problem(
            "text",
            f"the database was made with collation version {kept}, the system has {actual}",
            "run REINDEX DATABASE, then ALTER DATABASE … REFRESH COLLATION VERSION",
        )


def _clocks(connection: Connection) -> Iterator[Finding]:
    there = connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one()
    apart = abs(float(there) - clock.now().timestamp())
    if apart > _MOST_SECONDS_APART:
        yield warning(
            "clock",
            f"the database's clock is {apart:.0f} seconds off ours",
            "see that both machines keep their time (timedatectl)",
        )
    else:
        yield ok("clock", "the database's agrees with ours")


def _connections(connection: Connection) -> Iterator[Finding]:
    most, reserved = (
        int(_show(connection, name)) for name in ("max_connections", "superuser_reserved_connections")
    )
    each = settings().database_pool_size + settings().database_max_overflow
    processes = (most - reserved) // each
    said = f"the server takes {most - reserved}, a process of the portal opens {each} at most"
    if processes < 2:
        yield warning(
            "connections",
            f"{said}: not enough for two",
            "raise max_connections, or lower database_pool_size and database_max_overflow",
        )
    else:
        yield ok("connections", f"{said}: enough for {processes} processes on all machines together")
    shown = ", ".join(f"{name} {_show(connection, name)}" for name in _ENDS_SESSIONS)
    yield ok("time-outs", shown)


def _privacy(connection: Connection) -> Iterator[Finding]:
    encrypted, host = connection.execute(
        text("SELECT ssl, inet_server_addr() FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    ).one()
    driver: Any = connection.connection.driver_connection
    if encrypted or host is None or driver.info.hostaddr.startswith("127.") or driver.info.hostaddr == "::1":
        yield ok("network", "encrypted" if encrypted else "the database is on this machine")
    else:
        yield _loses(
            "network",
            "the connection to the database is not encrypted",
            "add ?sslmode=verify-full&sslrootcert=… to database_url",
        )


def _indexes(connection: Connection) -> Iterator[Finding]:
    broken = connection.execute(
        text("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")
    ).scalars().all()  # fmt: skip
    if broken:
        yield problem(
            "indexes",
            f"not usable: {', '.join(broken)}",
            "run `flask db upgrade` again, or REINDEX INDEX CONCURRENTLY",
        )
    else:
        yield ok("indexes", "all usable")


def _sqlite_settings(connection: Connection) -> Iterator[Finding]:
    mode = connection.execute(text("PRAGMA journal_mode")).scalar_one()
    level = ("OFF", "NORMAL", "FULL", "EXTRA")[connection.execute(text("PRAGMA synchronous")).scalar_one()]
    if mode != "wal":
        yield warning(
            "durability",
            f"the journal mode is {mode}: readers and the writer wait for each other",
            "keep the file on a local disk; network file systems cannot do better",
        )
    elif level == "OFF":
        yield _loses("durability", "synchronous is OFF: a crash loses data", "set sqlite_synchronous to FULL")
    else:
        yield ok("durability", f"journal mode wal, synchronous {level}")


def _sqlite_file(connection: Connection) -> Iterator[Finding]:
    path = Path(str(connection.execute(text("PRAGMA database_list")).first()[2]))  # type: ignore[index]
    if not path.is_file():
        yield warning("file", "the database is in memory and ends with this process", "name a file")
        return
    size, free = path.stat().st_size, shutil.disk_usage(path.parent).free
    if free < max(_LEAST_FREE_BYTES, 2 * size):
        yield warning(
            "file",
            f"{free >> 20} MiB of disk are free, the database has {size >> 20}",
            "make room on the disk",
        )
    else:
        yield ok("file", f"{size >> 20} MiB, {free >> 20} MiB of disk are free")
    if os.stat(path).st_mode & 0o007:
        yield _loses("file", "everybody on this machine may open it", f"run chmod o= {path}")


def _sqlite_integrity(connection: Connection) -> Iterator[Finding]:
    said = connection.execute(text("PRAGMA quick_check(1)")).scalar_one()
    orphans = connection.execute(text("PRAGMA foreign_key_check")).first()
    if said != "ok" or orphans is not None:
        yield problem(
            "integrity",
            f"the file is damaged ({said if said != 'ok' else 'a record names one that is gone'})",
            "restore the last backup",
        )
    else:
        yield ok("integrity", "quick_check found nothing")


_Check = Callable[[Connection], Iterator[Finding]]
_POSTGRESQL: tuple[_Check, ...] = (
    _version, _durability, _text, _clocks, _connections, _privacy, _indexes,
)  # fmt: skip
_SQLITE: tuple[_Check, ...] = (_sqlite_settings, _sqlite_file, _sqlite_integrity)
