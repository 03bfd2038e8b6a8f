"""Who forgets what about a person who is erased.

The directory may not see the rooms above it, so each room that keeps something about people registers how
it forgets them. A test compares what is registered with every table that names a person.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from flask import Flask, current_app

#: Takes the id of the person, removes or empties what is kept about them, and flushes at most. The person's
#: record still has its login, address and Okta id at that moment.
Forget = Callable[[str], None]
_NAME = "portal.erasure"


class Registered(NamedTuple):
    """One room's way to forget a person, and the tables that it clears."""

    forget: Forget
    tables: frozenset[str]


def registers(app: Flask, forget: Forget, *, tables: tuple[Any, ...]) -> None:
    """Have ``forget`` called whenever somebody is erased; ``tables`` are the models that it clears."""
    app.extensions.setdefault(_NAME, []).append(
        Registered(forget, frozenset(table.__tablename__ for table in tables))
    )


def registered(app: Flask) -> list[Registered]:
    """Return what was registered in ``app``, in that order."""
    found: list[Registered] = app.extensions.get(_NAME, [])
    return found


def forget_everywhere(user_id: str) -> None:
    """Have every room forget the person; flushes."""
    for entry in registered(current_app._get_current_object()):  # type: ignore[attr-defined]
        entry.forget(user_id)
