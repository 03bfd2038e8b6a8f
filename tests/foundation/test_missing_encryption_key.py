"""A process without the encryption key that secrets were sealed with: a sentence, no traceback, no pass."""

import logging
from collections.abc import Iterator

import pytest
from flask import Flask

from portal import outbox
from portal.credentials import UnsealError, new_encryption_key
from portal.extensions import db
from portal.models import OutboxMessage
from portal.okta.failures import told_to_the_outbox
from portal.outbox import OutboxFailure
from portal.users import enrolments
from tests.cli.commands import refused
from tests.support import factories, portal_app
from tests.support.databases import Database
from tests.support.moving_clock import MovingClock
from tests.support.sandbox_server import SandboxServer
from tests.support.scenes import START, Scene

NAMED = "PORTAL_ENCRYPTION_KEY"


@pytest.fixture
def scene(app: Flask, sandbox_server: SandboxServer) -> Scene:
    """A sign-in that is set up with the right key."""
    return Scene(app, sandbox_server)


@pytest.fixture
def other(scene: Scene, database: Database) -> Iterator[Flask]:
    """Another process on the same database that was started with another key."""
    portal = portal_app.make_app(database, encryption_key=(new_encryption_key(),))
    yield portal
    portal_app.close(portal)


def test_it_is_not_ready_and_says_what_is_missing(app: Flask, other: Flask) -> None:
    assert app.test_client().get("/readyz").status_code == 200
    answer = other.test_client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json == {"status": "unavailable", "failing": "encryption_key"}


def test_a_person_is_told_as_if_verifeye_were_away_and_can_go_back(
    scene: Scene, other: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    scene.app = other
    visit = scene.arrive()
    visit.person.press(START)
    assert visit.person.page.status == 503
    assert NAMED in caplog.text
    visit.person.follow("Use another way to sign in")
    assert visit.person.arrival.parameters["error"] == "temporarily_unavailable"


def test_a_code_is_not_spent_and_is_redeemed_when_the_key_is_back(
    scene: Scene, other: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    visit, code = scene.with_code()
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": scene.stage.redirect_uri,
        "client_id": scene.stage.client_id,
        "client_secret": scene.stage.client_secret,
    }
    with caplog.at_level(logging.ERROR):
        answer = other.test_client().post("/v1/openid/token", data=form)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert answer.get_json()["error"] == "temporarily_unavailable"
    assert NAMED in caplog.text
    assert scene.okta.redeem(visit.person.arrival, visit.request).claims["sub"] == scene.stage.user_id


def test_verifeye_is_told_to_send_its_notice_again(scene: Scene, other: Flask) -> None:
    answer = other.test_client().post("/verifeye/webhook", json={}, headers={"X-API-Key": "any"})
    assert answer.status_code == 503


def test_commands_say_what_to_do(scene: Scene, other: Flask) -> None:
    assert NAMED in refused(other.test_cli_runner(), "keys", "reseal")


def test_a_worker_with_another_key_throws_nothing_away(
    app: Flask, other: Flask, sandbox_server: SandboxServer, clock: MovingClock
) -> None:
    with app.app_context():
        configuration = factories.verification_configuration(sandbox=sandbox_server)
        person = factories.user()
        factories.enrolment(person, configuration)
        enrolments.discard_all(person.id, reason="erased")
        db.session.commit()
    of_the_face = db.select(OutboxMessage).where(OutboxMessage.topic == enrolments.DELETE_FACE)
    with other.app_context():
        outbox.run_due()
        message = db.session.scalars(of_the_face).one()
        assert message.state == "waiting"
        assert NAMED in (message.last_error or "")
    clock.advance(3600)
    with app.app_context():
        outbox.run_due()
        assert db.session.scalars(of_the_face).one().state == "done"


def test_what_okta_is_owed_waits_for_the_key_too() -> None:
    with pytest.raises(OutboxFailure, match=NAMED) as caught, told_to_the_outbox():
        raise UnsealError
    assert not caught.value.final
