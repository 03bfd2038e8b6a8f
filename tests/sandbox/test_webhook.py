import json
import threading

import pytest
from werkzeug.wrappers import Request, Response

from tests.sandbox.conftest import API_KEY
from tests.support import web_server


class Receiver:
    """Takes deliveries; answers with ``statuses`` in turn, then 204."""

    def __init__(self) -> None:
        self.deliveries: list[tuple[str | None, dict]] = []
        self.statuses: list[int] = []
        self._arrived = threading.Condition()

    @Request.application
    def application(self, request: Request) -> Response:
        with self._arrived:
            self.deliveries.append((request.headers.get("X-API-Key"), json.loads(request.get_data())))
            self._arrived.notify_all()
            return Response(status=self.statuses.pop(0) if self.statuses else 204)

    def wait_for(self, count: int) -> None:
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.deliveries) >= count, timeout=10)


@pytest.fixture
def receiver():
    taking = Receiver()
    with web_server.listening() as (listener, origin), web_server.serving(taking.application, listener):
        taking.url = f"{origin}/verifeye/webhook"
        yield taking


@pytest.fixture
def page(host, receiver, clock):
    return host(webhook_url=receiver.url)


def end(page, **order):
    page.sandbox.next_session(configuration_id=page.configuration_id, **order)
    assert page.get(page.link()).status == 303
    return page.sandbox.state()["sessions"][0]["id"]


def noted(page, count):
    """Wait until the sandbox has noted ``count`` deliveries."""
    for thread in threading.enumerate():
        if thread.name.startswith("sandbox-webhook-"):
            thread.join(timeout=10)
    assert len(page.sandbox.state()["deliveries"]) == count


def test_a_finished_session_is_announced_with_the_accounts_key(page, receiver):
    session_id = end(page)
    receiver.wait_for(1)
    assert receiver.deliveries == [
        (API_KEY, {"event": "VerificationCompleted", "verificationSessionId": session_id})
    ]
    noted(page, 1)


def test_before_means_that_it_has_arrived_when_the_browser_leaves(page, receiver):
    end(page, webhook="before")
    assert len(receiver.deliveries) == 1


def test_twice_means_twice(page, receiver):
    end(page, webhook="twice")
    receiver.wait_for(2)
    noted(page, 2)


def test_dropped_means_never(page, receiver):
    end(page, webhook="dropped")
    noted(page, 0)
    assert receiver.deliveries == []


def test_an_old_set_up_sends_no_header(page, receiver):
    end(page, webhook="no_header")
    receiver.wait_for(1)
    assert receiver.deliveries[0][0] is None


def test_a_failed_attempt_is_repeated_once(page, receiver):
    receiver.statuses = [500]
    end(page, webhook="before")
    assert len(receiver.deliveries) == 2
    noted(page, 1)


def test_after_two_failed_attempts_it_is_dropped(page, receiver):
    receiver.statuses = [500, 302, 500]
    end(page, webhook="before")
    assert len(receiver.deliveries) == 2
    assert page.sandbox.state()["deliveries"][0]["status"] == "302"


def test_nobody_listening_harms_nothing(host, clock):
    page = host(webhook_url="http://127.0.0.1:9/hook")
    end(page, webhook="before")
    assert page.sandbox.state()["deliveries"][0]["status"] != "204"


def test_a_failed_session_is_announced_too_but_an_abandoned_one_is_not(page, receiver):
    end(page, webhook="before", outcome="liveness_fails")
    page.sandbox.next_session(outcome="never_return", webhook="before")
    assert page.get(page.link()).status == 200
    assert len(receiver.deliveries) == 1
