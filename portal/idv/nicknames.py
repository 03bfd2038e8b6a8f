"""Familiar forms of given names: Dan for Daniel, Gosia for Małgorzata, Pepe for José, Sasha for Александр.

The table (``data/nicknames.txt``) is the portal's own and small on purpose. The freely licensed lists come
from genealogy and hold links such as Ann for Nancy or Bill for Robert, with which two colleagues become one.
"""

from functools import cache

from portal.idv.tables import rows
from portal.idv.text import normalise, plain

#: How sure a familiar form is; two familiar forms of one name are a little less so.
FAMILIAR = 0.92
_SAME_NAME = 0.93
_COUSINS = 0.88
_ENDINGS = ("ie", "ey", "y", "i", "e")


def familiar(left: str, right: str) -> float:
    """Return how sure it is that two given names in plain letters are forms of one name; 0 if they are not.

    A full name and its familiar form count, two spellings of a full name that the table holds together, and
    two familiar forms of which one only adds an ending (Rob and Robbie). Dan and Danny yes; Liz and Elsie,
    both from Elizabeth, no: one person hardly goes by both.
    """
    table = _table()
    best = 0.0
    for line in table.get(left, frozenset()) & table.get(right, frozenset()):
        full, short = _lines()[line]
        if left in full or right in full:
            best = max(best, _SAME_NAME if left in full and right in full else FAMILIAR)
        elif left in short and right in short and _stem(left) == _stem(right):
            best = max(best, _COUSINS)
    return best


@cache
def _lines() -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
    lines = []
    for row in rows("nicknames"):
        full, _, short = row.partition(":")
        lines.append(
            (
                frozenset(plain(normalise(name)) for name in full.split("=")),
                frozenset(plain(normalise(name)) for name in short.split()),
            )
        )
    return tuple(lines)


@cache
def _table() -> dict[str, frozenset[int]]:
    found: dict[str, set[int]] = {}
    for number, (full, short) in enumerate(_lines()):
        for name in full | short:
            found.setdefault(name, set()).add(number)
    return {name: frozenset(numbers) for name, numbers in found.items()}


def _stem(name: str) -> str:
    """Return a familiar form without its ending and without a doubled last letter: robbie, robby → rob."""
    for ending in _ENDINGS:
        if name.endswith(ending) and len(name) - len(ending) >= 2:
            name = name.removesuffix(ending)
            break
    return name[:-1] if len(name) > 2 and name[-1] == name[-2] else name
