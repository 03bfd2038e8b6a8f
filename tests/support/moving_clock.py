"""Time that a test moves."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from portal import clock as portal_clock


class MovingClock:
    """A clock that stands still until it is told otherwise; waiting moves it on and takes no time."""

    def __init__(self) -> None:
        self._now = portal_clock.now().astimezone(UTC).replace(microsecond=0)
        #: Every wait that the portal asked for, in seconds.
        self.waits: list[float] = []

    def now(self) -> datetime:
        """Return the moment at which the clock stands."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move time on by ``seconds`` (back, if negative)."""
        self._now += timedelta(seconds=seconds)

    def set(self, moment: datetime) -> None:
        """Put the clock at ``moment``."""
        self._now = moment

    def sleep(self, seconds: float) -> None:
        """Wait, as the portal sees it."""
        self.waits.append(seconds)
        self.advance(seconds)


@pytest.fixture
def clock() -> Iterator[MovingClock]:
    """The portal's clock in the hands of the test; it begins at the real moment, in whole seconds."""
    moving = MovingClock()
    portal_clock.replace(now=moving.now, sleep=moving.sleep)
    yield moving
    portal_clock.replace()
