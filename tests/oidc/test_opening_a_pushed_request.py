"""A pushed request is opened once, by its request_uri alone, and goes on in the browser that opened it."""

from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from portal.extensions import db
from portal.grants import pushed
from portal.models import Client, Journey
from portal.oidc import registration
from tests.support.at_once import at_once
from tests.support.moving_clock import MovingClock
from tests.support.person import Person
from tests.support.pushing import AUTHORIZE_PATHS, IDV_AUTHORIZE, PREFIX, PushingScene, level, opening
from tests.support.sandbox_server import SandboxServer

DEAD = "This link can’t be used any more"
ELSEWHERE = "https://evil.example/steal"


@pytest.fixture
def scene(app: Flask, sandbox_server: SandboxServer) -> PushingScene:
    """Okta, as a client of identity verification."""
    return PushingScene(app, sandbox_server)


def opened(scene: PushingScene, request_uri: str, path: str = IDV_AUTHORIZE, **more: str) -> TestResponse:
    """Open a request in a browser of its own."""
    return scene.app.test_client().get(opening(request_uri, path, **more))


def check_dead(answer: TestResponse) -> None:
    """Check that a person is told so, and is sent nowhere."""
    assert (answer.status_code, "Location" in answer.headers) == (400, False)
    assert DEAD in answer.text


def journeys(scene: PushingScene) -> int:
    with scene.app.app_context():
        return db.session.scalar(select(func.count()).select_from(Journey)) or 0


@pytest.mark.parametrize("path", AUTHORIZE_PATHS)
def test_the_request_uri_alone_opens_the_journey(scene: PushingScene, path: str) -> None:
    visit, back = scene.waiting(scene.arrive(path=path))
    assert level(scene.finish(visit, back)) == "VERIFIED"


@pytest.mark.parametrize("path", AUTHORIZE_PATHS)
def test_the_same_client_id_may_be_said_again(scene: PushingScene, path: str) -> None:
    uri = scene.request_uri()
    assert opened(scene, uri, path, client_id=scene.stage.client_id).status_code == 303


def test_a_form_opens_it_where_forms_are_taken(scene: PushingScene) -> None:
    answer = scene.app.test_client().post("/v1/openid/authorize", data={"request_uri": scene.request_uri()})
    assert answer.status_code == 303


@pytest.mark.parametrize("path", AUTHORIZE_PATHS)
def test_another_clients_id_is_refused_and_uses_nothing_up(
    scene: PushingScene, sandbox_server: SandboxServer, path: str
) -> None:
    other = PushingScene(scene.app, sandbox_server)
    uri = scene.request_uri()
    for client_id in (
        other.stage.client_id,
        "nobody",
        "x" * 5000,
        "\x00",
        "%FF",
        scene.stage.client_id + " ",
    ):
        check_dead(opened(scene, uri, path, client_id=client_id))
    assert journeys(scene) == 0
    assert opened(scene, uri, path).status_code == 303


@pytest.mark.parametrize("path", AUTHORIZE_PATHS)
def test_what_was_never_pushed_opens_nothing(scene: PushingScene, path: str) -> None:
    uri = scene.request_uri()
    for wrong in (
        PREFIX, PREFIX + "x" * 43, uri[:-1], uri + "x", uri + "x" * 5000, PREFIX + "\x00", PREFIX + "é",
        PREFIX + "' OR '1'='1", PREFIX + "../" * 20,
    ):  # fmt: skip
        answer = opened(scene, wrong, path)
        assert (answer.status_code, "Location" in answer.headers) == (400, False), wrong
    for other in ("https://client.example/request.jwt", "urn:ietf:params:oauth:request_uri", "", uri.upper()):
        answer = opened(scene, other, path)
        assert (answer.status_code, "Location" in answer.headers) == (400, False), other
    assert journeys(scene) == 0
    assert opened(scene, uri, path).status_code == 303


