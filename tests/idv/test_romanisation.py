"""One alignment tells whether a Latin spelling can be a word of another script."""

import pytest

from portal.idv import romanisation
from portal.idv.alphabets import CYRILLIC
from portal.idv.romanisation import cost, default, letter, spell


def test_ways_are_read_with_their_prices():
    assert letter("sh s/2 -") == (("sh", 0.0), ("s", 0.2), ("", 0.0))


def test_the_longest_group_of_letters_is_taken_first():
    assert spell("кс", CYRILLIC) == [letter("ks x cs/1")]
    assert spell("q", CYRILLIC) is None


@pytest.mark.parametrize("latin", ["chaykovskiy", "tchaikovsky", "chaikovskii", "cajkovskij"])
def test_every_usual_romanisation_is_free(latin):
    assert cost(spell("чайковский", CYRILLIC), latin, 0.5) == 0.0


def test_a_mistake_costs_one_and_the_limit_is_kept():
    source = spell("иван", CYRILLIC)
    assert cost(source, "ivan", 1.0) == 0.0
    assert cost(source, "ivana", 1.0) == 1.0
    assert cost(source, "iban", 1.0) == 1.0
    assert cost(source, "iva", 1.0) == 1.0
    assert cost(source, "ivana", 0.5) is None


def test_the_default_is_the_commonest_way():
    assert default(spell("жанна", CYRILLIC)) == "zhanna"


def test_nothing_reads_as_nothing():
    assert cost([], "", 0.0) == 0.0
    assert romanisation.cost([], "a", 0.5) is None
