"""What people do besides going straight on: back, reload, a second tab, another browser, no camera."""

import re
from collections.abc import Callable
from urllib.parse import urljoin

from playwright.sync_api import expect

from tests.browser.visitors import ANOTHER_WAY, ONE_DATABASE, START, Visitor

NewVisitor = Callable[..., Visitor]
pytestmark = ONE_DATABASE

BACK_EARLY = "Start the camera check again"


def test_back_from_the_camera_shows_a_page_that_works(visitor: Visitor) -> None:
    visitor.begin()
    visitor.press(START)
    visitor.sees("Face check")
    visitor.page.go_back()
    visitor.page.wait_for_url(f"{visitor.world.portal.origin}/**")
    visitor.page.get_by_role("button", name=re.compile("^(Start again|Start camera check)$")).click()
    visitor.show_face()
    visitor.arrives()


def test_reloading_the_start_page_and_the_camera_page_changes_nothing(visitor: Visitor) -> None:
    visitor.begin()
    visitor.sees("Confirm it’s you")
    visitor.page.reload()
    visitor.press(START)
    visitor.sees("Face check")
    visitor.page.reload()
    visitor.show_face()
    visitor.arrives()


def test_after_the_end_back_and_reload_give_nothing_twice(visitor: Visitor) -> None:
    visitor.begin()
    visitor.sees("Confirm it’s you")
    start_page = visitor.page.url
    visitor.press(START)
    visitor.show_face()
    visitor.arrives()
    visitor.page.reload()
    visitor.arrives()
    visitor.page.goto(start_page)
    visitor.sees("This step is already done")


def test_the_relying_party_takes_an_answer_once(visitor: Visitor) -> None:
    visitor.begin()
    visitor.press(START)
    answers: list[str] = []
    visitor.page.on(
        "request", lambda request: answers.append(request.url) if "/callback?" in request.url else None
    )
    visitor.show_face()
    visitor.arrives()
    visitor.page.goto(answers[0])
    visitor.sees("This answer is not expected here")


def test_two_tabs_end_with_one_sign_in_and_a_page_that_explains(visitor: Visitor) -> None:
    visitor.begin()
    visitor.press(START)
    visitor.sees("Face check")
    second = visitor.page.context.new_page()
    visitor.page.go_back()
    visitor.page.wait_for_url(f"{visitor.world.portal.origin}/**")
    second.goto(visitor.page.url)
    expect(second.get_by_role("heading", level=1)).to_have_text(BACK_EARLY)
    visitor.page.go_forward()
    visitor.show_face()
    visitor.arrives()
    second.get_by_role("button", name="Start again").click()
    expect(second.get_by_role("heading", level=1)).to_have_text("This step is already done")


def test_two_sign_ins_in_two_tabs_do_not_disturb_each_other(visitor: Visitor) -> None:
    visitor.begin()
    visitor.press(START)
    visitor.sees("Face check")
    other = Visitor(visitor.page.context.new_page(), visitor.world)
    other.begin()
    other.press(START)
    other.show_face()
    other.arrives()
    visitor.show_face()
    visitor.arrives()
    assert other.complaints == []


def test_another_browser_gets_nothing_from_the_way_back(new_visitor: NewVisitor) -> None:
    amara, somebody = new_visitor(), new_visitor()
    amara.begin()
    amara.press(START)
    amara.sees("Face check")
    # What the camera page would have opened in Amara's browser is opened in somebody else's.
    form = amara.page.locator("form.check")
    fields = {"session": form.locator("[name=session]").input_value(), "face": "amara", "outcome": "pass"}
    answer = amara.page.request.post(
        urljoin(amara.page.url, form.get_attribute("action")), form=fields, max_redirects=0
    )
    way_back = answer.headers["location"]
    somebody.page.goto(way_back)
    somebody.sees("Carry on in the browser you started with")
    assert "amara" not in somebody.page.content()
    amara.page.goto(way_back)
    amara.arrives()


def test_a_blocked_camera_is_told_before_leaving_and_there_is_help(new_visitor: NewVisitor) -> None:
    visitor = new_visitor(permissions=[])
    # Playwright grants or leaves open; "denied" is what Chrome's own settings would answer.
    session = visitor.page.context.new_cdp_session(visitor.page)
    session.send(
        "Browser.setPermission",
        {"permission": {"name": "camera"}, "setting": "denied", "origin": visitor.world.portal.origin},
    )
    visitor.begin()
    notice = visitor.page.locator("#camera")
    expect(notice).to_contain_text("set to block the camera")
    with visitor.page.context.expect_page() as opened:
        notice.get_by_role("link").click()
    expect(opened.value.get_by_role("heading", level=1)).to_be_visible()
    expect(visitor.page.get_by_role("button", name=START)).to_be_enabled()


def test_the_camera_page_works_with_a_camera_and_shows_it_to_the_person_only(visitor: Visitor) -> None:
    visitor.begin()
    visitor.press(START)
    visitor.sees("Face check")
    visitor.press("Show my camera")
    expect(visitor.page.locator("video")).to_be_visible()
    expect(visitor.page.get_by_text("Only you see this.")).to_be_visible()
    visitor.show_face()
    visitor.arrives()


def test_with_verifeye_away_there_is_a_page_to_wait_on_and_okta_can_be_told(visitor: Visitor) -> None:
    visitor.world.portal.sandbox.next_answers(operation="signature/create", status=503, times=100)
    visitor.begin()
    visitor.press(START)
    visitor.sees("The camera check isn’t available right now")
    visitor.press(ANOTHER_WAY)
    visitor.arrives("temporarily_unavailable")
    visitor.sees("Nobody can be checked right now")


def test_a_result_that_verifeye_does_not_vouch_for_is_refused_and_one_can_go_on(visitor: Visitor) -> None:
    visitor.begin()
    visitor.press(START)
    visitor.show_face(outcome="Tampered signature")
    visitor.sees("We couldn’t use that result")
    expect(visitor.page.locator(".reference")).to_be_visible()
    visitor.press("Start again")
    visitor.press("Start again")
    visitor.show_face()
    visitor.arrives()
