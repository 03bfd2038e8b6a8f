"""How the scripts of India and Thai are romanised.

The Indic blocks of Unicode share one layout, so every one is read by Devanagari's table, with a few letters
heard differently in Bengali, Tamil and Malayalam. A consonant carries an ``a`` that may or may not be heard.
"""

import re

from portal.idv.romanisation import Letter, letter, table

_INDIC = table(
    """
    अ: a u/2; आ: a aa; इ: i e/2; ई: i ee; उ: u; ऊ: u oo; ऋ: ri ru r; ए: e ai/3; ऐ: ai ei e/2; ओ: o
    औ: au ou ow o/2
    ऎ: e; ऒ: o; ऍ: e a; ऑ: o a/2
    क: k c/2 kk/1; ख: kh k/2; ग: g; घ: gh g/1; ङ: n ng; च: ch c/2; छ: chh ch; ज: j z/1; झ: jh j z/2; ञ: n ny
    ट: t tt; ठ: th t; ड: d r/2; ढ: dh d rh/1; ण: n; त: t th tt/1; थ: th t/1; द: d dh/1; ध: dh d; न: n
    प: p; फ: ph f
    ब: b; भ: bh b/1; म: m; य: y i; र: r; ल: l; ळ: l; व: v w b/3; श: sh s; ष: sh s; स: s; ह: h; ऴ: zh l
    ऱ: r tr/1
    ऩ: n; क़: q k; ख़: kh; ग़: gh g; ज़: z j; ड़: r d; ढ़: rh r; फ़: f ph; क्ष: ksh x/1 kh/2
    ज्ञ: gy gn/1 jn/1
    ा: a aa; ि: i e/2; ी: i ee y/1 ie/2; ु: u; ू: u oo; ृ: ri ru r; े: e ae/3 ay/2; ै: ai ei ay e/2
    ो: o; ौ: au ou ow o/2
    ॆ: e; ॊ: o; ॉ: o a/2; ॅ: e a; ं: n m ng/2; ँ: n -; ः: h -; ्: -; ़: -; ऽ: -; ॢ: l
    ाय: ay ai aya aay; िय: iy iya ia i; ीय: iya ia iy ya
    """
)
_VOWEL_SIGNS = frozenset("ािीुूृेैोौॆॊॉॅ्ॢ")
_CONSONANTS = frozenset(chr(code) for code in [*range(0x915, 0x93A), *range(0x958, 0x960)])
_INHERENT: Letter = (("a", 0.0), ("", 0.0), ("o", 0.3), ("u", 0.4))

#: What a letter of Devanagari's layout is heard as elsewhere.
_ELSEWHERE = {
    0x980: table(
        "ब: b v w; भ: bh v b/1; य: y j z/2; व: v w b; ज: j z; स: s sh; क्ष: ksh kkh kh x; "
        "ा: a aa o/3; ए: e a/1; े: e a/3 y/3"
    ),
    0xB80: table(
        "ि: i -/2; त्त: t th tt tth; क: k g h/1 kk; च: ch s c j; ट: t d tt; त: t th d dh; "
        "प: p b; ऱ: r tr; ऴ: zh l; ळ: l; न: n; ज: j; ष: sh s"
    ),
    0xD00: table("क: k g/1; च: ch; ट: t d/1; त: t th; थ: th t; ऱ: r t/1; ऴ: zh l; श: s sh; व: v w"),
}
#: Assamese letters and Malayalam's bare finals have no place in Devanagari's layout.
_FOREIGN = str.maketrans("ৰৱৎൻർൽൾൺੰੱ", "रवतनरलळणं्")
_SILENT: Letter = (("", 0.0),)
#: At the end of a word the ``a`` is heard after two consonants (Krishna), seldom after one (Amit, not Amita).
_SELDOM: Letter = (("", 0.0), ("a", 0.51), ("o", 0.51))
_INHERENT_O: Letter = (("a", 0.0), ("", 0.0), ("o", 0.0))

#: A nasal before a consonant of its own row, which may as well be written as a dot: आनन्द, आनंद.
_NASAL = re.compile("ङ्(?=[क-घ])|ञ्(?=[च-झ])|ण्(?=[ट-ढ])|न्(?=[त-ध])|म्(?=[प-भ])")


def one_spelling(word: str) -> str:
    """Return a word in Devanagari without what people write either way: nasals, and the nukta."""
    return _NASAL.sub("ं", word.replace("़", "").replace("ँ", "ं"))


