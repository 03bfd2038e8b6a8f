"""Connections on which an answer has to be over in time, however it comes.

The read time-out of a socket begins anew with every byte. A server that drips its header, sends trailers or
"100 Continue" without end, or never ends the line before a chunk could hold a thread for good with it: the
standard library reads all of these to their end before anybody else is asked.
"""

import http.client
import io
import socket
from functools import partial
from typing import Any, cast

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from portal import clock


class AnswersInTime(HTTPConnection):
    """A connection that waits for the first byte as ever, and for the rest ``answer_seconds`` at most.

    The whole of it counts from the moment in which the request has been sent; what comes later raises
    ``TimeoutError``, as a read time-out does.
    """

    def __init__(self, *arguments: Any, answer_seconds: float, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._answer_seconds = answer_seconds

    def getresponse(self) -> Any:
        """Return the answer, to be read until its time is over."""
        patience = self.timeout if isinstance(self.timeout, int | float) else 0.0
        ends = clock.monotonic() + patience + self._answer_seconds
        # What http.client makes its answers with: the one place at which the reading can be had.
        self.response_class = cast(type[http.client.HTTPResponse], partial(_Answer, ends=ends))
        return super().getresponse()


class AnswersInTimeOverTLS(AnswersInTime, HTTPSConnection):
    """The same over TLS."""


class InTimePool(HTTPConnectionPool):
    """Connections whose answers end in time."""

    ConnectionCls = AnswersInTime


class InTimeTLSPool(HTTPSConnectionPool):
    """The same over TLS."""

    ConnectionCls = AnswersInTimeOverTLS


class _Answer(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, ends: float, **settings: Any) -> None:
        super().__init__(sock, *arguments, **settings)
        self.fp = io.BufferedReader(_InTime(self.fp.detach(), sock, ends))


class _InTime(io.RawIOBase):
    """Reads from a socket until a moment of the clock that never goes back."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, ends: float) -> None:
        self._raw, self._sock, self._ends = raw, sock, ends

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._ends - clock.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        waits = self._sock.gettimeout()
        if waits is None or left < waits:
            self._sock.settimeout(left)
        return cast(int | None, self._raw.readinto(buffer))

    def close(self) -> None:
        self._raw.close()
        super().close()
