import pytest

from portal.verifeye.errors import UnreadableResult
from portal.verifeye.results import CONTRADICTORY, Outcome, Verifier, parse_result

SESSION = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
PASSED, FAILED, UNKNOWN = Outcome.PASSED, Outcome.FAILED, Outcome.UNKNOWN
NOT_EXECUTED = Outcome.NOT_EXECUTED


@pytest.mark.parametrize(
    "document",
    [
        {"verificationResult": "passed", "livenessResult": "passed", "faceRecognitionResult": "failed"},
        {"VerificationResult": "Passed", "LivenessResult": "PASSED", "FaceRecognitionResult": "Failed"},
        {"reVerificationResult": "passed", "reLivenessResult": "passed", "reFaceRecognitionResult": "failed"},
        {"verification_result": "passed", "liveness_result": "passed", "face_recognition_result": "failed"},
        {"result": "passed", "liveness": {"result": "passed"}, "faceRecognition": {"result": "failed"}},
        {"result": "passed", "liveness": "passed", "face": "failed"},
        {
            "results": {
                "verificationResult": "passed",
                "liveness": {"outcome": "passed"},
                "face": {"status": "failed"},
            }
        },
        {
            "verificationSession": {"id": SESSION, "result": "passed", "liveness": {"result": "passed"}},
            "face": "failed",
        },
        {
            "verificationResult": {"result": "passed", "livenessResult": {"result": "passed"}},
            "faceResult": "failed",
        },
        {
            "data": {
                "overallResult": "passed",
                "verifiers": [
                    {"type": "Liveness", "result": "passed"},
                    {"name": "faceRecognition", "result": "failed"},
                ],
            }
        },
        {
            "liveness": {"livenessResult": "passed"},
            "face": {"verificationResult": "failed"},
            "verificationResult": "passed",
        },
    ],
)
def test_every_plausible_shape_is_read(document):
    result = parse_result(document)
    assert result.overall is PASSED
    assert result.verifiers == {Verifier.LIVENESS: PASSED, Verifier.FACE: FAILED}
    assert result.finished


@pytest.mark.parametrize("word", ["not_executed", "NOT_EXECUTED", "notExecuted", "NotExecuted"])
def test_a_verifier_that_did_not_run_is_told_from_one_that_failed(word):
    assert parse_result({"livenessResult": word}).verifiers[Verifier.LIVENESS] is NOT_EXECUTED


@pytest.mark.parametrize(
    "value", ["ok", "", "pass", " passed", "passed\n", "paſſed", True, 1, ["passed"], 1.5]
)
def test_what_is_not_exactly_a_known_outcome_is_unknown_or_unsaid(value):
    result = parse_result({"verificationResult": value, "liveness": {"result": value}})
    assert result.overall is UNKNOWN
    assert result.verifiers.get(Verifier.LIVENESS, UNKNOWN) is UNKNOWN


@pytest.mark.parametrize(
    "document",
    [
        {"livenessResult": "passed", "liveness": {"result": "failed"}},
        {"livenessResult": "passed", "LivenessResult": "failed"},
        {"livenessResult": "passed", "reLivenessResult": "not_executed"},
        {"livenessResult": "passed", "results": {"livenessResult": 1}},
        {"livenessResult": "passed", "verifiers": [{"type": "liveness", "result": "failed"}]},
    ],
)
def test_a_verifier_told_in_two_ways_is_unknown(document):
    assert parse_result(document).verifiers[Verifier.LIVENESS] is UNKNOWN


def test_a_name_is_read_alike_however_long_it_is():
    padded = "verification" + "_" * 200 + "Result"
    assert parse_result({padded: "passed"}).overall is PASSED
    assert parse_result({padded: "passed", "verificationResult": "failed"}).overall is UNKNOWN


def test_an_overall_result_told_in_two_ways_is_unknown():
    assert parse_result({"verificationResult": "passed", "result": "failed"}).overall is UNKNOWN
    assert parse_result({"verificationResult": "passed", "status": "failed"}).overall is UNKNOWN


def test_the_same_thing_said_twice_is_fine():
    assert parse_result({"verificationResult": "passed", "results": {"result": "Passed"}}).overall is PASSED


