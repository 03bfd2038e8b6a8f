"""Okta's rate limits: how much is left where, and staying below a share of it.

Okta counts calls per organisation and group of endpoints in windows of about a minute and tells after each
call how many are left (https://developer.okta.com/docs/reference/rl-best-practices/). What is left is
everybody's: leaving half of it alone leaves it to the people who sign in.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

from portal import clock, credentials
from portal.http import Answer
from portal.okta_api.errors import RateLimited

#: Okta's windows last a minute; nothing it says keeps us away for longer than this.
_LONGEST_WAIT = 900.0
_UNKNOWN_WAIT = 60.0
#: After too many calls at the same moment: that passes in seconds, whatever the headers say.
_CONCURRENCY_WAIT = 5.0


@dataclass(frozen=True, slots=True)
class Window:
    """What Okta said last about a group of endpoints."""

    limit: int
    remaining: int
    resets_at: datetime

    @property
    def is_over(self) -> bool:
        """Whether Okta counts anew since; a clock of ours that was set back makes no window longer."""
        return not clock.is_within(self.resets_at, _LONGEST_WAIT)


class RateLimits:
    """The windows of one organisation, shared by every client in the process.

    ``share`` is the part of each limit (above 0, at most 1) that the portal may bring the organisation to.
    """

    def __init__(self, share: float = 0.5) -> None:
        self._share = share
        self._windows: dict[str, Window] = {}
        self._lock = threading.Lock()

    def seen(self) -> dict[str, Window]:
        """Return what Okta said last, by group of endpoints."""
        with self._lock:
            return dict(self._windows)

    def check(self, bucket: str) -> None:
        """Raise :class:`RateLimited` if a call now would go beyond the share."""
        with self._lock:
            window = self._windows.get(bucket)
        if window is None or window.is_over:
            return
        # At least one call in each window: a share of a tiny limit must not be none.
        kept = min(window.limit - 1, int(window.limit * (1 - self._share)))
        if window.remaining <= kept:
            seconds = (window.resets_at - clock.now()).total_seconds()
            raise RateLimited(
                "The share of Okta's rate limit that the portal allows itself is used up for now.", seconds
            )

    def note(self, bucket: str, answer: Answer) -> None:
        """Learn from the headers of ``answer``; raises :class:`RateLimited` if it is a 429."""
        limit = _number(answer.headers, "x-rate-limit-limit")
        remaining = _number(answer.headers, "x-rate-limit-remaining")
        wait = _seconds_to_reset(answer.headers)
        if limit and remaining is not None and wait is not None:
            with self._lock:
                self._windows[bucket] = Window(limit, remaining, clock.after(wait))
        if answer.status != 429:
            return
        if limit == 0:
            # A concurrency violation: the reset time is only a suggestion there.
            raise RateLimited(
                "Okta handles too many calls at the same moment.", credentials.jitter(_CONCURRENCY_WAIT)
            )
        raise RateLimited("Okta's rate limit is used up for now.", _UNKNOWN_WAIT if wait is None else wait)


def _seconds_to_reset(headers: Mapping[str, str]) -> float | None:
    """Return how long the window lasts, by Okta's own clock where it tells it: ours may be off."""
    reset = _number(headers, "x-rate-limit-reset")
    if reset is None:
        after = _number(headers, "retry-after")
        return None if after is None else min(max(float(after), 1.0), _LONGEST_WAIT)
    try:
        there = parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, TypeError, ValueError, OverflowError):
        there = clock.now().timestamp()
    return min(max(reset - there, 1.0), _LONGEST_WAIT)


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else None
