"""VerifEye or the database away: a plain page, ``temporarily_unavailable`` to the client, never a pass."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from portal.extensions import db
from tests.support import portal_app
from tests.support.databases import Database
from tests.support.moving_clock import MovingClock
from tests.support.sandbox_server import SandboxServer
from tests.support.scenes import START, Scene

AWAY = 503


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_verifeye_away_when_the_link_is_made_costs_nothing(scene: Scene, status: int) -> None:
    visit = scene.arrive()
    scene.sandbox.next_answers(operation="signature/create", status=status)
    visit.person.press(START)
    assert visit.person.page.status == AWAY
    assert int(visit.person.page.headers["Retry-After"]) > 0
    journey = scene.journey()
    assert (journey.state, journey.attempts, journey.links, journey.consented_at) == ("OPEN", 0, 0, None)
    assert scene.captures() == []
    visit.person.follow("Try again")
    visit, back = scene.waiting(visit)
    assert scene.finish(visit, back).claims["sub"] == scene.stage.user_id


@pytest.mark.parametrize("operation", ["signature/validate", "get-session-result"])
@pytest.mark.parametrize("status", [500, 503, 429])
def test_verifeye_away_on_the_way_back_consumes_nothing(scene: Scene, operation: str, status: int) -> None:
    visit, back = scene.waiting()
    scene.sandbox.next_answers(operation=operation, status=status, times=4)
    visit.person.open(back)
    assert visit.person.page.status == AWAY
    assert (scene.journey().state, scene.journey().attempts) == ("CAPTURING", 0)
    assert scene.captures()[-1].ended_at is None
    for _ in range(4):
        if visit.person.has_arrived:
            break
        visit.person.follow("Try again")
    assert scene.okta.redeem(visit.person.arrival, visit.request).claims["sub"] == scene.stage.user_id


def test_going_back_while_verifeye_is_away_tells_the_client_to_try_later(scene: Scene) -> None:
    visit = scene.arrive()
    scene.sandbox.next_answers(operation="signature/create", status=503)
    visit.person.press(START)
    visit.person.follow("Use another way to sign in")
    assert visit.person.arrival.parameters["error"] == "temporarily_unavailable"
    assert visit.person.arrival.parameters["state"] == visit.request.state


@pytest.mark.settings(verifeye_breaker_failures=2, verifeye_breaker_seconds=30)
def test_an_open_breaker_answers_at_once_and_closes_by_itself(clock: MovingClock, scene: Scene) -> None:
    visit = scene.arrive()
    scene.sandbox.next_answers(operation="signature/create", status=503, times=2)
    for _ in range(3):
        visit.person.press(START)
        assert visit.person.page.status == AWAY
        visit.person.follow("Try again")
    assert len(scene.audited("capture:verifeye:unavailable")) == 3
    clock.advance(31)
    visit, back = scene.waiting(visit)
    visit.person.open(back)
    assert "code" in visit.person.arrival.parameters


def test_a_wrong_api_key_is_a_refusal_for_the_operator_and_a_plain_page_for_the_person(scene: Scene) -> None:
    visit, back = scene.waiting()
    scene.sandbox.next_answers(operation="signature/validate", status=401)
    visit.person.open(back)
    assert visit.person.page.status == AWAY
    assert scene.audited("capture:verifeye:unavailable")[-1]["kind"] == "refused"
    other = scene.arrive()
    scene.sandbox.next_answers(operation="signature/create", status=401)
    other.person.press(START)
    assert other.person.page.status == AWAY
    assert (scene.codes(), scene.journey().links) == (0, 0)


# -- the database -----------------------------------------------------------------------------------------


@pytest.fixture
def broken(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Take the database of an application away: a file that is none, or an address where nobody listens."""
    url = (
        f"sqlite:///{tmp_path}/nowhere/portal.sqlite3"
        if database.kind == "sqlite"
        else "postgresql+psycopg://portal@127.0.0.1:1/portal"
    )

    def take_away(app: Flask) -> None:
        with app.app_context():
            engines = db.engines
            engines[None].dispose()
            engines[None] = sa.create_engine(url)

    return take_away


def test_pages_say_so_when_the_database_is_away(scene: Scene, broken: Any) -> None:
    visit, back = scene.waiting()
    start = visit.person.page.url.removeprefix("https://portal.test")
    request = scene.okta.authorization(login_hint=scene.stage.login).url.removeprefix("https://portal.test")
    broken(scene.app)
    for path in (
        request,
        start,
        back,
        "/privacy",
    ):
        answer = visit.browser.get(path)
        assert answer.status_code in (AWAY, 200), path
        assert "Traceback" not in answer.text
        assert "sqlalchemy" not in answer.text.lower()
        assert "Location" not in answer.headers
    assert visit.browser.get(request).status_code == AWAY
    assert visit.browser.get(back).status_code == AWAY
    assert visit.browser.get(start).status_code == AWAY


def test_machines_are_told_temporarily_unavailable_when_the_database_is_away(
    clock: MovingClock, scene: Scene, broken: Any, client: FlaskClient
) -> None:
    visit, code = scene.with_code()
    tokens = scene.sign_in()
    documents = ("/v1/openid/jwks", "/.well-known/openid-configuration")
    before = [client.get(path).data for path in documents]
    broken(scene.app)
    fields = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": scene.stage.redirect_uri,
        "client_id": scene.stage.client_id, "client_secret": scene.stage.client_secret,
        "code_verifier": visit.request.code_verifier, "token": tokens.access_token,
    }  # fmt: skip
    bearer = {"Authorization": f"Bearer {tokens.access_token}"}
    answers = {
        "token": client.post("/v1/openid/token", data=fields),
        "alias": client.post("/oauth2/token", data=fields),
        "revoke": client.post("/v1/openid/revoke", data=fields),
        "userinfo": client.get("/v1/openid/userinfo", headers=bearer),
    }
    for name, answer in answers.items():
        assert (answer.status_code, answer.json["error"]) == (AWAY, "temporarily_unavailable"), name
        assert answer.headers["Cache-Control"] == "no-store", name
        assert int(answer.headers["Retry-After"]) > 0, name
    clock.advance(60)
    assert [client.get(path).data for path in documents] == before, "what was known is still told"
    scene.app.extensions["portal.oidc.documents"].forget()
    assert {client.get(path).status_code for path in documents} == {AWAY}
    hook = client.post("/verifeye/webhook", json={}, headers={"X-API-Key": "x"})
    assert (hook.status_code, hook.json) == (AWAY, {"error": "refused"})


def test_after_the_outage_everything_goes_on_where_it_stood(
    scene: Scene, broken: Any, database: Database, sandbox_server: SandboxServer
) -> None:
    """A new process on the same database: the journey, the cookie and the link are all still good."""
    visit, back = scene.waiting()
    cookie = visit.browser.get_cookie("__Host-portal-browser", domain="portal.test")
    assert cookie is not None
    broken(scene.app)
    assert visit.browser.get(back).status_code == AWAY
    restarted = portal_app.make_app(database)
    try:
        browser = restarted.test_client()
        browser.set_cookie("__Host-portal-browser", cookie.value, domain="portal.test", secure=True)
        on = browser.get(back)
        assert on.status_code == 303
        arrived = browser.get(on.headers["Location"])
        assert "code=" in arrived.headers["Location"]
        assert browser.get(on.headers["Location"]).status_code == 409
        scene.app = restarted
        assert scene.codes() == 1
    finally:
        portal_app.close(restarted)
