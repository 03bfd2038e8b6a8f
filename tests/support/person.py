"""A person with a browser: opens pages, reads them, presses buttons, and is sent from site to site.

The portal is reached through its test client (with its cookies, and with every page checked), VerifEye's
stand-in over real HTTP, and everything else, such as the relying party's address, is where a walk ends.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit
from xml.etree.ElementTree import Element

import html5lib
import urllib3
from flask.testing import FlaskClient

from tests.page_checks import text_of

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_HOPS = 20


@dataclass(frozen=True)
class Page:
    """A page as it was sent."""

    url: str
    status: int
    headers: Any
    html: str

    @property
    def document(self) -> Element:
        """The page, parsed."""
        return html5lib.parse(self.html, namespaceHTMLElements=False)

    @property
    def heading(self) -> str:
        """The words of the ``h1``."""
        return " | ".join(text_of(element) for element in self.document.iter("h1"))

    @property
    def text(self) -> str:
        """Everything a person can read in the page's body."""
        body = self.document.find("body")
        return text_of(body) if body is not None else ""

    def link(self, words: str) -> str:
        """Return the address of the link whose text contains ``words``."""
        for element in self.document.iter("a"):
            if words in text_of(element):
                return urljoin(self.url, element.get("href") or "")
        raise AssertionError(f"no link says {words!r} on the page: {self.text}")

    def form(self, words: str | None = None) -> "Form":
        """Return the form of the button that says ``words``; without them, of the first in ``main``."""
        main = self.document.find(".//main")
        for form in main.iter("form") if main is not None else ():
            for button in form.iter("button"):
                if (button.get("type") or "submit") == "submit" and (words or "") in text_of(button):
                    return Form(self.url, form, button)
        raise AssertionError(f"no button says {words!r} on the page: {self.text}")


class Form:
    """A form and the button that sends it."""

    def __init__(self, page_url: str, element: Element, button: Element) -> None:
        self.method = (element.get("method") or "get").upper()
        self.action = urljoin(page_url, button.get("formaction") or element.get("action") or page_url)
        self.fields = dict(_successful(element))
        if button.get("name"):
            self.fields[button.get("name") or ""] = button.get("value") or ""


@dataclass(frozen=True)
class Arrival:
    """Where a walk ended outside the portal and VerifEye: at the relying party, with what it was given."""

    url: str
    parameters: dict[str, str]

    @property
    def address(self) -> str:
        """The address without its query."""
        return self.url.partition("?")[0]


class Person:
    """One person with one browser. ``others`` are the origins, beside the portal's, that can be walked."""

    def __init__(self, client: FlaskClient, *others: str) -> None:
        self._client = client
        self._portal = client.application.extensions["portal.settings"].issuer
        self._others = others
        #: Every address that was visited, in order.
        self.visited: list[str] = []
        self._page: Page | None = None
        self._arrival: Arrival | None = None

    @property
    def page(self) -> Page:
        """The page that the person looks at."""
        assert self._page is not None, f"there is no page: the walk ended at {self._arrival}"
        return self._page

    @property
    def arrival(self) -> Arrival:
        """Where the walk ended."""
        assert self._arrival is not None, f"still at {self.page.url} ({self.page.status}): {self.page.text}"
        return self._arrival

    @property
    def has_arrived(self) -> bool:
        """Whether the walk ended outside."""
        return self._arrival is not None

    def open(self, url: str) -> Page | Arrival:
        """Open an address and follow where it leads, to a page or to the end of the walk."""
        return self._go("GET", url, None)

    def follow(self, words: str) -> Page | Arrival:
        """Follow the link whose text contains ``words``."""
        return self.open(self.page.link(words))

    def press(self, words: str | None = None, **fields: str) -> Page | Arrival:
        """Press the button that says ``words`` (the first one, without), with ``fields`` filled in."""
        form = self.page.form(words)
        values = form.fields | fields
        if form.method == "GET":
            return self._go("GET", f"{form.action}?{urlencode(values)}", None)
        return self._go("POST", form.action, values)

    def reload(self) -> Page | Arrival:
        """Open the page's address anew."""
        return self.open(self.page.url)

    def _go(self, method: str, url: str, fields: dict[str, str] | None) -> Page | Arrival:
        url = urljoin(self._portal, url)
        for _ in range(_MOST_HOPS):
            if not url.startswith((f"{self._portal}/", *(f"{origin}/" for origin in self._others))):
                parameters = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True)) | (fields or {})
                self._page, self._arrival = None, Arrival(url, parameters)
                return self._arrival
            self.visited.append(url)
            page = self._ask(method, url, fields)
            if page.status not in _REDIRECTS:
                self._page, self._arrival = page, None
                return page
            url = urljoin(url, page.headers["Location"])
            if page.status not in (307, 308):
                method, fields = "GET", None
        raise AssertionError(f"more than {_MOST_HOPS} redirects: {self.visited[-_MOST_HOPS:]}")

    def _ask(self, method: str, url: str, fields: dict[str, str] | None) -> Page:
        if url.startswith(f"{self._portal}/"):
            headers = {"Origin": self._portal} if method == "POST" else {}
            answer = self._client.open(
                url.removeprefix(self._portal), method=method, data=fields, headers=headers
            )
            return Page(url, answer.status_code, answer.headers, answer.text)
        with urllib3.PoolManager() as pool:
            options = {"fields": fields, "encode_multipart": False} if fields is not None else {}
            reply = pool.request(method, url, redirect=False, retries=False, **options)
            return Page(url, reply.status, reply.headers, reply.data.decode())


def _successful(form: Element) -> list[tuple[str, str]]:
    """Return the fields that a browser would send: names and values of the form's controls."""
    fields = []
    for control in form.iter():
        name = control.get("name")
        if not name or control.get("disabled") is not None:
            continue
        if control.tag == "input":
            kind = (control.get("type") or "text").lower()
            if kind in ("submit", "button", "image", "reset"):
                continue
            if kind in ("checkbox", "radio") and control.get("checked") is None:
                continue
            fields.append((name, control.get("value") or ("on" if kind == "checkbox" else "")))
        elif control.tag == "textarea":
            fields.append((name, control.text or ""))
        elif control.tag == "select":
            options = list(control.iter("option"))
            chosen = [option for option in options if option.get("selected") is not None] or options[:1]
            fields += [(name, option.get("value") or text_of(option)) for option in chosen]
    return fields
