"""A session is what its signed cookie says, whoever asks for it, and nobody else reads the cookie."""

from typing import Any

import pytest
from flask import Flask, session
from flask.sessions import SecureCookieSessionInterface
from flask.testing import FlaskClient

from portal.web.session_cookies import SessionCookies


class _Counting(SessionCookies):
    """Counts how often something was made to check a signature."""

    asked = 0

    def get_signing_serializer(self, app: Flask) -> Any:
        self.asked += 1
        return super().get_signing_serializer(app)


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)
    app.secret_key = "a key for tests only"
    app.session_interface = _Counting()

    @app.get("/set/<value>")
    def put(value: str) -> str:
        session["value"] = value
        return value

    @app.get("/get")
    def get() -> str:
        return str(session.get("value"))

    @app.get("/forget")
    def forget() -> str:
        session.clear()
        return ""

    app.add_url_rule("/other", view_func=lambda: "no session here", endpoint="other")
    return app


def test_a_session_is_read_when_it_is_used_and_only_then(app: Flask, client: FlaskClient) -> None:
    client.get("/set/one")
    asked = app.session_interface.asked  # type: ignore[attr-defined]
    other = client.get("/other")
    assert app.session_interface.asked == asked  # type: ignore[attr-defined]
    assert "Set-Cookie" not in other.headers
    assert "Vary" not in other.headers
    read = client.get("/get")
    assert (read.text, read.headers["Vary"]) == ("one", "Cookie")
    assert "Set-Cookie" not in read.headers


def test_a_session_can_be_changed_and_emptied(client: FlaskClient) -> None:
    client.get("/set/one")
    client.get("/set/two")
    assert client.get("/get").text == "two"
    assert "Expires=Thu, 01 Jan 1970" in client.get("/forget").headers["Set-Cookie"]
    assert client.get("/get").text == "None"


def test_a_cookie_that_was_altered_is_an_empty_session(client: FlaskClient) -> None:
    client.get("/set/one")
    cookie = client.get_cookie("session")
    assert cookie is not None
    client.set_cookie("session", "A" + cookie.value[1:])
    assert client.get("/get").text == "None"


def test_an_older_key_still_reads_and_a_forgotten_one_does_not(app: Flask, client: FlaskClient) -> None:
    client.get("/set/one")
    app.config.update(SECRET_KEY="a newer key", SECRET_KEY_FALLBACKS=["a key for tests only"])
    assert client.get("/get").text == "one"
    app.config["SECRET_KEY_FALLBACKS"] = []
    assert client.get("/get").text == "None"


@pytest.mark.parametrize("who_writes", [SessionCookies, SecureCookieSessionInterface])
def test_flask_and_the_portal_read_each_others_cookies(app: Flask, who_writes: type) -> None:
    writer, reader = (
        (SessionCookies(), SecureCookieSessionInterface())
        if who_writes is SessionCookies
        else (SecureCookieSessionInterface(), SessionCookies())
    )
    written = writer.get_signing_serializer(app)
    document = {"value": ("a tuple", "ä" * 300), "n": 1}
    assert written is not None
    app.config.update(SECRET_KEY="another key", SECRET_KEY_FALLBACKS=["an older key", "a key for tests only"])
    read = reader.get_signing_serializer(app)
    assert read is not None
    assert read.loads(written.dumps(document)) == document
