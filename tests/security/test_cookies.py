"""Every cookie that a sign-in or an enrolment sets is one of two, and well kept."""

from collections.abc import Iterator

import pytest
from flask import Flask, Response, request_finished

from tests.enrolment.conftest import connect, invite
from tests.support import okta_identity
from tests.support.sandbox_server import SandboxServer
from tests.support.scenes import Scene

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

FLAGS = {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"}


@pytest.fixture
def cookies(app: Flask) -> Iterator[list[str]]:
    """Every cookie that is set, as it was sent."""
    found: list[str] = []

    def note(_app: Flask, response: Response) -> None:
        found.extend(response.headers.getlist("Set-Cookie"))

    with request_finished.connected_to(note, app):
        yield found


def check(cookies: list[str]) -> None:
    """Both of the portal's cookies were set, and nothing else was, ever without a flag."""
    parts = [[part.strip() for part in cookie.split(";")] for cookie in cookies]
    assert {first.partition("=")[0] for first, *_ in parts} == {
        "__Host-portal-browser",
        "__Host-portal-session",
    }
    for first, *attributes in parts:
        assert set(attributes) >= FLAGS, first.partition("=")[0]
        assert not [one for one in attributes if one.lower().startswith("domain")]


def test_a_sign_in_keeps_its_cookies_from_scripts_and_other_hosts(
    app: Flask, sandbox_server: SandboxServer, cookies: list[str]
) -> None:
    scene = Scene(app, sandbox_server)
    visit = scene.arrive(login_hint=None)
    visit.person.press("Continue", login=scene.stage.login)
    scene.finish(*scene.waiting(visit))
    check(cookies)


def test_an_enrolment_with_a_sign_in_at_okta_does_too(
    app: Flask, sandbox_server: SandboxServer, cookies: list[str]
) -> None:
    with okta_identity.running() as okta:
        connect(app, okta)
        invited = invite(app, sandbox_server)
        invited.okta = okta
        okta.okta_id = invited.change(lambda user: user.okta_id)
        person = invited.arrived()
        person.press("Continue with Okta")
        assert invited.enrol(person).page.heading == "You’re all set"
    check(cookies)
