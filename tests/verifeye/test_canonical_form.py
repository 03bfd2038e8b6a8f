from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from portal.verifeye import signing

KEY = "a-key"
names = st.text(alphabet="abcXYZ019-", min_size=1, max_size=6)
values = st.text(alphabet="abcXYZ019-._~", max_size=6)
pairs = st.lists(st.tuples(names, values), min_size=1, max_size=6)
anything = st.text(st.characters())


def query(of):
    return "&".join(f"{name}={value}" for name, value in of)


@given(pairs, st.randoms(use_true_random=False))
def test_order_does_not_matter(of, chance):
    shuffled = list(of)
    chance.shuffle(shuffled)
    assert signing.sign(query(of), KEY) == signing.sign(query(shuffled), KEY)


@given(pairs)
def test_case_does_not_matter(of):
    assert signing.sign(query(of), KEY) == signing.sign(query(of).upper(), KEY)


@given(pairs, names, st.text(alphabet="abc019", min_size=1, max_size=6))
def test_every_parameter_added_matters(of, name, value):
    assert signing.sign(query(of), KEY) != signing.sign(query([*of, (name, value)]), KEY)


@given(st.lists(st.tuples(st.text(min_size=1), st.text()), min_size=1, max_size=4))
def test_escaping_is_undone_by_reading(of):
    escaped = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in of)
    assert signing.parse(escaped) == of


@given(anything)
def test_the_canonical_form_of_a_canonical_form_is_itself(text):
    once = signing.canonicalise(text)
    assert signing.canonicalise(once) == once


@given(anything)
def test_no_text_whatever_raises(text):
    assert len(signing.sign(text, KEY)) == 64
    assert signing.verify(text, KEY) in {True, False}
    assert signing.canonicalise(text).isascii()


@given(pairs)
def test_what_is_signed_verifies(of):
    of = [(f"x{name}", value) for name, value in of]
    signed = f"{query(of)}&reSignature={signing.sign(query(of), KEY)}"
    assert signing.verify(signed, KEY)


@given(st.lists(st.tuples(names, st.text(alphabet="aBz09-._~!$()*,;@", max_size=6)), min_size=1, max_size=6))
def test_what_needs_no_decoding_has_the_form_of_the_same_with_everything_escaped(of):
    escaped = [("".join(f"%{ord(letter):02x}" for letter in text) for text in pair) for pair in of]
    assert signing.canonicalise(query(of)) == signing.canonicalise(query(escaped))
