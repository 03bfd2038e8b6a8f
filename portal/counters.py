"""Counting calls in the process's own memory, for rate limits without Redis.

The storage that comes with ``limits`` starts a thread for nearly every call it counts, to drop what has
expired; here that is done while counting, once in a while. And the limits are held here without
Flask-Limiter, whose work for a request costs more than reading its form: it is for the shared count, which
waits for Redis anyway.
"""

import math
import threading
from collections.abc import Callable, Collection
from functools import lru_cache, wraps
from itertools import islice
from typing import Any

from flask import request
from limits import parse_many
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from werkzeug.exceptions import TooManyRequests

from portal import clock

#: Counters are looked through for expired ones after this many calls.
_SWEEP_EVERY = 1000
#: Counters kept at once: about 12 MB beside the 100 of a process, and more than it can serve people in a
#: minute, which is what nearly every window lasts. A stranger with a provider's block of IPv6 has thousands
#: of millions of networks to come from, and each would stay until its window ends.
_MOST_KEPT = 50_000


class ProcessStorage(Storage):
    """Fixed windows in a dictionary: per key, how many calls and when the window ends (epoch seconds).

    Its order is that in which the windows began. When it is full, the oldest are forgotten: whoever they
    counted may begin anew, and nobody is refused because of how many others there are.
    """

    STORAGE_SCHEME = ["process"]  # noqa: RUF012 - the base class declares it so

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **options: Any) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions, **options)
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[int, float]] = {}
        self._until_sweep = _SWEEP_EVERY

    @property
    def base_exceptions(self) -> type[Exception]:
        """What a failure of this storage would raise: nothing of it can fail."""
        return ValueError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count ``amount`` calls for ``key`` and return how many its window of ``expiry`` seconds has."""
        now = clock.now().timestamp()
        with self._lock:
            count, ends = self._windows.get(key, (0, 0.0))
            if ends <= now:
                count, ends = 0, now + expiry
                self._windows.pop(key, None)  # so that it is written at the end
            self._windows[key] = (count + amount, ends)
            self._until_sweep -= 1
            if self._until_sweep <= 0 or len(self._windows) > _MOST_KEPT:
                self._sweep(now)
            return count + amount

    def get(self, key: str) -> int:
        """Return how many calls the present window of ``key`` has."""
        count, ends = self._windows.get(key, (0, 0.0))
        return count if ends > clock.now().timestamp() else 0

    def get_expiry(self, key: str) -> float:
        """Return when the window of ``key`` ends (epoch seconds)."""
        return self._windows.get(key, (0, clock.now().timestamp()))[1]

    def check(self) -> bool:
        """Say that the storage can be reached."""
        return True

    def reset(self) -> int:
        """Forget every count and return how many keys there were."""
        with self._lock:
            known = len(self._windows)
            self._windows.clear()
            return known

    def clear(self, key: str) -> None:
        """Forget the count of ``key``."""
        with self._lock:
            self._windows.pop(key, None)

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
    """Holds rate limits on views, counted in this process alone: fixed windows, as Flask-Limiter has them."""

    def __init__(self) -> None:
        self._storage = ProcessStorage()
        #: For what is counted elsewhere than at a view's door; Flask-Limiter has it by the same name.
        self.limiter = FixedWindowRateLimiter(self._storage)

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
                for most, seconds in _parsed(rate()):
                    self._admit(f"{name}/{key_func()}/{most}/{seconds}", most, seconds)
            return view(*arguments, **values)

        return limited

    def _admit(self, key: str, most: int, seconds: int) -> None:
        if self._storage.incr(key, seconds) > most:
            left = self._storage.get_expiry(key) - clock.now().timestamp()
            # Rounded up to whole seconds (RFC 9110 section 10.2.3): whoever waits so long is let in.
            raise TooManyRequests(retry_after=max(1, math.ceil(left)))


@lru_cache(maxsize=64)
def _parsed(rate: str) -> tuple[tuple[int, int], ...]:
    """Return how many calls in how many seconds, for each limit of a setting."""
    return tuple((item.amount, item.get_expiry()) for item in parse_many(rate))
