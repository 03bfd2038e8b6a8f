"""Whatever a name holds, comparing it neither raises nor takes long, and is symmetric and reflexive."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from portal.idv.names import NameKind, compare_names, same_name
from portal.idv.text import LONGEST, normalise
from portal.idv.words import NOTHING

LETTERS = (
    "abcdefhijlmnorstuwyzéüøßабвгдеёжийαβγδεאבגדהاأبتثجحخدرعمنهوية"
    "กขคเแ์ัािीकखगन্কতামান王李伟陈佐藤さしっょー김이민"
)
NAMES = st.text(alphabet=LETTERS + " -'.", max_size=40)
ANYTHING = st.text(max_size=60)


@settings(deadline=None, max_examples=200)
@given(left=NAMES | ANYTHING, right=NAMES | ANYTHING, kind=st.sampled_from(NameKind))
@example(left="abd", right="عبد", kind=NameKind.GIVEN)
@example(left="์ิ", right="i", kind=NameKind.GIVEN)
def test_it_never_raises_and_does_not_depend_on_the_order(left, right, kind):
    likeness = compare_names(left, right, kind)
    assert 0.0 <= likeness.score <= 1.0
    assert likeness == compare_names(right, left, kind)


@settings(deadline=None, max_examples=200)
@given(name=NAMES | ANYTHING, kind=st.sampled_from(NameKind))
def test_a_name_with_letters_is_like_itself(name, kind):
    if any(character.isalpha() for character in normalise(name)):
        assert same_name(name, name, kind)
    else:
        assert not same_name(name, name, kind)


@pytest.mark.parametrize(
    "nothing",
    ["", " ", "\t\n", "\u200b\u200f\u202e", "\ufeff", "...", "-", "'", "123", "\u0301", "x" * (LONGEST + 1)],
)
def test_what_is_no_name_matches_nothing(nothing):
    for other in ("", "Daniel", nothing):
        assert compare_names(nothing, other) == NOTHING


@pytest.mark.parametrize(
    "dressed",
    [
        "\u202eDaniel\u202c",
        "Dan\u200biel",
        "\u2066Daniel\u2069",
        "Dan\u00adiel",
        " Daniel\u00a0",
        "\ufeffDaniel",
    ],
)
def test_what_cannot_be_seen_changes_nothing(dressed):
    assert compare_names(dressed, "Daniel").score == 1.0


def test_right_to_left_marks_do_not_turn_one_name_into_another():
    assert not same_name("\u202eleinaD", "Daniel")


@pytest.mark.parametrize(
    "name",
    [
        "a" * 200,
        "аб" * 100,
        "مح" * 100,
        "王伟" * 100,
        "ab " * 66,
        "m " * 100,
        "a-" * 100,
        "ﷺ" * 200,
        "김" * 200,
        "de la " * 33,
        "na" * 100,
        "\u0e34" * 200,
        "क्" * 100,
        "e\u0301" * 100,
        "an bn cn dn en fn gn hn",
        "de la de la de la de x",
    ],
)
def test_a_hostile_name_takes_little_time(name):
    begun = time.process_time()  # the point is the computer's own speed
    for other in (
        "b" * 200,
        "a" * 199 + "b",
        "wangwei" * 28,
        "na" * 99 + "x",
        "an bn cn dn en fn gn hx",
        "la de la de la de y",
    ):
        for kind in NameKind:
            compare_names(name, other, kind)
    assert time.process_time() - begun < 20


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("al al al al al al al al", "al al al al al al al alx"),
        ("de la de la de la de xx", "de la de la de la de x"),
        ("al al al al al al al al", "de la de la de la de x"),
    ],
)
@pytest.mark.parametrize("kind", [NameKind.GIVEN, NameKind.FAMILY])
def test_words_that_repeat_are_not_lined_up_in_every_way(left, right, kind):
    compare_names("al de la x", "al de la xx", kind)  # the tables are read
    begun = time.process_time()
    compare_names(left, right, kind)
    assert time.process_time() - begun < 0.3
