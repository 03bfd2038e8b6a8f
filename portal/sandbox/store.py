"""The sandbox's memory: one SQLite file, shared by its threads, processes and restarts."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from portal import clock, credentials
from portal.sandbox.configurations import Configuration, read_configuration
from portal.sandbox.matching import StoredFace
from portal.verifeye.identifiers import is_uuid

_SCHEMA = """
CREATE TABLE IF NOT EXISTS configurations (id TEXT PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS faces (
    face_id TEXT PRIMARY KEY, collection TEXT NOT NULL, who TEXT NOT NULL, external_id TEXT,
    stored REAL NOT NULL);
CREATE INDEX IF NOT EXISTS faces_by_collection ON faces (collection, external_id);
CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY, configuration_id TEXT NOT NULL, opened REAL NOT NULL, finished REAL,
    link TEXT NOT NULL, scenario TEXT, result TEXT, return_url TEXT, unready INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS sessions_by_end ON sessions (configuration_id, finished);
CREATE TABLE IF NOT EXISTS nonces (account TEXT NOT NULL, nonce TEXT NOT NULL, PRIMARY KEY (account, nonce));
CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, target TEXT NOT NULL, remaining INTEGER NOT NULL,
    document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY, session_id TEXT NOT NULL, at REAL NOT NULL, status TEXT NOT NULL);
