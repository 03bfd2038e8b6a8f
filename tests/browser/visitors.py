"""Visitors of the world on loopback: what they press, what they see, what their browser says."""

import re
from urllib.parse import urlencode

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from tests.support.world import World

#: One database is enough here: what differs between the two is not seen in a browser.
ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

#: Words of the pages that many tests press or read.
START = "Start camera check"
AGAIN = "Try again"
FINISH = "Finish the check"
ANOTHER_WAY = "Use another way to sign in"
GO_BACK = "Go back to Acme sign-in"
#: What a browser writes to its console although everything is in order.
_HARMLESS = re.compile(r"Failed to load resource: the server responded with a status of (4|5)\d\d")


class Visitor:
    """Somebody with a browser window, who notices whatever the browser complains about."""

    def __init__(self, page: Page, world: World) -> None:
        self.page, self.world = page, world
        self.complaints: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not _HARMLESS.match(message.text):
            self.complaints.append(f"{self.page.url}: {message.text}")

    def begin(self, login: str | None = "amara@acme.example", **choice: str) -> None:
        """Come to the portal from the relying party, by the address that its form leads to."""
        query = urlencode({"login_hint": login or "", **choice})
        self.page.goto(f"{self.world.client}/start?{query}")

    def press(self, words: str) -> None:
        """Press the button or follow the link that says ``words``."""
        button = self.page.get_by_role("button", name=words, exact=True)
        button.or_(self.page.get_by_role("link", name=words, exact=True)).click()

    def sees(self, heading: str) -> None:
        """Wait for a page with this ``h1``."""
        expect(self.page.get_by_role("heading", level=1)).to_have_text(heading, timeout=15_000)

    def show_face(self, face: str = "Amara", outcome: str | None = None) -> None:
        """Choose at VerifEye's stand-in who is in front of the camera and what happens."""
        self.sees("Face check")
        self.page.get_by_role("radio", name=re.compile(f"^{face}")).check()
        if outcome:
            option = self.page.get_by_role("radio", name=re.compile(f"^{outcome}"), include_hidden=True)
            option.locator("xpath=ancestor::details").locator("summary").click()
            option.check()
        self.press(FINISH)

    def arrives(self, error: str | None = None) -> None:
        """Wait for the relying party's page that says how it went."""
        self.page.wait_for_url(f"{self.world.client}/sign-ins/*")
        if error is None:
            self.sees("Signed in as Amara Okafor")
        else:
            expect(self.page.locator(".result dd").first).to_have_text(error)
