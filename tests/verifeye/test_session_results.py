import pytest

from portal.verifeye.errors import ResultNotReady, VerifEyeRefused
from portal.verifeye.results import Outcome, Verifier, acceptable, parse_result
from tests.verifeye.conftest import CONFIGURATION


@pytest.mark.parametrize("shape", ["flat", "nested"])
def test_a_passed_session_is_accepted_in_either_shape(capture, client, shape):
    external_id = "5" * 32
    returned = capture.returned(shape=shape, external_id=external_id)
    result = client.result(returned.session_id_as_received)
    assert result.face_id
    refusal = acceptable(
        result,
        required=frozenset({Verifier.LIVENESS, Verifier.FACE}),
        session_id=returned.session_id,
        external_id=external_id,
        configuration_id=CONFIGURATION,
        state=returned.state,
    )
    assert refusal is None


@pytest.mark.parametrize("shape", ["flat", "nested"])
@pytest.mark.parametrize(
    ("outcome", "overall", "liveness"),
    [
        ("liveness_fails", Outcome.FAILED, Outcome.FAILED),
        ("not_executed", Outcome.PASSED, Outcome.NOT_EXECUTED),
        ("missing_verifier", Outcome.PASSED, None),
        ("forged_result", Outcome.FAILED, Outcome.FAILED),
        ("cancel", Outcome.FAILED, Outcome.NOT_EXECUTED),
    ],
)
def test_what_went_wrong_is_told(capture, client, shape, outcome, overall, liveness):
    result = client.result(capture.returned(shape=shape, outcome=outcome).session_id)
    assert result.overall is overall
    assert result.verifiers.get(Verifier.LIVENESS) is liveness


def test_a_result_that_is_not_ready_is_waited_for(capture, client, clock):
    returned = capture.returned(outcome="not_ready", unready=3)
    assert client.result(returned.session_id).overall is Outcome.PASSED
    assert clock.waits == [0.25, 0.5, 1.0]


def test_the_waiting_ends_after_ten_seconds(capture, client, clock):
    returned = capture.returned(outcome="not_ready", unready=100)
    with pytest.raises(ResultNotReady):
        client.result(returned.session_id)
    assert 5 < sum(clock.waits) <= 10


def test_an_unknown_session_has_no_result(client, clock):
    with pytest.raises(ResultNotReady):
        client.result("0" * 32)


def test_another_accounts_session_has_no_result(capture, make_client, sandbox_server, clock):
    returned = capture.returned()
    other = "11111111-1111-4111-8111-111111111111"
    sandbox_server.add_configuration(other, "another-key", "https://x.example/")
    with pytest.raises(ResultNotReady):
        make_client("another-key").result(returned.session_id)


def test_a_wrong_key_is_refused_at_once(capture, make_client, clock):
    returned = capture.returned()
    with pytest.raises(VerifEyeRefused):
        make_client("wrong").result(returned.session_id)
    assert clock.waits == []


@pytest.mark.parametrize("session_id", ["", "1", "../..", "a" * 33, "0" * 32 + "&x=1"])
def test_only_a_uuid_names_a_session(client, session_id):
    with pytest.raises(ValueError, match="UUID"):
        client.result(session_id)


def test_a_result_says_nothing_about_the_future():
    assert not parse_result({"verificationSessionId": "0" * 32}).finished