def indic(word: str) -> list[Letter] | None:
    """Return the letters of a word in an Indic script (Devanagari to Malayalam), or None."""
    block = ord(word[0]) & ~0x7F
    letters = _INDIC | _ELSEWHERE.get(block, {})
    southern = block >= 0xB80
    inherent = _INHERENT_O if block == 0x980 else _INHERENT
    common = "".join(
        chr(0x900 + (ord(character) & 0x7F)) if 0x980 <= ord(character) < 0xD80 else character
        for character in word.translate(_FOREIGN)
    )
    spelled: list[Letter] = []
    at = 0
    while at < len(common):
        for length in (3, 2, 1):
            group = common[at : at + length]
            if group in letters:
                break
        else:
            return None
        spelled.append(letters[group])
        at += len(group)
        heard = group.rstrip("़")[-1:] in _CONSONANTS and common[at : at + 1] not in _VOWEL_SIGNS
        if heard:
            after_cluster = spelled[-2:-1] == [_SILENT] or len(spelled) == 1
            spelled.append(inherent if at < len(common) or after_cluster or southern else _SELDOM)
    return spelled


_THAI = table(
    """
    ก: k g/6; ข ค ฆ: kh k; ง: ng; จ: ch j t/2; ฉ ช ฌ: ch t/2; ซ: s z/2; ญ: y n; ฎ ด: d t; ฏ ต: t dt/2
    ฐ ถ ท ธ ฑ ฒ: th t d/2
    ณ น: n; บ: b p; ป: p b/2; ผ พ: ph p; ภ: ph p bh/1; ฝ ฟ: f p/2; ม: m; ย: y i; ร: r n orn/1 on/1 -/3; ล: l n
    ว: w v o/1 u ua/1
    ศ ส: s t/1; ษ: s t/1 -/3; ห: h -; ฬ: l n; อ: - o or/1 a/1; ฮ: h; ฤ: rue ri ru; ฦ: lue
    ะ ั: a u/2; า: a ar/2 aa/2; ำ: am um/1; ิ: i; ี: i ee; ึ: ue u; ื: ue u eu; ุ: u; ู: u oo
    เ: e ay/2 a/3 oe/2 -/4
    แ: ae e/1 a/3; โ: o; ใ ไ: ai i/2 y/2; ๅ: a; ็: -; ตร: t tr/1 tra/2; รร: an a un/1 am/2 ar/2
    ทร: s thr tr/1 sai/2
    ัว: ua; ัย: ai y/1 ay; าย: ai ay aay; าว: ao aw; อย: oi oy; ุย: ui uy; ิว: iu io iew; ์: -; ์ร: -
    """
)
_THAI_LEADING = frozenset("เแโใไ")
_THAI_CONSONANTS = frozenset(chr(code) for code in range(0x0E01, 0x0E2F))
_THAI_MARKS = frozenset("ฺ่้๊๋")
_THAI_VOWELS = frozenset("ะาำิีึืุูเแโใไั็ๅ")
#: A silenced consonant is written for history's sake.
_SILENCED = re.compile("[ก-ฮ][ิุ]?์")
_THAI_HIDDEN = letter("- a o u/2")
#: Vowels written around their consonant, after the leading sign has been moved behind it.
_THAI_AROUND = table(
    "เา: ao au aw/2; เีย: ia ea ear/2; เือ: uea ua ue eua; เิ: oe er e/2 oer; เอ: oe er; เะ: e; "
    "แะ: ae; โะ: o; เย: oei oey eui/1 oe/1"
)


def thai(word: str) -> list[Letter] | None:
    """Return the letters of a Thai word, or None if it has others."""
    written = [character for character in word if character not in _THAI_MARKS]
    for at in range(len(written) - 2, -1, -1):  # a leading vowel is heard after its consonant
        if written[at] in _THAI_LEADING and written[at + 1] in _THAI_CONSONANTS:
            written[at], written[at + 1] = written[at + 1], written[at]
    text = _SILENCED.sub("", "".join(written))
    letters = _THAI | _THAI_AROUND
    spelled: list[Letter] = []
    at = 0
    while at < len(text):
        for length in (3, 2, 1):
            group = text[at : at + length]
            if group in letters:
                break
        else:
            return None
        spelled.append(letters[group])
        at += len(group)
        bare = group in _THAI_CONSONANTS and group != "อ"
        if bare and at < len(text) and text[at] not in _THAI_VOWELS:
            spelled.append(_THAI_HIDDEN)
    return spelled
