"""Processes of one's own, each with connections of its own, that need not import the portal again.

One process has imported it, has opened nothing, and forks the others: what a start costs otherwise (seconds
of processor time on a small machine) is spent once for each test process.
"""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

# Started from the top of the project, as everything is: it finds ``portal`` there.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["portal.app", "sqlalchemy.dialects.postgresql.psycopg"])

#: How long a busy machine may take for one answer.
_PATIENCE_SECONDS = 90


class Forked:
    """A process that takes orders and answers each."""

    def __init__(self, target: Callable[..., None], *arguments: Any) -> None:
        self._ours, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=target, args=(*arguments, theirs))
        self._process.start()
        theirs.close()

    def send(self, order: Any) -> None:
        """Give an order."""
        self._ours.send(order)

    def receive(self) -> Any:
        """Return the next answer; EOFError if the process ended without one."""
        assert self._ours.poll(_PATIENCE_SECONDS), "no answer"
        return self._ours.recv()

    def close(self) -> None:
        """Let it end as soon as it has done what it was told, and wait for that."""
        self._ours.close()
        self._process.join(_PATIENCE_SECONDS)
        ended = self._process.exitcode
        if ended is None:
            self._process.kill()
            self._process.join()
        self._process.close()
        assert ended is not None, "the process did not end"


@contextmanager
def forked(target: Callable[..., None], *arguments: Any) -> Iterator[Forked]:
    """Run ``target(*arguments, connection)`` in a process; it ends when ``orders`` do.

    ``target`` is a function of a module, and what it is given can be pickled.
    """
    process = Forked(target, *arguments)
    try:
        yield process
    finally:
        process.close()


def orders(connection: Connection) -> Iterator[Any]:
    """Give the orders that come to a forked process, until its maker closes the connection."""
    while True:
        try:
            yield connection.recv()
        except EOFError:
            return
