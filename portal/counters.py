"""Counting calls in the process's own memory, for rate limits without Redis.

Without Flask-Limiter and ``limits``, which are for the shared count (``shared_counters``): their work for a
request costs more than reading its form, their storage in memory starts a thread for nearly every call it
counts, and their clients of five databases take two megabytes of every process. What has expired is dropped
here while counting, once in a while.
"""

import math
import threading
from collections.abc import Callable, Collection
from functools import wraps
from itertools import islice
from typing import Any, Protocol

from flask import request
from werkzeug.exceptions import TooManyRequests

from portal import clock
from portal.settings.rates import parsed

#: Counters are looked through for expired ones after this many calls.
_SWEEP_EVERY = 1000
#: Counters kept at once: about 12 MB beside the 100 of a process, and more than it can serve people in a
#: minute, which is what nearly every window lasts. A stranger with a provider's block of IPv6 has thousands
#: of millions of networks to come from, and each would stay until its window ends.
_MOST_KEPT = 50_000


class Counts(Protocol):
    """Counts for what is not a call of a view: in this process, or in what several processes share."""

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """What is raised where it cannot be counted just now."""

    def has_room(self, rate: str, *place: str) -> bool:
        """Say whether ``rate``, as the settings write it, lets one more happen at ``place``."""

    def count(self, rate: str, *place: str) -> float | None:
        """Count one at ``place``; returns when (epoch) to come back, if ``rate`` does not let it."""


class ProcessStorage:
    """Fixed windows in a dictionary: per key, how many calls and when the window ends (epoch seconds).

    Its order is that in which the windows began. When it is full, the oldest are forgotten: whoever they
    counted may begin anew, and nobody is refused because of how many others there are.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[int, float]] = {}
        self._until_sweep = _SWEEP_EVERY

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count ``amount`` calls for ``key`` and return how many its window of ``expiry`` seconds has."""
        now = clock.now().timestamp()
        with self._lock:
            count, ends = self._windows.get(key, (0, 0.0))
            if not _is_running(ends, now, expiry):
                count, ends = 0, now + expiry
                self._windows.pop(key, None)  # so that it is written at the end
            self._windows[key] = (count + amount, ends)
            self._until_sweep -= 1
            if self._until_sweep <= 0 or len(self._windows) > _MOST_KEPT:
                self._sweep(now)
            return count + amount

    def get(self, key: str, expiry: float) -> int:
        """Return how many calls the present window of ``key`` has, which lasts ``expiry`` seconds."""
        count, ends = self._windows.get(key, (0, 0.0))
        return count if _is_running(ends, clock.now().timestamp(), expiry) else 0

    def get_expiry(self, key: str) -> float:
        """Return when the window of ``key`` ends (epoch seconds)."""
        return self._windows.get(key, (0, clock.now().timestamp()))[1]

    def _sweep(self, now: float) -> None:
        was_full = len(self._windows) > _MOST_KEPT
        kept = {key: window for key, window in self._windows.items() if window[1] > now}
        # A tenth at once: to look through all for each new one would be work that a stranger can order.
        too_many = len(kept) - _MOST_KEPT * 9 // 10
        if was_full and too_many > 0:
            kept = dict(islice(kept.items(), too_many, None))
        self._until_sweep = max(_SWEEP_EVERY, len(kept))
        self._windows = kept


class ProcessLimits:
    """Holds rate limits, counted in this process alone: fixed windows, as Flask-Limiter has them."""

    failures: tuple[type[Exception], ...] = ()

    def __init__(self) -> None:
        self._storage = ProcessStorage()

    def limit(
        self,
        view: Callable[..., Any],
        name: str,
        rate: Callable[[], str],
        *,
        key_func: Callable[[], str],
        methods: Collection[str] | None = None,
    ) -> Callable[..., Any]:
        """Return ``view`` behind a limit that is counted under ``name`` for each key.

        ``rate`` returns the limit as the settings write it ("30 per minute"). The view raises
        ``TooManyRequests``, which says when to come back (RFC 6585 section 4).
        """

        @wraps(view)
        def limited(*arguments: Any, **values: Any) -> Any:
            if methods is None or request.method in methods:
                for most, seconds in parsed(rate()):
                    self._admit(f"{name}/{key_func()}/{most}/{seconds}", most, seconds)
            return view(*arguments, **values)

        return limited

    def has_room(self, rate: str, *place: str) -> bool:
        """See :class:`Counts`."""
        return all(self._storage.get(key, seconds) < most for key, most, seconds in _windows(rate, place))

    def count(self, rate: str, *place: str) -> float | None:
        """See :class:`Counts`."""
        exceeded = [
            key for key, most, seconds in _windows(rate, place) if self._storage.incr(key, seconds) > most
        ]
        return max((self._storage.get_expiry(key) for key in exceeded), default=None)

    def _admit(self, key: str, most: int, seconds: int) -> None:
        if self._storage.incr(key, seconds) > most:
            left = self._storage.get_expiry(key) - clock.now().timestamp()
            # Rounded up to whole seconds (RFC 9110 section 10.2.3): whoever waits so long is let in.
            raise TooManyRequests(retry_after=max(1, math.ceil(left)))


def refusal(again: float) -> TooManyRequests:
    """Return the answer to whoever is to come back at ``again`` (epoch), as :class:`Counts` said."""
    # Whole seconds (RFC 9110 section 10.2.3), and never too few: Redis rounds what it tells to the nearest.
    return TooManyRequests(retry_after=max(1, int(again - clock.now().timestamp()) + 1))


def _is_running(ends: float, now: float, expiry: float) -> bool:
    """Say whether a window of ``expiry`` seconds that ends at ``ends`` has begun and is not over.

    One that began before the clock was set back would last until it is there again. (A second more than it
    lasts, for what adding and subtracting floats may lose.)
    """
    return 0 < ends - now <= expiry + 1


def _windows(rate: str, place: tuple[str, ...]) -> list[tuple[str, int, int]]:
    return [(f"{'/'.join(place)}/{most}/{seconds}", most, seconds) for most, seconds in parsed(rate)]
