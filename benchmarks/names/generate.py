"""Write ``pairs.csv``: labelled pairs of names, the same person or different people.

    .venv/bin/python -m benchmarks.names.generate

Three sources were written by hand, from general knowledge of names and not from the matcher's tables:
``scripts.txt`` (a name in its own script and its Latin spellings), ``same.txt`` (variants of one person's
name) and ``different.txt`` (hard negatives). From these, rules that the matcher does not use add

* typing errors in the hand-written Latin names, placed by a hash (two letters exchanged, one missing,
  doubled, hit next to the right key), unless the result is another name of the lists;
* different people: for every name the other names of the lists that look most like it, in Latin and across
  scripts, and siblings (one family name, two given names) as whole names.

One pair in five, by a hash of its text, is held back: it is reported apart and was not looked at in tuning.
"""

import csv
import hashlib
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

HERE = Path(__file__).parent
PAIRS = HERE / "pairs.csv"
_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_NEIGHBOURS_EACH = 4


class Pair(NamedTuple):
    """One labelled pair; ``same`` is 1 for one person and 0 for two."""

    same: int
    kind: str
    category: str
    script: str
    split: str
    left: str
    right: str


class Group(NamedTuple):
    """One name of one person, and the other ways it is written."""

    kind: str
    label: str
    one: str
    others: list[str]


def groups(source: str) -> list[Group]:
    """Return the groups of ``sources/<source>.txt``."""
    found = []
    for line in (HERE / "sources" / f"{source}.txt").read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            head, _, body = line.partition(":")
            kind, label = head.split()
            one, _, others = body.partition("=")
            found.append(Group(kind, label, one.strip(), [other.strip() for other in others.split(",")]))
    return found


def number(*texts: str) -> int:
    """Return a number that depends on the texts only: chance that is the same on every machine."""
    return int.from_bytes(hashlib.sha256("|".join(texts).encode()).digest()[:6], "big")


def split_of(left: str, right: str) -> str:
    """Return ``held`` for one pair in five, otherwise ``tuning``."""
    return "held" if number("split", *sorted((left, right))) % 5 == 0 else "tuning"


def typing_errors(name: str) -> Iterator[str]:
    """Give five slips of ``name``, each at a place that depends on the name."""
    place = 1 + number("place", name) % (len(name) - 3)
    letter = name[place]
    yield name[:place] + name[place + 1] + letter + name[place + 2 :]
    yield name[:place] + name[place + 1 :]
    yield name[:place] + letter + name[place:]
    row = next((row for row in _KEYBOARD if letter in row), "")
    if row:
        beside = row[max(row.index(letter) - 1, 0)] if row.index(letter) else row[1]
        yield name[:place] + beside + name[place + 1 :]
        yield name[: place + 1] + beside + name[place + 1 :]


def same_people(scripts: Iterable[Group], variants: Iterable[Group]) -> Iterator[Pair]:
    """Give the hand-written variants, both ways between scripts, and typing errors."""
    for group in scripts:
        for other in group.others:
            yield _pair(1, group.kind, "script", group.label, group.one, other)
    for group in variants:
        for other in group.others:
            yield _pair(1, group.kind, group.label, "latin", group.one, other)
    everybody = _latin_names(scripts, variants)
    for kind, names in _latin_names([], variants).items():
        for name in sorted(names):
            if len(name) < 7 or not name.isascii() or not name.isalpha():
                continue
            slips = [
                slip
                for slip in typing_errors(name.lower())
                if slip not in everybody[kind] and slip != name.lower()
            ]
            for slip in (slip for at, slip in enumerate(slips) if number(name, str(at)) % 4 == 0):
                yield _pair(1, kind, "slip", "latin", name.capitalize(), slip.capitalize())


