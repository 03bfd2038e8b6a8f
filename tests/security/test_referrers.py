"""Where codes, states and links travel in addresses, a browser tells the next place nothing about them."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.sandbox_server import SandboxServer
from tests.support.scenes import Scene

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def policies_of(client: FlaskClient, url: str) -> list[tuple[int, str]]:
    """Follow redirects within the portal and return each answer's status and policy."""
    seen = []
    while True:
        answer = client.get(url)
        seen.append((answer.status_code, answer.headers["Referrer-Policy"]))
        if answer.status_code != 303 or not answer.headers["Location"].startswith(
            ("/", "https://portal.test/")
        ):
            return seen
        url = answer.headers["Location"]


def test_every_redirect_of_a_sign_in_is_silent(app: Flask, sandbox_server: SandboxServer) -> None:
    browser = app.test_client()
    scene = Scene(app, sandbox_server)
    _, back = scene.waiting(scene.arrive(browser))
    seen = policies_of(browser, back)
    assert len(seen) >= 2, "VerifEye's way back leads to the dispatcher, and that to the client"
    assert {policy for status, policy in seen if status == 303} == {"no-referrer"}


def test_an_answer_by_form_post_is_silent_too(app: Flask, sandbox_server: SandboxServer) -> None:
    scene = Scene(app, sandbox_server)
    browser = app.test_client()
    _, back = scene.waiting(scene.arrive(browser, response_mode="form_post"))
    status, policy = policies_of(browser, back)[-1]
    assert (status, policy) == (200, "no-referrer")


def test_a_page_with_a_form_of_ours_keeps_its_origin(client: FlaskClient) -> None:
    assert client.get("/camera-help").headers["Referrer-Policy"] == "same-origin"
