"""A password recovered in a real browser: Okta's page, the portal, the camera page, and Okta's verdict."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.visitors import ONE_DATABASE, START, Visitor

pytestmark = ONE_DATABASE


@pytest.mark.parametrize(
    ("script", "named", "verdict", "reason"),
    [
        (True, "What they are called", "Samuel Lindqvist may set a new password", "CLAIMS_VERIFIED"),
        (False, "Another one", "Samuel Lindqvist gets no new password", "CLAIM_GIVEN_NAME_NOT_VERIFIED"),
    ],
    ids=["nickname", "another-name-without-script"],
)
def test_okta_learns_whether_it_is_them(
    new_visitor: Callable[..., Visitor],
    inspect: Callable[[Visitor], None],
    script: bool,
    named: str,
    verdict: str,
    reason: str,
) -> None:
    visitor = new_visitor(java_script_enabled=script)
    page = visitor.page
    page.goto(visitor.world.client)
    visitor.press("Recover my password (IDV)")
    visitor.sees("Recover my password")
    page.get_by_text("How the request travels").click()
    if script:
        inspect(visitor)
    for choice in ("Samuel", named, "All that it has", "JSON"):
        page.get_by_role("radio", name=re.compile(f"^{choice}")).check()
    visitor.press("Recover my password")
    visitor.sees("Confirm it’s you")
    # Nobody has signed in: whoever holds the link must not learn whose account it is.
    expect(page.get_by_text("s•••@acme.example")).to_be_visible()
    expect(page.get_by_text("get back into your account")).to_be_visible()
    visitor.press(START)
    visitor.show_face("Sam")
    visitor.sees(verdict)
    expect(page.locator(".verdict").locator("xpath=..")).to_contain_text(reason)
    expect(page.get_by_role("region", name="The ID token: claims")).to_contain_text("IDV-DELEGATED")
    if script:
        inspect(visitor)
