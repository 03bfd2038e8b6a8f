"""Pictures of every page, for looking: ``python -m tests.web.gallery [--axe axe.min.js] [name …]``.

Serves the pages of the list from a test application, takes them with Chromium at three widths in
light and dark into ``.screenshots/``, and writes an ``index.html`` there. With ``--axe`` (the path of
axe-core's script) it also checks each page's accessibility and fails on any violation.
"""

import argparse
import json
import sys
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.support.web_server import listening, serving
from tests.web.conftest import TOP, make_app
from tests.web.pages import PAGES, STATUSES

OUT = TOP / ".screenshots"
SIZES = {"desktop": (1280, 900), "phone": (390, 844), "narrow": (320, 640)}


def addresses() -> dict[str, str]:
    """Return the path of every page by the name its pictures carry."""
    return {name: f"/pages/{name}" for name in PAGES} | {f"error-{s}": f"/errors/{s}" for s in STATUSES}


def take(browser: Browser, origin: str, wanted: dict[str, str], axe: str | None) -> list[str]:
    """Take all pictures; returns a line for everything a person would stumble over."""
    problems: list[str] = []
    for size, (width, height) in SIZES.items():
        for scheme in ("light", "dark"):
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
            page = context.new_page()
            listen(page, problems)
            for name, path in wanted.items():
                if name == "returning":  # to be looked at, not left
                    page.route("**/person.js*", lambda route: route.fulfill(body=""))
                page.goto(origin + path)
                page.wait_for_timeout(60)
                page.screenshot(path=OUT / f"{name}-{size}-{scheme}.png", full_page=True)
                found = violations(page, axe) if axe else []
                if page.evaluate("document.documentElement.scrollWidth") > width:
                    found.append("scrolls sideways")
                problems += [f"{name} ({size}, {scheme}): {line}" for line in found]
                page.unroute_all()
            context.close()
    return problems


def listen(page: Page, problems: list[str]) -> None:
    """Add what the browser's console complains of to ``problems``, but for the error pages' own statuses."""

    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "responded with a status of" not in message.text:
            problems.append(f"{page.url}: {message.text}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: problems.append(f"{page.url}: {error}"))


def violations(page: Page, axe: str) -> list[str]:
    """Return what axe-core finds wrong with the page: rule, impact and the elements."""
    page.evaluate(axe)
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        f"{v['id']} ({v['impact']}): {json.dumps([n['html'][:120] for n in v['nodes']])}"
        for v in found["violations"]
    ]


def index(names: list[str]) -> str:
    """Return a page that shows all pictures side by side."""
    rows = "".join(
        f"<h2>{name}</h2>"
        + "".join(
            f'<img src="{name}-{size}-{scheme}.png" height="480" alt="{size} {scheme}">'
            for size in SIZES
            for scheme in ("light", "dark")
        )
        for name in names
    )
    return f"<!doctype html><meta charset=utf-8><title>Pages</title>{rows}"


def main() -> int:
    """Take the pictures; returns 1 if there was anything to stumble over."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--axe", type=Path)
    options.add_argument("names", nargs="*")
    chosen = options.parse_args()
    wanted = {name: path for name, path in addresses().items() if not chosen.names or name in chosen.names}
    OUT.mkdir(exist_ok=True)
    with sync_playwright() as playwright, listening() as (listener, origin), serving(make_app(), listener):
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--use-fake-device-for-media-stream"]
        )
        problems = take(browser, origin, wanted, chosen.axe.read_text() if chosen.axe else None)
        browser.close()
    (OUT / "index.html").write_text(index(list(wanted)))
    print("\n".join(problems) or f"{len(wanted)} pages, nothing to stumble over; see {OUT}/index.html")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
