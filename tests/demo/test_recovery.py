"""The demo's recovery (IDV): what Okta would send, and what it would make of the answer."""

import re
from dataclasses import replace

import pytest

from portal.sandbox.relying_party import create_relying_party
from tests.demo.test_relying_party import ONE_DATABASE, Careful
from tests.support import web_server
from tests.support.world import World

pytestmark = ONE_DATABASE
SAM = "sam@acme.example"


@pytest.fixture
def person(world: World) -> Careful:
    portal, sandbox, client = world.origins
    return Careful(client, portal, sandbox)


def recover(world: World, person: Careful, face: str = "sam", **choice: str) -> str:
    """Walk through a recovery of Sam's and return the text of the page at its end."""
    query = "&".join(f"{name}={value}" for name, value in {"person": SAM, **choice}.items())
    person.open(f"{world.client}/recover/start?{query}")
    person.press("Start camera check")
    person.press("Finish the check", face=face)
    return person.page.text


def test_from_the_first_page_to_a_verdict_with_every_hop(world: World, person: Careful) -> None:
    person.open(f"{world.client}/recover")
    assert person.page.heading == "Recover my password"
    person.press("Recover my password")
    assert person.page.url.startswith(world.portal.origin)
    person.press("Start camera check")
    person.press("Finish the check")
    assert person.page.heading == "Amara Okafor may set a new password"
    text, html = person.page.text, person.page.html
    for hop in ("The request is pushed (form body)", "Okta sends the browser off", "Back at Okta",
                "The code is redeemed", "The provider’s public keys"):  # fmt: skip
        assert hop in text
    for said in ("user.identity_verification", "ALLOW", "CLAIMS_VERIFIED", "IdvFlowId", "recover",
                 "IDV-DELEGATED", "assurance_level is VERIFIED.", "MATCHED"):  # fmt: skip
        assert said in text
    assert not re.search(r"\bvps_[\w-]{20}", html), "the client's secret is on the page"
    assert not re.search(r"eyJ[\w-]{40}", html), "a whole token is on the page"


@pytest.mark.parametrize("body", ["form", "json"])
@pytest.mark.parametrize("encoding", ["object", "plain"])
@pytest.mark.parametrize("more", ["names", "everything"])
def test_every_way_of_asking_is_answered_within_oktas_rules(
    world: World, person: Careful, body: str, encoding: str, more: str
) -> None:
    text = recover(world, person, body=body, encoding=encoding, more=more)
    assert person.page.heading == "Samuel Lindqvist may set a new password"
    assert f"({body} body)" in text
    assert "CLAIMS_VERIFIED" in text
    assert ("birthdate is verified" in text) == (more == "everything")


def test_what_somebody_is_called_is_their_name(world: World, person: Careful) -> None:
    text = recover(world, person, names="familiar")
    assert person.page.heading == "Samuel Lindqvist may set a new password"
    assert "Okta asked about Sam Lindqvist" in text


@pytest.mark.parametrize("encoding", ["object", "plain"])
def test_another_name_is_denied_by_that_name(world: World, person: Careful, encoding: str) -> None:
    text = recover(world, person, names="wrong", encoding=encoding)
    assert person.page.heading == "Samuel Lindqvist gets no new password"
    assert "DENY CLAIM_GIVEN_NAME_NOT_VERIFIED" in text
    assert "says no: CLAIM_GIVEN_NAME_NOT_VERIFIED" in text


def test_another_face_is_answered_about_and_not_an_error(world: World, person: Careful) -> None:
    recover(world, person)  # from here on Sam's face is known
    recover(world, person, face="bela")
    for _ in range(2):
        person.press("Try again")
        person.press("Finish the check", face="bela")
    person.follow("Go back to Acme")
    assert person.page.heading == "Samuel Lindqvist gets no new password"
    assert "DENY CLAIMS_NOT_VERIFIED" in person.page.text
    assert "assurance_level is FAILED" in person.page.text


@pytest.mark.parametrize("login", ["bela@acme.example", "dana@acme.example"])
def test_who_is_not_enrolled_or_is_suspended_is_denied(world: World, person: Careful, login: str) -> None:
    person.open(f"{world.client}/recover/start?person={login}")
    if person.page.heading.startswith("Confirm"):
        person.press("Start camera check")
    person.follow("Go back to Acme")
    assert "DENY CLAIMS_NOT_VERIFIED" in person.page.text


def test_a_result_belongs_to_one_browser_and_an_answer_is_taken_once(world: World, person: Careful) -> None:
    recover(world, person)
    other = Careful(world.client)
    other.open(person.page.url)
    assert other.page.status == 404
    assert "Sam" not in other.page.text
    state = re.search(r"<dt>state</dt><dd>([\w-]+)</dd>", person.page.html)
    assert state is not None
    person.open(f"{world.client}/idp/identity-verification/callback?state={state[1]}&code=x")
    assert person.page.status == 400
    assert person.page.heading == "This answer is not expected here"


@pytest.mark.parametrize(
    "query",
    ["", "person=&names=x&body=y&encoding=z&more=q", "names=%22%3E%3Cb%3E", "names=wrong&names=familiar"],
)
def test_an_address_that_makes_no_sense_gets_the_usual_choice(world: World, query: str) -> None:
    person = Careful(world.client)
    person.open(f"{world.client}/recover?{query}")
    assert person.page.status == 200


def test_a_stranger_cannot_be_asked_about(world: World) -> None:
    person = Careful(world.client)
    person.open(f"{world.client}/recover/start?person=nobody@acme.example")
    assert person.page.status == 404


def test_a_portal_that_is_away_is_a_verdict_too(world: World) -> None:
    there = create_relying_party(replace(world.demo, issuer="http://localhost:9"))
    with web_server.listening() as (here, origin), web_server.serving(there, here):
        person = Careful(origin)
        person.open(f"{origin}/recover/start")
        assert person.page.heading == "Amara Okafor gets no new password"
        assert "RESPONSE_PROCESSING_ERROR_PAR" in person.page.text


def test_without_a_client_for_it_there_is_no_recovery(world: World) -> None:
    settings = replace(world.demo, idv_clients=())
    with web_server.listening() as (here, origin), web_server.serving(create_relying_party(settings), here):
        person = Careful(origin)
        person.open(f"{origin}/recover")
        assert person.page.status == 404
        assert "Recover" not in person.page.text