def different_people(scripts: list[Group], variants: list[Group], hard: list[Group]) -> Iterator[Pair]:
    """Give the hand-written hard negatives, the nearest neighbours of every name, and siblings."""
    for group in hard:
        script = group.label if group.label != "script" else _script_name(group.one)
        for other in group.others:
            yield _pair(
                0, group.kind, group.label, script if group.label == "script" else "latin", group.one, other
            )
    known = _same_names(scripts, variants)
    for group in scripts:
        rivals = [other for other in scripts if other.kind == group.kind and other is not group]
        near = sorted(
            (min(Levenshtein.distance(a.lower(), b.lower()) / max(len(a), len(b)) for a in group.others), b)
            for rival in rivals
            for b in rival.others
            if not _related(group.others, [b, *rival.others], known)
        )
        for _, latin in near[:_NEIGHBOURS_EACH]:
            yield _pair(0, group.kind, "neighbour-script", group.label, group.one, latin)
    for kind, names in _latin_names(scripts, variants).items():
        ordered = sorted(name for name in names if len(name) > 2)
        for left in ordered:
            near_names = sorted(
                (Levenshtein.distance(left, right) / max(len(left), len(right)), right)
                for right in ordered
                if right != left and not _related([left], [right], known)
            )
            for _, right in near_names[:2]:
                yield _pair(0, kind, "neighbour", "latin", left.title(), right.title())
    given = [group.one for group in variants if group.kind == "given" and group.label == "nickname"]
    family = [group.one for group in variants if group.kind == "family" and group.label == "accents"]
    for at, (one, other) in enumerate(combinations(given[:40], 2)):
        if number("sibling", one, other) % 6 == 0 and not _related([one.lower()], [other.lower()], known):
            name = family[at % len(family)]
            yield _pair(0, "full", "sibling", "latin", f"{one} {name}", f"{other} {name}")


def _pair(same: int, kind: str, category: str, script: str, left: str, right: str) -> Pair:
    return Pair(same, kind, category, script, split_of(left, right), left, right)


def _script_name(text: str) -> str:
    return unicodedata.name(text[0]).split()[0].lower()


def _latin_names(scripts: Iterable[Group], variants: Iterable[Group]) -> dict[str, set[str]]:
    """Return all single Latin words of the hand-written lists by kind, in lower case."""
    found: dict[str, set[str]] = {"given": set(), "family": set()}
    for group in [*scripts, *variants]:
        if group.kind in found and group.label not in ("typing", "shape"):
            found[group.kind].update(
                name.lower() for name in [group.one, *group.others] if name.isascii() and name.isalpha()
            )
    return found


def _same_names(scripts: Iterable[Group], variants: Iterable[Group]) -> dict[str, set[int]]:
    """Return, for each name in lower case, the groups it occurs in."""
    found: dict[str, set[int]] = {}
    for at, group in enumerate([*scripts, *variants]):
        for name in (group.one, *group.others):
            found.setdefault(name.lower(), set()).add(at)
    undecided = (HERE / "sources" / "undecided.txt").read_text(encoding="utf-8").splitlines()
    for at, line in enumerate(line for line in undecided if not line.startswith("#")):
        for name in line.split():
            found.setdefault(name, set()).add(-1 - at)
    return found


def _related(left: Iterable[str], right: Iterable[str], known: dict[str, set[int]]) -> bool:
    """Say whether two names share a group, or a name that shares one with each: nobody can label them."""
    one, other = ({at for name in names for at in known.get(name.lower(), set())} for names in (left, right))
    return any(not _beside(at, known).isdisjoint(other) for at in one)


_besides: dict[int, set[int]] = {}


def _beside(at: int, known: dict[str, set[int]]) -> set[int]:
    """Return the groups that share a name with group ``at``."""
    if not _besides:
        for groups_of_name in known.values():
            for group in groups_of_name:
                _besides.setdefault(group, set()).update(groups_of_name)
    return _besides[at]


def main() -> None:
    """Write the pairs, each once, the same people first."""
    scripts, variants, hard = groups("scripts"), groups("same"), groups("different")
    pairs: dict[tuple[str, str, str], Pair] = {}
    for pair in [*same_people(scripts, variants), *different_people(scripts, variants, hard)]:
        left, right = sorted((pair.left, pair.right))
        pairs.setdefault((pair.kind, left, right), pair)
    with PAIRS.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Pair._fields)
        writer.writerows(pairs.values())
    print(f"{len(pairs)} pairs, {sum(pair.same for pair in pairs.values())} of them the same person")


if __name__ == "__main__":
    main()
