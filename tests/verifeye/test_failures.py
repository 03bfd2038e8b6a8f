import logging

import pytest

from portal.http import Outbound
from portal.verifeye.client import VerifEyeClient
from portal.verifeye.errors import VerifEyeError, VerifEyeRefused, VerifEyeUnavailable
from portal.verifeye.regions import Endpoints
from tests.verifeye.conftest import API_KEY, CONFIGURATION

PARAMETERS = {"state": "0" * 32}


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_service_in_trouble_is_unavailable(client, sandbox_server, status):
    sandbox_server.next_answers(operation="signature/create", status=status)
    with pytest.raises(VerifEyeUnavailable):
        client.signed_link(CONFIGURATION, PARAMETERS, 300)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_service_that_says_no_has_refused(client, sandbox_server, status):
    sandbox_server.next_answers(operation="get-session-result", status=status)
    with pytest.raises(VerifEyeRefused):
        client.result("0" * 32)


def test_nobody_there_is_unavailable(make_client):
    lonely = VerifEyeClient(
        Endpoints("http://127.0.0.1:9", "http://127.0.0.1:9"), API_KEY, Outbound(retries=0)
    )
    with pytest.raises(VerifEyeUnavailable):
        lonely.healthz()


def test_after_five_failures_the_service_is_left_alone_and_then_tried_again(client, sandbox_server, clock):
    sandbox_server.next_answers(operation="signature/create", status=503, times=6)
    for _ in range(5):
        with pytest.raises(VerifEyeUnavailable):
            client.signed_link(CONFIGURATION, PARAMETERS, 300)
    with pytest.raises(VerifEyeUnavailable, match="left alone"):
        client.healthz()
    clock.advance(31)
    client.healthz()
    with pytest.raises(VerifEyeUnavailable):
        client.signed_link(CONFIGURATION, PARAMETERS, 300)
    assert client.signed_link(CONFIGURATION, PARAMETERS, 300)


def test_clients_that_share_connections_share_the_breaker(sandbox_server, configuration):
    outbound = Outbound(retries=0)
    first, second = (VerifEyeClient(sandbox_server.endpoints, API_KEY, outbound) for _ in range(2))
    sandbox_server.next_answers(operation="healthz", status=503, times=5)
    for _ in range(5):
        with pytest.raises(VerifEyeUnavailable):
            first.healthz()
    with pytest.raises(VerifEyeUnavailable, match="left alone"):
        second.healthz()


def test_refusals_do_not_open_the_breaker(make_client, configuration):
    wrong = make_client("wrong-key")
    for _ in range(10):
        with pytest.raises(VerifEyeRefused):
            wrong.signed_link(CONFIGURATION, PARAMETERS, 300)


def test_health_and_time_are_told(client):
    assert client.healthz().startswith("20")
    assert client.check_key().endswith("Z")


def test_the_time_is_told_only_to_a_known_key(make_client, configuration):
    assert make_client("wrong").healthz()
    with pytest.raises(VerifEyeRefused):
        make_client("wrong").check_key()


@pytest.mark.parametrize("key", ["", " ", "a b", "a\nb", "a\r\nX: 1", "kéy", "k" * 513, "a\x00"])
def test_a_key_that_is_no_key_is_refused_without_being_repeated(make_client, key):
    with pytest.raises(VerifEyeRefused) as refusal:
        make_client(key)
    assert len(key) < 3 or key not in str(refusal.value)


def test_the_key_is_nowhere_to_be_seen(client, sandbox_server, caplog):
    caplog.set_level(logging.DEBUG)
    link = client.signed_link(CONFIGURATION, PARAMETERS, 300)
    sandbox_server.next_answers(operation="*", status=503, times=3)
    for call in (client.healthz, client.check_key, lambda: client.result("0" * 32)):
        with pytest.raises(VerifEyeError) as failure:
            call()
        assert API_KEY not in repr(failure.value) + str(failure.value.__cause__)
    ours = "\n".join(
        record.getMessage() for record in caplog.records if record.name.startswith("portal.verifeye")
    )
    assert API_KEY not in repr(client) + caplog.text
    assert "503" in ours
    assert "0" * 32 not in ours
    assert link.rpartition("=")[2] not in ours
