"""How sure it is that two single words, of two names, are one.

The steps go from certain to likely; the first that applies gives the score, so that a score says what kind of
evidence there is. Between scripts, the Latin spelling is read as the other script (``romanisation``).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from rapidfuzz.distance import OSA

from portal.idv import abjads, alphabets, east_asian, indic, sounds
from portal.idv.nicknames import familiar
from portal.idv.romanisation import Letter, cost, default, spell
from portal.idv.text import plain, script, without_marks
from portal.idv.typing_errors import slip
from portal.idv.vietnamese import other_tone


class Evidence(StrEnum):
    """Why two names were found to be one, weakest link first: stable words for a log."""

    NONE = "none"
    INITIAL = "initial"
    PARTIAL = "partial"
    TYPING = "typing"
    FAMILIAR = "familiar"
    SPELLING = "spelling"
    ROMANISED = "romanised"
    ACCENTS = "accents"
    EQUAL = "equal"


@dataclass(frozen=True, slots=True)
class Likeness:
    """How sure it is that two words or names are one (0 to 1), and on what evidence."""

    score: float
    evidence: Evidence


NOTHING = Likeness(0.0, Evidence.NONE)
EQUAL = Likeness(1.0, Evidence.EQUAL)

#: What a romanisation may cost in all (one rare spelling or two), and in words of up to four letters.
_ROMANISED, _ROMANISED_SHORT = 0.5, 0.3
_LONGEST_WORD = 60
#: So few consonants fit too many names: only listed spellings count.
_SHORT_HEBREW = 4
#: What is not evidence still gives a number, so that a threshold can be judged: never above this.
_UNLIKE = 0.8

_READERS: dict[str, Callable[[str], list[Letter] | None]] = {
    "cyrillic": lambda word: spell(word, alphabets.CYRILLIC),
    "greek": lambda word: spell(word, alphabets.GREEK),
    "armenian": lambda word: spell(word, alphabets.ARMENIAN),
    "georgian": lambda word: spell(word, alphabets.GEORGIAN),
    "latin": lambda word: spell(word, alphabets.LATIN),
    "arabic": abjads.arabic,
    "hebrew": abjads.hebrew,
    "thai": indic.thai,
    "hangul": east_asian.hangul,
    "kana": east_asian.kana,
    "cjk": east_asian.chinese,
    **dict.fromkeys(
        ("devanagari", "bengali", "gurmukhi", "gujarati", "oriya", "tamil", "telugu", "kannada", "malayalam"),
        indic.indic,
    ),
}
_SERVANT = re.compile("abd[aeiou]{1,2}(?=.{3})")


@lru_cache(maxsize=4096)
def compare_words(left: str, right: str, *, family: bool) -> Likeness:
    """Return how alike two normalised words are; ``family`` says that they are (parts of) family names."""
    if left == right:
        return EQUAL
    plain_left, plain_right = plain(left), plain(right)
    if not plain_left or not plain_right or max(len(plain_left), len(plain_right)) > _LONGEST_WORD:
        return NOTHING
    if initial(left) or initial(right):
        fits = plain_left[0] == plain_right[0] and not family
        return Likeness(0.88, Evidence.INITIAL) if fits else NOTHING
    scripts = script(left), script(right)
    if scripts == ("latin", "latin"):
        return _both_latin(left, right, family=family)
    if scripts[0] == scripts[1]:
        return _same_script(left, right, scripts[0], family=family)
    return _across(left, right, family=family)


def initial(word: str) -> bool:
    """Say whether a word is one letter of an alphabet; one Chinese or Korean syllable is a whole name."""
    return len(word) == 1 and script(word) in ("latin", "cyrillic", "greek", "armenian", "georgian")


def _both_latin(left: str, right: str, *, family: bool) -> Likeness:
    a, b = plain(left), plain(right)
    if other_tone(left, right):
        return NOTHING
    if a == b:
        return Likeness(0.98, Evidence.ACCENTS)
    if _reads_as(left, b, 0.05) is not None or _reads_as(right, a, 0.05) is not None:
        return Likeness(0.97, Evidence.ACCENTS)
    if min(len(a), len(b)) < 2:
        return NOTHING
    if _one_spelling(a, b, family=family):
        return Likeness(0.93, Evidence.SPELLING)
    if not family and (score := familiar(a, b)):
        return Likeness(score, Evidence.FAMILIAR)
    price = min(
        (p for p in (_reads_as(left, b, 0.4), _reads_as(right, a, 0.4)) if p is not None), default=1.0
    )
    if price <= 0.4 and min(len(a), len(b)) >= 3 and a[0] == b[0]:
        return Likeness(0.94 - price / 10, Evidence.ACCENTS)
    heard = sounds.heard_as(a), sounds.heard_as(b)
    if all(heard):  # both are names of their own
        return _unlike(a, b)
    score = slip(a, b, family=family)
    return Likeness(score, Evidence.TYPING) if score else _unlike(a, b)


def _one_spelling(a: str, b: str, *, family: bool) -> bool:
    """Say whether two Latin words are romanisations or conventional spellings of one name."""
    if sounds.one_spelling(a, b) or not sounds.heard_as(a).isdisjoint(sounds.heard_as(b)):
        return True
    if sounds.long_vowels(a) == sounds.long_vowels(b) and min(len(a), len(b)) >= 4:
        return True
    if sounds.umlauts(a) == sounds.umlauts(b) and (family or "ae" not in a + b):
        return True
    if family and _clan(a) == _clan(b):
        return True
    if not sounds.slavic(a).isdisjoint(sounds.slavic(b)):
        return True
    if not family and not sounds.read_in_cyrillic(a).isdisjoint(sounds.read_in_cyrillic(b)):
        return True
    return _servants(a, b)


def _clan(word: str) -> str:
    """Return a family name with Mac and Mc written alike."""
    return re.sub("^mac(?=[a-z]{4})", "mc", word)


def _servants(a: str, b: str) -> bool:
    """Compare two names of the form "servant of": Abdelrahman, Abdurrahman, Abdul Rahman."""
    return any(
        one == other
        or sounds.one_spelling(one, other)
        or not sounds.heard_as(one).isdisjoint(sounds.heard_as(other))
        for one in _served(a)
        for other in _served(b)
    )


def _served(word: str) -> Iterator[str]:
    """Give what may follow ``abd`` and the article, whichever way they were joined."""
    begun = _SERVANT.match(word)
    if begun is None:
        return
    rest = word[begun.end() :]
    yield rest
    if rest[0] == "l" or rest[0] == rest[1]:
        yield rest[1:]
    if (rest.startswith("ch") and rest[2:4] == "ch") or rest[:4] == "shsh":
        yield rest[2:]


def _same_script(left: str, right: str, script_of_both: str, *, family: bool) -> Likeness:
    """Compare two words of one script that is not Latin by their letters."""
    a, b = _letters(left, script_of_both), _letters(right, script_of_both)
    if a == b:
        return Likeness(0.97, Evidence.ACCENTS)
    known = (plain(left), plain(right))
    if not family and (score := familiar(*known)):
        return Likeness(score, Evidence.FAMILIAR)
    if script_of_both in ("cyrillic", "greek", "armenian", "georgian"):
        between = len(a) >= 6 and len(b) >= 6 and a[:2] == b[:2] and a[-1] == b[-1]
        score = slip(*known, family=family)
        if between and OSA.distance(a, b, score_cutoff=1) == 1 and score:
            return Likeness(score, Evidence.TYPING)
    if script_of_both == "cjk":
        return NOTHING  # another character is another name, however it sounds
    return _unlike(a, b)


def _letters(word: str, script_of_word: str) -> str:
    """Return a word without the differences of spelling that its script treats as one."""
    bare = without_marks(word)
    if script_of_word == "arabic":
        return sounds.same_letters(bare)
    if script_of_word == "cjk":
        return east_asian.same_forms(bare)
    if script_of_word == "kana":
        return plain(word)
    if script_of_word == "devanagari":
        return indic.one_spelling(bare)
    return bare.replace("ё", "е").replace("ς", "σ")


def _across(left: str, right: str, *, family: bool) -> Likeness:
    """Compare two words of different scripts; Latin stands on the right if it is one of them."""
    if script(left) == "latin":
        left, right = right, left
    if script(right) != "latin":
        prices = [price for price in (_between(left, right), _between(right, left)) if price is not None]
        return Likeness(0.9, Evidence.ROMANISED) if prices else NOTHING
    latin = plain(right)
    arabic = script(left) == "arabic"
    if arabic and (fits := sounds.spells(left, latin)) is not None:
        return Likeness(0.95, Evidence.ROMANISED) if fits else _unlike(plain(left), latin)
    if spellings := sounds.hebrew_names(left):
        if latin in spellings:
            return Likeness(0.95, Evidence.ROMANISED)
        if len(left) <= _SHORT_HEBREW or latin in sounds.all_hebrew_names():
            return _unlike(plain(left), latin)
    limit = _ROMANISED_SHORT if len(latin) <= 4 else _ROMANISED
    price = _reads_as(left, latin, limit)
    if price is not None and len(latin) >= 2:
        return Likeness(0.95 - 0.12 * price, Evidence.ROMANISED)
    if arabic and left.startswith("عبد") and _servant_of(left, latin):
        return Likeness(0.94, Evidence.ROMANISED)
    if script(left) not in ("arabic", "thai", "hangul", "kana", "cjk"):
        usual = plain(left)
        if not family and (score := familiar(usual, latin)):
            return Likeness(score - 0.01, Evidence.FAMILIAR)
        if sounds.one_spelling(usual, latin) or not sounds.slavic(usual).isdisjoint(sounds.slavic(latin)):
            return Likeness(0.93, Evidence.ROMANISED)
    return _unlike(plain(left), latin)


def _servant_of(arabic: str, latin: str) -> bool:
    """Compare عبد الرحمن with its Latin spellings by what follows the servant and the article."""
    rest = arabic.removeprefix("عبد").removeprefix("ال")
    return len(rest) >= 2 and any(
        compare_words(rest, served, family=False).evidence is Evidence.ROMANISED for served in _served(latin)
    )


def _between(source: str, other: str) -> float | None:
    """Return the price of reading the usual romanisation of ``other`` as ``source``."""
    prices = []
    for reading in _readings(other):
        price = _reads_as(source, plain(default(reading)), 0.1)
        if price is not None:
            prices.append(price)
    return min(prices, default=None)


def _reads_as(source: str, latin: str, limit: float) -> float | None:
    """Return the least price of reading ``latin`` as ``source``, or None above ``limit``."""
    prices = [price for reading in _readings(source) if (price := cost(reading, latin, limit)) is not None]
    return min(prices, default=None)


@lru_cache(maxsize=1024)
def _readings(word: str) -> tuple[tuple[Letter, ...], ...]:
    """Return every way to read a word as letters: one for most scripts, several for Japanese names."""
    name = script(word)
    reader = _READERS.get(name)
    kept = word if name in ("latin", "kana", "cyrillic") else without_marks(word)
    bare = "".join(
        character for character in kept if character.isalnum() or "\u0900" <= character <= "\u0eff"
    )
    readings = [reader(bare)] if reader is not None and bare else []
    if name == "cyrillic" and readings == [None]:
        readings = [reader(without_marks(bare))] if reader is not None else []
    if name == "cjk":
        readings += east_asian.japanese(bare)
    found = tuple(tuple(reading) for reading in readings if reading)
    if found or name == "latin":
        return found
    usual = spell(plain(word), alphabets.LATIN)  # a script without a table of its own
    return (tuple(usual),) if usual else ()


def _unlike(a: str, b: str) -> Likeness:
    return Likeness(round(_UNLIKE * OSA.normalized_similarity(a, b), 3), Evidence.NONE)
