from hypothesis import given
from hypothesis import strategies as st

from portal.verifeye.errors import UnreadableResult
from portal.verifeye.results import Outcome, Refusal, Verifier, acceptable, parse_result

names = st.sampled_from(
    [
        *(
            "verificationResult",
            "livenessResult",
            "liveness",
            "face",
            "faceRecognition",
            "age",
            "gender",
            "results",
        ),
        *(
            "result",
            "status",
            "state",
            "verifiers",
            "type",
            "id",
            "sessionId",
            "faceId",
            "failedReason",
            "re",
            "x",
        ),
        *(
            "verificationSession",
            "customInputParameters",
            "externalId",
            "configurationId",
            "ReLiveness_Result",
        ),
    ]
)
words = st.sampled_from(["passed", "failed", "not_executed", "Passed", "liveness", "pending", "a" * 32, ""])
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | words
documents = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(names | st.text(max_size=8), inner, max_size=6)
    ),
    max_leaves=30,
)


def judged(document):
    try:
        result = parse_result(document)
    except UnreadableResult:
        return None
    refusal = acceptable(
        result,
        required=frozenset({Verifier.LIVENESS}),
        session_id="b" * 32,
        external_id="c" * 32,
        configuration_id="d" * 32,
        state="e" * 32,
    )
    return result, refusal


@given(documents)
def test_no_document_whatever_raises_anything_but_unreadable(document):
    judged(document)


@given(st.dictionaries(names, documents, max_size=8))
def test_nothing_is_accepted_that_does_not_say_passed_twice(document):
    verdict = judged(document)
    if verdict is not None and verdict[1] is None:
        result = verdict[0]
        assert result.overall is Outcome.PASSED
        assert result.verifiers[Verifier.LIVENESS] is Outcome.PASSED
        assert str(document).lower().count("passed") >= 2


@given(st.sampled_from(["verificationResult", "livenessResult"]), st.text())
def test_no_other_word_stands_for_passed(name, word):
    document = {"verificationResult": "passed", "livenessResult": "passed", name: word}
    _, refusal = judged(document)
    assert (refusal is None) == (word.lower() == "passed")
    assert refusal in {None, Refusal.OVERALL_NOT_PASSED, Refusal.VERIFIER_NOT_PASSED}
