"""Enrolment by invitation in a real browser, at a desk and on a telephone, for everyone."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from portal.models import EnrolmentState
from portal.users import holds, invitations
from tests.browser.visitors import ONE_DATABASE
from tests.enrolment import conftest as enrolment
from tests.enrolment.conftest import Invited
from tests.support import okta_identity
from tests.support.browsers import LivePortal
from tests.support.okta_identity import OktaIdentity

pytestmark = ONE_DATABASE
Inspect = Callable[[Any], None]

DESK = {"width": 1280, "height": 800}
TELEPHONE = {"width": 390, "height": 844}


@pytest.fixture
def okta() -> Iterator[OktaIdentity]:
    """An Okta that signs the invited person in without asking."""
    with okta_identity.running() as running:
        yield running


@pytest.fixture
def invited(live_portal: LivePortal, okta: OktaIdentity) -> Invited:
    """Somebody who has to sign in with Okta before they enrol."""
    enrolment.connect(live_portal.app, okta)
    made = enrolment.invite(live_portal.app, live_portal.sandbox)
    okta.okta_id, okta.login = made.change(lambda user: (user.okta_id, user.login))
    return made


@pytest.fixture
def new_page(new_browser: Callable[..., BrowserContext]) -> Iterator[Callable[..., Page]]:
    """Open browsers; at the end none may have complained (a policy broken, a script that failed)."""
    complaints: list[str] = []

    def make(**options: Any) -> Page:
        page = new_browser(**{"viewport": DESK} | options).new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text) if message.type == "error" and _bad(message) else None
            ),
        )
        return page

    yield make
    assert complaints == []


def _bad(message: Any) -> bool:
    """Say whether it is more than a page's own status, which browsers note as an error."""
    return "the server responded with a status of" not in message.text


def sees(page: Page, heading: str) -> None:
    expect(page.locator("h1")).to_have_text(heading)


def press(page: Page, words: str) -> None:
    page.get_by_role("button", name=words).click()


def finish(page: Page) -> None:
    """Show the face at VerifEye's stand-in."""
    sees(page, "Face check")
    press(page, "Finish the check")


@pytest.mark.parametrize(
    ("size", "scheme"), [(DESK, "light"), (TELEPHONE, "dark")], ids=["desk", "telephone"]
)
def test_from_the_link_to_the_end(
    invited: Invited, new_page: Callable[..., Page], inspect: Inspect, size: Any, scheme: str
) -> None:
    page = new_page(viewport=size, color_scheme=scheme)
    page.goto(invited.url)
    sees(page, "Set up your face check")
    expect(page.get_by_text("First, you sign in with Okta")).to_be_visible()
    inspect(SimpleNamespace(page=page))
    press(page, "Continue with Okta")
    expect(page.get_by_role("button", name="Start camera check")).to_be_visible()
    expect(page.get_by_text(invited.login)).to_be_visible()
    inspect(SimpleNamespace(page=page))
    press(page, "Start camera check")
    finish(page)
    sees(page, "You’re all set")
    inspect(SimpleNamespace(page=page))
    page.reload()
    sees(page, "You’re all set")
    assert invited.enrolment is not None
    assert invited.enrolment.state == EnrolmentState.CONFIRMED

    page.goto(invited.url)
    sees(page, "Your face check is set up already")
    inspect(SimpleNamespace(page=page))


def test_the_pages_where_it_does_not_go_on_are_accessible_and_narrow(
    invited: Invited, new_page: Callable[..., Page], inspect: Inspect, okta: OktaIdentity
) -> None:
    page = new_page()
    visitor = SimpleNamespace(page=page)
    honest, okta.okta_id = okta.okta_id, "00usomebodyelse"
    page.goto(invited.url)
    press(page, "Continue with Okta")
    sees(page, "You signed in as somebody else")
    inspect(visitor)
    okta.okta_id = honest
    press(page, "Sign in again")
    press(page, "Not now")
    sees(page, "Nothing was set up")
    inspect(visitor)
    page.get_by_role("link", name="Start again now").click()
    sees(page, "Set up your face check")
    page.goto(invited.url[:-3])
    sees(page, "This link doesn’t work")
    inspect(visitor)
    invited.change(lambda user: holds.suspend(user, how="test"))
    page.goto(invited.url)
    sees(page, "This can’t be set up right now")
    inspect(visitor)
    invited.change(lambda user: (holds.resume(user, how="test"), invitations.revoke(user)))
    page.goto(invited.url)
    sees(page, "This invitation was taken back")


def test_the_pages_work_without_a_script(invited: Invited, new_page: Callable[..., Page]) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(invited.url)
    press(page, "Continue with Okta")
    press(page, "Start camera check")
    sees(page, "Face check")


def test_two_browsers_the_first_to_finish_wins(invited: Invited, new_page: Callable[..., Page]) -> None:
    desk, telephone = new_page(), new_page(viewport=TELEPHONE)
    for page in (desk, telephone):
        page.goto(invited.url)
        press(page, "Continue with Okta")
        press(page, "Start camera check")
        sees(page, "Face check")
    press(telephone, "Finish the check")
    sees(telephone, "You’re all set")
    press(desk, "Finish the check")
    expect(desk.locator("h1")).not_to_have_text("You’re all set")
    assert len(invited.audited("users:enrolment:confirmed")) == 1
