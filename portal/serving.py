"""gunicorn's threads, which stay for a moment with whoever asked last.

In gunicorn's own ``gthread`` worker, every request of a connection that is kept goes from the thread that
waits for all connections to one of the pool, and back by a pipe. That costs a quarter of what the smallest
request costs. A client that asks again at once is therefore answered by the thread that it has already.
"""

import select
import threading
from collections import deque
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

#: For how long a thread waits for another request; whoever asks later comes by the way of everybody.
_STAYS_MILLISECONDS = 20


class StayingThreads(ThreadWorker):
    """The ``gthread`` worker; half of its threads may stay with a connection, others are for newcomers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what gunicorn's arbiter gives each of its workers."""
        super().__init__(*args, **kwargs)
        self._stays = threading.Semaphore(self.cfg.threads // 2)
        #: One for each request that no thread has begun with.
        self._waiting: deque[None] = deque()

    def enqueue_req(self, conn: TConn) -> None:
        """Give ``conn``, on which a request has come, to the next thread that is free."""
        self._waiting.append(None)
        super().enqueue_req(conn)

    def handle(self, conn: TConn) -> Any:
        """Answer a request on ``conn``, and those that follow at once; return what gunicorn's worker does."""
        self._waiting.pop()
        kept = super().handle(conn)
        # Bytes that TLS has decrypted already would not be seen at the socket.
        if kept is not True or self.cfg.is_ssl or not self._stays.acquire(blocking=False):
            return kept
        try:
            # Where others wait for a thread, everybody waits in one line. A worker that is to stop gives its
            # connections back: how long they are kept is decided there.
            while kept is True and self.alive and not self._waiting and _asks_again(conn):
                kept = super().handle(conn)
            return kept
        finally:
            self._stays.release()


def _asks_again(conn: TConn) -> bool:
    """Say whether another request has come on ``conn``, or has begun to, within a moment; or its end."""
    if conn.parser.unreader.buf.getvalue():
        return True  # read together with the request before
    watched = select.poll()
    watched.register(conn.sock, select.POLLIN)
    return bool(watched.poll(_STAYS_MILLISECONDS))
