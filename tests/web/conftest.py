"""A Flask application with nothing in it but the web room: no database, no other room."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask, abort, render_template, render_template_string
from flask.testing import FlaskClient
from flask_wtf import CSRFProtect

from portal import web
from portal.web import errors, headers
from portal.web.templates import Templates
from tests.web.pages import BRAND, PAGES, STATUSES

TOP = Path(__file__).resolve().parents[2]


def make_app(branding: web.Branding | None = None) -> Flask:
    """Return an application that serves every page of the list at ``/pages/<name>``."""
    app = Flask("portal", template_folder=str(TOP / "templates"), static_folder=str(TOP / "static"))
    app.jinja_environment = Templates
    app.config.update(SECRET_KEY="a key for tests only", TESTING=True)
    web.init_app(app, branding or web.Branding(organisation="Acme"))
    CSRFProtect(app)

    @app.get("/pages/<name>")
    def show(name: str) -> str:
        template, parameters = PAGES[name]
        if "action" in parameters:
            headers.allow_form_action(parameters["action"], onward=True)
        return render_template(template, **BRAND | parameters)

    @app.get("/errors/<int:status>")
    def fail(status: int) -> str:
        errors.note_reference("7KXM-2PQR-9BCD")
        if status not in STATUSES:
            raise LookupError(status)
        abort(status)

    @app.get("/moment")
    def moment() -> str:
        at = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
        page = (
            "{% extends 'layouts/person.html' %}{% set heading, sign = 'Time', none %}"
            "{% block content %}{{ at|moment }}{% endblock %}"
        )
        return render_template_string(page, at=at)

    @app.post("/form")
    def form() -> str:
        return "accepted"

    return app


@pytest.fixture
def app() -> Flask:
    return make_app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
