"""Walks whole flows on a few connections at once, as fast as they are answered or at a set rate.

A walk is a generator: it yields the bytes of a request and is sent the :class:`Answer`; whatever it
raises is counted as a failure under its text. One epoll loop drives all connections, because a thread or a
task for each would cost more than the requests do; what the loop itself costs is part of the result.
"""

import gc
import select
import socket
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from benchmarks.load.http1 import Answer, read

Walk = Generator[bytes, Answer, None]

#: Seconds without any answer after which a walk counts as lost.
_PATIENCE = 20.0


class Strayed(Exception):
    """An answer was not the one that the flow goes on with."""


@dataclass
class Walked:
    """What came of it: seconds of each finished walk, failures by reason, and what generating took.

    ``processor`` is the share of one processor that this program used. ``seconds`` is how long it ran.
    """

    times: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    processor: float = 0.0


class _Line:
    """One connection and the walk that is on it."""

    __slots__ = ("buffer", "socket", "started", "walk")

    def __init__(self) -> None:
        self.socket: socket.socket | None = None
        self.walk: Walk | None = None
        self.buffer = b""
        self.started = 0.0


def walk_for(
    origin: str,
    walks: Callable[[], Walk],
    *,
    seconds: float,
    connections: int,
    rate: float | None = None,
) -> Walked:
    """Start walks for ``seconds`` and return what came of them.

    What is under way then is walked to its end. Without ``rate`` each connection starts the next walk when
    its last one ended. With ``rate`` they start
    evenly, that many a second, whether the server keeps up or not; a walk's time then counts from when it
    was due, so that a server which falls behind cannot hide it. ``walks`` makes the next walk; it may raise
    ``StopIteration`` to end early.
    """
    return _Drive(origin, walks, connections, rate).run(seconds)


def answers_of(origin: str, walks: Iterator[Walk], connections: int = 8) -> Walked:
    """Walk each of ``walks`` once, however long it takes."""
    return _Drive(origin, walks.__next__, connections, None).run(3600)


class _Drive:
    def __init__(self, origin: str, walks: Callable[[], Walk], connections: int, rate: float | None) -> None:
        parts = urlsplit(origin)
        self._address = (parts.hostname, parts.port)
        self._walks, self._rate = walks, rate
        self._idle = [_Line() for _ in range(connections)]
        self._busy: dict[int, _Line] = {}
        self._epoll = select.epoll()
        self._walked = Walked()
        self._drained = False

    def run(self, seconds: float) -> Walked:
        gc.collect()
        gc.disable()
        began, used = time.perf_counter(), time.process_time()
        try:
            self._until(began, began + seconds)
        finally:
            gc.enable()
            self._walked.seconds = time.perf_counter() - began
            self._walked.processor = (time.process_time() - used) / self._walked.seconds
            self._hang_up()
        return self._walked

    def _until(self, began: float, end: float) -> None:
        """Start walks until ``end`` and let those under way finish: cut off, they would not count."""
        due, heard = began, began
        while True:
            now = time.perf_counter()
            over = now >= end or self._drained
            if over and not self._busy:
                return
            if not over:
                due = self._begin_those_due(due, now)
            waits_for_the_next = self._rate is not None and self._idle and not over
            ready = self._epoll.poll(min(0.0005, max(0.0, due - now)) if waits_for_the_next else 0.5)
            if ready:
                heard = now
            elif now - heard > _PATIENCE:
                self._walked.failures["no answer"] += len(self._busy)
                return
            for number, _ in ready:
                self._hear(self._busy[number])

    def _begin_those_due(self, due: float, now: float) -> float:
        """Start what is to start by ``now`` and return when the next walk is due."""
        while self._idle and not self._drained and (self._rate is None or due <= now):
            self._begin(self._idle.pop(), due if self._rate else time.perf_counter())
            due += 1 / self._rate if self._rate else 0.0
        return due

    def _begin(self, line: _Line, started: float) -> None:
        try:
            line.walk = self._walks()
        except StopIteration:
            self._drained = True
            return
        line.started = started
        self._say(line, next(line.walk))

    def _say(self, line: _Line, request: bytes) -> None:
        if line.socket is None:
            line.socket = socket.create_connection(self._address)
            line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._epoll.register(line.socket.fileno(), select.EPOLLIN)
        self._busy[line.socket.fileno()] = line
        line.buffer = b""
        try:
            line.socket.sendall(request)
        except OSError as error:
            self._fail(line, type(error).__name__)

    def _hear(self, line: _Line) -> None:
        assert line.socket is not None
        assert line.walk is not None
        try:
            received = line.socket.recv(262_144)
        except OSError as error:
            return self._fail(line, type(error).__name__)
        if not received:
            return self._fail(line, "connection closed")
        line.buffer = line.buffer + received if line.buffer else received
        answer, last = read(line.buffer)
        if answer is None:
            return None
        if last:
            self._close(line)
        try:
            request = line.walk.send(answer)
        except StopIteration:
            self._walked.times.append(time.perf_counter() - line.started)
            return self._rest(line)
        except Strayed as error:
            self._walked.failures[str(error)] += 1
            return self._rest(line)
        return self._say(line, request)

    def _fail(self, line: _Line, reason: str) -> None:
        self._walked.failures[reason] += 1
        self._close(line)
        self._rest(line)

    def _rest(self, line: _Line) -> None:
        if line.socket is not None:
            self._busy.pop(line.socket.fileno(), None)
        line.walk = None
        self._idle.append(line)

    def _close(self, line: _Line) -> None:
        if line.socket is not None:
            self._busy.pop(line.socket.fileno(), None)
            self._epoll.unregister(line.socket.fileno())
            line.socket.close()
            line.socket = None

    def _hang_up(self) -> None:
        for line in [*self._busy.values(), *self._idle]:
            self._close(line)
        self._epoll.close()
