"""A sign-in goes on while the portal's secret key is changed, machine after machine."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.support import portal_app
from tests.support.databases import Database
from tests.support.sandbox_server import SandboxServer
from tests.support.scenes import START, Scene, Visit

OLD, NEW = "the-old-secret-key-of-the-tests-only", "the-new-secret-key-of-the-tests-only"


@pytest.fixture
def portals(database: Database) -> Iterator[tuple[Flask, Flask, Flask]]:
    """Three machines: one that knows the old key alone, one that takes the new one, one that signs by it."""
    made = tuple(portal_app.make_app(database, secret_key=keys) for keys in ([OLD], [OLD, NEW], [NEW, OLD]))
    yield made  # type: ignore[misc]
    for app in made:
        portal_app.close(app)


def presses_start(visit: Visit, at: Flask) -> str:
    """Send the form that the person sees to another machine; return the page that it leads to."""
    visit.browser.application = at
    visit.person.press(START)
    return visit.person.page.heading


@pytest.mark.parametrize(("seen_at", "sent_to"), [(0, 1), (0, 2), (1, 2), (2, 1)])
def test_a_form_is_taken_by_every_machine_that_knows_the_key_of_the_one_that_made_it(
    portals: tuple[Flask, Flask, Flask], sandbox_server: SandboxServer, seen_at: int, sent_to: int
) -> None:
    visit = Scene(portals[seen_at], sandbox_server).arrive()
    assert presses_start(visit, portals[sent_to]) == "Face check"


def test_a_form_of_a_key_that_nobody_knows_any_more_is_not_taken(
    portals: tuple[Flask, Flask, Flask], sandbox_server: SandboxServer
) -> None:
    visit = Scene(portals[2], sandbox_server).arrive()
    assert presses_start(visit, portals[0]) == "Please load this page again"
