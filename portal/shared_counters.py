"""Counting calls in a Redis, for rate limits that several processes hold together.

Imported only where the settings name a Redis: its library takes a tenth of a second and megabytes, and
imports OpenTelemetry wherever that is installed.
"""

from collections.abc import Callable

from flask import Flask
from flask_limiter import Limiter
from limits import parse_many
from redis.backoff import NoBackoff
from redis.retry import Retry


def new_limiter(app: Flask, storage: str, key: Callable[[], str]) -> Limiter:
    """Return Flask-Limiter for ``app``, counting by ``key`` at the address ``storage``.

    One for each application: it remembers every view it was ever put on.
    """
    app.config["RATELIMIT_STORAGE_URI"] = storage
    # A request waits this long for a Redis that is away, once: the limiter then counts in memory and looks
    # again after one second, two, four and so on. The one retry is for a connection of before a restart.
    app.config["RATELIMIT_STORAGE_OPTIONS"] = {
        "socket_connect_timeout": 0.25,
        "socket_timeout": 0.25,
        "retry": Retry(NoBackoff(), 1),
    }
    app.config["RATELIMIT_SWALLOW_ERRORS"] = True
    app.config["RATELIMIT_IN_MEMORY_FALLBACK_ENABLED"] = True
    return Limiter(key, app=app, default_limits=[])


class SharedCounts:
    """Counts for what is not a call of a view (:class:`portal.counters.Counts`), with a limiter's storage."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        # Asked once, of the Redis: as soon as one thread has found it away, the limiter answers for its
        # memory, and the error that another thread is just getting would be nobody's.
        raised = limiter.limiter.storage.base_exceptions
        #: What is raised where it cannot be counted just now.
        self.failures: tuple[type[Exception], ...] = raised if isinstance(raised, tuple) else (raised,)

    def has_room(self, rate: str, *place: str) -> bool:
        """Say whether ``rate``, as the settings write it, lets one more happen at ``place``."""
        return all(self._limiter.limiter.test(item, *place) for item in parse_many(rate))

    def count(self, rate: str, *place: str) -> float | None:
        """Count one at ``place``; returns when (epoch) to come back, if ``rate`` does not let it."""
        counts = self._limiter.limiter
        exceeded = [item for item in parse_many(rate) if not counts.hit(item, *place)]
        return max((counts.get_window_stats(item, *place).reset_time for item in exceeded), default=None)