"""


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
    """What the sandbox remembers, within one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._run = connection.execute

    # Configurations

    def put(self, configuration: Configuration) -> None:
        """Register a configuration, in the place of an earlier one with the same id."""
        self._run(
            "INSERT INTO configurations VALUES (?, ?)"
            " ON CONFLICT (id) DO UPDATE SET document = excluded.document",
            (configuration.id, json.dumps(configuration.as_document())),
        )

    def configuration(self, configuration_id: str) -> Configuration | None:
        """Return a configuration by its id, with or without dashes."""
        if not is_uuid(configuration_id):
            return None
        row = self._run(
            "SELECT document FROM configurations WHERE id = ?", (str(UUID(configuration_id)),)
        ).fetchone()
        return read_configuration(json.loads(row["document"])) if row else None

    def configurations(self) -> list[Configuration]:
        """Return every configuration, by name."""
        rows = self._run("SELECT document FROM configurations").fetchall()
        return sorted(
            (read_configuration(json.loads(row["document"])) for row in rows), key=lambda one: one.name
        )

    def account(self, api_key: str) -> list[Configuration]:
        """Return the configurations of the account with this key, comparing in constant time."""
        return [one for one in self.configurations() if credentials.same(one.api_key, api_key)]

    # Faces

    def faces(self, collection: str | None = None) -> list[StoredFace]:
        """Return the faces of a collection, or all of them, oldest first."""
        rows = self._run(
            "SELECT face_id, who, external_id FROM faces WHERE collection = ?1 OR ?1 IS NULL"
            " ORDER BY stored, rowid",
            (collection,),
        )
        return [StoredFace(**row) for row in rows]

    def store_face(self, collection: str, who: str, external_id: str | None) -> str:
        """Store a face and return its new id (32 hexadecimal characters)."""
        face_id = credentials.random_hex(128)
        self._run(
            "INSERT INTO faces VALUES (?, ?, ?, ?, ?)",
            (face_id, collection, who, external_id, clock.now().timestamp()),
        )
        return face_id

    def delete_faces(self, collections: list[str], external_id: str | None, face_id: str | None) -> int:
        """Delete the faces named by both identifiers, or by the one that is given; return how many."""
        return sum(
            self._run(
                "DELETE FROM faces WHERE collection = ?1 AND (external_id = ?2 OR ?2 IS NULL)"
                " AND (face_id = ?3 OR ?3 IS NULL)",
                (collection, external_id, face_id),
            ).rowcount
            for collection in collections
        )

    # Sessions and nonces

    def open_session(self, configuration_id: str, link: dict[str, Any]) -> str:
        """Open a session for a checked link and return its id, a UUID with dashes."""
        session_id = str(UUID(credentials.random_hex(128)))
        self._run(
            "INSERT INTO sessions (id, configuration_id, opened, link) VALUES (?, ?, ?, ?)",
            (session_id, configuration_id, clock.now().timestamp(), json.dumps(link)),
        )
        return session_id

    def session(self, session_id: str) -> sqlite3.Row | None:
        """Return a session by its id, with or without dashes."""
        if not is_uuid(session_id):
            return None
        row: sqlite3.Row | None = self._run(
            "SELECT * FROM sessions WHERE id = ?", (str(UUID(session_id)),)
        ).fetchone()
        return row

    def finish_session(
        self, session_id: str, *, scenario: str, result: dict[str, Any], return_url: str, unready: int
    ) -> None:
        """Keep a session's result, to be told after ``unready`` answers of "not found"."""
        self._run(
            "UPDATE sessions SET finished = ?, scenario = ?, result = ?, return_url = ?, unready = ?"
            " WHERE id = ?",
            (clock.now().timestamp(), scenario, json.dumps(result), return_url, unready, session_id),
        )

    def not_yet_ready(self, session_id: str) -> bool:
        """Use up one "not found" of a session; False if there was none left."""
        return (
            self._run(
                "UPDATE sessions SET unready = unready - 1 WHERE id = ? AND unready > 0", (session_id,)
            ).rowcount
            == 1
        )

    def last_return(self, configuration_id: str) -> str | None:
        """Return the address with which the latest finished session of a configuration ended."""
        row = self._run(
            "SELECT return_url FROM sessions WHERE configuration_id = ? AND finished IS NOT NULL"
            " ORDER BY finished DESC, rowid DESC LIMIT 1",
            (configuration_id,),
        ).fetchone()
        return row["return_url"] if row else None

    def sessions(self, limit: int = 50) -> list[sqlite3.Row]:
        """Return the latest sessions, newest first."""
        return self._run(
            "SELECT * FROM sessions ORDER BY opened DESC, rowid DESC LIMIT ?", (limit,)
        ).fetchall()

    def burn(self, account: str, nonce: str) -> bool:
        """Use a nonce up; False if it already was."""
        return self._run("INSERT OR IGNORE INTO nonces VALUES (?, ?)", (account, nonce)).rowcount == 1

    def is_burnt(self, account: str, nonce: str) -> bool:
        """Say whether a nonce is used up."""
        found = self._run("SELECT 1 FROM nonces WHERE account = ? AND nonce = ?", (account, nonce)).fetchone()
        return found is not None

    # What tests have ordered, and what was delivered

    def give_order(self, kind: str, target: str, times: int, document: dict[str, Any]) -> None:
        """Remember what the next ``times`` sessions or answers for ``target`` (``*``: any) shall do."""
        self._run(
            "INSERT INTO orders (kind, target, remaining, document) VALUES (?, ?, ?, ?)",
            (kind, target, times, json.dumps(document)),
        )

    def take_order(self, kind: str, target: str) -> dict[str, Any] | None:
        """Return the oldest order for ``target``, using it up by one, or None."""
        row = self._run(
            "SELECT id, document FROM orders WHERE kind = ? AND target IN (?, '*') AND remaining > 0"
            " ORDER BY id",
            (kind, target),
        ).fetchone()
        if row is None:
            return None
        self._run("UPDATE orders SET remaining = remaining - 1 WHERE id = ?", (row["id"],))
        document: dict[str, Any] = json.loads(row["document"])
        return document

    def note_delivery(self, session_id: str, status: str) -> None:
        """Remember how one delivery of the webhook went."""
        self._run(
            "INSERT INTO deliveries (session_id, at, status) VALUES (?, ?, ?)",
            (session_id, clock.now().timestamp(), status),
        )

    def deliveries(self, limit: int = 50) -> list[sqlite3.Row]:
        """Return the latest deliveries, newest first."""
        return self._run(
            "SELECT session_id, status FROM deliveries ORDER BY id DESC LIMIT ?", (limit,)
        ).fetchall()

    def forget(self, *, everything: bool) -> None:
        """Forget every face; with ``everything`` also sessions, nonces, orders and deliveries."""
        for table in ("faces", "sessions", "nonces", "orders", "deliveries")[: None if everything else 1]:
            self._run(f"DELETE FROM {table}")  # noqa: S608 - the names are the constants above
