"""The token in a form: Flask-WTF takes it back in the session that it was made for, and in no other."""

import re

import pytest
from flask import Flask, session
from flask.testing import FlaskClient
from flask_wtf.csrf import generate_csrf, validate_csrf
from wtforms import ValidationError

from portal.web import forms


def token_of(client: FlaskClient) -> str:
    page = client.get("/pages/start").text
    tokens = re.findall(r'name="csrf_token" value="([^"]+)"', page)
    assert len(tokens) == 2
    assert len(set(tokens)) == 1
    return str(tokens[0])


def test_a_token_is_taken_in_its_own_session_only(app: Flask, client: FlaskClient) -> None:
    assert client.post("/form", data={"csrf_token": token_of(client)}).text == "accepted"
    stranger = app.test_client()
    assert stranger.post("/form", data={"csrf_token": token_of(client)}).status_code == 400
    token_of(stranger)
    assert stranger.post("/form", data={"csrf_token": token_of(client)}).status_code == 400


def test_a_session_keeps_its_secret_from_page_to_page(client: FlaskClient) -> None:
    first = token_of(client)
    token_of(client)
    assert client.post("/form", data={"csrf_token": first}).text == "accepted"


def test_each_session_has_a_secret_of_its_own(app: Flask) -> None:
    secrets = set()
    for _ in range(20):
        with app.test_request_context():
            forms.form_token()
            secrets.add(session["csrf_token"])
    assert len(secrets) == 20
    assert all(re.fullmatch("[0-9a-f]{40}", secret) for secret in secrets)


def test_it_is_the_token_that_the_library_itself_would_make(app: Flask) -> None:
    with app.test_request_context():
        assert forms.form_token() == generate_csrf()
    with app.test_request_context():
        made = generate_csrf()
        assert forms.form_token() == made
        validate_csrf(made)


def test_a_token_of_another_key_is_refused(app: Flask) -> None:
    with app.test_request_context():
        token = forms.form_token()
        app.config["SECRET_KEY"] = "another key"
        with pytest.raises(ValidationError):
            validate_csrf(token)
