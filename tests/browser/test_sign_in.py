"""The whole sign-in in a real browser: relying party, portal, camera page, and back."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.visitors import AGAIN, ANOTHER_WAY, GO_BACK, ONE_DATABASE, START, Visitor

NewVisitor = Callable[..., Visitor]
pytestmark = ONE_DATABASE


@pytest.mark.parametrize("script", [True, False], ids=["with-script", "without-script"])
@pytest.mark.parametrize("answer", ["query", "form_post"])
def test_a_person_signs_in(new_visitor: NewVisitor, script: bool, answer: str) -> None:
    visitor = new_visitor(java_script_enabled=script)
    visitor.page.goto(visitor.world.client)
    visitor.press("Sign in")
    visitor.sees("Confirm it’s you")
    visitor.begin(answer=answer)
    visitor.press(START)
    visitor.show_face()
    if answer == "form_post" and not script:
        visitor.sees("Signing you in")
        visitor.press("Continue")
    visitor.arrives()
    expect(visitor.page.locator("#hops")).to_be_visible()


@pytest.mark.parametrize("client", ["okta-factor", "okta-sso", "oidc"])
@pytest.mark.parametrize("request_", ["signed", "plain"])
def test_every_profile_takes_signed_and_plain_requests(visitor: Visitor, client: str, request_: str) -> None:
    visitor.begin(client=client, request=request_)
    visitor.press(START)
    visitor.show_face()
    visitor.arrives()


def test_a_failed_attempt_says_what_to_try_and_the_next_one_passes(visitor: Visitor) -> None:
    visitor.begin()
    visitor.press(START)
    visitor.show_face(outcome="Liveness fails")
    visitor.sees("Try the camera check again")
    expect(visitor.page.get_by_text("You have 2 tries left.")).to_be_visible()
    visitor.press(AGAIN)
    visitor.show_face()
    visitor.arrives()


def test_attempts_are_used_up_and_okta_is_told(visitor: Visitor) -> None:
    visitor.begin()
    visitor.press(START)
    visitor.show_face(outcome="Face does not match")
    for _ in range(2):
        visitor.sees("Try the camera check again")
        visitor.press(AGAIN)
        visitor.show_face(outcome="Face does not match")
    visitor.sees("We couldn’t confirm it’s you")
    visitor.press(GO_BACK)
    visitor.arrives("access_denied")
    visitor.sees("Not signed in")
    visitor.press("Try again")
    visitor.sees("Confirm it’s you")


def test_cancelling_at_the_camera_comes_back_to_a_choice(visitor: Visitor) -> None:
    visitor.begin()
    visitor.press(START)
    visitor.sees("Face check")
    visitor.press("Cancel")
    visitor.page.wait_for_url(f"{visitor.world.portal.origin}/**")
    visitor.press(ANOTHER_WAY)
    visitor.arrives("access_denied")


def test_another_way_leads_back_at_once(visitor: Visitor) -> None:
    visitor.begin()
    visitor.press(ANOTHER_WAY)
    visitor.arrives("access_denied")


def test_without_a_hint_the_account_is_asked_for(visitor: Visitor) -> None:
    visitor.begin(login=None)
    visitor.sees("Which account are you using?")
    visitor.page.get_by_role("textbox").fill("amara@acme.example")
    visitor.press("Continue")
    visitor.sees("Confirm it’s you")
    visitor.press(START)
    visitor.show_face()
    visitor.arrives()


def test_an_empty_account_gets_an_error_summary_with_the_focus(visitor: Visitor) -> None:
    visitor.begin(login=None)
    visitor.sees("Which account are you using?")
    visitor.press("Continue")
    expect(visitor.page.locator(".summary")).to_be_focused()
    assert visitor.page.title().startswith("Error: ")


def test_a_suspended_person_gets_no_further_than_the_start_page(visitor: Visitor) -> None:
    visitor.begin("dana@acme.example")
    visitor.sees("Confirm it’s you")
    visitor.press(START)
    visitor.sees("The camera check isn’t set up for this account")
    visitor.press(GO_BACK)
    visitor.arrives("access_denied")


@pytest.mark.parametrize("login", ["dana@acme.example", "nobody@acme.example"])
def test_whoever_types_an_account_learns_nothing_about_it(visitor: Visitor, login: str) -> None:
    visitor.begin("somebody.unknown@acme.example")
    visitor.sees("Which account are you using?")
    visitor.page.get_by_role("textbox").fill(login)
    visitor.press("Continue")
    visitor.sees("Confirm it’s you")
    visitor.press(START)
    visitor.sees("The camera check isn’t set up for this account")


def test_a_newcomer_is_enrolled_by_a_signed_request_and_not_by_a_plain_one(visitor: Visitor) -> None:
    visitor.begin("bela@acme.example", request="plain")
    visitor.press(START)
    visitor.sees("The camera check isn’t set up for this account")
    visitor.begin("bela@acme.example", request="signed")
    visitor.sees("Set up your face check")
    visitor.press(START)
    visitor.show_face("Béla")
    visitor.sees("Signed in as Béla Kovács")
    visitor.begin("bela@acme.example", request="plain")
    visitor.sees("Confirm it’s you")
    visitor.press(START)
    visitor.show_face("Chidi")
    visitor.sees("Try the camera check again")
