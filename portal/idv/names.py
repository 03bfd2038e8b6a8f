"""Two names: are they one person's? Words are lined up, and the weakest pair decides.

See ``docs/name-matching.md`` for the reasoning in plain words and for the figures behind the threshold.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import permutations

from portal.idv.text import normalise, plain, script
from portal.idv.typing_errors import syllable
from portal.idv.vietnamese import other_tone
from portal.idv.words import EQUAL, NOTHING, Evidence, Likeness, compare_words, initial

#: Chosen on ``benchmarks/names``: no two different people reach it, nearly all real variants do.
DEFAULT_THRESHOLD = 0.85


class NameKind(StrEnum):
    """Which part of a name is compared; ``FULL`` is a whole name in one field."""

    GIVEN = "given"
    MIDDLE = "middle"
    FAMILY = "family"
    FULL = "full"


#: More words than this are compared as they stand only.
_MOST_WORDS = 8
_MOST_REORDERED = 4
_TITLES = frozenset(["mr", "mrs", "ms", "miss", "dr", "prof", "sir", "mx", "herr", "frau"])
_GENERATIONS = {"jr": "jr", "jnr": "jr", "junior": "jr", "sr": "sr", "snr": "sr", "senior": "sr",
                "ii": "2", "iii": "3", "iv": "4", "2nd": "2", "3rd": "3", "4th": "4"}  # fmt: skip
_ARTICLES = frozenset(["al", "el", "ul", "ال", "bin", "ibn", "ben", "bint", "binti", "بن", "ابن", "bn"])
_PARTICLES = _ARTICLES | frozenset(
    [
        "de",
        "del",
        "della",
        "delle",
        "dei",
        "degli",
        "di",
        "da",
        "do",
        "dos",
        "das",
        "du",
        "des",
        "la",
        "las",
        "los",
        "le",
        "lo",
        "van",
        "von",
        "der",
        "den",
        "dem",
        "zu",
        "zur",
        "zum",
        "ter",
        "ten",
        "te",
        "of",
        "af",
        "av",
        "und",
        "y",
        "e",
        "i",
        "i'",
        "st.",
        "t",
        "'t",
        "n",
        "an",
        "in",
        "het",
        "ad",
    ]
)
#: Particles that are family names, too, where the other words are no more than a syllable.
_EAST_ASIAN_SURNAMES = frozenset(["an", "do", "in", "le", "lo"])
_GIVEN_PARTICLES = _ARTICLES - {"ben"} | frozenset(
    ["de", "del", "la", "los", "da", "das", "do", "dos", "de", "y", "e"]
)
_SAINT = {"st": "saint", "ste": "sainte", "sankt": "saint", "sao": "saint"}

#: From this score two words are one beyond doubt: a nickname, another spelling, another script.
_SURE = 0.91
#: What it costs to leave a word out, by where it stood.
_PARTICLE_LEFT_OUT = 0.02
_LATER_LEFT_OUT = 0.1
_FIRST_LEFT_OUT = 0.13
_OTHER_SURNAME_LEFT_OUT = 0.17
_REORDERED = 0.03
_JOINED = 0.01

#: Each is the other's second name, and the order is the sex: José María, María José.
_ORDER_MATTERS = frozenset({"jose", "jesus", "angel", "juan"})


@dataclass(frozen=True, slots=True)
class _Word:
    """One word of a name; ``hyphened`` says that a hyphen joins it to the word before."""

    text: str
    hyphened: bool = False


def same_name(
    left: str, right: str, kind: NameKind = NameKind.GIVEN, threshold: float = DEFAULT_THRESHOLD
) -> bool:
    """Say whether two names may be taken for one person's, at a threshold from 0 (anybody) to 1 (equal)."""
    likeness = compare_names(left, right, kind)
    return likeness.score >= threshold and likeness.evidence is not Evidence.NONE


def equal_name(left: str, right: str) -> bool:
    """Say whether two names are the same text, apart from composition (NFC) and spaces around them."""
    first, second = (unicodedata.normalize("NFC", text).strip() for text in (left, right))
    return first == second and first != ""


def compare_names(left: str, right: str, kind: NameKind = NameKind.GIVEN) -> Likeness:
    """Return how sure it is that two names are one person's, and the weakest evidence used.

    Symmetric. Never raises; empty, invisible or longer than 200 characters is like nothing, not even itself.
    A score without evidence (``Evidence.NONE``) never reaches 0.85 and only says how close two names look.
    """
    first, second = sorted((normalise(left), normalise(right)))
    if not any(map(str.isalpha, first)) or not any(map(str.isalpha, second)):
        return NOTHING
    if first == second:
        return EQUAL
    if not plain(first) or not plain(second):
        return NOTHING
    one, other = _words(first, kind), _words(second, kind)
    if _generation(one) and _generation(other) and _generation(one) != _generation(other):
        return NOTHING
    one, other = _without_generation(one), _without_generation(other)
    best = _whole(one, other, kind)
    if best.score < 0.95 and max(len(one), len(other)) <= _MOST_WORDS:
        for likeness in (
            _aligned(one, other, kind),
            _reordered(one, other, kind),
            _initials(one, other, kind),
        ):
            if likeness.score > best.score:
                best = likeness
    return best


