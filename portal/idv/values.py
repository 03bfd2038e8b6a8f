"""Comparing what is not a name: dates, e-mail addresses, telephone numbers, postal addresses.

Each function takes the requested and the recorded text and says whether they mean the same. None of them
raises, whatever the text, and nothing that cannot be read equals anything.
"""

import re
import unicodedata
from collections import Counter
from datetime import date
from itertools import zip_longest

import phonenumbers
from anyascii import anyascii

from portal.idv import regions
from portal.idv.east_asian import same_forms
from portal.idv.names import NameKind, compare_names
from portal.idv.text import LONGEST, normalise
from portal.idv.words import Evidence

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LAND = re.compile("^[A-Za-z]{2}-")
_CHINESE = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")
#: Simplified forms that were characters before, and so are in Taiwan's set as well; those of places.
_SIMPLE_IN_BOTH = frozenset(["台臺", "沈瀋", "岭嶺", "宁寧", "庄莊", "云雲", "丰豐", "涌湧", "郁鬱"])
_LONGEST_EMAIL = 320
#: Letters that Python's (older) rules for domains turn into others, and today's (RFC 5891) do not.
_OTHER_DOMAIN = re.compile("[ßς\u200c\u200d]")
_LONGEST_PHONE = 64
#: Fewest digits that two numbers without a country code must share to be one.
_NATIONAL_DIGITS = 7

#: Words of street addresses by their shortest form. "St" is Street and Saint; both sides lose the difference.
_STREET_WORDS = {
    word: short
    for short, longer in {
        "st": "street saint str strasse", "ave": "avenue av aven avenida avda", "rd": "road", "ln": "lane",
        "blvd": "boulevard boul bd", "dr": "drive", "ct": "court", "pl": "place", "sq": "square",
        "hwy": "highway", "pkwy": "parkway", "ter": "terrace", "cir": "circle", "cres": "crescent",
        "gdns": "gardens", "gr": "grove", "mt": "mount", "ft": "fort", "trl": "trail", "ste": "suite",
        "unit": "apartment apt flat no nr number", "fl": "floor", "bldg": "building", "po": "pob",
        "n": "north", "s": "south", "e": "east", "w": "west", "ne": "northeast", "nw": "northwest",
        "se": "southeast", "sw": "southwest", "c": "calle", "r": "rua rue", "pza": "plaza",
    }.items()
    for word in (short, *longer.split())
}  # fmt: skip
_JOINED_STREET = re.compile(r"(?<=[a-z]{3})str(?:asse)?$")
_CERTAIN = frozenset({Evidence.EQUAL, Evidence.ACCENTS, Evidence.ROMANISED, Evidence.SPELLING})


def same_text(left: str, right: str) -> bool:
    """Say whether two texts are equal apart from composition (NFC) and surrounding spaces; empty is not."""
    first, second = (unicodedata.normalize("NFC", text).strip() for text in (left, right))
    return first == second and first != ""


def same_date(left: str, right: str) -> bool:
    """Say whether both are the same real date, written ``YYYY-MM-DD`` (OpenID Connect Core 5.1)."""
    first = _date(left)
    return first is not None and first == _date(right)


def same_email(left: str, right: str) -> bool:
    """Say whether two addresses reach one mailbox: case is ignored, dots and tags are not.

    The domain ignores case by RFC 5321 2.4 and may be written in Unicode or Punycode; the local part ignores
    it by universal practice.
    """
    first = _email(left)
    return first is not None and first == _email(right)


def same_phone(left: str, right: str) -> bool:
    """Say whether two numbers are one in E.164 (ITU-T), extension included.

    No country is assumed: a number without its country code equals only the same digits without one.
    """
    if max(len(left), len(right)) > _LONGEST_PHONE:
        return False
    first, second = _phone(left), _phone(right)
    return first is not None and first == second


def same_street(left: str, right: str) -> bool:
    """Say whether two street addresses agree apart from case, punctuation, abbreviations and word order.

    A flat keeps its number, and other numbers their order: flat 3 at 12 is not flat 12 at 3.
    """
    first, second = _street(left), _street(right)
    if _other_characters(left, right):
        return False
    numbers = [[word for word in words if word[0].isdigit()] for words in (first, second)]
    return bool(first) and sorted(first) == sorted(second) and numbers[0] == numbers[1]


def same_place(left: str, right: str) -> bool:
    """Say whether two towns are one, apart from case, accents, abbreviations and romanisation."""
    first, second = _street(left), _street(right)
    if not first or not second or _other_characters(left, right):
        return False
    return first == second or compare_names(left, right, NameKind.FAMILY).evidence in _CERTAIN


