"""How Hangul, the Japanese syllabaries and Chinese characters are romanised.

Korean syllables are taken apart into their letters. Japanese is read by syllables, or, written in characters,
by the table of names. Chinese characters are read one by one: in pinyin, in Wade-Giles, and, where the table
says so, as Cantonese and overseas families spell them.
"""

import re
from functools import cache

from anyascii import anyascii

from portal.idv.romanisation import Letter, letter, spell, table
from portal.idv.tables import rows

_INITIALS = [
    letter(ways)
    for ways in ("g k", "kk gg k", "n", "d t", "tt dd t d/2", "r l", "m", "b p v/3", "bb pp b", "s sh/1",
                 "ss s", "-", "j ch z/3", "jj ch j", "ch", "k", "t", "p", "h")
]  # fmt: skip
_MEDIALS = [
    letter(ways)
    for ways in ("a ah", "ae ai e/1 ay/2", "ya", "yae ye", "eo u o uh/1 ou/2", "e",
                 "yeo you yu yo yuh/1 u/2 eo/2", "ye e", "o oh", "wa", "wae we", "oe oi we", "yo",
                 "u oo ou/2 woo", "wo weo o/2 wuh/2", "we", "wi ui we/2", "yu yoo you u/2",
                 "eu u e/3", "ui eui ee e/3 i/1 uee/1", "i ee yi/2")
]  # fmt: skip
_FINALS = [
    letter(ways)
    for ways in ("-", "k g ck/2", "k", "k", "n", "n", "n", "t d", "l r/2", "l", "m", "l", "l", "l", "l", "l",
                 "m", "p b", "p", "t s", "t", "ng", "t", "t", "k", "t", "p", "h - t/2")
]  # fmt: skip
#: Family names have spellings of their own, older than any system.
_KOREAN_FAMILIES = table(
    """
    김: kim gim; 이 리: lee yi i rhee ri rhie li ee; 박: park bak pak bag; 최: choi choe
    정: jung jeong chung joung chong
    임 림: lim im rim yim leem; 노 로: noh no roh ro; 유 류: yoo yu you ryu ryoo lyu lew; 안: ahn an
    허: heo hur huh her
    강: kang gang; 백: baek paik back baik paek; 조: cho jo joe; 우: woo u wu; 오: oh o; 여: yeo yuh
    양 량: yang ryang liang
    육: yook yuk youk; 변: byun byeon pyun; 독고: dokgo; 남궁: namgung namkoong; 황보: hwangbo
    선우: sunwoo seonu
    """
)
_FIRST_SYLLABLE, _LAST_SYLLABLE = 0xAC00, 0xD7A3

_ROMAJI = table(
    """
    ou: ou o oh oo/1; oo: oo o oh; uu: uu u oo/3; ei: ei e/3 ey/3; ii: ii i ee/2; shi: shi si/1
    chi: chi ti/1; tsu: tsu tu/1; fu: fu hu/1; ji: ji zi/1; sha: sha sya/1; shu: shu syu/1
    sho: sho syo/1; cha: cha tya/1; chu: chu tyu/1; cho: cho tyo/1; ja: ja zya/1 jya/1
    ju: ju zyu/1 jyu/1; jo: jo zyo/1 jyo/1; n: n m/1; -: -; shou: shou sho shoh syo/1
    chou: chou cho choh; jou: jou jo joh; wo: wo o
    """
) | {chr(code): letter(chr(code)) for code in range(ord("a"), ord("z") + 1) if chr(code) != "n"}

_SMALL = {"ゃ": "a", "ゅ": "u", "ょ": "o", "ャ": "a", "ュ": "u", "ョ": "o"}

#: Wade-Giles from pinyin: beginnings first, whole syllables where it differs inside.
_WADE_BEGINNINGS = (
    ("zh", "ch"), ("ch", "ch"), ("sh", "sh"), ("b", "p"), ("d", "t"), ("g", "k"), ("j", "ch"), ("q", "ch"),
    ("x", "hs"), ("z", "ts"), ("c", "ts"), ("r", "j"),
)  # fmt: skip
_WADE_WHOLE = {"zi": "tzu", "ci": "tzu", "si": "ssu", "zhi": "chih", "chi": "chih", "shi": "shih",
               "ri": "jih", "he": "ho", "ge": "ko", "ke": "ko", "e": "o", "er": "erh", "yi": "i",
               "you": "yu", "yan": "yen", "ye": "yeh"}  # fmt: skip


def hangul(word: str) -> list[Letter] | None:
    """Return the letters of a Korean word, or None if it has others."""
    spelled: list[Letter] = []
    for at, character in enumerate(word):
        code = ord(character)
        if not _FIRST_SYLLABLE <= code <= _LAST_SYLLABLE:
            return None
        if at == 0 and len(word) != 2 and character in _KOREAN_FAMILIES:
            spelled.append(_KOREAN_FAMILIES[character])
            continue
        first, rest = divmod(code - _FIRST_SYLLABLE, 21 * 28)
        middle, last = divmod(rest, 28)
        spelled += [_INITIALS[first], _MEDIALS[middle], _FINALS[last]]
    return spelled


