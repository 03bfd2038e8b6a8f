"""Vietnamese tones: Thúy and Thùy are two names, Thuy is either without its marks.

A word without any mark may have lost it in another system. Where both are written with theirs, they count.
"""

import re
import unicodedata

from portal.idv.text import plain

#: Grave, acute, tilde, hook and dot make the tone; breve, circumflex and horn make another vowel.
_TONES = frozenset("\u0300\u0301\u0303\u0309\u0323")
_MARKS = _TONES | frozenset("\u0306\u0302\u031b")
_SYLLABLE = re.compile(
    "(?:ngh?|nh|ph|th|tr|ch|gh|gi|kh|qu|[bcdghklmnrstvx])?"
    "(?:uye|uya|oai|uay|oay|uoi|ieu|yeu|uou|oeo|[ao][iy]|[aei]o|[aeiou]u|u[aeoiy]|ie|ia|ye|oa|oe|oi|[aeiouy])"
    "(?:ng|nh|ch|[cmnpt])?"
)


def other_tone(left: str, right: str) -> bool:
    """Say whether two normalised words are one Vietnamese syllable in plain letters, with different marks."""
    if left == right or plain(left) != plain(right) or not _SYLLABLE.fullmatch(plain(left)):
        return False
    first, second = _letters_and_tone(left), _letters_and_tone(right)
    return first is not None and second is not None and first != second


def _letters_and_tone(word: str) -> tuple[str, str] | None:
    """Return the letters and the tone, wherever it stands (hoà, hòa); ``None`` without Vietnamese marks."""
    apart = unicodedata.normalize("NFD", word)
    marks = {character for character in apart if unicodedata.combining(character)}
    if not marks <= _MARKS or not (marks or "đ" in word):
        return None
    written = (character for character in apart if character.isalpha() or character in _MARKS)
    letters = "".join(character for character in written if character not in _TONES)
    return letters, "".join(sorted(marks & _TONES))
