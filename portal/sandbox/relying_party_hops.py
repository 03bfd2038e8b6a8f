"""What the demo relying party saw of a sign-in: every request and answer, fit to be shown on a page.

Secrets are left out and codes and tokens are shortened when a hop is noted, so that the whole of them is
never kept longer than the sign-in needs it.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from portal import clock

#: Never shown, not even in part.
_HIDDEN = frozenset({"client_secret", "client_assertion"})
#: Shown by their beginning: good for a minute, or good for one use.
_SHORTENED = frozenset({"code", "code_verifier", "access_token", "id_token", "request", "Authorization"})
_LONGEST = 400

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Document:
    """Something that travelled, laid out for reading: what it is, and its named parts as JSON."""

    title: str
    parts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Hop:
    """One request and what came back.

    ``way`` is ``browser`` where the person's browser carried it, and ``server`` where the two servers spoke
    directly. ``at`` is left out where nobody looked at the clock, and ``milliseconds``, how long the answer
    took, where nobody waited for it.
    """

    title: str
    meaning: str
    way: str
    method: str
    address: str
    at: datetime | None
    sent: Pairs = ()
    status: int | None = None
    milliseconds: int | None = None
    answered: Pairs = ()
    documents: tuple[Document, ...] = field(default=())


def pairs(values: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> Pairs:
    """Return names and values as a page may show them."""
    items = values.items() if isinstance(values, Mapping) else values
    return tuple((name, shown(name, value)) for name, value in items)


def shown(name: str, value: Any) -> str:
    """Return ``value`` as text, hidden or shortened where its ``name`` says that it opens something."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if name in _HIDDEN:
        return "•••••••• (a secret: not shown)"
    if name in _SHORTENED and len(text) > 12:
        kind, _, rest = text.rpartition(" ")
        return f"{kind} {rest[:8]}… ({len(rest)} characters)".lstrip()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"


def taken_apart(title: str, token: str) -> Document:
    """Return the header and the claims of a JWS in compact form, unverified, for looking at."""
    header, _, rest = token.partition(".")
    parts = (("header", _readable(header)), ("claims", _readable(rest.partition(".")[0])))
    return Document(f"{title}, taken apart", parts)


def from_browser(title: str, meaning: str, method: str, address: str, **more: Any) -> Hop:
    """Return a hop that the browser carried, now."""
    return Hop(title, meaning, "browser", method, address, clock.now(), **more)


def _readable(part: str) -> str:
    try:
        decoded = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, binascii.Error):
        return "(cannot be read)"
    return json.dumps(decoded, indent=2, ensure_ascii=False)
