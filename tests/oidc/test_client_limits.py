"""What one client may ask once it has proven who it is, from wherever it asks (``rate_limit_client``)."""

import logging
from urllib.parse import parse_qsl, urlsplit

import pytest
from werkzeug.test import TestResponse

from portal.counters import ProcessLimits
from tests.oidc.test_token_endpoint import fields, post
from tests.support.moving_clock import MovingClock
from tests.support.scenes import Scene

LIMIT = pytest.mark.settings(rate_limit_client="2 per 30 seconds")


def push(scene: Scene, address: str = "192.0.2.7") -> TestResponse:
    request = urlsplit(scene.okta.authorization(login_hint=scene.stage.login).url).query
    form = dict(parse_qsl(request)) | {"client_secret": scene.stage.client_secret}
    return scene.app.test_client().post("/oauth2/par", data=form, environ_base={"REMOTE_ADDR": address})


@LIMIT
def test_beyond_its_limit_a_client_is_told_when_to_come_back_and_loses_no_code(
    clock: MovingClock, scene: Scene
) -> None:
    visit, code = scene.with_code()
    assert [push(scene, address).status_code for address in ("192.0.2.7", "198.51.100.7")] == [201, 201]
    refused = post(scene, fields(scene, visit, code))
    assert (refused.status_code, refused.is_json) == (429, True)
    assert 0 < int(refused.headers["Retry-After"]) <= 31
    assert push(scene).status_code == 429
    clock.advance(int(refused.headers["Retry-After"]))
    assert post(scene, fields(scene, visit, code)).status_code == 200


@LIMIT
def test_nobody_uses_up_the_limit_of_a_client_that_they_are_not(scene: Scene) -> None:
    visit, code = scene.with_code()
    for _ in range(3):
        assert post(scene, fields(scene, visit, code, client_secret="guess" * 8)).status_code == 401
    assert post(scene, fields(scene, visit, code)).status_code == 200


@LIMIT
def test_each_client_has_a_limit_of_its_own(scene: Scene, sandbox_server) -> None:
    other = Scene(scene.app, sandbox_server)
    assert [push(scene).status_code for _ in range(3)] == [201, 201, 429]
    assert push(other).status_code == 201


def test_a_client_is_let_in_where_nothing_can_be_counted(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_given: str) -> None:
        raise ConnectionError

    counts = scene.app.extensions["portal.counts"]
    assert isinstance(counts, ProcessLimits)
    monkeypatch.setattr(counts, "count", away)
    monkeypatch.setattr(counts, "failures", (ConnectionError,))
    with caplog.at_level(logging.WARNING):
        assert push(scene).status_code == 201
    assert "a client's requests are not counted" in caplog.text
