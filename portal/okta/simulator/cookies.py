"""The cookies of one walk: as much of RFC 6265 as two servers on one machine need."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class _Cookie:
    value: str
    path: str


class Cookies:
    """Keeps cookies by host, as browsers do: ports share them. A ``Domain`` widens nothing here."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str], _Cookie] = {}

    def take(self, url: str, lines: Iterable[str]) -> None:
        """Take the ``Set-Cookie`` lines of an answer from ``url``."""
        parts = urlsplit(url)
        for line in lines:
            pair, *rest = line.split(";")
            name, separator, value = pair.strip().partition("=")
            if not separator or not name:
                continue
            attributes = {
                key.strip().lower(): text.strip() for key, _, text in (a.partition("=") for a in rest)
            }
            path = attributes.get("path", "")
            if not path.startswith("/"):
                path = parts.path.rpartition("/")[0] or "/"
            key = (parts.hostname or "", path, name)
            if attributes.get("max-age") == "0":
                self._kept.pop(key, None)
            else:
                self._kept[key] = _Cookie(value, path)

    def header(self, url: str) -> str:
        """Return the ``Cookie`` header for a request to ``url``; empty if there is nothing to send.

        A cookie for https only is sent over http too: everything here is loopback, which browsers trust.
        """
        parts = urlsplit(url)
        sent = [
            (len(path), f"{name}={cookie.value}")
            for (host, path, name), cookie in self._kept.items()
            if host == (parts.hostname or "") and _covers(path, parts.path or "/")
        ]
        # The more specific path comes first (RFC 6265 section 5.4).
        return "; ".join(text for _, text in sorted(sent, key=lambda item: -item[0]))


def _covers(cookie_path: str, path: str) -> bool:
    return path == cookie_path or path.startswith(cookie_path.rstrip("/") + "/")
