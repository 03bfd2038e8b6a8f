"""Reading parameters: whatever bytes come, each parameter is read once, wholly, or known to be bad."""

from urllib.parse import parse_qsl, quote_from_bytes, urlencode

from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from portal.oidc import parameters
from portal.oidc.parameters import Parameters, Unreadable

APP = Flask("parsing")
CLEAN = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=60)


def read(raw: bytes, *, form: bool = False) -> Parameters | None:
    environ = {"QUERY_STRING": "" if form else raw.decode("latin-1")}
    with APP.test_request_context(
        method="POST" if form else "GET",
        data=raw if form else None,
        content_type="application/x-www-form-urlencoded" if form else None,
        environ_overrides=environ,
    ) as context:
        try:
            return parameters.of_form(context.request) if form else parameters.of_query(context.request)
        except Unreadable:
            return None


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused_and_query_and_form_agree(raw: bytes) -> None:
    query, form = read(raw), read(raw, form=True)
    assert query == form
    if query is not None:
        for name in query.values:
            value = query.get(name)
            assert value is None or parameters.is_clean(value)
            assert value is None or (name not in query.repeated and name not in query.unreadable)


@given(st.text(st.sampled_from("ab=&+%4é1fF;"), max_size=40))
def test_pairs_are_those_that_a_form_encodes(text: str) -> None:
    """The standard library's reading is the judge, where names and values are clean and not repeated."""
    raw = text.encode()
    pairs = parse_qsl(raw.decode("ascii", "replace"), keep_blank_values=True, errors="replace")
    found = read(raw)
    assert found is not None
    names = [name for name, _ in pairs]
    for name, value in pairs:
        if names.count(name) == 1 and parameters.is_clean(name):
            assert found.values[name] == value
    assert found.repeated == {name for name in names if names.count(name) > 1 and parameters.is_clean(name)}


@given(st.dictionaries(CLEAN, CLEAN, max_size=20))
def test_what_is_well_formed_is_read_as_it_was_meant(values: dict[str, str]) -> None:
    found = read(urlencode(values).encode())
    assert found is not None
    assert {name: found.get(name) for name in values} == values
    assert not found.repeated
    assert not found.unreadable


@given(CLEAN, CLEAN, CLEAN)
def test_of_two_values_neither_counts(name: str, one: str, other: str) -> None:
    found = read(urlencode([(name, one), (name, other)]).encode())
    assert found is not None
    assert found.get(name) is None
    assert found.repeated == {name}


@given(CLEAN, CLEAN, st.binary(min_size=1, max_size=10))
def test_one_bad_value_spoils_no_other(good: str, value: str, bad: bytes) -> None:
    raw = f"{urlencode({good + 'g': value})}&b={quote_from_bytes(bad)}%FF".encode()
    found = read(raw)
    assert found is not None
    assert found.get(good + "g") == value
    assert found.get("b") is None
    assert "b" in found.unreadable


def test_too_much_is_refused_as_a_whole() -> None:
    assert read(b"&".join(b"p%d=x" % number for number in range(65))) is None
    assert read(b"a=" + b"x" * 70_000) is None
    assert read(b"") == Parameters()


def test_the_visible_characters_of_rfc_6749_are_those_from_space_to_tilde() -> None:
    visible = {chr(number) for number in range(0x250) if parameters.is_visible_ascii(chr(number))}
    assert visible == {chr(number) for number in range(0x20, 0x7F)}
    assert parameters.is_visible_ascii("")
    assert not parameters.is_visible_ascii("a\n")
