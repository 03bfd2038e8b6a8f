"""Pictures of the whole flow, to be looked at: ``python -m tests.browser.screenshots``.

Takes them from a running demo (``make run``, or the address of another relying party as argument) and writes
them to ``.screenshots/flow/``: every page at two widths, light and dark.
"""

import re
import sys
from collections.abc import Callable

from playwright.sync_api import Browser, Page, sync_playwright

from tests.support import machine
from tests.support.browsers import ARGUMENTS

FOLDER = machine.TOP / ".screenshots" / "flow"
WIDTHS = (1280, 390)
Take = Callable[[str], None]


def main(client: str) -> None:
    """Walk through every page, once for each look."""
    path = machine.program("chromium", "/usr/bin/chromium", "/usr/bin/google-chrome")
    if path is None:
        sys.exit("There is no Chromium (Debian's package `chromium`).")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        for scheme in ("light", "dark"):
            for width in WIDTHS:
                _look(browser, client, scheme, width)
        browser.close()
    print(f"The pictures are in {FOLDER}.")


def _look(browser: Browser, client: str, scheme: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.set_default_timeout(15_000)
    page = context.new_page()
    numbers = iter(range(1, 100))

    def take(name: str) -> None:
        page.wait_for_load_state("networkidle")
        page.screenshot(path=FOLDER / f"{next(numbers):02}-{name}-{width}-{scheme}.png", full_page=True)

    _good_day(page, client, take)
    _bad_day(page, client, take)
    _recovery(page, client, take)
    context.close()


def _good_day(page: Page, client: str, take: Take) -> None:
    page.goto(client)
    take("relying-party")
    page.get_by_text("How the request and the answer travel").click()
    take("relying-party-open")
    page.goto(f"{client}/start?login_hint=")
    take("identify")
    page.get_by_role("button", name="Continue").click()
    take("identify-error")
    page.get_by_role("textbox").fill("amara@acme.example")
    page.get_by_role("button", name="Continue").click()
    take("start")
    page.get_by_role("button", name="Start camera check").click()
    take("camera")
    _show(page, "Amara", "Liveness fails")
    take("try-again")
    page.get_by_role("button", name="Try again").click()
    _show(page, "Amara")
    take("signed-in")
    for summary in page.locator(".hop summary").all()[1:2]:
        summary.click()
    take("signed-in-open")


def _bad_day(page: Page, client: str, take: Take) -> None:
    page.goto(f"{client}/start?login_hint=amara@acme.example")
    page.get_by_role("button", name="Start camera check").click()
    for _ in range(3):
        _show(page, "Béla")
        page.wait_for_url(re.compile("/v1/openid/"))
        if page.get_by_role("button", name="Try again").count():
            page.get_by_role("button", name="Try again").click()
    take("refused")
    page.get_by_role("link", name="Go back to").click()
    take("not-signed-in")
    page.goto(f"{client}/start?login_hint=amara@acme.example")
    page.get_by_role("button", name="Start camera check").click()
    page.get_by_role("heading", name="Face check").wait_for()
    page.go_back()
    page.reload()
    take("came-back")
    page.get_by_role("button", name="Start again").click()
    _show(page, "Amara", "Tampered signature")
    take("result-rejected")
    page.goto(f"{client}/start?login_hint=dana@acme.example")
    page.get_by_role("button", name="Start camera check").click()
    take("not-set-up")
    portal = "/".join(page.url.split("/")[:3])
    for path in ("camera-help", "privacy", "terms", "no-such-page", "v1/openid/authorize"):
        page.goto(f"{portal}/{path}")
        take(path.replace("/", "-"))
    page.goto(f"{client}/no-such-page")
    take("relying-party-message")


def _recovery(page: Page, client: str, take: Take) -> None:
    page.goto(f"{client}/recover")
    page.get_by_text("How the request travels").click()
    take("recover")
    for names, what in (("familiar", "recovered"), ("wrong", "not-recovered")):
        page.goto(f"{client}/recover/start?person=sam@acme.example&more=everything&names={names}")
        if names == "familiar":
            take("recover-start")
        page.get_by_role("button", name="Start camera check").click()
        _show(page, "Sam")
        take(what)


def _show(page: Page, face: str, outcome: str | None = None) -> None:
    page.get_by_role("radio", name=re.compile(f"^{face}")).check()
    if outcome:
        option = page.get_by_role("radio", name=re.compile(f"^{outcome}"), include_hidden=True)
        option.locator("xpath=ancestor::details").locator("summary").click()
        option.check()
    page.get_by_role("button", name="Finish the check").click()
    page.wait_for_load_state("networkidle")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8082")