def test_a_request_uri_that_is_there_twice_opens_nothing(scene: PushingScene) -> None:
    uri = scene.request_uri()
    answer = scene.app.test_client().get(f"{opening(uri)}&request_uri={uri}")
    assert (answer.status_code, "Location" in answer.headers) == (400, False)
    twice = f"{opening(uri)}&client_id={scene.stage.client_id}&client_id=another"
    check_dead(scene.app.test_client().get(twice))
    assert journeys(scene) == 0


def test_it_can_be_opened_until_its_time_is_over_and_not_after(
    clock: MovingClock, scene: PushingScene
) -> None:
    early, late = scene.request_uri(), scene.request_uri()
    clock.advance(89)
    assert opened(scene, early).status_code == 303
    clock.advance(1)
    check_dead(opened(scene, late))
    assert scene.audited("oidc:request:refused")[-1] == {"error": "displayed", "check": "expired"}


def test_the_journey_lives_a_quarter_of_an_hour_from_its_opening(
    app: Flask, sandbox_server: SandboxServer, clock: MovingClock
) -> None:
    clock.advance(-1000)  # so that the token is not from the relying party's future
    scene = PushingScene(app, sandbox_server)
    uri = scene.request_uri()
    clock.advance(89)
    visit = scene.open(uri)
    clock.advance(880)
    visit.person.reload()
    assert "camera check" in visit.person.page.text
    _, back = scene.waiting(visit)
    assert level(scene.finish(visit, back)) == "VERIFIED"


def test_a_reload_in_the_same_browser_goes_on_where_the_journey_stands(
    app: Flask, sandbox_server: SandboxServer, clock: MovingClock
) -> None:
    clock.advance(-300)
    scene = PushingScene(app, sandbox_server)
    visit = scene.arrive()
    first = scene.journey()
    clock.advance(300)  # long after the request_uri's own time
    visit.person.open(visit.request.url)
    assert "camera check" in visit.person.page.text
    _, back = scene.waiting(visit, outcome="liveness_fails")
    visit.person.open(visit.request.url)
    assert "camera check" in visit.person.page.text
    visit.person.open(back)
    visit.person.open(visit.request.url)
    assert scene.journey().attempts == 1
    assert (journeys(scene), scene.journey().id) == (1, first.id)
    _, back = scene.waiting(visit)
    answer = visit.browser.get(back)
    assert answer.status_code == 303, "verified, and about to be answered"
    visit.person.open(visit.request.url)
    assert level(scene.okta.redeem(visit.person.arrival, visit.request)) == "VERIFIED"


def test_a_reload_after_the_end_gives_no_second_code(scene: PushingScene) -> None:
    visit, _ = scene.with_code()
    visit.person.open(visit.request.url)
    assert visit.person.page.status == 409
    assert scene.codes() == 1


def test_a_request_that_another_machine_emptied_a_moment_too_early_is_dead(
    scene: PushingScene, clock: MovingClock
) -> None:
    """Of two machines' clocks, one is always ahead."""
    uri = scene.request_uri()
    clock.advance(91)
    with scene.app.app_context():
        assert pushed.forget_unopened() == 1
        db.session.commit()
    clock.advance(-2)
    check_dead(opened(scene, uri))


@pytest.mark.parametrize("path", AUTHORIZE_PATHS)
def test_another_browser_is_refused_and_learns_nothing(scene: PushingScene, path: str) -> None:
    visit = scene.arrive()
    for browser in (scene.app.test_client(), scene.app.test_client()):
        person = Person(browser, scene.sandbox.origin)
        person.open(opening(parse_qs(urlsplit(visit.request.url).query)["request_uri"][0], path))
        assert person.page.status in (400, 403)
        for secret in (scene.journey().reference, scene.okta_id, "Amara", "acme.example/", "Acme sign-in"):
            assert secret not in person.page.html
    assert journeys(scene) == 1
    _, back = scene.waiting(visit)
    assert level(scene.finish(visit, back)) == "VERIFIED", "the first browser goes on undisturbed"


