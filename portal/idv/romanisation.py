"""Could this Latin spelling be that name in another script? One alignment for every script.

There is no one romanisation: Чайковский is Chaykovskiy, Tchaikovsky and Čajkovskij. So nothing is converted.
Every letter of the source comes with all the Latin spellings in use, each with a cost (0 for usual, towards 1
for rare), and the cheapest way to read the Latin word as a sequence of them is found. A letter left over, or
read wrongly, costs 1.
"""

import unicodedata
from collections.abc import Iterable

#: The ways to write one letter (or one group of letters): (Latin, cost) pairs, commonest first.
Letter = tuple[tuple[str, float], ...]

#: What scripts that leave short vowels out may hide between two consonants.
HIDDEN_VOWEL: Letter = (
    ("", 0.0), ("a", 0.0), ("e", 0.0), ("o", 0.0), ("i", 0.0), ("u", 0.0), ("ou", 0.3)
)  # fmt: skip

_MISTAKE = 1.0


def letter(ways: str) -> Letter:
    """Read ``"sh s/2 -"``: alternatives in their order, a cost in tenths after a slash, ``-`` for silence."""
    pairs = []
    for way in ways.split():
        latin, _, tenths = way.partition("/")
        pairs.append(("" if latin == "-" else latin, int(tenths or 0) / 10))
    return tuple(pairs)


def table(rows: str) -> dict[str, Letter]:
    """Read rows such as ``"ш: sh s/2; щ: shch"`` into a table of letters."""
    found = {}
    for row in rows.replace("\n", ";").split(";"):
        source, colon, ways = row.partition(":")
        if colon:
            for form in source.split():
                found[unicodedata.normalize("NFC", form)] = letter(ways)
    return found


def spell(word: str, letters: dict[str, Letter], longest: int = 2) -> list[Letter] | None:
    """Return ``word`` as letters of a table, longest groups first, or None if a character is not in it."""
    spelled = []
    at = 0
    while at < len(word):
        for length in range(min(longest, len(word) - at), 0, -1):
            ways = letters.get(word[at : at + length])
            if ways is not None:
                spelled.append(ways)
                at += length
                break
        else:
            return None
    return spelled


def cost(source: Iterable[Letter], latin: str, limit: float) -> float | None:
    """Return the least cost of reading ``latin`` (a-z only) as ``source``, or None above ``limit``.

    Only positions that can still end within the limit are kept, so the time is proportional to the product
    of both lengths at worst, and to their sum for words that have nothing to do with each other.
    """
    reached: dict[int, float] = {0: 0.0}
    for ways in source:
        following: dict[int, float] = {}
        for at, spent in reached.items():
            steps = [(len(text), price) for text, price in ways if latin.startswith(text, at)]
            steps += [(0, _MISTAKE), (1, _MISTAKE)]
            for width, price in steps:
                end, total = at + width, spent + price
                if end <= len(latin) and total <= limit and total < following.get(end, limit + 1):
                    following[end] = total
        _skip(following, len(latin), limit)
        reached = following
        if not reached:
            return None
    return reached.get(len(latin))


def default(source: Iterable[Letter]) -> str:
    """Return the commonest romanisation: the first way of every letter."""
    return "".join(ways[0][0] for ways in source)


def _skip(reached: dict[int, float], end: int, limit: float) -> None:
    """Let Latin letters be left over, at the price of a mistake each."""
    for at in sorted(reached):
        spent = reached[at] + _MISTAKE
        while (at := at + 1) <= end and spent <= limit and spent < reached.get(at, limit + 1):
            reached[at] = spent
            spent += _MISTAKE
