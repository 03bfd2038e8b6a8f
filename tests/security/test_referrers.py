"""Where codes, states and links travel in addresses, a browser tells the next place nothing about them."""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.sandbox_server import SandboxServer
from tests.support.scenes import Scene

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

#: An answer's path, its status, and how far its address is told.
Told = tuple[str, int, str]
_FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def told(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[Told]:
    """Every answer that the portal gives to a browser, in order, as the server is told to write it."""
    seen: list[Told] = []
    portal = app.wsgi_app

    def noting(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def note(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            path = environ["PATH_INFO"]
            if path.startswith(("/v1/openid/", "/oauth2/")):
                seen.append((path, int(status[:3]), dict(headers)["Referrer-Policy"]))
            return start_response(status, headers, *error)

        return portal(environ, note)

    monkeypatch.setattr(app, "wsgi_app", noting)
    return seen


def test_every_redirect_of_a_sign_in_is_silent_and_carries_no_form_along(
    app: Flask, sandbox_server: SandboxServer, told: list[Told]
) -> None:
    """303 alone makes a GET of whatever was posted: 307 and 308 would post it again, elsewhere."""
    scene = Scene(app, sandbox_server)
    visit = scene.arrive(login_hint=None)
    visit.person.press("Continue", login=scene.stage.login)
    for outcome in ("face_fails", "pass"):
        _, back = scene.waiting(visit, outcome=outcome)
        visit.person.open(back)
    assert "code" in visit.person.arrival.parameters
    redirects = [answer for answer in told if 300 <= answer[1] < 400]
    assert {path.rpartition("/")[2] for path, _, _ in redirects} == {
        "authorize",
        "account",
        "check",
        "verify-result",
        "continue",
    }
    assert {(status, policy) for _, status, policy in redirects} == {(303, "no-referrer")}
    assert {policy for _, status, policy in told if status == 200} == {"same-origin"}


def test_an_error_is_told_to_the_client_silently(app: Flask, sandbox_server: SandboxServer) -> None:
    scene = Scene(app, sandbox_server)
    asked = scene.okta.authorization(prompt="none").url.removeprefix("https://portal.test")
    answer = app.test_client().post(urlsplit(asked).path, data=urlsplit(asked).query, content_type=_FORM)
    assert answer.headers["Location"].startswith(f"{scene.stage.redirect_uri}?error=")
    assert (answer.status_code, answer.headers["Referrer-Policy"]) == (303, "no-referrer")


def test_an_answer_by_form_post_is_silent_too(
    app: Flask, sandbox_server: SandboxServer, told: list[Told]
) -> None:
    scene = Scene(app, sandbox_server)
    visit, back = scene.waiting(scene.arrive(response_mode="form_post"))
    visit.person.open(back)
    assert told[-1] == ("/v1/openid/continue", 200, "no-referrer")


def test_a_page_with_a_form_of_ours_keeps_its_origin(client: FlaskClient) -> None:
    assert client.get("/camera-help").headers["Referrer-Policy"] == "same-origin"
