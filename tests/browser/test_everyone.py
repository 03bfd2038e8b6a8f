"""Every page of the flow for everyone: screen readers, keyboards, small windows, and what CSP forbids."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.visitors import AGAIN, ANOTHER_WAY, FINISH, ONE_DATABASE, START, Visitor

NewVisitor = Callable[..., Visitor]
Inspect = Callable[[Visitor], None]
pytestmark = ONE_DATABASE


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_a_sign_in_are_accessible_and_narrow(
    new_visitor: NewVisitor, inspect: Inspect, scheme: str
) -> None:
    visitor = new_visitor(color_scheme=scheme)
    visitor.page.goto(visitor.world.client)
    visitor.page.get_by_text("How the request and the answer travel").click()
    inspect(visitor)
    visitor.begin(login=None)
    visitor.sees("Which account are you using?")
    inspect(visitor)
    visitor.press("Continue")
    expect(visitor.page.locator(".summary")).to_be_visible()
    inspect(visitor)
    visitor.page.get_by_role("textbox").fill("amara@acme.example")
    visitor.press("Continue")
    visitor.sees("Confirm it’s you")
    inspect(visitor)
    visitor.press(START)
    visitor.sees("Face check")
    inspect(visitor)
    visitor.show_face(outcome="Liveness fails")
    visitor.sees("Try the camera check again")
    inspect(visitor)
    visitor.press(AGAIN)
    visitor.show_face()
    visitor.arrives()
    for summary in visitor.page.locator(".hop summary").all():
        summary.click()
    inspect(visitor)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_where_it_does_not_go_on_are_accessible_and_narrow(
    new_visitor: NewVisitor, inspect: Inspect, scheme: str
) -> None:
    visitor = new_visitor(color_scheme=scheme)
    visitor.begin()
    visitor.press(START)
    visitor.sees("Face check")
    visitor.page.go_back()
    visitor.page.wait_for_url(f"{visitor.world.portal.origin}/**")
    visitor.page.reload()
    visitor.sees("Start the camera check again")
    inspect(visitor)
    start_page = visitor.page.url
    visitor.press("Start again")
    visitor.show_face(outcome="Tampered signature")
    visitor.sees("We couldn’t use that result")
    inspect(visitor)
    visitor.page.goto(start_page)
    visitor.press(ANOTHER_WAY)
    visitor.arrives("access_denied")
    inspect(visitor)
    visitor.page.goto(start_page)
    visitor.sees("This step is already done")
    inspect(visitor)
    visitor.begin("dana@acme.example")
    visitor.press(START)
    visitor.sees("The camera check isn’t set up for this account")
    inspect(visitor)
    visitor.begin()
    visitor.press(START)
    for outcome in ("Face does not match",) * 3:
        visitor.show_face(outcome=outcome)
        visitor.page.wait_for_url(f"{visitor.world.portal.origin}/**")
        if visitor.page.get_by_role("button", name=AGAIN).count():
            visitor.press(AGAIN)
    visitor.sees("We couldn’t confirm it’s you")
    inspect(visitor)
    visitor.world.portal.sandbox.next_answers(operation="signature/create", status=503, times=100)
    visitor.begin()
    visitor.press(START)
    visitor.sees("The camera check isn’t available right now")
    inspect(visitor)


@pytest.mark.parametrize(
    "path",
    ["/camera-help", "/privacy", "/terms", "/no-such-page", "/v1/openid/authorize", "/v1/openid/check"],
)
def test_the_pages_beside_the_flow_are_accessible_and_narrow(
    visitor: Visitor, inspect: Inspect, path: str
) -> None:
    visitor.page.goto(visitor.world.portal.origin + path)
    inspect(visitor)


@pytest.mark.parametrize("path", ["/sandbox/", "/no-such-page"])
def test_the_stand_ins_own_pages_are_accessible_and_narrow(
    visitor: Visitor, inspect: Inspect, path: str
) -> None:
    visitor.begin()
    visitor.press(START)
    visitor.show_face()
    visitor.arrives()
    visitor.page.goto(visitor.world.portal.sandbox.origin + path)
    inspect(visitor)


@pytest.mark.parametrize("path", ["/no-such-page", "/sign-ins/none", "/oauth2/v1/authorize/callback"])
def test_the_relying_partys_error_pages_are_accessible_and_narrow(
    visitor: Visitor, inspect: Inspect, path: str
) -> None:
    visitor.page.goto(visitor.world.client + path)
    inspect(visitor)


def test_a_form_post_answer_without_script_is_accessible(new_visitor: NewVisitor, inspect: Inspect) -> None:
    visitor = new_visitor()
    # The script that would send the answer on by itself is kept away, so that the page stays.
    visitor.page.route("**/static/js/person.js*", lambda route: route.fulfill(body=""))
    visitor.begin(answer="form_post")
    visitor.press(START)
    visitor.show_face()
    visitor.sees("Signing you in")
    inspect(visitor)
    visitor.press("Continue")
    visitor.arrives()


def test_a_person_signs_in_by_keyboard_alone(visitor: Visitor) -> None:
    visitor.page.goto(visitor.world.client)
    reach(visitor, "Sign in")
    visitor.page.keyboard.press("Enter")
    visitor.sees("Confirm it’s you")
    expect(visitor.page.get_by_role("heading", level=1)).to_be_focused()
    passed = reach(visitor, START)
    assert passed == ["privacy notice", "terms"], "nothing else stands before the main button"
    visitor.page.keyboard.press("Enter")
    visitor.sees("Face check")
    reach(visitor, FINISH)
    visitor.page.keyboard.press("Enter")
    visitor.arrives()


def test_the_way_out_comes_right_after_the_main_button_and_enter_works_there(visitor: Visitor) -> None:
    visitor.begin()
    visitor.sees("Confirm it’s you")
    reach(visitor, START)
    assert reach(visitor, ANOTHER_WAY) == []
    visitor.page.keyboard.press("Enter")
    visitor.arrives("access_denied")


def reach(visitor: Visitor, words: str) -> list[str]:
    """Press Tab until the control that says ``words`` has the focus; return what was passed on the way."""
    passed: list[str] = []
    for _ in range(60):
        visitor.page.keyboard.press("Tab")
        said = visitor.page.evaluate("document.activeElement.innerText || document.activeElement.value || ''")
        ringed = visitor.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        said = re.sub(r"\s*\(opens in a new tab\)", "", said).strip()
        if said == words:
            assert ringed != "none", f"the focus on {words!r} cannot be seen"
            return passed
        passed.append(said)
    raise AssertionError(f"{words!r} cannot be reached: {passed}")


def test_what_the_policy_forbids_would_have_been_noticed(visitor: Visitor) -> None:
    """The other tests end with nobody's browser having complained; here is one that does."""
    visitor.page.goto(f"{visitor.world.portal.origin}/camera-help")
    with visitor.page.expect_console_message():
        visitor.page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'), {text: '1'}))"
        )
    assert "Content Security Policy" in visitor.complaints.pop()
