"""VerifEye's webhook is a hint and never a verdict."""

import re

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support import factories
from tests.support.scenes import Scene

PATH = "/verifeye/webhook"
SESSION = "12345678-1234-1234-1234-123456789abc"
RIGHT = {"X-API-Key": factories.API_KEY}


def notify(client: FlaskClient, session: str = SESSION, **headers: str) -> TestResponse:
    body = {"event": "VerificationCompleted", "verificationSessionId": session}
    return client.post(PATH, json=body, headers=headers)


def test_a_notice_with_the_account_s_key_is_noted_once(scene: Scene, client: FlaskClient) -> None:
    for session in (SESSION, SESSION, SESSION.upper(), SESSION.replace("-", "")):
        answer = notify(client, session, **RIGHT)
        assert (answer.status_code, answer.json) == (200, {"status": "noted"})
    noted = scene.audited("capture:webhook:received")
    assert [(one["session"], one["known"]) for one in noted] == [(SESSION.replace("-", ""), False)]


@pytest.mark.parametrize(
    "key", [None, "", "wrong", factories.API_KEY + "x", factories.API_KEY[:-1], factories.API_KEY.upper()]
)
def test_without_the_right_key_nothing_is_noted(scene: Scene, client: FlaskClient, key: str | None) -> None:
    answer = notify(client, **({} if key is None else {"X-API-Key": key}))
    assert (answer.status_code, answer.json) == (401, {"error": "refused"})
    assert scene.audited("capture:webhook:received") == []
    assert scene.audited("capture:webhook:refused") == [{"reason": "key"}]


def test_another_event_is_ignored(client: FlaskClient, scene: Scene) -> None:
    body = {"event": "SomethingNew", "verificationSessionId": SESSION}
    assert client.post(PATH, json=body, headers=RIGHT).json == {"status": "ignored"}
    assert scene.audited("capture:webhook:received") == []


def test_a_notice_before_the_return_changes_nothing_and_the_return_counts(
    scene: Scene, client: FlaskClient
) -> None:
    visit, back = scene.waiting()
    session = re.search(r"reVerificationSessionId=([0-9a-f-]+)", back)
    assert session is not None
    assert notify(client, session[1], **RIGHT).status_code == 200
    journey = scene.journey()
    assert (journey.state, journey.verified_at, scene.codes()) == ("CAPTURING", None, 0)
    assert scene.captures()[-1].ended_at is None
    assert scene.finish(visit, back).claims["sub"] == scene.stage.user_id
    assert notify(client, session[1], **RIGHT).status_code == 200


def test_the_webhook_needs_a_post(client: FlaskClient) -> None:
    assert client.get(PATH).status_code == 405
