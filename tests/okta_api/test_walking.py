"""A list of Okta's that has no end is noticed, however it goes round, and one that has is read to it."""

from itertools import chain, cycle, islice, repeat

import pytest

from portal.okta_api import walking
from portal.okta_api.errors import OktaUnavailable
from portal.okta_api.walking import Walk


def _pages_until_noticed(cursors):
    walk = Walk()
    for pages, cursor in enumerate(cursors):
        try:
            walk = Walk.kept(walk.to_keep()).on_to(cursor)
        except OktaUnavailable:
            return pages
    return None


@pytest.mark.parametrize("before", [0, 1, 2, 5, 100])
@pytest.mark.parametrize("around", [1, 2, 3, 7, 64, 1000])
def test_a_circle_is_noticed_soon(before, around):
    cursors = chain((f"once {n}" for n in range(before)), cycle([f"c{n}" for n in range(around)]))
    noticed = _pages_until_noticed(islice(cursors, 20_000))
    assert noticed is not None
    assert before + around <= noticed <= 4 * (before + around)


def test_a_long_list_that_ends_is_read_to_its_end():
    assert _pages_until_noticed(f"c{n}" for n in range(walking.MOST_PAGES)) is None


def test_new_cursors_for_ever_are_noticed_too(monkeypatch):
    monkeypatch.setattr(walking, "MOST_PAGES", 100)
    assert _pages_until_noticed(f"c{n}" for n in range(1000)) == 100


def test_a_page_that_names_itself_is_noticed_at_once():
    assert _pages_until_noticed(repeat("c", 10)) == 1
