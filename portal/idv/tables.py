"""The room's tables of names: text files in ``data``, read once, on first use."""

from functools import cache
from pathlib import Path

_DATA = Path(__file__).parent / "data"


@cache
def rows(name: str) -> tuple[str, ...]:
    """Return the lines of ``data/<name>.txt`` without comments and empty ones."""
    lines = (_DATA / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))


@cache
def words(name: str) -> frozenset[str]:
    """Return all words of ``data/<name>.txt``."""
    return frozenset(word for row in rows(name) for word in row.replace(":", " ").replace("=", " ").split())
