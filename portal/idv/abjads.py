"""How Arabic and Hebrew are romanised: consonants are written, short vowels are not.

Between two consonants a short vowel may be heard; a long one is a letter and must be read as a vowel (or as y
or w). Common Arabic names are known by their sound (``spellings``), since consonants alone cannot tell Karam
from Karim.
"""

from portal.idv.romanisation import HIDDEN_VOWEL, Letter, table

_ARABIC = table(
    """
    ا: a e o/2 aa/1 i/3 u/3; أ: a o u e i; إ: i e; آ: a aa; ٱ: a; ء: - a/2; ؤ: o u w ou; ئ: i e y -/1
    ى: a i y/1
    ب: b bb; پ: p; ت: t tt; ث: th t s; ج: j g dj jj gg gu/2; چ: ch tch; ح: h hh; خ: kh ch/1 h/2 x; د: d dd
    ذ: dh z th d
    ر: r rr; ز: z zz; ژ: zh j; س: s ss c/4; ش: sh ch sch ssh shsh; ص: s ss; ض: d dh z; ط: t tt; ظ: z dh th
    ع: - a e o i u aa; غ: gh g gg; ف: f ff ph/3; ق: q k g/1 gh/2 c/3 qq; ك ک: k kk c/3 ck/3; گ: g; ل: l ll
    م: m mm; ن: n nn; ه ۀ: h -/2; ة ۃ: a ah eh e/1 at et/1; و: w u ou oo o v/1 au/2 aw eu/4 ow
    ي ی ے: y i ee ie/1 e/1 ai ay ei ey iy; ں: n; ہ ھ: h ah/1 a/2; ٹ: t; ڈ: d; ڑ: r
    يي یی ئی ئي: i ei yi ee ayi
    ال: al el l/2 ul; يا: ia ya iya; ية یہ: ia iya iyah ya iah ieh; وا: wa oua ua va/1
    او: aw ao ou au u av/2 aou
    اي ای: ai ay ae/1 i ey ei; لا: la le laa/1 lla; أو: o u ou au aw; إي: i ee ei ai; عي: i ei ai ee ie aiy
    """
)

#: Letters after which no short vowel is heard, because they are vowels themselves.
_ARABIC_VOWELS = frozenset("اأإآٱىةۃ")

#: Spellings of one letter that differ by custom, country or keyboard only.
ARABIC_SAME = str.maketrans(
    {"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ی": "ي", "ے": "ي", "ک": "ك",
     "ة": "ه", "ۃ": "ه", "ہ": "ه", "ھ": "ه", "ۀ": "ه", "ؤ": "و", "ئ": "ي", "ء": ""}
)  # fmt: skip

_HEBREW = table(
    """
    א: - a e i o u; ב: b v bb; ג: g; ד: d; ה: h a ah e/1 eh/1; ו: v o u w/1 ou/1 oo/1; ז: z s/2
    ח: h ch kh x/2
    ט: t tt/1; י: y i j/1 ee/2 e/2 -/2; כ: k c/1 ch kh; ך: k ch kh h/2; ל: l ll/1; מ ם: m; נ ן: n nn/1
    ס: s ss/1
    ע: - a e i o u; פ: p f ph; ף: f p ph; צ ץ: tz ts z c/2; ק: k c/1 q ck/2; ר: r; ש: sh s sch/1; ת: t th
    וו: v w o/1; יי: y i ai ay ei; יה: ia iah ya ya yah; ג׳: j g; צ׳: ch; ז׳: zh
    """
)


def arabic(word: str) -> list[Letter] | None:
    """Return the letters of an Arabic-script word, or None if it has others."""
    spelled = _with_hidden_vowels(word, _ARABIC, silent_after=_ARABIC_VOWELS)
    if spelled and word.endswith("ن"):
        spelled.append((("", 0.0), ("e", 0.2)))  # Zidane, Yasmine: French lets the n be heard
    return spelled


def hebrew(word: str) -> list[Letter] | None:
    """Return the letters of a Hebrew word, or None if it has others."""
    return _with_hidden_vowels(word, _HEBREW, silent_after=frozenset())


def _with_hidden_vowels(
    word: str, letters: dict[str, Letter], silent_after: frozenset[str]
) -> list[Letter] | None:
    """Spell ``word``, letting a short vowel be heard after each consonant except the last."""
    spelled: list[Letter] = []
    at = 0
    while at < len(word):
        group = word[at : at + 2] if word[at : at + 2] in letters else word[at]
        if group not in letters:
            return None
        spelled.append(letters[group])
        at += len(group)
        if at < len(word) and group[-1] not in silent_after:
            spelled.append(HIDDEN_VOWEL)
    return spelled
