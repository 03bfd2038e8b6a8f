"""What the script adds to a page, seen in Chromium; and that nothing is missing without it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.web_server import listening, serving
from tests.web.conftest import make_app
from tests.web.pages import PAGES


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with listening() as (listener, origin), serving(make_app(), listener):
        yield origin


@pytest.fixture
def page(chromium: Browser, origin: str) -> Iterator[Page]:
    context = chromium.new_context(base_url=origin)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.innerText"))


def test_the_focus_goes_to_the_heading(page: Page) -> None:
    page.goto("/pages/start")
    assert focused(page) == "Confirm it’s you"


def test_the_focus_goes_to_what_has_to_be_put_right(page: Page) -> None:
    page.goto("/pages/identify-empty")
    assert focused(page).startswith("There is a problem")
    page.get_by_role("link", name="Enter your work e-mail").click()
    expect(page.get_by_label("Your work e-mail or username")).to_be_focused()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("start-retry", "We couldn’t match your face"),
        ("start-waiting", "You came back before the check was finished"),
    ],
)
def test_the_focus_goes_to_what_became_of_the_last_try(page: Page, name: str, words: str) -> None:
    """It stands above the heading, and somebody who cannot see would not hear how many tries are left."""
    page.goto(f"/pages/{name}")
    assert focused(page).startswith(words)
    told = page.get_by_role("group", name=words)
    expect(told).to_be_focused()


def test_a_form_is_sent_once_and_says_so(page: Page) -> None:
    sent: list[str] = []

    def slow(route: Route) -> None:
        sent.append(route.request.url)
        route.fulfill(status=204)  # no new page: this one stays, as it does while an answer is awaited

    page.route("**/capture/**", slow)
    page.goto("/pages/start")
    button = page.get_by_role("button", name="Start camera check")
    button.click()
    expect(page.locator("p.status")).to_have_text("Opening the camera page…")
    expect(button).to_have_attribute("aria-disabled", "true")
    button.click(force=True)
    page.get_by_role("button", name="Use another way to sign in").click(force=True)
    page.wait_for_timeout(200)
    assert len(sent) == 1


def test_an_answer_is_taken_back_by_itself(page: Page) -> None:
    taken: list[str | None] = []

    def client(route: Route) -> None:
        taken.append(route.request.post_data)
        route.fulfill(body="signed in")

    page.route("https://acme.okta.com/**", client)
    page.goto("/pages/returning")
    page.wait_for_url("https://acme.okta.com/**")
    assert taken == ["code=c0de&state=st%22ate&iss=https%3A%2F%2Fportal.example"]


def test_without_the_script_a_button_takes_the_answer_back(chromium: Browser, origin: str) -> None:
    context = chromium.new_context(base_url=origin, java_script_enabled=False)
    page = context.new_page()
    page.route("https://acme.okta.com/**", lambda route: route.fulfill(body="signed in"))
    page.goto("/pages/returning")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("https://acme.okta.com/**")
    context.close()


def test_the_page_warns_before_its_time_runs_out(page: Page) -> None:
    page.clock.install()
    page.goto("/pages/start")
    page.clock.fast_forward("08:30")
    expect(page.locator("#expiry")).to_be_hidden()
    page.clock.fast_forward("00:45")
    expect(page.locator("#expiry")).to_contain_text("about one more minute")
    expect(page.get_by_role("link", name="Get more time")).to_be_visible()
    page.clock.fast_forward("01:00")
    expect(page.locator("#expiry")).to_contain_text("has run out")


def test_a_camera_that_is_there_and_allowed_needs_no_words(page: Page) -> None:
    page.goto("/pages/start")
    page.wait_for_timeout(200)
    expect(page.locator("#camera")).to_be_hidden()


@pytest.mark.parametrize(
    ("meddling", "words"),
    [
        ("navigator.mediaDevices.enumerateDevices = async () => []", "can’t find a camera"),
        ("navigator.permissions.query = async () => ({state: 'denied'})", "set to block the camera"),
        ("Object.defineProperty(navigator, 'mediaDevices', {value: undefined})", "can’t use a camera here"),
        (
            "Object.defineProperty(navigator, 'userAgent', {value: 'Mozilla/5.0 (Android 15; wv) Chrome'})",
            "inside another app",
        ),
    ],
)
def test_what_stands_in_the_cameras_way_is_said_before_leaving(page: Page, meddling: str, words: str) -> None:
    page.add_init_script(meddling)
    page.goto("/pages/start")
    expect(page.locator("#camera")).to_contain_text(words)
    expect(page.get_by_role("link", name="Help with the camera")).to_be_visible()


def test_help_opens_at_the_browser_in_use(page: Page) -> None:
    page.goto("/pages/camera-help")
    expect(page.locator("details").first).to_have_attribute("open", "")
    expect(page.locator("details[open] summary")).to_have_text("Chrome on a computer")


def test_times_are_told_in_the_readers_zone(chromium: Browser, origin: str) -> None:
    context = chromium.new_context(base_url=origin, timezone_id="Asia/Tokyo", locale="en-GB")
    page = context.new_page()
    page.goto("/moment")
    expect(page.locator("time")).to_have_text("21 November 2026 at 21:00")
    context.close()


def test_a_page_fits_a_telephone_also_with_letters_of_twice_the_size(chromium: Browser, origin: str) -> None:
    """WCAG 2.2, success criterion 1.4.4."""
    context = chromium.new_context(base_url=origin, viewport={"width": 390, "height": 844})
    page = context.new_page()
    too_wide = {}
    for name in PAGES.keys() - {"returning"}:  # that one is on its way elsewhere
        page.goto(f"/pages/{name}")
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 390:
            too_wide[name] = width
    context.close()
    assert too_wide == {}
