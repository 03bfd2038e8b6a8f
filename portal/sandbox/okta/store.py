"""The local Okta's memory: one SQLite file, shared by its threads, processes and restarts."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from portal import clock, credentials

_SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS users (
    id TEXT PRIMARY KEY, login TEXT NOT NULL UNIQUE, status TEXT NOT NULL, profile TEXT NOT NULL,
    created TEXT NOT NULL, changed TEXT NOT NULL, updated TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS groups (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, description TEXT NOT NULL, created TEXT NOT NULL,
    updated TEXT NOT NULL, joined TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS members (
    group_id TEXT NOT NULL, user_id TEXT NOT NULL, PRIMARY KEY (group_id, user_id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS members_by_user ON members (user_id);
CREATE TABLE IF NOT EXISTS attributes (name TEXT PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS log (
    id INTEGER PRIMARY KEY AUTOINCREMENT, published TEXT NOT NULL, type TEXT NOT NULL,
    document TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS log_by_time ON log (published);
CREATE TABLE IF NOT EXISTS hooks (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, status TEXT NOT NULL, verification TEXT NOT NULL,
    document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS outgoing (
    id INTEGER PRIMARY KEY, hook_id TEXT NOT NULL, log_id INTEGER NOT NULL, due REAL NOT NULL,
    taken INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS outgoing_by_due ON outgoing (taken, due);
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY, hook_id TEXT NOT NULL, at TEXT NOT NULL, events TEXT NOT NULL,
    attempts INTEGER NOT NULL, outcome TEXT NOT NULL, milliseconds INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS api_tokens (digest TEXT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS clients (id TEXT PRIMARY KEY, kind TEXT NOT NULL, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS access_tokens (
    digest TEXT PRIMARY KEY, client_id TEXT NOT NULL, user_id TEXT, scopes TEXT NOT NULL,
    expires REAL NOT NULL);
CREATE TABLE IF NOT EXISTS assertions (
    client_id TEXT NOT NULL, jti TEXT NOT NULL, PRIMARY KEY (client_id, jti));
CREATE TABLE IF NOT EXISTS codes (digest TEXT PRIMARY KEY, document TEXT NOT NULL, expires REAL NOT NULL);
CREATE TABLE IF NOT EXISTS sessions (
    digest TEXT PRIMARY KEY, user_id TEXT NOT NULL, since REAL NOT NULL, expires REAL NOT NULL);
CREATE TABLE IF NOT EXISTS windows (
    bucket TEXT PRIMARY KEY, ends REAL NOT NULL, used INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS faults (
    id INTEGER PRIMARY KEY, method TEXT NOT NULL, path TEXT NOT NULL, remaining INTEGER NOT NULL,
    document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS calls (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL, caller TEXT NOT NULL,
    status INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS scim_apps (id TEXT PRIMARY KEY, label TEXT NOT NULL, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS assignments (
    app_id TEXT NOT NULL, kind TEXT NOT NULL, local_id TEXT NOT NULL, remote_id TEXT, wanted INTEGER NOT NULL,
    state TEXT NOT NULL, said TEXT NOT NULL, PRIMARY KEY (app_id, kind, local_id));
CREATE TABLE IF NOT EXISTS scim_jobs (
    id INTEGER PRIMARY KEY, app_id TEXT NOT NULL, what TEXT NOT NULL, local_id TEXT NOT NULL,
    detail TEXT NOT NULL, due REAL NOT NULL, tries INTEGER NOT NULL DEFAULT 0,
    taken INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS scim_calls (
    id INTEGER PRIMARY KEY, app_id TEXT NOT NULL, at TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
    status INTEGER NOT NULL, sent TEXT NOT NULL, said TEXT NOT NULL);
"""

#: What nobody looks at any more is dropped from the lists that only grow.
_KEPT = 2_000


class Store:
    """The file at ``path``, made if it does not exist."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with closing(self._connect()) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_SCHEMA)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=20, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous = OFF")  # it must survive a restart, not a power cut
        return connection

    @contextmanager
    def transaction(self) -> Iterator["Records"]:
        """Give the records to read and write; all is kept at the end, nothing if an exception leaves."""
        with closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield Records(connection)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")


class Records:
    """What the local Okta remembers, within one transaction: rows, and a few words for common questions.

    What the rows mean is said by the modules that write them (``people``, ``journal``, ``scim_apps`` …).
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.run = connection.execute
        self.run_many = connection.executemany

    def one(self, statement: str, *values: object) -> sqlite3.Row | None:
        """Return the first row of a statement, or None."""
        row: sqlite3.Row | None = self.run(statement, values).fetchone()
        return row

    def all(self, statement: str, *values: object) -> list[sqlite3.Row]:
        """Return every row of a statement."""
        return self.run(statement, values).fetchall()

    def number(self, statement: str, *values: object) -> int:
        """Return the number that a statement counts."""
        row = self.run(statement, values).fetchone()
        return int(row[0])

    def setting(self, name: str) -> Any:
        """Return the setting called ``name``, or None."""
        row = self.one("SELECT document FROM settings WHERE name = ?", name)
        return None if row is None else json.loads(row["document"])

    def set(self, name: str, value: Any) -> None:
        """Keep a setting in the place of an earlier one."""
        self.run(
            "INSERT INTO settings VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET document = excluded.document",
            (name, json.dumps(value)),
        )

    def keep_latest(self, table: str) -> None:
        """Drop what is old from a table that only grows."""
        assert table in {"calls", "deliveries", "scim_calls"}
        self.run(f"DELETE FROM {table} WHERE id <= (SELECT max(id) FROM {table}) - {_KEPT}")  # noqa: S608


def new_id(prefix: str) -> str:
    """Return an id as Okta's look: a prefix such as ``00u``, 20 characters in all."""
    return prefix + credentials.random_hex(72)[: 20 - len(prefix)]


def timestamp() -> str:
    """Return the current moment as Okta writes it: ISO 8601 in UTC, with milliseconds."""
    return clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
