"""The home page tells how far the story is; the routing rule believes Okta's attribute and status only."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from portal.sandbox.okta import USUAL, LocalOkta, LocalOktaWarning, people, sow, switches
from portal.sandbox.relying_party import create_relying_party
from portal.sandbox.relying_party_settings import DemoClient, DemoPerson, DemoSettings
from tests.page_checks import check_page
from tests.support import web_server
from tests.support.web_person import WebPerson

CHIDI, TOKEN, NOWHERE = "chidi@acme.example", "a-token-of-the-story", "http://localhost:9"


@pytest.fixture
def okta(tmp_path: Path) -> Iterator[LocalOkta]:
    with pytest.warns(LocalOktaWarning):
        local = LocalOkta(tmp_path / "okta.sqlite3")
    token = {"name": "relying-party", "token": TOKEN}
    sow(local.store, {**USUAL, "attributes": ["byndidRegistered"], "api_tokens": [token]})
    with web_server.listening() as (listener, local.origin), web_server.serving(local.app, listener):  # type: ignore[attr-defined]
        yield local


@pytest.fixture
def settings(okta: LocalOkta) -> DemoSettings:
    return DemoSettings(
        NOWHERE,
        "",
        NOWHERE,
        (DemoClient("okta-factor", "Okta", "", "id", "secret"),),
        (DemoPerson("a@b", "A", ""),),
        (DemoClient("object", "Okta", "", "id", "secret"),),
        okta.origin,  # type: ignore[attr-defined]
        TOKEN,
        "Verified staff",
        "byndidRegistered",
        CHIDI,
    )


@pytest.fixture
def person(settings: DemoSettings) -> Iterator[WebPerson]:
    with web_server.listening() as (listener, origin):
        relying_party = create_relying_party(replace(settings, origin=origin))
        with web_server.serving(relying_party, listener):
            yield WebPerson(origin)


def home(person: WebPerson) -> str:
    person.open("/")
    check_page(person.page.html, person.page.headers)
    return person.page.text


def route(person: WebPerson, login: str = CHIDI) -> str:
    person.open(f"/okta-sign-in?login={login}")
    check_page(person.page.html, person.page.headers)
    return person.page.heading


def test_the_home_page_says_how_far_the_story_is(okta: LocalOkta, person: WebPerson) -> None:
    assert "in Verified staffno" in home(person)
    with okta.store.transaction() as records:
        group = records.all("SELECT id FROM groups")[0]["id"]
        people.join(records, group, CHIDI)
        people.change(records, CHIDI, {"byndidRegistered": True})
    text = home(person)
    assert "in Verified staffyes" in text
    assert "byndidRegisteredtrue" in text
    assert text.count("done") == 4
    with okta.store.transaction() as records:
        people.move(records, CHIDI, "suspend")
    assert "SUSPENDED" in home(person)


def test_only_who_is_active_and_registered_is_sent_to_the_factor(okta: LocalOkta, person: WebPerson) -> None:
    assert route(person) == "Okta does not ask for the face"
    with okta.store.transaction() as records:
        people.change(records, CHIDI, {"byndidRegistered": True})
    # The portal of this test is away: that it was asked for shows where the rule led.
    assert route(person) == "The portal does not answer"
    with okta.store.transaction() as records:
        people.move(records, CHIDI, "suspend")
    assert route(person) == "Okta does not ask for the face"
    assert "SUSPENDED" in person.page.text
    with okta.store.transaction() as records:
        people.move(records, CHIDI, "unsuspend")
        people.change(records, CHIDI, {"byndidRegistered": False})
    assert route(person) == "Okta does not ask for the face"


def test_nobody_and_no_answer_get_a_page(okta: LocalOkta, person: WebPerson) -> None:
    assert route(person, "nobody/../%00@acme.example") == "Okta does not know how to go on"
    with okta.store.transaction() as records:
        switches.turn(records, {"api_down": True})
    assert route(person) == "Okta does not know how to go on"
    assert person.page.status == 502
    assert "does not answer" in home(person)


def test_the_token_is_on_no_page(person: WebPerson) -> None:
    home(person)
    assert TOKEN not in person.page.html


def test_without_a_local_okta_the_home_page_is_the_form(settings: DemoSettings) -> None:
    with web_server.listening() as (listener, origin):
        relying_party = create_relying_party(replace(settings, origin=origin, okta=""))
        with web_server.serving(relying_party, listener):
            person = WebPerson(origin)
            person.open("/")
            assert person.page.heading == "Sign in with a camera check"
