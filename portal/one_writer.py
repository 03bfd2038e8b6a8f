"""SQLite has one writer: the threads of a process queue for it here.

Whoever finds the database being written would otherwise sleep and ask again, for longer each time (SQLite's
busy handler), while those who come later and ask at the right moment go first: one request in a hundred waits
twenty times as long as the others. Between processes that remains, but then two wait and not thirty.
"""

import sqlite3
from threading import Lock
from typing import Any

_WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")


class QueueingConnection(sqlite3.Connection):
    """A connection that takes its turn before it begins to write, and gives it back at the end."""

    #: The queue of the process, or of the test: one for each database.
    queue: Lock
    #: Seconds after which waiting is given up.
    patience: float

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._has_turn = False

    def begin_to_write(self) -> None:
        """Begin a transaction that writes, unless one has begun; raises ``sqlite3.OperationalError``."""
        if self.in_transaction:
            return
        # SQLite itself takes a transaction back when its disk is full: the turn is still here then.
        if not self._has_turn and not self.queue.acquire(timeout=self.patience):
            raise sqlite3.OperationalError("database is locked")
        self._has_turn = True
        try:
            self.execute("BEGIN IMMEDIATE")
        except BaseException:
            self._leave()
            raise

    def commit(self) -> None:
        """Commit, and let the next one write."""
        try:
            super().commit()
        finally:
            self._leave()

    def rollback(self) -> None:
        """Roll back, and let the next one write."""
        try:
            super().rollback()
        finally:
            self._leave()

    def close(self) -> None:
        """Close the connection; what it had begun is rolled back."""
        try:
            super().close()
        finally:
            self._leave()

    def _leave(self) -> None:
        # A commit that failed has left its transaction open: the turn stays until that is rolled back.
        if self._has_turn and not _is_open_transaction(self):
            self._has_turn = False
            self.queue.release()


def queue_for(patience: float) -> type[QueueingConnection]:
    """Return a class of connections that share one queue; ``patience`` is in seconds."""
    return type("QueueingConnection", (QueueingConnection,), {"queue": Lock(), "patience": patience})


def writes(text: str) -> bool:
    """Say whether a statement writes rows; tables are made outside transactions, as the driver does it."""
    return text.lstrip()[:7].upper().startswith(_WRITES)


def _is_open_transaction(connection: sqlite3.Connection) -> bool:
    try:
        return connection.in_transaction
    except sqlite3.ProgrammingError:  # it is closed
        return False
