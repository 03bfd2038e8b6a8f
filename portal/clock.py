"""The only source of time in the portal.

Everything that asks "what time is it" or waits goes through this module, so that a test can move
time instead of sleeping, and so that a lint rule can forbid every other way.
"""

import time as _time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Now = Callable[[], datetime]
Sleep = Callable[[float], None]


def _system_now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the one place that may read the system's clock


_now: Now = _system_now
_sleep: Sleep = _time.sleep  # noqa: TID251 - the one place that may wait


def now() -> datetime:
    """Return the current moment as an aware ``datetime`` in UTC."""
    return _now()


def epoch() -> int:
    """Return the current moment as whole seconds since 1970-01-01 UTC (JWT's NumericDate)."""
    return int(_now().timestamp())


def after(seconds: float) -> datetime:
    """Return the moment ``seconds`` from now; a negative number gives a moment in the past."""
    return _now() + timedelta(seconds=seconds)


def is_within(end: datetime, seconds: float) -> bool:
    """Say whether ``end`` is still to come, and no later than ``seconds`` from now.

    For what is remembered until then: a clock that was set back must not make it last for longer.
    """
    return 0 < (end - _now()).total_seconds() <= seconds


def sleep(seconds: float) -> None:
    """Wait for ``seconds``; under a replaced clock, time moves on without anybody waiting."""
    _sleep(seconds)


def monotonic() -> float:
    """Return seconds on a clock that never goes back, for measuring how long something took."""
    return _time.monotonic()  # noqa: TID251 - durations need a clock that cannot be set


def replace(now: Now | None = None, sleep: Sleep | None = None) -> None:
    """Put other functions in the place of the system's clock (tests); ``None`` restores it."""
    global _now, _sleep
    _now = now or _system_now
    _sleep = sleep or _time.sleep  # noqa: TID251 - the one place that may wait