def test_what_else_is_in_the_query_is_ignored(scene: PushingScene) -> None:
    uri = scene.request_uri()
    more = {
        "redirect_uri": ELSEWHERE, "state": "forged", "nonce": "forged", "scope": "openid idv_flow_easy",
        "login_hint": "somebody@else.example", "response_mode": "form_post", "claims": "{}", "prompt": "none",
        "code_challenge": "x" * 43, "code_challenge_method": "S256", "response_type": "token",
        "registration": "{}", "request": "a.b.c", "unknown": "\x00" * 50,
    }  # fmt: skip
    browser = scene.app.test_client()
    person = Person(browser, scene.sandbox.origin)
    person.open(opening(uri, client_id=scene.stage.client_id, **more))
    visit = scene.open(uri, browser)
    assert journeys(scene) == 1
    kept = scene.journey().parameters
    assert (kept["state"], kept["nonce"], kept["login_hint"]) == ("a-state", "a-nonce", scene.okta_id)
    assert (kept["redirect_uri"], kept["response_mode"]) == (scene.stage.redirect_uri, "query")
    _, back = scene.waiting(visit)
    tokens = scene.finish(visit, back)
    assert visit.person.arrival is not None
    assert (level(tokens), tokens.claims["sub"]) == ("VERIFIED", scene.okta_id)


def test_no_error_of_a_pushed_request_leads_away(scene: PushingScene) -> None:
    uri = scene.request_uri()
    for wrong in (
        {"redirect_uri": ELSEWHERE, "client_id": "nobody"},
        {"redirect_uri": ELSEWHERE, "client_id": ""},
        {"redirect_uri": f"//{ELSEWHERE}", "response_mode": "form_post"},
    ):
        for address in (uri, PREFIX + "x" * 43, "https://evil.example/request.jwt"):
            answer = opened(scene, address, **wrong)
            assert "evil" not in answer.headers.get("Location", ""), wrong
            assert "evil" not in answer.text, wrong


def test_the_request_of_a_client_that_was_disabled_meanwhile_is_dead(scene: PushingScene) -> None:
    unopened = scene.request_uri()
    visit = scene.arrive()
    with scene.app.app_context():
        registration.disable(db.session.get_one(Client, scene.stage.client_id))
        db.session.commit()
    check_dead(opened(scene, unopened))
    check_dead(visit.browser.get(visit.request.url))


def test_what_was_pushed_about_a_person_is_gone_once_it_is_opened(scene: PushingScene) -> None:
    uri = scene.request_uri()
    (before,) = scene.pushed()
    assert before.parameters["login_hint"] == scene.okta_id
    opened(scene, uri)
    (after,) = scene.pushed()
    assert (after.parameters, after.journey_id) == ({}, scene.journey().id)


# -- at the same moment -----------------------------------------------------------------------------------


def test_of_several_browsers_at_the_same_moment_exactly_one_gets_the_journey(scene: PushingScene) -> None:
    for round_ in range(1, 6):
        uri = scene.request_uri()
        browsers = [scene.app.test_client() for _ in range(4)]
        answers = at_once(4, lambda number, uri=uri, browsers=browsers: browsers[number].get(opening(uri)))
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses[0] == 303, statuses
        assert set(statuses[1:]) <= {400, 403}, statuses
        assert journeys(scene) == round_
        assert len(scene.audited("oidc:journey:opened")) == round_
        winner = next(browser for browser, a in zip(browsers, answers, strict=True) if a.status_code == 303)
        visit, back = scene.waiting(scene.open(uri, winner))
        assert level(scene.finish(visit, back)) == "VERIFIED"


def test_a_double_click_in_one_browser_opens_one_journey_in_both_tabs(scene: PushingScene) -> None:
    cookie = scene.arrive().browser.get_cookie("__Host-portal-browser", "portal.test")
    assert cookie is not None
    tabs = [scene.app.test_client() for _ in range(4)]
    for tab in tabs:
        tab.set_cookie(cookie.key, cookie.value, domain="portal.test", secure=True)
    for round_ in range(2, 6):
        uri = scene.request_uri()
        answers = at_once(4, lambda number, uri=uri: tabs[number].get(opening(uri)))
        assert [answer.status_code for answer in answers] == [303] * 4
        assert journeys(scene) == round_
