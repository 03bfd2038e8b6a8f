"""The tie between a journey and the browser that began it."""

import pytest
from flask import Response, request

from portal.journey import browser
from portal.journey.errors import WrongBrowser
from tests.support import factories, portal_app

SECRET = "0123456789abcdef" * 2


def test_the_browser_that_began_the_journey_is_recognised(app, context):
    journey = factories.journey(browser_secret=SECRET)
    with app.test_request_context(headers={"Cookie": f"__Host-portal-browser={SECRET}"}):
        browser.require_same(request, journey)


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        f"__Host-portal-browser={SECRET[:-1]}0",
        f"__Host-portal-browser={SECRET.upper()}",
        f"__Host-portal-browser={SECRET}0",
        f"portal-browser={SECRET}",
        "__Host-portal-browser=",
        "__Host-portal-browser=\xff\xfe",
    ],
    ids=["none", "another", "capitals", "longer", "without the prefix", "empty", "not ascii"],
)
def test_another_browser_is_refused(app, context, cookie):
    journey = factories.journey(browser_secret=SECRET)
    with app.test_request_context(headers={"Cookie": cookie}), pytest.raises(WrongBrowser):
        browser.require_same(request, journey)


def test_the_cookie_stays_away_from_scripts_and_other_sites(app):
    with app.test_request_context():
        response = Response()
        browser.remember(response, SECRET)
    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith(f"__Host-portal-browser={SECRET};")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie


def test_on_plain_http_the_cookie_has_no_host_prefix_which_browsers_would_refuse(database):
    app = portal_app.make_app(database, issuer="http://localhost:8080")
    with app.test_request_context():
        assert browser.cookie_name() == "portal-browser"
    portal_app.close(app)


@pytest.mark.parametrize("letter", ["g", "A", "-", "٣", "é", "\x7f"])
def test_a_secret_holds_nothing_but_hex_digits_in_any_place(app, letter):
    for place in range(len(SECRET)):
        value = SECRET[:place] + letter + SECRET[place + 1 :]
        with app.test_request_context(headers={"Cookie": f"__Host-portal-browser={value}"}):
            assert browser.secret_of(request) is None


def test_secrets_are_fresh():
    assert len({browser.new_secret() for _ in range(100)}) == 100
