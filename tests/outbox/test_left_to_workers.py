"""What only workers need is imported when one asks what there is to do, and by nobody before."""

import sys
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import pytest
from flask import Flask

from portal import outbox
from portal.outbox import messages, schedule

TOPIC, JOB = "nobody.knows", "nobody.works"


@pytest.fixture
def wired(monkeypatch: pytest.MonkeyPatch) -> list[Flask]:
    """Left to workers: a module that notes what it was wired to."""
    found: list[Flask] = []

    def init_app(app: Flask) -> None:
        found.append(app)
        outbox.handles(app, TOPIC, lambda payload: None)
        outbox.every(app, JOB, 60, lambda: None)

    module = ModuleType("left_to_workers")
    monkeypatch.setattr(module, "init_app", init_app, raising=False)
    monkeypatch.setitem(sys.modules, "left_to_workers", module)
    return found


def test_it_is_wired_once_by_whoever_asks_first(wired: list[Flask]) -> None:
    app = Flask(__name__)
    outbox.left_to_workers(app, "left_to_workers")
    assert not wired

    def ask(_number: int) -> bool:
        with app.app_context():
            return TOPIC in messages.handlers() and JOB in schedule.registered()

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(64))), "a thread found half of it"
    assert len(wired) == 1


def test_jobs_alone_wire_it_too(wired: list[Flask]) -> None:
    app = Flask(__name__)
    outbox.left_to_workers(app, "left_to_workers")
    with app.app_context():
        assert JOB in schedule.registered()
        assert TOPIC in messages.handlers()


def test_every_module_that_the_portal_leaves_to_workers_is_there(context: Flask) -> None:
    assert {"okta.events", "okta.person", "okta.profile", "okta.registration", "okta.spread"} <= set(
        messages.handlers()
    )
    assert {"okta.reconcile", "retention.prune", "enrolment.reminders"} <= set(schedule.registered())
