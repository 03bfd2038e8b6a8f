"""How often something may happen, as a setting writes it."""

import re
from functools import lru_cache

_SECONDS = {
    "second": 1, "minute": 60, "hour": 3600, "day": 86_400, "month": 30 * 86_400, "year": 360 * 86_400,
}  # fmt: skip
_RATE = re.compile(
    r"\s*([0-9]+)\s*(?:/|per)\s*([0-9]+)?\s*(second|minute|hour|day|month|year)s?\s*", re.IGNORECASE
)


@lru_cache(maxsize=64)
def parsed(rate: str) -> tuple[tuple[int, int], ...]:
    """Return how many in how many seconds, for each limit of a setting ("2 per minute; 50 per 12 hours").

    Read as ``limits`` reads them, which a Redis is counted with. Raises ``ValueError``.
    """
    return tuple(_one_rate(text) for text in re.split("[,;|]", rate))


def _one_rate(text: str) -> tuple[int, int]:
    if (found := _RATE.fullmatch(text)) is None:
        raise ValueError(f"not a rate: {text!r}")
    return int(found[1]), (int(found[2] or 1) or 1) * _SECONDS[found[3].lower()]
