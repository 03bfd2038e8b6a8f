"""What a pushed request holds about a person, and for how long."""

import json

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import func, select

from portal.extensions import db
from portal.grants import pushed
from portal.models import PushedRequest
from tests.cli.commands import document
from tests.support import factories
from tests.support.moving_clock import MovingClock

KEPT = {"login_hint": "00u1", "verified_claims": {"id_token": {"given_name": "Amara"}}}


def held() -> list[object]:
    return list(db.session.scalars(select(PushedRequest.parameters)))


def expire(runner: FlaskCliRunner) -> int:
    removed: int = document(runner, "journeys", "expire")["removed"]["pushed_requests"]
    return removed


def test_one_that_nobody_opened_holds_the_person_for_its_lifetime_and_is_then_emptied_and_removed(
    app: Flask, runner: FlaskCliRunner, clock: MovingClock
) -> None:
    with app.app_context():
        uri = pushed.keep("client", KEPT, lifetime=90)
        db.session.commit()
        clock.advance(89)
        assert expire(runner) == 0
        assert held() == [KEPT]
        clock.advance(2)
        assert expire(runner) == 0
        assert held() == [{}]
        late = pushed.find(uri)
        assert late is not None
        assert not late.is_live
        clock.advance(3600)
        assert expire(runner) == 1
        assert pushed.find(uri) is None


def test_an_opened_one_holds_nothing_and_leads_back_to_its_journey_while_that_lives(
    app: Flask, runner: FlaskCliRunner, clock: MovingClock
) -> None:
    with app.app_context():
        journey = factories.journey()
        uri = pushed.keep(journey.client_id, KEPT, lifetime=90)
        found = pushed.find(uri)
        assert found is not None
        assert pushed.open_once(found, journey_id=journey.id)
        db.session.commit()
        assert held() == [{}]
        clock.advance(899)
        assert expire(runner) == 0
        again = pushed.find(uri)
        assert again is not None
        assert again.journey_id == journey.id


@pytest.mark.settings(journey_lifetime=86_400)
def test_a_long_journey_keeps_its_request_as_long(
    app: Flask, runner: FlaskCliRunner, clock: MovingClock
) -> None:
    with app.app_context():
        pushed.keep("client", KEPT, lifetime=90)
        db.session.commit()
    clock.advance(86_000)
    assert expire(runner) == 0
    clock.advance(600)
    assert expire(runner) == 1


def test_more_than_a_batch_is_emptied_and_removed(
    app: Flask, runner: FlaskCliRunner, clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushed, "BATCH", 2)
    with app.app_context():
        for _ in range(5):
            pushed.keep("client", KEPT, lifetime=90)
        db.session.commit()
        clock.advance(91)
        assert expire(runner) == 0
        assert "Amara" not in json.dumps(held())
        clock.advance(3600)
        assert expire(runner) == 5
        assert db.session.scalar(select(func.count()).select_from(PushedRequest)) == 0
