"""Names that are spelt with joiners, which accounts must not have."""

import unicodedata

import pytest

from portal.users import details, directory


@pytest.mark.parametrize("name", ["علی\u200cرضا", "ක්\u200dෂ"])
def test_a_name_may_have_joiners_and_a_login_may_not(name):
    assert details.cleaned({"given_name": name}) == {"given_name": name}
    assert details.cleaned({"address": {"locality": name}}) == {"address": {"locality": name}}
    with pytest.raises(ValueError, match="e-mail address"):
        details.cleaned({"email": f"{name}@acme.example"})
    assert not directory.is_account(name)


@pytest.mark.parametrize("bad", ["\u202e", "\x00", "\ud800", "\u2066"])
def test_other_invisible_characters_are_refused_in_names_too(bad):
    with pytest.raises(ValueError, match="control characters"):
        details.cleaned({"given_name": f"a{bad}b"})


def test_of_ascii_only_the_controls_are_no_part_of_an_account():
    for letter in map(chr, range(128)):
        assert directory.is_account(f"a{letter}b") is (unicodedata.category(letter) != "Cc")


@pytest.mark.parametrize("mark", ["\u200f", "\u200e", "\u061c", "\ufeff", "\u200b", "\xad"])
def test_a_name_is_kept_without_a_mark_that_nobody_sees(mark):
    given = {
        "given_name": f"{mark}مريم{mark}",
        "family_name": f"Do{mark}e",
        "address": {"locality": f"القاهرة{mark}"},
    }
    kept = details.cleaned(given)
    assert kept == {"given_name": "مريم", "family_name": "Doe", "address": {"locality": "القاهرة"}}
    assert details.cleaned({"given_name": mark}) == {"given_name": None}
    with pytest.raises(ValueError, match="control characters"):
        details.cleaned({"email": f"jane{mark}@acme.example"})