def test_estimates_are_not_outcomes():
    result = parse_result({"age": 31, "gender": "male", "ageVerificationResult": "passed"})
    assert result.verifiers == {Verifier.AGE: PASSED}


def test_words_in_places_of_no_meaning_are_ignored():
    document = {
        "webhook": {"result": "failed"},
        "attempts": [{"result": "failed"}],
        "customInputParameters": {"result": "passed", "livenessResult": "passed"},
        "verificationResult": "passed",
    }
    result = parse_result(document)
    assert result.overall is PASSED
    assert result.verifiers == {}


def test_identifiers_are_found_wherever_they_stand():
    result = parse_result(
        {
            "verificationSession": {"id": SESSION, "configurationId": "c", "externalId": "e"},
            "faceRecognition": {"result": "passed", "faceId": "f" * 32},
            "customInputParameters": {"state": "s"},
            "failedReason": "why\x00\n" + "y" * 100,
        }
    )
    assert (result.session_id, result.configuration_id, result.external_id) == (SESSION, "c", "e")
    assert (result.face_id, result.state) == ("f" * 32, "s")
    assert result.failed_reason == ("why" + "y" * 100)[:64]


def test_identifiers_that_contradict_each_other_equal_nothing():
    result = parse_result({"sessionId": SESSION, "verificationSessionId": "0" * 32, "externalId": 7})
    assert result.session_id == result.external_id == CONTRADICTORY


@pytest.mark.parametrize("place", [{}, {"custom": True}], ids=["flat", "custom"])
@pytest.mark.parametrize(
    ("values", "read"),
    [(["a"], "a"), (["a", "a"], "a"), (["a", "b"], CONTRADICTORY), ([["a"]], CONTRADICTORY), ([], None)],
)
def test_an_identifier_in_a_list_is_said_all_the_same(place, values, read):
    document = {"externalId": values, "sessionId": values, "configurationId": values}
    result = parse_result({"customParameters": document} if place else document)
    assert (result.external_id, result.session_id, result.configuration_id) == (read, read, read)
    assert parse_result({"customParameters": {"state": values}}).state == read


@pytest.mark.parametrize("values", [["passed"], ["passed", "failed"], [], [{"result": "passed"}]])
def test_an_outcome_in_a_list_is_not_understood(values):
    result = parse_result({"verificationResult": "passed", "livenessResult": values})
    assert result.verifiers == {Verifier.LIVENESS: UNKNOWN}


def test_a_list_of_very_many_identifiers_cannot_be_read():
    with pytest.raises(UnreadableResult):
        parse_result({"externalId": ["a"] * 1001})


def test_one_session_id_in_two_spellings_is_no_contradiction():
    spelt = parse_result({"sessionId": SESSION, "verificationSessionId": SESSION.replace("-", "").upper()})
    assert spelt.session_id == SESSION


@pytest.mark.parametrize("value", ["", "x" * 65, "a b", "<script>", 5, {"a": 1}])
def test_a_face_id_that_could_not_be_stored_is_none(value):
    assert parse_result({"faceId": value}).face_id is None


def test_a_sessions_own_state_in_words_is_not_our_parameter():
    assert parse_result({"state": "Completed", "verificationResult": "passed"}).state is None
    assert parse_result({"state": "0" * 32}).state == "0" * 32


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"verificationSessionId": SESSION},
        {"verificationResult": None},
        {"verificationResult": "pending"},
        {"status": "InProgress", "livenessResult": "passed"},
        {"state": "Processing", "verificationResult": "passed"},
    ],
)
def test_a_session_without_a_word_about_its_end_is_not_finished(document):
    assert not parse_result(document).finished


@pytest.mark.parametrize("document", [None, [], "passed", 1, True, [{"verificationResult": "passed"}]])
def test_what_is_no_object_cannot_be_read(document):
    with pytest.raises(UnreadableResult):
        parse_result(document)


def test_a_document_too_deep_or_too_big_cannot_be_read():
    deep: dict = {}
    for _ in range(50):
        deep = {"results": deep}
    with pytest.raises(UnreadableResult):
        parse_result(deep)
    with pytest.raises(UnreadableResult):
        parse_result({str(number): number for number in range(2000)})
