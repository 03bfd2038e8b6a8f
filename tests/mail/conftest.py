"""A portal that sends by a real mail server."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from tests.support import mail_server, portal_app
from tests.support.databases import Database
from tests.support.mail_server import MailServer


@pytest.fixture
def server() -> Iterator[MailServer]:
    """A mail server that wants neither TLS nor a password."""
    with mail_server.running() as running:
        yield running


@pytest.fixture
def portal(database: Database) -> Iterator[Callable[..., Flask]]:
    """Make portals with settings of their own."""
    made = []

    def make(**settings: object) -> Flask:
        made.append(portal_app.make_app(database, **settings))
        return made[-1]

    yield make
    for app in made:
        portal_app.close(app)
