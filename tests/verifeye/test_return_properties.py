from hypothesis import given, settings
from hypothesis import strategies as st

from portal.verifeye.returns import ReturnRefused, read_return
from tests.verifeye.test_returns import GOOD

parts = GOOD.split("&")


def accepted(query: str | bytes) -> bool:
    try:
        read_return(query)
    except ReturnRefused:
        return False
    return True


@given(st.binary(max_size=200))
def test_no_bytes_whatever_raise_anything_but_a_refusal(query):
    assert not accepted(query)


@given(st.text(st.characters(), max_size=200))
def test_no_text_whatever_raises_anything_but_a_refusal(query):
    assert not accepted(query)


@given(
    st.lists(
        st.sampled_from([*parts, "state=", "&", "=", "%", "reNew=1", ";", "+", "ReX=1", "%72eX=1"]),
        max_size=14,
    )
)
def test_no_mixture_of_parts_raises_anything_but_a_refusal(of):
    accepted("&".join(of))


@settings(max_examples=300)
@given(st.integers(0, len(GOOD) - 1), st.characters(max_codepoint=127))
def test_an_accepted_change_of_one_character_is_still_a_well_formed_return(position, character):
    changed = GOOD[:position] + character + GOOD[position + 1 :]
    if accepted(changed):
        returned = read_return(changed)
        assert len(returned.state) == len(returned.session_id) == 32
        assert returned.claimed in {"passed", "failed", "not_executed", None}


@given(st.sampled_from(parts))
def test_no_part_may_be_repeated(part):
    assert not accepted(f"{part}&{GOOD}")
    assert not accepted(f"{GOOD}&{part}")


@given(st.sampled_from(parts), st.sampled_from([str.upper, str.title, str.swapcase]))
def test_no_name_may_change_its_case(part, change):
    name, _, value = part.partition("=")
    assert not accepted(GOOD.replace(part, f"{change(name)}={value}"))
