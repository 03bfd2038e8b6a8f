"""Event hooks: verified once, sent as Okta sends them, and lost, doubled and disordered when told so."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, jsonify, request

from portal.sandbox.okta import hooks
from tests.local_okta.conftest import CHIDI, ELIF, Org
from tests.support import web_server
from tests.support.moving_clock import MovingClock

SECRET = "a-hook-secret-of-the-tests"


class Receiver:
    """An endpoint that repeats challenges, notes what it is sent and answers as it is told."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.bodies: list[dict[str, Any]] = []
        self.authorizations: list[str] = []
        self.app = Flask("receiver")
        self.app.add_url_rule("/hook", view_func=self.hook, methods=["GET", "POST"])

    def hook(self) -> Any:
        self.authorizations.append(request.headers.get("Authorization", ""))
        status = self.answers.pop(0) if self.answers else 200
        if request.method == "GET":
            return jsonify(verification=request.headers["x-okta-verification-challenge"]), status
        self.bodies.append(request.get_json())
        return "", status

    @property
    def events(self) -> list[str]:
        return [event["eventType"] for body in self.bodies for event in body["data"]["events"]]


@pytest.fixture
def receiver(org: Org) -> Iterator[Receiver]:
    there = Receiver()
    with web_server.listening() as (listener, origin), web_server.serving(there.app, listener):
        org.order("seed", {"hooks": [{"name": "Tests", "uri": f"{origin}/hook", "secret": SECRET}]})
        yield there


@pytest.fixture
def verified(org: Org, receiver: Receiver) -> Receiver:
    assert verify(org).json["verificationStatus"] == "VERIFIED"
    return receiver


def verify(org: Org) -> Any:
    return org.call("POST", f"/eventHooks/{org.state()['hooks'][0]['id']}/lifecycle/verify")


def outcomes(org: Org) -> list[tuple[str, int]]:
    return [(one["outcome"], one["attempts"]) for one in reversed(org.state()["deliveries"])]


def test_nothing_is_sent_before_the_endpoint_is_verified(org: Org, receiver: Receiver) -> None:
    org.call("POST", f"/users/{ELIF}/lifecycle/suspend")
    assert org.order("flush")["bodies"] == 0
    assert verify(org).status_code == 200
    org.call("POST", f"/users/{ELIF}/lifecycle/unsuspend")
    org.order("flush")
    assert receiver.events == ["user.lifecycle.unsuspend"]
    assert set(receiver.authorizations) == {SECRET}
    assert SECRET not in str(org.state()["hooks"])


@pytest.mark.parametrize(("answers", "verified"), [([503], True), ([503, 503], False), ([404], False)])
def test_the_verification_is_repeated_once_and_not_after_a_refusal(
    org: Org, receiver: Receiver, answers: list[int], verified: bool
) -> None:
    receiver.answers = answers
    assert (verify(org).status_code == 200) is verified


def test_a_body_is_as_okta_documents_it(org: Org, verified: Receiver) -> None:
    org.call("PUT", f"/groups/{org.group}/users/{ELIF}")
    org.order("flush")
    (body,) = verified.bodies
    assert body["eventType"] == "com.okta.event_hook"
    assert body["source"].endswith(org.state()["hooks"][0]["id"])
    (event,) = body["data"]["events"]
    assert [target["type"] for target in event["target"]] == ["User", "UserGroup"]
    assert event["outcome"]["result"] == "SUCCESS"
    assert event in org.get("/logs?limit=1000")


@pytest.mark.parametrize(
    ("answers", "expected"),
    [([204], ("204", 1)), ([503, 200], ("200", 2)), ([503, 500, 200], ("500", 2)), ([401, 200], ("401", 1))],
    ids=["good", "once-more", "given-up", "refused"],
)
def test_one_retry_after_a_5xx_and_none_after_a_4xx(
    org: Org, verified: Receiver, answers: list[int], expected: tuple[str, int]
) -> None:
    verified.answers = list(answers)
    org.call("POST", f"/users/{ELIF}/lifecycle/suspend")
    org.order("flush")
    assert outcomes(org) == [expected]
    assert ("event_hook.delivery" in org.events()) is not expected[0].startswith("2")
    assert org.order("flush")["bodies"] == 0, "after that the event is gone"


def test_whoever_takes_too_long_is_asked_once_more(
    org: Org, verified: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "PATIENCE", 0.000_1)
    org.call("POST", f"/users/{ELIF}/lifecycle/suspend")
    org.order("flush")
    ((outcome, attempts),) = outcomes(org)
    assert "Timeout" in outcome
    assert attempts == 2


def test_events_are_gathered_into_bodies_and_wait_as_long_as_told(
    org: Org, verified: Receiver, clock: MovingClock
) -> None:
    org.order("switches", {"hook_batch": 2, "hook_delay_seconds": 30})
    for step in ("suspend", "unsuspend", "suspend"):
        org.call("POST", f"/users/{ELIF}/lifecycle/{step}")
    assert hooks.deliver_due(org.store) == 0
    clock.advance(31)
    assert hooks.deliver_due(org.store) == 2
    assert [len(body["data"]["events"]) for body in verified.bodies] == [2, 1]


def test_bodies_are_doubled_lost_and_disordered(org: Org, verified: Receiver) -> None:
    org.order("switches", {"hook_batch": 1, "hook_duplicates": 2, "hook_shuffle": True})
    steps = ["suspend", "unsuspend"] * 5
    for step in steps:
        org.call("POST", f"/users/{ELIF}/lifecycle/{step}")
    org.order("flush")
    assert len(verified.events) == 30
    uuids = [event["uuid"] for body in verified.bodies for event in body["data"]["events"]]
    assert len(set(uuids)) == 10
    assert uuids != sorted(uuids, key=[one["uuid"] for one in org.get("/logs?limit=1000")].index)
    org.order("switches", {"hook_drop_percent": 100, "hook_duplicates": 0})
    org.call("POST", f"/users/{CHIDI}/lifecycle/suspend")
    org.order("flush")
    assert outcomes(org)[-1] == ("lost on purpose", 0)
    assert len(verified.events) == 30


def test_a_hook_hears_only_what_it_subscribed_to(org: Org, verified: Receiver) -> None:
    wanted = {
        "name": "Other", "events": {"type": "EVENT_TYPE", "items": ["user.lifecycle.suspend"]},
        "channel": {"type": "HTTP", "version": "1.0.0", "config": {"uri": "http://localhost:9/"}},
    }  # fmt: skip
    assert org.call("POST", "/eventHooks", json=wanted).status_code == 200
    for change in (
        {"events": {"items": ["user.lifecycle.delete.completed"]}},
        {"events": {"items": []}},
        {"channel": {"config": {"uri": "http://elsewhere.example/"}}},
        {"channel": None},
    ):
        assert org.call("POST", "/eventHooks", json={**wanted, **change}).status_code == 400, change
    org.call("POST", f"/users/{ELIF}", json={"profile": {"title": "x"}})
    org.order("flush")
    assert verified.events == ["user.account.update_profile"]


def test_the_thread_sends_by_itself(org: Org, verified: Receiver) -> None:
    org.local.start()
    org.call("POST", f"/users/{ELIF}/lifecycle/suspend")
    for _ in range(200):
        if verified.events:
            break
        hooks.threading.Event().wait(0.05)
    org.local.stop()
    assert verified.events == ["user.lifecycle.suspend"]
