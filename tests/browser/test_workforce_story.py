"""`make run` in a real browser: from the group to the factor and back out, all of it by clicking."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.running_demo import Demo, demo, free_ports

# It starts many processes: one demo at a time, and on a busy machine it takes a while.
pytestmark = [pytest.mark.xdist_group("demo"), pytest.mark.timeout(400)]

#: What a side effect may take, from a click to its end in another program. It takes about a second.
SOON = 40_000
#: A mail is shown in a frame that runs no script, and Chromium says so when the debugger looks into it.
_HARMLESS = re.compile(
    r"Failed to load resource: .*status of 4\d\d|Blocked script execution in '[^']+/inbox/"
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with demo(tmp_path_factory.mktemp("story") / "demo", free_ports()) as started:
        started.wait_until_it_runs()
        yield started


class Walk:
    """Somebody who clicks through the story, in one browser."""

    def __init__(self, page: Page, running: Demo, name: str) -> None:
        self.page, self.name = page, name
        self.portal, self.sandbox, self.client, self.okta = running.origins
        self.first = name.split(" ")[0]
        self.login = f"{self.first.lower()}@acme.example"
        self.complaints: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))

    def _note(self, message: object) -> None:
        kind, text = getattr(message, "type", ""), getattr(message, "text", "")
        if kind in ("error", "warning") and not _HARMLESS.search(text):
            self.complaints.append(f"{self.page.url}: {text}")

    def press(self, words: str) -> None:
        button = self.page.get_by_role("button", name=words, exact=True)
        button.or_(self.page.get_by_role("link", name=words, exact=True)).first.click()

    def sees(self, heading: str | re.Pattern[str]) -> None:
        expect(self.page.get_by_role("heading", level=1)).to_have_text(heading, timeout=SOON)

    def orders(self, words: str) -> None:
        """Press a button of the local Okta that is about this person."""
        self.page.goto(f"{self.okta}/")
        self.press(f"{words} {self.name}")

    def waits_for(self, address: str, words: str) -> None:
        """Look at a page again and again until it says ``words``."""
        for _ in range(SOON // 250):
            self.page.goto(address)
            if words in self.page.locator("main").inner_text():
                return
            self.page.wait_for_timeout(250)
        raise AssertionError(f"{address} never said {words!r}: {self.page.locator('main').inner_text()}")

    def attribute_is(self, value: str) -> None:
        card = self.page.locator("li.card", has_text=self.login).locator("p.fact")
        for _ in range(SOON // 250):
            self.page.goto(f"{self.okta}/")
            if value in card.inner_text():
                return
            self.page.wait_for_timeout(250)
        raise AssertionError(f"the attribute of {self.name} never was {value}: {card.inner_text()}")

    def shows_face(self) -> None:
        self.sees("Face check")
        self.page.get_by_role("radio", name=re.compile(f"^{self.first}")).check()
        self.press("Finish the check")


@pytest.mark.parametrize(
    ("width", "name"), [(1280, "Chidi Eze"), (390, "Elif Demir")], ids=["desktop", "telephone"]
)
def test_from_the_group_to_the_factor_and_back_out(
    running: Demo,
    new_browser: Callable[..., BrowserContext],
    inspect: Callable[..., None],
    tmp_path: Path,
    width: int,
    name: str,
) -> None:
    walk = Walk(new_browser(viewport={"width": width, "height": 844}).new_page(), running, name)
    page = walk.page

    def look(title: str) -> None:
        page.screenshot(path=tmp_path / f"{width}-{title}.png", full_page=True)
        inspect(SimpleNamespace(page=page))

    page.goto(f"{walk.client}/")
    walk.sees("From the group to the factor, and back out")
    look("1-story")
    page.goto(f"{walk.client}/okta-sign-in?login={walk.login}")
    walk.sees("Okta does not ask for the face")
    look("2-not-yet")

    walk.orders("Add to Verified staff")
    look("3-people")
    walk.waits_for(f"{walk.okta}/inbox?to={walk.login}", walk.first)
    look("4-inbox")
    page.locator(".mails a").first.click()
    page.frame_locator("iframe").get_by_role("link").first.click()
    page.wait_for_url(f"{walk.portal}/**")
    look("5-invitation")
    walk.press("Continue with Okta")
    walk.sees("Sign in")
    expect(page.get_by_role("radio", name=re.compile(walk.name))).to_be_checked()
    look("6-sign-in")
    walk.press("Sign in")
    walk.press("Start camera check")
    walk.shows_face()
    walk.sees(re.compile("all set"))
    look("7-enrolled")

    walk.attribute_is("true")
    page.goto(f"{walk.client}/okta-sign-in?login={walk.login}")
    walk.press("Start camera check")
    walk.shows_face()
    walk.sees(f"Signed in as {name}")

    walk.orders("Suspend")
    walk.attribute_is("false")
    page.goto(f"{walk.client}/okta-sign-in?login={walk.login}")
    walk.sees("Okta does not ask for the face")
    walk.press("Go to the factor all the same")
    walk.press("Start camera check")
    walk.sees("The camera check isn’t set up for this account")
    look("8-refused")

    walk.orders("Unsuspend")
    walk.attribute_is("true")
    page.goto(f"{walk.client}/okta-sign-in?login={walk.login}")
    walk.press("Start camera check")
    walk.shows_face()
    walk.sees(f"Signed in as {name}")
    assert walk.complaints == []


@pytest.mark.parametrize("path", ["log", "hooks", "scim-apps", "trouble", "inbox"])
def test_the_admins_pages_are_accessible_and_fit(
    running: Demo, new_browser: Callable[..., BrowserContext], inspect: Callable[..., None], path: str
) -> None:
    page = new_browser(viewport={"width": 390, "height": 844}).new_page()
    page.goto(f"{running.origins[3]}/{path}")
    inspect(SimpleNamespace(page=page))


def test_scim_brings_somebody_in_as_well(running: Demo, new_browser: Callable[..., BrowserContext]) -> None:
    okta = running.origins[3]
    page = new_browser().new_page()
    page.goto(f"{okta}/")
    page.get_by_label("Given name").fill("Noor")
    page.get_by_label("Family name").fill("Haddad")
    page.get_by_label("Login").fill("noor@acme.example")
    page.get_by_role("button", name="Add person").click()
    page.get_by_role("button", name="Assign to Portal Noor Haddad").click()
    walk = Walk(page, running, "Noor Haddad")
    walk.waits_for(f"{okta}/", "Portal: provisioned")
    walk.waits_for(f"{okta}/inbox?to=noor@acme.example", "Noor")
    page.goto(f"{okta}/scim-apps")
    page.get_by_role("button", name="Push Verified staff Portal").click()
    walk.waits_for(f"{okta}/scim-apps", "pushed")
    page.get_by_role("button", name="Test connection Portal").click()
    expect(page.locator("main")).to_contain_text("The connection works")


def test_the_stand_ins_own_button_works_in_a_browser(
    running: Demo, new_browser: Callable[..., BrowserContext]
) -> None:
    page = new_browser().new_page()
    page.goto(f"{running.origins[1]}/sandbox/")
    page.get_by_role("button", name="Forget every face").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("VerifEye sandbox")
    expect(page.get_by_role("button", name="Forget every face")).to_have_count(0)
