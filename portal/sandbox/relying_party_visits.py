"""What the demo's two conversations share: which browser began what, and the page of one sentence."""

from collections import OrderedDict
from threading import Lock
from typing import Generic, Protocol, TypeVar

from flask import Response, make_response, render_template, request

from portal import credentials

#: Browsers keep cookies by host, not by port: on one machine every application needs names of its own.
_COOKIE = "demo-relying-party"
_REMEMBERED = 200


class Visit(Protocol):
    """Something that a browser began and that an answer with ``state`` continues."""

    @property
    def id(self) -> str:
        """The name in addresses."""

    @property
    def state(self) -> str:
        """What the answer has to carry."""

    @property
    def browser(self) -> str:
        """The browser's secret."""


V = TypeVar("V", bound=Visit)


class Visits(Generic[V]):
    """The latest visits, by their id and by their ``state``."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._by_id: OrderedDict[str, V] = OrderedDict()
        self._waiting: OrderedDict[str, V] = OrderedDict()

    def add(self, visit: V) -> None:
        """Remember a visit; the oldest is forgotten."""
        with self._lock:
            self._by_id[visit.id] = self._waiting[visit.state] = visit
            for memory in (self._by_id, self._waiting):
                if len(memory) > _REMEMBERED:
                    memory.popitem(last=False)

    def take(self, state: str, browser: str) -> V | None:
        """Return the visit that waits for an answer with ``state`` in this browser: once."""
        with self._lock:
            visit = self._waiting.get(state)
            if visit is None or not credentials.same(visit.browser, browser):
                return None
            return self._waiting.pop(state)

    def find(self, visit_id: str, browser: str) -> V | None:
        """Return the visit called ``visit_id``, if this browser began it."""
        with self._lock:
            visit = self._by_id.get(visit_id)
        return visit if visit is not None and credentials.same(visit.browser, browser) else None


def browser() -> str:
    """Return the secret of the browser that asks, or ``""``."""
    return request.cookies.get(_COOKIE, "")


def remember(response: Response, secret: str) -> Response:
    """Have the browser keep its secret."""
    response.set_cookie(_COOKIE, secret, httponly=True, samesite="Lax", path="/")
    return response


def message(status: int, title: str, sentence: str) -> Response:
    """Return a page with one sentence and a way on."""
    return make_response(render_template("demo/message.html", title=title, sentence=sentence), status)


def unexpected() -> Response:
    """Return the page for an answer that nobody waits for."""
    return message(
        400,
        "This answer is not expected here",
        "It belongs to nothing that this browser began, or it was taken already. Start again.",
    )