def same_region(left: str, right: str) -> bool:
    """Say whether two regions are one: in the USA, Canada and Australia by name or by ISO 3166-2 code."""
    first, second = regions.region(left), regions.region(right)
    if first and second:
        return not first.isdisjoint(second)
    one, other = left.strip(), right.strip()
    lands = [_LAND.match(text) for text in (one, other)]
    if lands[0] and lands[1] and lands[0].group().upper() != lands[1].group().upper():
        return False
    return same_place(_LAND.sub("", one), _LAND.sub("", other))


def same_postal_code(left: str, right: str) -> bool:
    """Say whether two postal codes agree apart from case, spaces and hyphens; a ZIP+4 equals its ZIP."""
    first, second = ("".join(c for c in normalise(text).upper() if c.isalnum()) for text in (left, right))
    if first == second:
        return first != ""
    shorter, longer = sorted((first, second), key=len)
    zip_plus_four = len(shorter) == 5 and len(longer) == 9 and longer.isdigit()
    return zip_plus_four and longer.startswith(shorter)


def same_country(left: str, right: str) -> bool:
    """Say whether two countries are one, by ISO 3166-1 code (two or three letters, or digits) or by name."""
    first, second = regions.country(left), regions.country(right)
    if first or second:
        return first == second
    return normalise(left) == normalise(right) != ""


def _other_characters(left: str, right: str) -> bool:
    """Say whether both texts have Chinese characters, and not the same: 陕西 and 山西 are both Shanxi."""
    first, second = (Counter(_CHINESE.findall(same_forms(normalise(text)))) for text in (left, right))
    if not first or not second:
        return False
    # In the order of their sounds, so that two forms of one character (臺, 台) meet.
    pairs = zip_longest(
        *(sorted(some.elements(), key=anyascii) for some in (first - second, second - first)), fillvalue=""
    )
    return not all(_two_forms(one, other) for one, other in pairs)


def _two_forms(one: str, other: str) -> bool:
    """Say whether two characters that sound alike are one, traditional and simplified.

    The character set of the mainland (GB 2312) has no traditional form, that of Taiwan (Big5) hardly any
    simplified one: what both have are two characters.
    """
    if anyascii(one) != anyascii(other):
        return False
    sets = [(_is_in("gb2312", each), _is_in("big5", each)) for each in (one, other)]
    return sorted(sets) == [(False, True), (True, False)] or not _SIMPLE_IN_BOTH.isdisjoint(
        (one + other, other + one)
    )


def _is_in(character_set: str, character: str) -> bool:
    return character.encode(character_set, "ignore") != b""


def _date(text: str) -> date | None:
    stripped = text.strip()
    if not _DATE.fullmatch(stripped):
        return None
    try:
        return date.fromisoformat(stripped)
    except ValueError:
        return None


def _email(text: str) -> tuple[str, str] | None:
    stripped = unicodedata.normalize("NFC", text).strip()
    local, at, domain = stripped.rpartition("@")
    if (
        not (local and at and domain)
        or len(stripped) > _LONGEST_EMAIL
        or re.search(r"[\s\x00-\x1f\x7f]", stripped)
    ):
        return None
    if not _OTHER_DOMAIN.search(domain.lower()):
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    return local.lower(), domain.lower()


def _phone(text: str) -> tuple[int, str, str] | None:
    """Return country code, national number (leading zeros kept) and extension; country 0 if none is given."""
    composed = unicodedata.normalize("NFKC", text)
    try:
        number = phonenumbers.parse(composed, None)
    except phonenumbers.NumberParseException:
        digits = "".join(character for character in composed if character.isdigit())
        allowed = re.fullmatch(r"[0-9\s().\-/]+", composed)
        return (0, digits, "") if allowed and len(digits) >= _NATIONAL_DIGITS else None
    if number.country_code is None:
        return None
    return number.country_code, phonenumbers.national_significant_number(number), number.extension or ""


def _street(text: str) -> list[str]:
    """Return the words of an address line by their shortest forms."""
    if len(text) > LONGEST:
        return []
    latin = anyascii(normalise(text)).lower().replace("#", " unit ")
    found = re.findall("[a-z0-9]+", re.sub(r"['’.]", "", latin.replace(". ", " ")))
    bound: list[str] = []
    for word in (_STREET_WORDS.get(word, _JOINED_STREET.sub("str", word)) for word in found):
        if bound and bound[-1] == "unit" and word[0].isdigit():
            bound[-1] += word  # the number belongs to the flat, wherever the two stand
        else:
            bound.append(word)
    return bound