def _words(name: str, kind: NameKind) -> list[_Word]:
    """Cut a normalised name into words, without titles and punctuation."""
    name = re.sub(r"['’‘ʼ`´ʹ\u05f3\u05f4\"]", "", name)
    found = []
    for chunk in re.split(r"[\s.,;:/()·・‧•_]+", name):
        parts = [part for part in re.split(r"[-‐‑‒–—−]+", chunk) if part and (plain(part) or part.isalpha())]
        found += [_Word(_SAINT.get(part, part), hyphened=at > 0) for at, part in enumerate(parts)]
    bare = [word for word in found if word.text not in _TITLES]
    return _servants_joined(bare if bare else found)


def _servants_joined(words: list[_Word]) -> list[_Word]:
    """Join "Abd al Rahman", "Abdul Rahman", "عبد الرحمن" into one word: it is one name."""
    joined: list[_Word] = []
    for word in words:
        before = joined[-1].text if joined else ""
        open_ended = before in ("abd", "عبد") or re.fullmatch(
            "abd[aeou]?[lrsdntz]?[aeou]?|abd[aeou](?:sh|dh|th)", before
        )
        if before.startswith(("abd", "عبد")) and open_ended:
            joined[-1] = _Word(before + word.text, joined[-1].hyphened)
        else:
            joined.append(word)
    return joined


def _generation(words: Sequence[_Word]) -> str:
    return _GENERATIONS.get(words[-1].text, "") if len(words) > 1 else ""


def _without_generation(words: list[_Word]) -> list[_Word]:
    return words[:-1] if _generation(words) else words


def _whole(one: Sequence[_Word], other: Sequence[_Word], kind: NameKind) -> Likeness:
    """Compare two names as if they were written without spaces and hyphens."""
    left, right = ("".join(word.text for word in words) for words in (one, other))
    if max(len(one), len(other)) > 1 and (initial(left) or initial(right)):
        return NOTHING  # initials are compared word by word
    if len(one) == len(other) and any(other_tone(a.text, b.text) for a, b in zip(one, other, strict=True)):
        return NOTHING  # so are tones
    likeness = compare_words(left, right, family=_as_family(kind))
    one_word = len(one) == 1 and len(other) == 1
    if likeness.evidence is Evidence.TYPING and not one_word:
        return NOTHING  # a slip is judged in its own word
    if one_word or likeness.evidence is Evidence.NONE:
        return likeness
    return Likeness(likeness.score - _JOINED, min(likeness.evidence, Evidence.SPELLING, key=_strength))


def _as_family(kind: NameKind) -> bool:
    return kind is NameKind.FAMILY


def _aligned(one: Sequence[_Word], other: Sequence[_Word], kind: NameKind) -> Likeness:
    """Line two names up in their order; two words may be one on the other side, some may be left out."""
    best = NOTHING
    been: dict[tuple[int, int, bool], list[tuple[float, float]]] = {}

    def walk(at: int, to: int, least: float, price: float, weakest: Evidence, matched: int) -> None:
        nonlocal best
        score = _after_price(least, price)
        if score <= best.score:
            return
        # Words that repeat (al al al …) can be lined up in millions of ways: nobody goes on from where
        # somebody was before with as much.
        earlier = been.setdefault((at, to, matched > 0), [])
        if any(least <= as_sure and price >= as_cheap for as_sure, as_cheap in earlier):
            return
        earlier.append((least, price))
        if at == len(one) and to == len(other):
            if matched:
                best = Likeness(score, weakest)
            return
        for width, breadth in ((1, 1), (2, 1), (1, 2)):
            if at + width <= len(one) and to + breadth <= len(other):
                a = "".join(word.text for word in one[at : at + width])
                b = "".join(word.text for word in other[to : to + breadth])
                likeness = compare_words(a, b, family=_as_family(kind))
                if width == breadth or likeness.evidence not in (Evidence.INITIAL, Evidence.TYPING):
                    joined = price if width == breadth else price + _JOINED
                    evidence = min(weakest, likeness.evidence, key=_strength)
                    sure = _sureness(
                        likeness, a if len(one) > len(other) else b, b if len(one) > len(other) else a
                    )
                    reached = min(least, likeness.score if len(one) == len(other) else sure)
                    walk(at + width, to + breadth, reached, joined, evidence, matched + 1)
        for words, place, ahead in ((one, at, (1, 0)), (other, to, (0, 1))):
            if place < len(words):
                left_out = _left_out(words, place, one if words is other else other, kind)
                if left_out is not None:
                    evidence = (
                        weakest
                        if left_out <= _PARTICLE_LEFT_OUT
                        else min(weakest, Evidence.PARTIAL, key=_strength)
                    )
                    walk(at + ahead[0], to + ahead[1], least, price + left_out, evidence, matched)

    walk(0, 0, 1.0, 0.0, Evidence.EQUAL, 0)
    return best


