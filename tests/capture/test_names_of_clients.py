"""Who asks: the client's name on a person's pages; a process asks the database for it once in two seconds."""

from flask import Flask

from portal.extensions import db
from portal.models import Client
from portal.web import journeys
from tests.support import factories
from tests.support.moving_clock import MovingClock


def shown(app: Flask, client: Client) -> str | None:
    with app.test_request_context():
        return journeys.ways_back(factories.journey(client))["client_name"]


def test_each_client_is_called_by_its_own_name(app: Flask, context: Flask) -> None:
    first, second = factories.oidc_client()[0], factories.oidc_client()[0]
    first.name, second.name = "Acme Okta", "Zenith Okta"
    db.session.commit()
    for _ in range(2):
        assert (shown(app, first), shown(app, second)) == ("Acme Okta", "Zenith Okta")


def test_another_name_is_shown_after_a_moment(app: Flask, context: Flask, clock: MovingClock) -> None:
    client = factories.oidc_client()[0]
    client.name = "Acme Okta"
    db.session.commit()
    assert shown(app, client) == "Acme Okta"
    client.name = "Acme"
    db.session.commit()
    clock.advance(1.9)
    assert shown(app, client) == "Acme Okta"
    clock.advance(0.2)
    assert shown(app, client) == "Acme"
