import pytest

from portal.verifeye.results import CONTRADICTORY, Outcome, Refusal, Result, Verifier, acceptable

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
EXTERNAL = "0123456789abcdef0123456789abcdef"
CONFIGURATION = "0b5c7f4e-8a79-4e41-a58e-08dfd634f816"
STATE = "fedcba9876543210fedcba9876543210"
BOTH = frozenset({Verifier.LIVENESS, Verifier.FACE})
PASSED = {Verifier.LIVENESS: Outcome.PASSED, Verifier.FACE: Outcome.PASSED}


def judged(required=BOTH, sent=EXTERNAL, **facts):
    result = Result(facts.pop("overall", Outcome.PASSED), facts.pop("verifiers", PASSED), **facts)
    return acceptable(
        result,
        required=required,
        session_id=SESSION.replace("-", ""),
        external_id=sent,
        configuration_id=CONFIGURATION,
        state=STATE,
    )


def test_everything_passed_and_nothing_else_said_is_accepted():
    assert judged() is None


def test_identifiers_of_ours_are_accepted_in_any_spelling_of_a_uuid():
    spelt = {"session_id": SESSION.upper(), "external_id": EXTERNAL, "state": STATE}
    assert judged(**spelt, configuration_id=CONFIGURATION.replace("-", "")) is None


@pytest.mark.parametrize("overall", [Outcome.FAILED, Outcome.NOT_EXECUTED, Outcome.UNKNOWN])
def test_any_other_overall_result_is_refused(overall):
    assert judged(overall=overall) is Refusal.OVERALL_NOT_PASSED


@pytest.mark.parametrize("verifier", sorted(BOTH))
@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.NOT_EXECUTED, Outcome.UNKNOWN])
def test_any_other_outcome_of_a_required_verifier_is_refused(verifier, outcome):
    assert judged(verifiers={**PASSED, verifier: outcome}) is Refusal.VERIFIER_NOT_PASSED


@pytest.mark.parametrize("verifier", sorted(BOTH))
def test_a_required_verifier_that_is_not_mentioned_is_refused(verifier):
    told = {name: outcome for name, outcome in PASSED.items() if name is not verifier}
    assert judged(verifiers=told) is Refusal.VERIFIER_NOT_PASSED


def test_a_verifier_nobody_requires_may_be_missing():
    assert judged(required=frozenset({Verifier.FACE}), verifiers={Verifier.FACE: Outcome.PASSED}) is None


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("session_id", Refusal.SESSION_DIFFERS),
        ("configuration_id", Refusal.CONFIGURATION_DIFFERS),
        ("external_id", Refusal.EXTERNAL_ID_DIFFERS),
        ("state", Refusal.STATE_DIFFERS),
    ],
)
@pytest.mark.parametrize("value", ["0" * 32, "", CONTRADICTORY])
def test_an_identifier_that_is_not_ours_is_refused(name, refusal, value):
    assert judged(**{name: value}) is refusal


def test_an_external_id_where_none_was_sent_is_refused():
    assert judged(sent=None) is None
    assert judged(sent=None, external_id=EXTERNAL) is Refusal.EXTERNAL_ID_DIFFERS


def test_another_session_is_reported_before_its_outcome():
    assert judged(session_id="0" * 32, overall=Outcome.FAILED) is Refusal.SESSION_DIFFERS
