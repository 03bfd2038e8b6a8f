"""Text as names need it: normalised, stripped of what cannot be seen, folded to plain letters.

Unicode offers many ways to write what a reader sees as one name: composed and decomposed accents, full-width
letters, presentation forms, and marks that only steer the direction of writing. All of it is removed here,
once, so that everything behind compares letters.
"""

import unicodedata
from functools import lru_cache

from anyascii import anyascii

#: The longest name that is compared; longer ones never match. Okta's profile attributes hold 50 or 100.
LONGEST = 200

#: Letters with a sound of their own that Unicode's decomposition leaves whole, and their usual plain form.
_WHOLE = str.maketrans(
    {"ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "ŧ": "t", "ı": "i", "ß": "ss", "æ": "ae", "œ": "oe",
     "þ": "th", "ə": "a", "ŋ": "ng", "ĸ": "k", "ſ": "s", "ɓ": "b", "ɗ": "d", "ƙ": "k", "ƴ": "y"}
)  # fmt: skip

#: Invisible marks that choose among the forms of one character.
_SELECTORS = frozenset(
    map(chr, [0x34F, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)])
)


def normalise(text: str) -> str:
    """Return ``text`` composed, case-folded, without invisible characters, with single spaces; never raises.

    Compatibility forms become the plain ones (NFKC), control, direction and zero-width characters (category
    C) vanish, except that those which end a line count as a space. Longer text than
    :data:`LONGEST` characters gives an empty string: nothing that long is a name.
    """
    if len(text) > LONGEST:
        return ""
    composed = unicodedata.normalize("NFKC", text)
    if len(composed) > 2 * LONGEST:  # one compatibility character can stand for eighteen
        return ""
    # A dotted capital I loses its dot by being lower-cased before it is case-folded.
    folded = composed.replace("İ", "i").casefold()
    visible = "".join(
        " " if character.isspace() else character
        for character in unicodedata.normalize("NFKC", folded)
        if character.isspace() or not unicodedata.category(character).startswith("C")
    )
    return " ".join(visible.split())


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """Return the letters ``a`` to ``z`` that ``text`` (normalised) comes to without accents and punctuation.

    Latin letters lose their marks; letters of other scripts are written by their commonest romanisation. Good
    for looking words up and for comparing Latin names; ``romanisation`` has the many ways between scripts.
    """
    bare = "".join(c for c in without_marks(text).translate(_WHOLE) if unicodedata.category(c)[0] in "LM")
    return "".join(character for character in anyascii(bare).lower() if "a" <= character <= "z")


def without_marks(text: str) -> str:
    """Return ``text`` without combining marks that only modify a letter (accents, vowel points).

    Vowel signs are letters in all but name and stay, wherever a script has such (India to Cambodia, Tibet,
    the Maldives), and so does the mark that makes another syllable of a kana: Daiki is not Taiki.
    """
    kept = (character for character in unicodedata.normalize("NFD", text) if not _only_modifies(character))
    return unicodedata.normalize("NFC", "".join(kept))


def _only_modifies(character: str) -> bool:
    """Say whether a mark is an accent, a Semitic vowel point or a choice among forms.

    Unicode's combining class tells them from the signs that are read: accents stand above or below (200 and
    more) or strike through (1), points have classes of their own (10 to 36).
    """
    if unicodedata.category(character) != "Mn" or "\u0900" <= character <= "\u0eff":
        return False
    position = unicodedata.combining(character)
    return position >= 200 or position == 1 or 10 <= position <= 36 or character in _SELECTORS


def script(text: str) -> str:
    """Return the script of the first letter in ``text`` (``latin``, ``cyrillic``, ``cjk`` …), or ``""``.

    The word is the first of the letter's Unicode name, which is the script for every script with letters;
    the Japanese syllabaries count as one.
    """
    for character in text:
        if character.isalpha():
            word = unicodedata.name(character, "").split(" ")[0].lower()
            return "kana" if word in ("hiragana", "katakana", "katakana-hiragana") else word
    return ""
