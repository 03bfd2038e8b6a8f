"""Connections that are kept open, by the server they lead to: made once in each process."""

import os
import ssl
from collections.abc import Callable
from typing import Any

from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import Retry, Timeout, Url
from urllib3.util.ssl_ import create_urllib3_context

#: So many servers are kept connected; whichever comes after that, all begin anew.
MOST = 32

#: Repeating and following are ours to decide: urllib3 hands out what came, or raises what went wrong.
_ONCE = Retry(False, redirect=False)
_PORTS = {"http": 80, "https": 443}
#: A URL's path begins behind "http://" and at least one letter.
_SHORTEST_ORIGIN = len("http://x")


class Pools:
    """The pools of one door, each process its own; may be shared between threads and before a fork.

    ``check`` takes a URL apart or raises, ``pool_class`` gives the kind of pool for a scheme. Both are asked
    for each server once and then no more: a URL that begins with exactly the same characters leads there too.
    """

    def __init__(
        self,
        check: Callable[[str], Url],
        pool_class: Callable[[str], type[HTTPConnectionPool]],
        *,
        timeout: Timeout,
        answer_seconds: float,
        size: int,
    ) -> None:
        self._check = check
        self._pool_class = pool_class
        self._timeout = timeout
        self._answer_seconds = answer_seconds
        self._size = size
        self._process = 0
        self._known: dict[str, HTTPConnectionPool] = {}
        self._trust: ssl.SSLContext | None = None

    def way_to(self, url: str) -> tuple[HTTPConnectionPool, str]:
        """Return the pool of the server that ``url`` names and what to ask it for; raises as ``check``.

        urllib3 escapes the rest of the URL when it is sent. What only a full reading removes, dots that
        stand for a folder and a fragment, takes the long way every time.
        """
        if self._process != os.getpid():
            # The child of a fork shares no socket with its parent. Two threads may both come here, and a pool
            # is made in vain; a lock might have been forked in its locked state.
            self._known, self._trust, self._process = {}, None, os.getpid()
        end = url.find("/", _SHORTEST_ORIGIN)
        pool = self._known.get(url[:end]) if end > 0 else None
        if pool is None or "/." in url or "#" in url:
            return self._long_way(url)
        return pool, url[end:]

    def clear(self) -> None:
        """Close the connections that nobody is using; calls under way end as they would."""
        self._known.clear()  # the last to let go of a pool closes it

    def _long_way(self, url: str) -> tuple[HTTPConnectionPool, str]:
        parts = self._check(url)
        origin = Url(scheme=parts.scheme, host=parts.host, port=parts.port).url
        pool = self._known.get(origin)
        if pool is None:
            # Made from the very characters under which it will be found.
            made = self._made(self._check(f"{origin}/"))
            if len(self._known) >= MOST:
                self.clear()
            pool = self._known.setdefault(origin, made)
        return pool, parts.request_uri

    def _made(self, parts: Url) -> HTTPConnectionPool:
        scheme, host = str(parts.scheme), str(parts.host)
        kind = self._pool_class(scheme)
        settings: dict[str, Any] = {
            "timeout": self._timeout,
            "maxsize": self._size,
            "retries": _ONCE,
            "answer_seconds": self._answer_seconds,
        }
        if issubclass(kind, HTTPSConnectionPool):
            settings["ssl_context"] = self._trusted()
        return kind(host, parts.port or _PORTS[scheme], **settings)

    def _trusted(self) -> ssl.SSLContext:
        """Return urllib3's own settings for TLS with the authorities that this machine trusts.

        Left to itself, urllib3 reads all authorities anew for every connection: 40 ms each time.
        """
        if self._trust is None:
            trust = create_urllib3_context()
            trust.load_default_certs()
            self._trust = trust
        return self._trust
