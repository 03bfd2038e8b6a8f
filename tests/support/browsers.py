"""A real browser (Debian's Chromium with a fake camera) and a portal on a real port for it to visit."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.support import machine, portal_app, web_server
from tests.support.databases import Database
from tests.support.sandbox_server import SandboxServer

ARGUMENTS = [
    "--no-sandbox",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(frozen=True)
class LivePortal:
    """A portal that listens on a real port, with the sandbox in VerifEye's place."""

    app: Flask
    origin: str
    sandbox: SandboxServer


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One Chromium per test process."""
    path = machine.program("chromium", "/usr/bin/chromium", "/usr/bin/google-chrome")
    if path is None:
        machine.missing("there is no Chromium (Debian's package `chromium`)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def new_browser(chromium: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Make browsers that share no cookies; the options are Playwright's (``viewport`` and others)."""
    opened: list[BrowserContext] = []

    def make(**options: Any) -> BrowserContext:
        context = chromium.new_context(**options)
        context.set_default_timeout(15_000)
        opened.append(context)
        return context

    yield make
    for context in opened:
        context.close()


@pytest.fixture
def browser_page(new_browser: Callable[..., BrowserContext]) -> Page:
    """A page in a fresh browser of a desktop's size."""
    return new_browser(viewport={"width": 1280, "height": 800}).new_page()


@pytest.fixture
def live_portal(
    database: Database, sandbox_server: SandboxServer, request: pytest.FixtureRequest
) -> Iterator[LivePortal]:
    """A portal on a port of its own, whose issuer is that address; takes settings as ``app`` does."""
    marker = request.node.get_closest_marker("settings")
    with web_server.listening() as (listener, origin):
        app = portal_app.make_app(database, issuer=origin, **(marker.kwargs if marker else {}))
        with web_server.serving(app, listener):
            yield LivePortal(app, origin, sandbox_server)
        portal_app.close(app)
