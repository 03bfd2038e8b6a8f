"""Randomness, digests and encryption at rest."""

import re
from datetime import UTC, datetime

import hypothesis.strategies as st
import pytest
from cryptography.fernet import Fernet
from hypothesis import given

from portal import credentials
from portal.credentials import UnsealError, Vault


def key():
    return Fernet.generate_key().decode()


def test_what_is_sealed_is_opened_and_does_not_show_the_secret():
    vault = Vault([key()])
    sealed = vault.seal("the secret")
    assert "the secret" not in sealed
    assert vault.unseal(sealed) == "the secret"
    assert vault.seal("the secret") != sealed


def test_keys_rotate_without_a_moment_in_which_something_cannot_be_opened():
    old, new = key(), key()
    sealed = Vault([old]).seal("s")
    both = Vault([new, old])
    assert both.unseal(sealed) == "s"
    assert Vault([new]).unseal(both.seal("s")) == "s"
    assert Vault([new]).unseal(both.reseal(sealed)) == "s"


@pytest.mark.parametrize("sealed", ["", "nonsense", "gAAAAA", "ÿ"])
def test_what_was_altered_or_sealed_by_another_is_refused(sealed):
    vault = Vault([key()])
    other = Vault([key()]).seal("s")
    for text in (sealed, other, other[:-2] + "AA"):
        with pytest.raises(UnsealError):
            vault.unseal(text)
        with pytest.raises(UnsealError):
            vault.reseal(text)


def test_a_vault_needs_a_key():
    with pytest.raises(ValueError, match="at least one"):
        Vault([])


@given(left=st.text(), right=st.text())
def test_comparison_and_digest_take_any_text(left, right):
    assert credentials.same(left, right) is (left == right)
    assert (credentials.digest(left) == credentials.digest(right)) is (left == right)
    assert len(credentials.digest(left)) == 64


def test_random_values_have_their_form_and_do_not_repeat():
    tokens = {credentials.random_token("vpc_") for _ in range(200)}
    numbers = {credentials.random_hex() for _ in range(200)}
    references = {credentials.reference() for _ in range(200)}
    assert (len(tokens), len(numbers), len(references)) == (200, 200, 200)
    assert all(len(number) == 32 and number == number.lower() for number in numbers)
    assert all(len(reference) == 14 and not set(reference) & set("AEIOU01") for reference in references)


def test_ordered_names_sort_by_their_moment_and_do_not_repeat():
    moments = [datetime(2026, 11, 21, 10, 0, second, tzinfo=UTC) for second in (1, 2, 59) for _ in range(3)]
    made = [credentials.ordered_hex(moment) for moment in moments]
    assert len(set(made)) == len(made)
    assert all(re.fullmatch("[0-9a-f]{32}", name) for name in made)
    assert [made.index(name) // 3 for name in sorted(made)] == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_jitter_keeps_between_half_and_the_whole():
    drawn = [credentials.jitter(10) for _ in range(500)]
    assert min(drawn) >= 5
    assert max(drawn) <= 10
    assert max(drawn) - min(drawn) > 3


@pytest.mark.parametrize("secret", ["", "short", "aaaaaaaaaaaaaaaaaaaaaaaa", "abababababababababababab"])
def test_a_secret_that_somebody_else_chose_badly_is_not_strong(secret):
    assert not credentials.is_strong(secret)
    assert credentials.is_strong(credentials.random_hex())


def test_a_new_encryption_key_can_be_used():
    assert Vault([credentials.new_encryption_key()]).seal("s")


def test_every_letter_of_a_reference_is_drawn() -> None:
    drawn = [credentials.reference().replace("-", "") for _ in range(1000)]
    assert {len({reference[place] for reference in drawn}) for place in range(12)} == {28}
