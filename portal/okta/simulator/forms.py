"""Reading a page's way on: its main button, and the form that the button sends.

A small reader for pages of one task, and a strict one: what a browser would have to guess about is refused.
"""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

_URLENCODED = "application/x-www-form-urlencoded"
_TEXT_KINDS = ("text", "email", "search", "tel", "hidden")
_IGNORED_KINDS = ("button", "image", "reset", "submit")


class Unreadable(Exception):
    """The page's forms cannot be read without guessing; the message is a sentence."""


class NoSuchChoice(Exception):
    """The form offers no such field or choice; the message is a sentence."""


@dataclass
class Form:
    """A form: where it goes, and the fields that a browser would send."""

    method: str
    action: str
    fields: dict[str, str] = field(default_factory=dict)
    #: The values of each group of radio buttons.
    choices: dict[str, list[str]] = field(default_factory=dict)
    #: The fields that a person types into and that are still empty.
    empty: list[str] = field(default_factory=list)
    #: The name and value of the main button, if it has them.
    button: tuple[str, str] | None = None

    def choose(self, name: str, value: str) -> None:
        """Choose a radio button; raises :class:`NoSuchChoice`."""
        if value not in self.choices[name]:
            offered = ", ".join(self.choices[name])
            raise NoSuchChoice(f"The page offers no {name} {value!r}; it offers {offered}.")
        self.fields[name] = value

    def sent(self) -> dict[str, str]:
        """Return what pressing the main button sends."""
        return self.fields | (dict([self.button]) if self.button else {})


@dataclass
class Page:
    """What a walker needs of a page: its heading, and the way on, a form or the address of a link."""

    heading: str
    form: Form | None
    link: str | None


def read(html: str, url: str) -> Page:
    """Return the way on of the page at ``url``; raises :class:`Unreadable`.

    The way on is the page's first main button: a submit button, or a link, of the class ``button``.
    """
    reader = _Reader(url)
    reader.feed(html)
    reader.close()
    if reader.open_form is not None:
        raise Unreadable("A form is not closed.")
    return Page(" ".join("".join(reader.heading).split()), reader.main_form, reader.main_link)


class _Reader(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self._url = url
        self.heading: list[str] = []
        self._in_heading = False
        self.open_form: Form | None = None
        self._is_main = False
        self.main_form: Form | None = None
        self.main_link: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "h1":
            self._in_heading = True
        elif tag == "form":
            self._begin(attributes)
        elif tag == "a" and self._is_way_on(attributes) and "href" in attributes and self._undecided:
            self.main_link = urljoin(self._url, attributes["href"])
        elif tag in ("input", "textarea", "select"):
            self._control(tag, attributes)
        elif tag == "button":
            self._button(attributes)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag == "h1":
            self._in_heading = False
        elif tag == "form":
            if self.open_form is None:
                raise Unreadable("A form ends that has not begun.")
            if self._is_main and self._undecided:
                self.main_form = self.open_form
            self.open_form = None

    def handle_data(self, data: str) -> None:
        if self._in_heading:
            self.heading.append(data)

    @property
    def _undecided(self) -> bool:
        return self.main_form is None and self.main_link is None

    def _begin(self, attributes: dict[str, str]) -> None:
        if self.open_form is not None:
            raise Unreadable("A form stands inside another.")
        method = attributes.get("method", "get").upper()
        if method not in ("GET", "POST") or attributes.get("enctype", _URLENCODED) != _URLENCODED:
            raise Unreadable("A form is sent in a way that this reader does not know.")
        self.open_form = Form(method, urljoin(self._url, attributes.get("action") or self._url))
        self._is_main = False

    def _control(self, tag: str, attributes: dict[str, str]) -> None:
        form, name = self.open_form, attributes.get("name")
        kind = attributes.get("type", "text").lower() if tag == "input" else tag
        if form is None or not name or "disabled" in attributes or kind in _IGNORED_KINDS:
            return
        value = attributes.get("value", "")
        if kind == "radio":
            form.choices.setdefault(name, []).append(value)
            if "checked" in attributes:
                form.fields[name] = value
        elif kind == "checkbox":
            if "checked" in attributes:
                form.fields[name] = attributes.get("value", "on")
        elif kind in _TEXT_KINDS:
            form.fields[name] = value
            if kind != "hidden" and not value:
                form.empty.append(name)
        else:
            raise Unreadable(f"The field {name} is of a kind that this reader does not know ({kind}).")

    def _button(self, attributes: dict[str, str]) -> None:
        submits = attributes.get("type", "submit").lower() == "submit" and "disabled" not in attributes
        if self.open_form is None or self._is_main or not submits or not self._is_way_on(attributes):
            return
        if "formaction" in attributes or "formmethod" in attributes:
            raise Unreadable("The main button changes where its form goes.")
        self._is_main = True
        if attributes.get("name"):
            self.open_form.button = (attributes["name"], attributes.get("value", ""))

    @staticmethod
    def _is_way_on(attributes: dict[str, str]) -> bool:
        words = attributes.get("class", "").split()
        return "button" in words and "quiet" not in words and "hidden" not in attributes
