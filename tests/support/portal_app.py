"""The portal as a test sees it: an application, a client, a command-line runner.

Every HTML page that the client is given is checked by ``tests/page_checks.py``, whatever the test is about.
"""

from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner
from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket
from werkzeug.test import TestResponse

from portal import settings
from portal.app import create_app
from portal.extensions import db
from portal.web.application import Portal
from tests.page_checks import check_page
from tests.support.databases import Database
from tests.support.machine import TOP

ISSUER = "https://portal.test"


class CheckedClient(FlaskClient):
    """A client of the portal at its own address; a page that breaks a rule fails the test."""

    def open(self, *arguments: Any, **options: Any) -> TestResponse:
        """Make a request. A path is taken at the portal's address."""
        if arguments and isinstance(arguments[0], str):
            options.setdefault("base_url", self.application.extensions["portal.settings"].issuer)
        response = super().open(*arguments, **options)
        if response.mimetype == "text/html" and response.status_code not in (301, 302, 303, 307, 308):
            check_page(response.text, response.headers)
        return response


class CompiledTemplates(BytecodeCache):
    """The templates that this process has compiled: every test's application renders the same files."""

    def __init__(self) -> None:
        self._compiled: dict[str, tuple[str, CodeType]] = {}

    def get_bucket(self, environment: Environment, name: str, filename: str | None, source: str) -> Bucket:
        """Return what is known of a template; one environment compiles it otherwise than another."""
        kind = type(environment).__name__
        bucket = Bucket(environment, f"{kind}/{name}", self.get_source_checksum(source))
        self.load_bytecode(bucket)
        return bucket

    def load_bytecode(self, bucket: Bucket) -> None:
        """Put the compiled template into ``bucket`` if its source is still the same."""
        checksum, code = self._compiled.get(bucket.key, (None, None))
        if checksum == bucket.checksum:
            bucket.code = code

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        assert bucket.code is not None
        self._compiled[bucket.key] = (bucket.checksum, bucket.code)


# For every application of this process, also for those that a test makes by itself.
Portal.jinja_options = {**Portal.jinja_options, "bytecode_cache": CompiledTemplates()}


def make_app(database: Database, **overrides: Any) -> Flask:
    """Return a portal on ``database`` with the test settings and ``overrides`` on top."""
    environment = {"PORTAL_CONFIG": str(TOP / "config" / "test.toml")}
    app = create_app(settings.load(environment, **{"database_url": database.url, **overrides}))
    app.testing = True  # an unexpected error fails the test instead of becoming a page
    app.test_client_class = CheckedClient
    return app


def close(app: Flask) -> None:
    """Give back every connection of ``app``."""
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def app(database: Database, request: pytest.FixtureRequest) -> Iterator[Flask]:
    """A portal on an empty database; ``@pytest.mark.settings(code_lifetime=10)`` changes settings."""
    marker = request.node.get_closest_marker("settings")
    portal = make_app(database, **(marker.kwargs if marker else {}))
    yield portal
    close(portal)


@pytest.fixture
def context(app: Flask) -> Iterator[Flask]:
    """The portal with its application context pushed, for tests of services.

    Not together with ``client``: requests would share the session of the test.
    """
    with app.app_context():
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser-like client of the portal, with cookies."""
    return app.test_client()


@pytest.fixture
def new_client(app: Flask) -> Callable[[], FlaskClient]:
    """Make further clients: each is another browser."""
    return app.test_client


@pytest.fixture
def runner(app: Flask) -> FlaskCliRunner:
    """The portal's command line."""
    return app.test_cli_runner()
