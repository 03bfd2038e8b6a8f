"""A circuit breaker: an upstream that keeps failing is left alone for a while."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from portal import clock
from portal.http.answers import OutboundUnavailable


class Breaker(AbstractContextManager[None]):
    """A circuit breaker: after too many failures in a row, fail at once instead of waiting each time.

    ``failures`` consecutive unavailabilities open it for ``open_seconds``; then one call is let through
    as a trial while all others still fail at once, and its outcome closes or reopens the breaker.
    ``on_change`` is told whenever it opens (``True``) or closes.

    Written here rather than taken from pybreaker, which holds its lock for the whole of each call (so
    that threads would queue behind one slow answer) and reads the system's clock itself.
    """

    def __init__(
        self,
        *,
        failures: int = 5,
        open_seconds: float = 30.0,
        on_change: Callable[[bool], None] | None = None,
    ) -> None:
        self._on_change = on_change or (lambda is_open: None)
        self._limit = failures
        self._open_seconds = open_seconds
        self._lock = threading.Lock()
        self._failures = 0
        self._open_until: float | None = None
        self._trial_until: float | None = None

    @property
    def is_open(self) -> bool:
        """Say whether a call made now would be refused or be the trial."""
        return self._open_until is not None

    def guard(self) -> AbstractContextManager[None]:
        """Return what runs the body of a ``with`` statement as one call to the upstream.

        Entering raises :class:`OutboundUnavailable` at once if the breaker is open. The body counts as a
        failure if it raises :class:`OutboundUnavailable`; any other exception means that somebody answered.
        """
        return self

    def __enter__(self) -> None:
        if self._open_until is not None:
            self._ask_for_a_trial()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._succeeded()
        elif issubclass(kind, OutboundUnavailable):
            self._failed()
        elif issubclass(kind, Exception):
            self._succeeded()

    def _ask_for_a_trial(self) -> None:
        now = clock.now().timestamp()
        with self._lock:
            if self._open_until is None:
                return
            # A clock set back must not lengthen the wait: no wait is longer than its full length.
            waiting = 0 < self._open_until - now <= self._open_seconds
            # A trial whose thread died gives no verdict; after a while somebody else may try.
            trying = self._trial_until is not None and 0 < self._trial_until - now <= self._open_seconds
            if waiting or trying:
                raise OutboundUnavailable("it did not answer repeatedly, and is left alone for a while")
            self._trial_until = now + self._open_seconds

    def _failed(self) -> None:
        with self._lock:
            self._failures += 1
            if self._open_until is not None or self._failures >= self._limit:
                self._open_until = clock.now().timestamp() + self._open_seconds
                self._trial_until = None
                self._on_change(True)

    def _succeeded(self) -> None:
        if not self._failures and self._open_until is None:
            return  # the rule: nothing to forget
        with self._lock:
            self._failures = 0
            if self._open_until is not None:
                self._on_change(False)
            self._open_until = self._trial_until = None
