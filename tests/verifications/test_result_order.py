"""The order of VerifEye's parameters is learnt, cannot be taught wrongly for long, and is kept."""

import itertools

import pytest
from flask import Flask

from portal.models import VerificationConfiguration
from portal.verifications import registry
from tests.support import factories

DOCUMENTED = (
    "state", "reVerificationSessionId", "reFaceId", "reVerificationResult", "reLivenessResult",
    "reFaceRecognitionResult", "reSignature",
)  # fmt: skip
OTHER = (
    "state", "reVerificationResult", "reFaceRecognitionResult", "reLivenessResult",
    "reVerificationSessionId", "reSignature",
)  # fmt: skip


def note(configuration: VerificationConfiguration, names: tuple[str, ...]) -> bool:
    """Note a return of a session of its own."""
    return registry.note_order(configuration, names, f"session-{factories.number()}")


@pytest.fixture
def configuration(context: Flask) -> VerificationConfiguration:
    return factories.verification_configuration()


def test_the_documented_order_is_learnt_at_first_sight(configuration: VerificationConfiguration) -> None:
    assert note(configuration, DOCUMENTED)
    assert configuration.result_order == list(DOCUMENTED)


def test_once_learnt_no_other_order_is_taken(configuration: VerificationConfiguration) -> None:
    note(configuration, DOCUMENTED)
    changed = [names for names in itertools.permutations(DOCUMENTED[:-1]) if names != DOCUMENTED[:-1]]
    for number, names in enumerate(changed[:200]):
        assert not note(configuration, (*names, "reSignature")), number
    assert note(configuration, DOCUMENTED)


def test_fewer_parameters_in_the_same_order_are_taken(configuration: VerificationConfiguration) -> None:
    note(configuration, DOCUMENTED)
    assert note(configuration, tuple(n for n in DOCUMENTED if n != "reFaceId"))


def test_a_parameter_spelt_otherwise_than_it_was_learnt_is_refused(
    configuration: VerificationConfiguration,
) -> None:
    note(configuration, (*DOCUMENTED[:-1], "reSomething", "reSignature"))
    assert not note(configuration, (*DOCUMENTED[:-1], "reSOMETHING", "reSignature"))


def test_another_order_is_learnt_from_two_returns_that_agree(
    configuration: VerificationConfiguration,
) -> None:
    assert note(configuration, OTHER)
    assert configuration.result_order is None, "one return is not enough"
    assert note(configuration, OTHER)
    assert configuration.result_order == list(OTHER)
    assert not note(configuration, (OTHER[1], OTHER[0], *OTHER[2:]))


def test_a_shuffled_return_at_the_very_beginning_teaches_nothing(
    configuration: VerificationConfiguration,
) -> None:
    note(configuration, tuple(reversed(DOCUMENTED[:-1])) + DOCUMENTED[-1:])
    assert note(configuration, DOCUMENTED)
    assert configuration.result_order == list(DOCUMENTED)


def test_an_order_that_was_taught_wrongly_locks_nobody_out(configuration: VerificationConfiguration) -> None:
    for _ in range(2):
        note(configuration, OTHER)
    assert note(configuration, DOCUMENTED)


def test_a_changed_order_is_learnt_after_three_returns_in_a_row(
    configuration: VerificationConfiguration,
) -> None:
    note(configuration, DOCUMENTED)
    answers = [note(configuration, OTHER) for _ in range(3)]
    assert answers == [False, False, True]


def test_a_return_in_the_learnt_order_starts_the_count_again(
    configuration: VerificationConfiguration,
) -> None:
    note(configuration, DOCUMENTED)
    for _ in range(3):
        assert not note(configuration, OTHER)
        assert not note(configuration, OTHER)
        assert note(configuration, DOCUMENTED)


def test_an_operator_can_make_the_portal_forget(configuration: VerificationConfiguration) -> None:
    note(configuration, DOCUMENTED)
    registry.forget_order(configuration)
    assert configuration.result_order is None


def test_one_session_brought_again_and_again_teaches_nothing(
    configuration: VerificationConfiguration,
) -> None:
    note(configuration, DOCUMENTED)
    for _ in range(10):
        assert not registry.note_order(configuration, OTHER, "the same session")
