"""Names known by their sound: Latin spellings that go back to one name of another script.

Mohamed and Muhammad differ by three letters and are one name; Jan and Jane differ by one and are two. What
decides is the name behind the spelling. Three sources say so: the table of Arabic names with their vowels,
the table of spellings in use, and the regular ways to write Slavic endings.
"""

import re
from functools import cache, lru_cache

from portal.idv.abjads import ARABIC_SAME
from portal.idv.alphabets import CYRILLIC
from portal.idv.romanisation import Letter, cost, spell, table
from portal.idv.tables import rows
from portal.idv.text import normalise, plain

_SOUNDS = table(
    """
    a: a e/1; aa: a aa e/3; i: i e/1 y/2; ii: i ee y ie/2 iy/2; u: u o ou/1 oo/2 e/3; e: e i/1
    iy: iy i y/1 iyy; uu: u ou oo o/1; ay: ay ai ei ey e/2
    aw: aw au ow o/2 ou/2; H: a ah eh/1 e/1 at/2; b: b bb; t: t tt; th: th t s/2; j: j g/1 dj jj gu/2
    h: h hh; d: d dd
    kh: kh ch/2 h/3 k/2; dh: dh z d th/1; r: r rr; z: z zz; s: s ss c/3; sh: sh ch sch sshsh ssh
    gh: gh g; f: f ff ph/3
    q: q k g/2 c/3 gh/2 qq kk; k: k kk c/3; l: l ll; m: m mm; n: n nn; w: w ou/1 u/2 v/2; y: y i yy/1
    p: p; v: v; g: g; A: a e/5; N: n ne/2
    """
)
#: A spelling that costs more is no longer heard as the name.
_HEARD = 0.21
#: Beside the name in its own script, a rarer spelling will do.
_HEARD_DIRECTLY = 0.45
_LONGEST_HEARD = 24

_SLAVIC_ENDING = re.compile(
    r"(?:[oe]v|[oe]ff|[oe]w|[oe]va|[oe]wa|in|ine|ina|sk[iy]|sk[iy]y|skii|skij|skiy|skyi|skaya|skaia|skaja|enko|vich"
    r"|vitch|wicz|witsch|chuk|tschuk|tchouk|yan|ian)$"
)
_SLAVIC_FOLDS = (
    ("schtsch|shtsh|chtch|shch|stch|szcz", "S"), ("tsch|tch|tzsch|cz", "C"), ("sch|sh|sz", "s"),
    ("dzh|zh", "Z"),
    ("kh", "h"), ("ch", "C"), ("tz|ts", "c"), ("x", "ks"), ("ck", "k"), ("ff$", "v"), ("w", "v"),
    ("f$", "v"), ("ine$", "in"), ("ou|oo", "u"), ("(?:iy|yy|ij|yj|ii|yi|y)$", "i"), ("[iyj](?=[aou])", "j"),
    ("[iyj]e", "e"), ("jo", "e"), ("y", "i"),
)  # fmt: skip
#: French writes ш as ch and ж as j, and both it and German have other letters for ч and х.
_FRENCH_FIRST = (("tch", "C"), ("(?<!s)ch", "s"), ("j", "Z"))
_GERMAN_FIRST = (("schtsch", "S"), ("tsch", "C"), ("(?<!s)ch", "h"), ("z", "c"))


@cache
def _arabic() -> tuple[tuple[str, tuple[tuple[Letter, ...], ...]], ...]:
    """Return the Arabic names: the script, and the letters of each way it sounds."""
    names = []
    for row in rows("arabic_names"):
        written, *heard = row.split()
        spelled = [spell(_ends(way), _SOUNDS) for way in heard]
        names.append((same_letters(written), tuple(tuple(way) for way in spelled if way)))
    return tuple(names)


def _ends(way: str) -> str:
    """Mark what is heard apart at the ends: an initial a, the feminine ending, an n that French writes -ne.

    A doubled consonant is written once here, since every consonant may be spelled double.
    """
    way = re.sub(r"([bdfghjklmnqrstwyz])\1", r"\1", way)
    return re.sub("(?<!a)ah$", "H", re.sub("(?<=[ai])n$", "N", re.sub("^a(?![awy])", "A", way)))


def same_letters(word: str) -> str:
    """Return an Arabic-script word without the differences of spelling that custom and keyboards make."""
    return normalise(word).translate(ARABIC_SAME)