def kana(word: str) -> list[Letter] | None:
    """Return the syllables of a word in hiragana or katakana, or None if it has other characters."""
    romaji = ""
    for character in word:
        if vowel := _SMALL.get(character):
            stem = romaji.removesuffix("i")
            romaji = stem + ("" if stem.endswith(("sh", "ch", "j")) else "y") + vowel
            continue
        heard = anyascii(character).lower()
        doubled = heard[:1] if romaji.endswith("*") else ""
        romaji = romaji.removesuffix("*") + ("*" if character in "っッ" else doubled + heard)
    return _syllables("".join(sound for sound in romaji if sound.isalpha() or sound == "-"))


def japanese(word: str) -> list[list[Letter]]:
    """Return the readings of a name in Chinese characters, if it is made of names in the table."""
    parts = _segments(word) or _segments(word.translate(_forms_of_today()))
    readings: list[list[Letter]] = [[]]
    for part in parts:
        several = [syllables for romaji in part if (syllables := _syllables(romaji)) is not None]
        readings = [[*before, *one] for before in readings for one in several][:8]
    return readings if parts else []


def chinese(word: str) -> list[Letter] | None:
    """Return the characters of a Chinese word with their spellings, or None if it has other characters."""
    known = _chinese_table()
    spelled: list[Letter] = []
    at = 0
    while at < len(word):
        double = word[at : at + 2]
        group = double if len(double) == 2 and double in known else word[at]
        ways = known.get(group) or _by_pinyin(group)
        if ways is None:
            return None
        spelled.append(ways)
        at += len(group)
    return spelled


def same_forms(text: str) -> str:
    """Return ``text`` with each Chinese character in one of its forms: traditional or Japanese, it is one."""
    return text.translate(simplified())


@cache
def simplified() -> dict[int, str]:
    """Return the translation of characters to the first of the forms that a table holds together."""
    chinese_forms = {
        ord(other): forms[0]
        for forms, _ in _chinese_rows()
        if len(forms) <= 3 and forms not in _DOUBLE
        for other in forms[1:]
    }
    variants = (row.split() for row in rows("han_variants"))
    return chinese_forms | {
        ord(form): chinese_forms.get(ord(today), today)
        for today, *others in variants
        for form in (today, *others)
    }


@cache
def _forms_of_today() -> dict[int, str]:
    """Return the translation of characters to the form of today, in which the table of names has them."""
    variants = (row.split() for row in rows("han_variants"))
    return {ord(other): today for today, *others in variants for other in others}


#: Two-character family names, as the table writes them: one name, or its simplified and traditional forms.
_DOUBLE = ("欧阳歐陽", "司马司馬", "诸葛諸葛", "上官", "司徒")


def _chinese_rows() -> list[tuple[str, list[str]]]:
    return [(words[0], words[1:]) for words in (row.split() for row in rows("han_names"))]


@cache
def _chinese_table() -> dict[str, Letter]:
    found: dict[str, list[tuple[str, float]]] = {}
    for forms, ways in _chinese_rows():
        names = re.findall("..", forms) if forms in _DOUBLE else list(forms)
        for name in names:
            by_pinyin = () if len(name) == 2 else (_by_pinyin(name) or ())
            found.setdefault(name, []).extend([*((way, 0.0) for way in ways), *by_pinyin])
    return {name: _cheapest(ways) for name, ways in found.items()}


def _cheapest(ways: list[tuple[str, float]]) -> Letter:
    """Keep each spelling once, at its lowest price."""
    prices: dict[str, float] = {}
    for way, price in ways:
        prices[way] = min(price, prices.get(way, price))
    return tuple(prices.items())


@cache
def _by_pinyin(character: str) -> Letter | None:
    pinyin = anyascii(character).lower()
    if not pinyin.isascii() or not pinyin.isalpha() or character < "\u4e00":
        return None
    wade = _WADE_WHOLE.get(pinyin, pinyin)
    if wade == pinyin:
        for ours, theirs in _WADE_BEGINNINGS:
            if pinyin.startswith(ours):
                wade = theirs + pinyin.removeprefix(ours)
                break
        wade = re.sub("ong$", "ung", re.sub("ian$", "ien", re.sub("ie$", "ieh", re.sub("ue$", "ueh", wade))))
    return ((pinyin, 0.0), (wade, 0.2)) if wade != pinyin else ((pinyin, 0.0),)


@cache
def _japanese_table() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in rows("japanese_names"):
        words = row.split()
        readings = [word for word in words if word.isascii()]
        for name in words[: -len(readings)]:
            found.setdefault(name, []).extend(readings)
    return found


def _segments(word: str) -> list[list[str]]:
    """Cut ``word`` into names of the table, longest first; empty if something is left over."""
    known = _japanese_table()
    parts = []
    at = 0
    while at < len(word):
        for length in range(min(4, len(word) - at), 0, -1):
            if word[at : at + length] in known:
                parts.append(known[word[at : at + length]])
                at += length
                break
        else:
            return []
    return parts


@cache
def _syllables(romaji: str) -> list[Letter] | None:
    return spell(romaji, _ROMAJI, longest=4)
