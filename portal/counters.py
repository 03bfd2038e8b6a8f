"""Counting calls in the process's own memory, for rate limits without Redis.

The storage that comes with ``limits`` starts a thread for nearly every call it counts, to drop what has
expired; here that is done while counting, once in a while.
"""

import threading
from typing import Any

from limits.storage import Storage

from portal import clock

#: Counters are looked through for expired ones after this many calls.
_SWEEP_EVERY = 1000


class ProcessStorage(Storage):
    """Fixed windows in a dictionary: per key, how many calls and when the window ends (epoch seconds)."""

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
            self._windows[key] = (count + amount, ends)
            self._until_sweep -= 1
            if self._until_sweep <= 0:
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
        self._windows.pop(key, None)

    def _sweep(self, now: float) -> None:
        self._until_sweep = max(_SWEEP_EVERY, len(self._windows))
        self._windows = {key: window for key, window in self._windows.items() if window[1] > now}