@cache
def written_as(word: str) -> frozenset[int]:
    """Return the numbers of the Arabic names that ``word`` (Arabic script) spells; empty if we know none."""
    wanted = same_letters(word)
    bare = wanted.removeprefix("ال")
    return frozenset(number for number, (written, _) in enumerate(_arabic()) if written in (wanted, bare))


def spells(written: str, latin: str) -> bool | None:
    """Say whether ``latin`` (plain letters) is how the Arabic name ``written`` sounds; None if unknown."""
    known = written_as(written)
    if not known:
        return None
    ways = [way for number, (_, several) in enumerate(_arabic()) if number in known for way in several]
    spellings = [latin, latin[2:]] if same_letters(written).startswith("ال") else [latin]
    return any(cost(way, spelling, _HEARD_DIRECTLY) is not None for way in ways for spelling in spellings)


@lru_cache(maxsize=4096)
def heard_as(word: str) -> frozenset[int]:
    """Return the numbers of the Arabic names that ``word`` (plain letters) may be a spelling of."""
    if not 2 <= len(word) <= _LONGEST_HEARD:
        return frozenset()
    return frozenset(
        number
        for number, (_, ways) in enumerate(_arabic())
        if any(cost(way, word, _HEARD) is not None for way in ways)
    )


@cache
def _hebrew() -> dict[str, frozenset[str]]:
    found = {}
    for row in rows("hebrew_names"):
        written, *spellings = row.split()
        found[normalise(written)] = frozenset(spellings)
    return found


def hebrew_names(word: str) -> frozenset[str]:
    """Return the Latin spellings (plain letters) of a common Hebrew name, or none."""
    return _hebrew().get(word, frozenset())


@cache
def all_hebrew_names() -> frozenset[str]:
    """Return every Latin spelling of the common Hebrew names."""
    return frozenset().union(*_hebrew().values())


@cache
def _spellings() -> dict[str, frozenset[int]]:
    found: dict[str, set[int]] = {}
    for number, row in enumerate(rows("romanised_spellings")):
        for word in row.split():
            found.setdefault(plain(normalise(word)), set()).add(number)
    return {word: frozenset(numbers) for word, numbers in found.items()}


def one_spelling(left: str, right: str) -> bool:
    """Say whether two words in plain letters stand in one line of the table of romanised spellings."""
    known = _spellings()
    return not known.get(left, frozenset()).isdisjoint(known.get(right, frozenset()))


def slavic(word: str) -> frozenset[str]:
    """Return what a Slavic family name in plain letters may come to, its romanisation evened out.

    One form each for English (and most others), French and German spelling; empty for other names.
    """
    if len(word) < 5 or not _SLAVIC_ENDING.search(word):
        return frozenset()
    return frozenset(_folded(word, first) for first in ((), _FRENCH_FIRST, _GERMAN_FIRST))


def _folded(word: str, first: tuple[tuple[str, str], ...]) -> str:
    for pattern, plain_form in first + _SLAVIC_FOLDS:
        word = re.sub(pattern, plain_form, word)
    return re.sub(r"(.)\1", r"\1", word)


@cache
def _cyrillic() -> tuple[tuple[Letter, ...], ...]:
    names = (spell(normalise(name), CYRILLIC) for row in rows("cyrillic_names") for name in row.split())
    return tuple(tuple(name) for name in names if name)


@lru_cache(maxsize=4096)
def read_in_cyrillic(word: str) -> frozenset[int]:
    """Return the numbers of the common Cyrillic given names that ``word`` (plain letters) can be read as."""
    if not 4 <= len(word) <= _LONGEST_HEARD:
        return frozenset()
    return frozenset(at for at, name in enumerate(_cyrillic()) if cost(name, word, _HEARD) is not None)


def long_vowels(word: str) -> str:
    """Return ``word`` with ``ee`` and ``oo`` written as ``i`` and ``u``: Sandeep, Sandip; Mahmood, Mahmud."""
    return word.replace("ee", "i").replace("oo", "u") if len(word) >= 5 else word


def umlauts(word: str) -> str:
    """Return ``word`` with ``ae``, ``oe``, ``ue`` after a consonant as one vowel: Mueller and Muller."""
    return re.sub(r"(?<=[bcdfghjklmnpqrstvwxz])([aou])e(?=[b-z])", r"\1", word) if len(word) >= 5 else word
