"""Slips of the fingers: a letter too many, too few, wrong, doubled, or two letters exchanged.

An edit distance alone would make Maria of Mario and Jane of Jan. So a slip is believed only where it is
likely and where it cannot be another name: in words that are long enough, not in the first letter, not in a
final vowel or a Slavic ending (they carry the gender), not between two names that both exist, and not in
words of Chinese, Korean or Japanese syllables, where nearly every neighbour is a name.
"""

import re
from functools import cache

from rapidfuzz.distance import OSA

from portal.idv.tables import words

#: Shortest word (the longer of the two) in which each slip is believed.
_SHORTEST_EXCHANGED = 4
_SHORTEST_DOUBLED = 6
_SHORTEST_CHANGED = 7
#: Family names lie closer together than given names (Carter, Cartier; Weber, Webber): they need more letters.
_SHORTEST_FAMILY = 8
#: Where neither word is a name we know, a slip needs more letters around it to be believed.
_SHORTEST_UNKNOWN = 7
_SHORTEST_TWO_SLIPS = 10
#: Beyond this no slip is looked for; it also bounds the syllable patterns below, which may try many cuts.
_LONGEST = 24

#: Where a doubled letter is the feminine: Michele and Michelle, Daniele and Danielle.
_GENDERED_DOUBLES = ("elle", "ette", "ille", "inne")
_VOWELS = frozenset("aeiouy")
_PINYIN_SYLLABLE = (
    r"(?:[bpmfwyl]o|(?:[mdtnlgkhzcsr]|[zcs]h)e|(?:[zcs]h|[bpmfdtnlgkhjqxrzcsyw])?(?:iang|iong|uang|ang|eng|ong|ing|iao"
    r"|ian|uai|uan|ai|ei|ao|ou|an|en|ie|iu|in|uo|ui|un|ue|a|i|u)|[jqxl]ia|[gkh]ua|[zcs]hua|er)"
)
#: A Chinese name has up to three syllables, a Japanese one up to five: what is longer is of another language.
_PINYIN = re.compile(f"{_PINYIN_SYLLABLE}{{1,3}}")
_PINYIN_WORD = re.compile(f"{_PINYIN_SYLLABLE}{{1,2}}")
_KOREAN = re.compile(
    r"(?:ah?n?|bae|beom|bin|bong?|byung|ch(?:ae|an|ang|eol|ul)|d(?:ae|an|o|ong)|eun|g(?:a|eon|eun|i|u|un|yu|yeong)"
    r"|h(?:a|ae|an|ee|ui|o|ong|oon|un|wa|wan|ye|yeok|yuk|yeon|yun|yung)|il|in|j(?:a|ae|ang|eong|ung|i|in|o|ong|oo|u|oon|un)"
    r"|k(?:i|eun|yu|yung|wang)|m(?:an|i|in|oo|u|yung)|nam?|ok|pil|ra|ran|ri|rin|ryong"
    r"|s(?:ang|eo|eok|uk|eon|un|eong|ung|eung|hik|ik|hin|o|ong|oo|u|ook)|t(?:ae|aek)|uk|un|wan|won|woo?k?"
    r"|y(?:e|eol|eon|oun|eong|oung|ong|oo?n?|u|un|ul))+"
)
_JAPANESE = re.compile(
    r"(?:(?:[kgsztdnhbpmr]|ky|gy|ny|hy|by|py|my|ry)?[aeo]|(?:[kgszndbpmr]|ky|gy|sh|ch|ts|j|f|ny|hy|by|py|my|ry)?u"
    r"|(?:[kgnbpmrhj]|sh|ch)?i|(?:sh|ch|j)[aeo]|y[auo]|wa|n){1,5}"
)


def syllable(word: str) -> bool:
    """Say whether ``word`` (plain letters) is one syllable of a Chinese or Korean name."""
    return bool(re.fullmatch(_PINYIN_SYLLABLE, word)) or (len(word) <= 5 and bool(_KOREAN.fullmatch(word)))


def slip(left: str, right: str, *, family: bool) -> float:
    """Return how sure it is that two words in plain letters differ by slips only: 0, or 0.86 to 0.9."""
    longer = max(len(left), len(right))
    if longer > _LONGEST:
        return 0.0
    distance = OSA.distance(left, right, score_cutoff=2)
    if distance == 0 or distance > 2 or left[:1] != right[:1]:
        return 0.0 if distance != 1 else _exchanged(left, right, family=family)
    if distance == 1 and (score := _exchanged(left, right, family=family)):
        return score
    if _decomposes_alike(left, right):
        return 0.0
    if distance == 1:
        return _one_letter(left, right, family=family)
    both_known, one_known = _known(left, right, family=family)
    believable = longer >= _SHORTEST_TWO_SLIPS and one_known and not both_known and left[-2:] == right[-2:]
    return 0.86 if believable else 0.0


@cache
def _listed(*, everywhere: bool) -> frozenset[str]:
    """Return the names we know: given names and our own tables, and if ``everywhere`` family names too."""
    rooms = words("known_given") | words("nicknames") | words("romanised_spellings")
    return rooms | words("known_family") if everywhere else rooms


def _known(left: str, right: str, *, family: bool) -> tuple[bool, bool]:
    """Say whether both, and whether any, of the words is a name in use.

    Given names serve as family names, so these are looked up in both lists; so are short words.
    """
    listed = _listed(everywhere=family or len(left) <= 5)
    return left in listed and right in listed, left in listed or right in listed


def _exchanged(left: str, right: str, *, family: bool) -> float:
    """Two neighbouring letters exchanged: the commonest slip, and seldom another name."""
    shortest = _SHORTEST_EXCHANGED + 1 if family else _SHORTEST_EXCHANGED
    if len(left) != len(right) or len(left) < shortest or sorted(left) != sorted(right):
        return 0.0
    both_known, one_known = _known(left, right, family=family)
    believable = not both_known and (one_known or len(left) >= _SHORTEST_UNKNOWN)
    return 0.9 if believable and not (_PINYIN_WORD.fullmatch(left) and _PINYIN_WORD.fullmatch(right)) else 0.0


def _one_letter(left: str, right: str, *, family: bool) -> float:
    """One letter added, left out or replaced."""
    shorter, longer = sorted((left, right), key=len)
    at = next((at for at in range(len(shorter)) if shorter[at] != longer[at]), len(shorter))
    both_known, one_known = _known(left, right, family=family)
    extra = longer[at]
    added = len(shorter) != len(longer)
    if added and at > 0 and longer[at - 1] == extra:
        apart = both_known and (family or extra in _VOWELS or longer.endswith(_GENDERED_DOUBLES))
        enough = len(longer) >= (_SHORTEST_FAMILY if family else _SHORTEST_DOUBLED)
        return 0.9 if enough and not apart else 0.0
    needed = _SHORTEST_FAMILY if family else _SHORTEST_CHANGED if one_known else _SHORTEST_UNKNOWN
    last = at == len(longer) - 1
    ending = last and (extra in _VOWELS or extra == "s" or shorter[-1] in _VOWELS or not added)
    if both_known or ending or at == 0 or len(longer) < needed:
        return 0.0
    if not added and len(longer) < needed + 1 and {shorter[at], extra} <= _VOWELS:
        return 0.0
    return 0.88


def _decomposes_alike(left: str, right: str) -> bool:
    """Say whether both words are made of the syllables of one East Asian language."""
    return any(
        pattern.fullmatch(left) is not None and pattern.fullmatch(right) is not None
        for pattern in (_PINYIN, _JAPANESE, _KOREAN)
    )
