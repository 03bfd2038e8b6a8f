"""Reading parameters as strictly as they must be: UTF-8, bounded, each once.

Werkzeug replaces what it cannot decode and keeps the first of repeated parameters; a provider must
notice both (RFC 6749 section 3.1), so queries and bodies are read here, from the bytes as received.
"""

import unicodedata
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from flask import Request

MOST_PARAMETERS = 64
LONGEST_NAME = 128
LONGEST_BODY = 65536
#: Longest value by parameter, in characters; every other value may have ``LONGEST_VALUE``.
LONGEST = {
    "request": 16384,
    "claims": 16384,
    "state": 4096,
    "nonce": 1024,
    "login_hint": 320,
    "id_token_hint": 8192,
    "client_assertion": 8192,
}
LONGEST_VALUE = 2048
#: JSON is read by a reader of its own: it may be indented, and a name in it has whatever letters it has.
_JSON = ("claims",)
_FORM = "application/x-www-form-urlencoded"


class Unreadable(Exception):
    """The query or body cannot be read as parameters at all."""


@dataclass
class Parameters:
    """Parameters that were read, and which of them offend and how; an empty one is absent (RFC 6749 3.1)."""

    values: dict[str, str] = field(default_factory=dict)
    repeated: set[str] = field(default_factory=set)
    unreadable: set[str] = field(default_factory=set)

    def get(self, name: str) -> str | None:
        """Return the value of ``name``, or ``None`` if it is absent, empty, repeated or unreadable."""
        if name in self.repeated or name in self.unreadable:
            return None
        return self.values.get(name) or None


def of_query(request: Request) -> Parameters:
    """Return the parameters of the query string; raises :class:`Unreadable`."""
    return _read(request.query_string)


def of_form(request: Request) -> Parameters:
    """Return the parameters of a form body; raises :class:`Unreadable`, also for another content type.

    A file upload or JSON is no form, and parameters in the query string of a POST do not count.
    """
    if request.content_type != _FORM and request.mimetype != _FORM:
        raise Unreadable
    return _read(request.get_data(cache=True))


def of_pairs(pairs: list[tuple[str, str]]) -> Parameters:
    """Return the parameters of decoded pairs (a JSON body); raises :class:`Unreadable` if too many."""
    if len(pairs) > MOST_PARAMETERS:
        raise Unreadable
    return _judge(pairs)


def is_clean(text: str) -> bool:
    """Say whether ``text`` is free of control characters, unassigned code points and line separators."""
    return (text.isascii() and text.isprintable()) or all(_is_plain(letter) for letter in text)


def is_visible_ascii(text: str) -> bool:
    """Say whether ``text`` has only the characters that RFC 6749 appendix A calls VSCHAR (no quote games)."""
    return text.isascii() and text.isprintable()


def _is_plain(letter: str) -> bool:
    return unicodedata.category(letter) not in ("Cc", "Cs", "Cn", "Co", "Zl", "Zp")


def _is_storable(text: str) -> bool:
    return not any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text if letter not in "\t\n\r")


def _read(raw: bytes) -> Parameters:
    if len(raw) > LONGEST_BODY:
        raise Unreadable
    try:
        pairs = _pairs(raw.decode("ascii"), "strict")
    except UnicodeDecodeError:
        return _read_leniently(raw)
    return _judge(pairs)


def _read_leniently(raw: bytes) -> Parameters:
    """Read what can be read, so that a request with one bad value can still be answered to its client."""
    parameters = _judge(_pairs(raw.decode("ascii", "replace"), "replace"))
    parameters.unreadable |= {name for name, value in parameters.values.items() if "\ufffd" in name + value}
    return parameters


def _pairs(text: str, errors: str) -> list[tuple[str, str]]:
    """Return names and values as a form encodes them (WHATWG URL 5.1); raises :class:`Unreadable`."""
    if text.count("&") >= MOST_PARAMETERS:
        raise Unreadable
    pairs = [one.partition("=") for one in text.split("&") if one]
    return [(_decoded(name, errors), _decoded(value, errors)) for name, _, value in pairs]


def _decoded(text: str, errors: str) -> str:
    if "+" in text:
        text = text.replace("+", " ")
    return unquote_to_bytes(text).decode("utf-8", errors) if "%" in text else text


def _judge(pairs: list[tuple[str, str]]) -> Parameters:
    parameters = Parameters()
    for name, value in pairs:
        if len(name) > LONGEST_NAME or not is_clean(name):
            parameters.unreadable.add(name[:LONGEST_NAME])
            continue
        if name in parameters.values:
            parameters.repeated.add(name)
            continue
        parameters.values[name] = value
        is_readable = is_clean(value) or (name in _JSON and _is_storable(value))
        if len(value) > LONGEST.get(name, LONGEST_VALUE) or not is_readable:
            parameters.unreadable.add(name)
    return parameters
