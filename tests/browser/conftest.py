"""Visitors in Chromium, and what a page of the flow must keep to."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.visitors import Visitor
from tests.support import machine
from tests.support.world import World, world

__all__ = ["world"]

AXE = machine.TOP / "tests" / "interop" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture
def new_visitor(world: World, new_browser: Callable[..., BrowserContext]) -> Iterator[Callable[..., Visitor]]:
    """Make visitors, each with a browser of their own; at the end nobody's browser may have complained."""
    visitors: list[Visitor] = []

    def make(**options: Any) -> Visitor:
        options = {"viewport": {"width": 1280, "height": 800}} | options
        visitors.append(Visitor(new_browser(**options).new_page(), world))
        return visitors[-1]

    yield make
    assert [complaint for visitor in visitors for complaint in visitor.complaints] == []


@pytest.fixture
def visitor(new_visitor: Callable[..., Visitor]) -> Visitor:
    """Somebody with a browser of a desktop's size."""
    return new_visitor()


@pytest.fixture(scope="session")
def axe_source() -> str:
    """The accessibility checker's script."""
    if not AXE.is_file():
        machine.missing("axe-core is not installed (`npm ci` in tests/interop)")
    return AXE.read_text(encoding="utf-8")


@pytest.fixture
def inspect(axe_source: str) -> Callable[[Visitor], None]:
    """Check the page that somebody looks at: accessibility, and how it fits a very small window."""

    def check(visitor: Visitor) -> None:
        page = visitor.page
        # Evaluated by the debugger, which no Content-Security-Policy binds.
        page.evaluate(f"() => {{ {axe_source} }}")
        found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
        told = [f"{one['id']}: {one['help']}: {[node['html'] for node in one['nodes']]}" for one in found]
        assert told == [], f"{page.url} ({page.title()}): {json.dumps(told, indent=1)}"
        size = page.viewport_size
        page.set_viewport_size({"width": 320, "height": 640})
        width = page.evaluate("document.documentElement.scrollWidth")
        page.set_viewport_size(size or {"width": 1280, "height": 800})
        assert width <= 320, f"{page.url} ({page.title()}) is {width} pixels wide in a window of 320"

    return check
