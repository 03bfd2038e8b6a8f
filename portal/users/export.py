"""Everything that is held about one person, as one document.

As with ``erasure``, each room that keeps something about people registers how to tell it. A test compares
what is registered with every table that names a person.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from flask import Flask, current_app

from portal import clock

#: Takes the id of the person and returns what is kept about them, as dictionaries of plain values and
#: moments. No secret, no digest of one, and nobody else's data.
Rows = Callable[[str], list[dict[str, Any]]]
_NAME = "portal.export"


class Registered(NamedTuple):
    """One room's part of the document, and the tables that it reads."""

    rows: Rows
    tables: frozenset[str]


def registers(app: Flask, name: str, rows: Rows, *, tables: tuple[Any, ...]) -> None:
    """Have what ``rows`` returns stand under ``name`` in the document; ``tables`` are the models it reads.

    Raises ``ValueError`` if the name is taken.
    """
    parts: dict[str, Registered] = app.extensions.setdefault(_NAME, {})
    if name in parts:
        raise ValueError(f"the part {name} is registered already")
    parts[name] = Registered(rows, frozenset(table.__tablename__ for table in tables))


def registered(app: Flask) -> dict[str, Registered]:
    """Return what was registered in ``app``, by the names in the document."""
    parts: dict[str, Registered] = app.extensions.get(_NAME, {})
    return parts


def document(user_id: str) -> dict[str, Any]:
    """Return what is held about the person, each room's part under its name."""
    parts = registered(current_app._get_current_object())  # type: ignore[attr-defined]
    return {"exported_at": clock.now(), "user_id": user_id} | {
        name: part.rows(user_id) for name, part in sorted(parts.items())
    }
