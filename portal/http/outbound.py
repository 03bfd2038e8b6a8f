"""Calls to servers that the operator configured."""

import http.client
import json
import logging
import threading
from collections.abc import Mapping
from functools import partial
from typing import cast
from urllib.parse import urlencode, urlsplit

import urllib3
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import LocationParseError, LocationValueError
from urllib3.util import Timeout, Url, parse_url

from portal import clock, credentials, metrics, spans
from portal.http.answers import Answer, OutboundRefusedAddress, OutboundUnavailable, OutboundUnreadable
from portal.http.breaker import Breaker
from portal.http.deadline import InTimePool, InTimeTLSPool
from portal.http.pools import Pools

# urllib3 writes every path with its query string at DEBUG; ours may name sessions and people.
logging.getLogger("urllib3").setLevel(logging.INFO)

#: Answers that a second identical GET may well turn into a good one.
_WORTH_ANOTHER_TRY = frozenset({502, 503, 504})

_COMPACT = json.JSONEncoder(separators=(",", ":"))


class Outbound:
    """Calls to addresses that the operator configured.

    Takes the time-outs in seconds for connecting and for each read, ``total_seconds`` for reading a whole
    answer once it has begun, the largest body in bytes, the number of kept-alive connections per host, and
    how many times (0-2) a GET is repeated after a failure that may pass. The circuit breaker of an upstream
    opens after ``breaker_failures`` unavailabilities in a row, for ``breaker_seconds``. ``party`` is the name
    under which calls are counted.
    """

    def __init__(
        self,
        *,
        connect_timeout: float = 3.0,
        read_timeout: float = 5.0,
        total_seconds: float = 15.0,
        max_bytes: int = 1 << 20,
        pool_size: int = 16,
        retries: int = 2,
        breaker_failures: int = 5,
        breaker_seconds: float = 30.0,
        party: str = "other",
    ) -> None:
        self._party, self._span = party, f"call {party}"
        self._pools = Pools(
            self._check,
            self._pool_class,
            timeout=Timeout(connect=connect_timeout, read=read_timeout),
            answer_seconds=total_seconds,
            size=pool_size,
        )
        self._total_seconds = total_seconds
        self._max_bytes = max_bytes
        self._retries = max(0, min(retries, 2))
        self._breakers: dict[str, Breaker] = {}
        self._breakers_lock = threading.Lock()
        self._new_breaker = partial(Breaker, failures=breaker_failures, open_seconds=breaker_seconds)

    def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> Answer:
        """GET ``url``, trying again after a failure that may pass.

        Raises :class:`OutboundUnavailable`, :class:`OutboundRefusedAddress`, :class:`OutboundUnreadable`.
        """
        for attempt in range(self._retries + 1):
            last = attempt == self._retries
            try:
                answer = self._once("GET", url, headers or {}, None)
            except OutboundUnavailable:
                if last:
                    raise
            else:
                if last or answer.status not in _WORTH_ANOTHER_TRY:
                    return answer
            clock.sleep(credentials.jitter(0.2 * 2**attempt))
        raise AssertionError("the last attempt returns or raises")

    def post_json(self, url: str, document: object, *, headers: Mapping[str, str] | None = None) -> Answer:
        """POST ``document`` as JSON to ``url``, once: what was sent may have been acted upon.

        Raises the same exceptions as :meth:`get`.
        """
        body = _COMPACT.encode(document).encode()
        return self._once("POST", url, {**(headers or {}), "Content-Type": "application/json"}, body)

    def post_form(
        self, url: str, fields: Mapping[str, str], *, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """POST ``fields`` as a form to ``url``, once; raises the same exceptions as :meth:`get`."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._once("POST", url, {**(headers or {}), **kind}, urlencode(fields).encode())

    def breaker(self, upstream: str) -> Breaker:
        """Return the circuit breaker for ``upstream``; the same name always gives the same breaker."""
        with self._breakers_lock:
            if upstream not in self._breakers:
                name = urlsplit(upstream).hostname or upstream
                self._breakers[upstream] = self._new_breaker(
                    on_change=lambda is_open: metrics.breaker_moved(name, is_open=is_open)
                )
            return self._breakers[upstream]

    def _once(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """Make one call and count how it went and how long it took."""
        began, outcome = clock.monotonic(), "failed"
        with spans.span(self._span, outwards=True, party=self._party, method=method) as tell:
            try:
                answer = self._call(method, url, headers, body)
                outcome = f"{answer.status // 100}xx"
                return answer
            except OutboundUnavailable:
                outcome = "unavailable"
                raise
            finally:
                tell("outcome", outcome)
                metrics.call_ended(self._party, outcome, clock.monotonic() - began)

    def _call(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        pool: HTTPConnectionPool | None = None
        try:
            pool, target = self._pools.way_to(url)
            response = pool.urlopen(
                method,
                target,
                body,
                {"User-Agent": "verification-portal", "Accept": "application/json", **headers},
                redirect=False,
                assert_same_host=False,
                preload_content=False,
            )
            body_read = self._read(response)
        except (LocationParseError, LocationValueError, http.client.InvalidURL, UnicodeError) as error:
            raise OutboundRefusedAddress("this is not a URL that can be called") from error
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
            host = pool.host if pool is not None else "it"
            raise OutboundUnavailable(f"no answer from {host} ({_summary(error)})") from error
        return Answer(response.status, response.headers, body_read)

    def _read(self, response: urllib3.BaseHTTPResponse) -> bytes:
        """Read the body in whatever pieces arrive, so that a server cannot hold us by dripping bytes."""
        deadline = clock.monotonic() + self._total_seconds
        parts: list[bytes] = []
        size = 0
        try:
            while part := response.read1(65_536, decode_content=True):
                size += len(part)
                if size > self._max_bytes:
                    raise OutboundUnreadable(f"the answer is longer than {self._max_bytes} bytes")
                if clock.monotonic() > deadline:
                    raise OutboundUnavailable("the answer took too long")
                parts.append(part)
                if response.length_remaining == 0 and "Content-Encoding" not in response.headers:
                    break  # nothing announced is missing: no need to ask whether there is more
        except BaseException:
            response.close()
            raise
        response.release_conn()
        return b"".join(parts)

    def _pool_class(self, scheme: str) -> type[HTTPConnectionPool]:
        """Return the kind of pool that connects to servers of ``scheme``, which passed :meth:`_check`."""
        return InTimeTLSPool if scheme == "https" else InTimePool

    def _check(self, url: str) -> Url:
        """Return ``url`` in its parts, or raise :class:`OutboundRefusedAddress`."""
        try:
            parts = parse_url(url)
        except (LocationParseError, UnicodeError) as error:
            raise OutboundRefusedAddress("this is not a URL that can be called") from error
        if parts.scheme not in {"http", "https"} or not parts.host:
            raise OutboundRefusedAddress("only http and https URLs with a host can be called")
        if parts.auth is not None:
            raise OutboundRefusedAddress("a URL with a user name or password is not called")
        return parts


def _summary(error: Exception) -> str:
    """Name a failure for a log: the class, and for TLS the reason, which no class tells."""
    if isinstance(error, urllib3.exceptions.SSLError):
        return f"TLS: {cast(object, error.args[0]) if error.args else error}"
    return type(error).__name__