def _sureness(likeness: Likeness, in_longer: str, in_shorter: str) -> float:
    """Return how sure a pair is where one side has more words: a nickname stands for a fuller form.

    Somebody may be called Dan and be registered as Daniel James; Teresa is not Tessa May.
    """
    if likeness.evidence is Evidence.FAMILIAR and len(in_longer) <= len(in_shorter):
        return min(likeness.score, _SURE - 0.01)
    return likeness.score


def _after_price(least: float, price: float) -> float:
    """Return the score of a line-up: no better than its weakest pair, nor than what was left out allows.

    A pair that is no more than likely and a missing word are two doubts about one name, and add up.
    """
    return min(least, 1.0 - price) if least >= _SURE else least - price


def _left_out(words: Sequence[_Word], place: int, others: Sequence[_Word], kind: NameKind) -> float | None:
    """Return what it costs that the other side lacks ``words[place]``, or None if it may not lack it."""
    text = words[place].text
    if len(words) == 1:
        return None
    syllables = all(syllable(plain(word.text)) for word in words)
    if syllables and (kind in (NameKind.GIVEN, NameKind.MIDDLE) or text in _EAST_ASIAN_SURNAMES):
        return None  # of one Chinese, Japanese or Korean name, whatever particle they look like
    between = 0 < place < len(words) - 1
    if (len(text) > 1 or between) and text in (
        _PARTICLES if kind in (NameKind.FAMILY, NameKind.FULL) else _GIVEN_PARTICLES
    ):
        return _PARTICLE_LEFT_OUT
    if len(words) <= len(others):
        return None
    if syllables:
        return None
    if kind is NameKind.FAMILY:
        return _surname_left_out(words, place)
    if kind is NameKind.FULL:
        return _LATER_LEFT_OUT if 0 < place < len(words) - 1 and len(others) > 1 else None
    if place > 0:
        return _LATER_LEFT_OUT
    return None if any(plain(word.text) == "maria" for word in others) else _FIRST_LEFT_OUT


def _surname_left_out(words: Sequence[_Word], place: int) -> float:
    """Of two surnames the first is the one in use; either of a hyphened pair, the last in Portuguese."""
    if place > 0:
        return _LATER_LEFT_OUT
    hyphened = words[1].hyphened
    portuguese = any(word.text in ("da", "das", "do", "dos", "e") for word in words)
    return _FIRST_LEFT_OUT if hyphened or portuguese else _OTHER_SURNAME_LEFT_OUT


def _reordered(one: Sequence[_Word], other: Sequence[_Word], kind: NameKind) -> Likeness:
    """Compare given names (or whole names) in every order."""
    if kind is NameKind.FAMILY or max(len(one), len(other)) < 2:
        return NOTHING
    texts = [[word.text for word in words] for words in (one, other)]
    plains = [{plain(text) for text in words} for words in texts]
    if kind is not NameKind.FULL and all("maria" in words and words & _ORDER_MATTERS for words in plains):
        return NOTHING
    if kind is not NameKind.FULL and any(all(map(syllable, words)) for words in plains):
        return NOTHING  # syllables of one name: their order is the name
    if min(map(len, texts)) == 1:
        return _one_word_reordered(*sorted(texts, key=len)) if max(map(len, texts)) <= 3 else NOTHING
    if len(texts[0]) != len(texts[1]) or len(texts[0]) > _MOST_REORDERED:
        return NOTHING
    best = NOTHING
    for order in permutations(texts[1]):
        pairs = [compare_words(a, b, family=False) for a, b in zip(texts[0], order, strict=True)]
        weakest = min(pairs, key=lambda likeness: likeness.score)
        evidence = min((pair.evidence for pair in pairs), key=_strength)
        if weakest.score - _REORDERED > best.score:
            best = Likeness(weakest.score - _REORDERED, evidence)
    return best


def _one_word_reordered(short: Sequence[str], long: Sequence[str]) -> Likeness:
    """Compare a name that its script writes without a space with Latin words in another order."""
    if script(short[0]) not in ("cjk", "hangul", "kana") or script(long[0]) != "latin":
        return NOTHING
    tries = (compare_words(short[0], "".join(order), family=False) for order in permutations(long))
    best = max(tries, key=lambda likeness: likeness.score)
    return Likeness(best.score - _REORDERED, best.evidence) if best.evidence is not Evidence.NONE else NOTHING


def _initials(one: Sequence[_Word], other: Sequence[_Word], kind: NameKind) -> Likeness:
    """Compare "JP" or "TJ" with the names it abbreviates."""
    if kind is NameKind.FAMILY:
        return NOTHING
    for short, long in ((one, other), (other, one)):
        text = short[0].text if len(short) == 1 and short else ""
        if len(text) == len(long) in (2, 3) and not set(text) & set("aeiou") and text.isascii():
            begins = [plain(word.text)[:1] for word in long]
            if "".join(begins) == text and all(len(plain(word.text)) > 1 for word in long):
                return Likeness(0.87, Evidence.INITIAL)
    return NOTHING


def _strength(evidence: Evidence) -> int:
    return list(Evidence).index(evidence)
