"""Waiting for a person: listens at a loopback redirect URI until the browser comes back."""

import queue
import socketserver
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from portal.okta.simulator.exchange import is_loopback
from portal.okta.simulator.sequence import BrowserStep, NobodyCameBack

#: The guide: a person must be allowed ten minutes.
TEN_MINUTES = 600.0
_LONGEST_BODY = 65_536
_LONGEST_WAIT_FOR_A_REQUEST = 10
_PAGE = """<!doctype html>
<html lang="en-GB"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:30rem;margin:4rem auto;padding:0 1rem}}</style>
</head><body><main><h1>{title}</h1><p>{text}</p></main></body></html>
"""


class CannotListen(Exception):
    """Nothing can listen at the redirect URI; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class PersonAtBrowser:
    """A browser step for a person: ``announce`` is given the address to open, then the answer is awaited.

    Waits for ``timeout`` seconds. Only an answer with the right ``state`` ends the wait; whatever else is
    opened at the address gets a page that says so.
    """

    announce: Callable[[str], None]
    timeout: float = TEN_MINUTES

    def __call__(self, step: BrowserStep) -> Mapping[str, str]:
        """Wait for the person; raises :class:`NobodyCameBack` and :class:`CannotListen`."""
        with _Listener(step.redirect_uri, step.state) as listener:
            self.announce(step.address)
            try:
                return listener.answers.get(timeout=self.timeout)
            except queue.Empty:
                strays = f" {listener.strays} answer(s) came with another state." if listener.strays else ""
                raise NobodyCameBack(f"Nobody came back within {self.timeout:.0f} seconds.{strays}") from None


def check_address(redirect_uri: str) -> None:
    """Raise :class:`CannotListen` unless ``redirect_uri`` is plain http, on this machine, with a port."""
    try:
        parts = urlsplit(redirect_uri)
        usable = parts.scheme == "http" and parts.port is not None and is_loopback(redirect_uri)
    except ValueError:
        usable = False
    if not usable:
        raise CannotListen(
            f"Nothing can listen at {redirect_uri}: for a person it has to be http, on this machine and "
            "with a port, such as http://localhost:8477/callback."
        )


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    # A browser may hold a connection open without asking anything; that must not keep the command.
    block_on_close = False
    allow_reuse_address = True


class _Listener:
    def __init__(self, redirect_uri: str, state: str) -> None:
        check_address(redirect_uri)
        parts = urlsplit(redirect_uri)
        self.path = parts.path or "/"
        self.state = state
        self.answers: queue.Queue[dict[str, str]] = queue.Queue()
        self.strays = 0
        host = parts.hostname or ""
        address = ("127.0.0.1" if host.endswith("localhost") else host, parts.port or 0)
        try:
            self._server = _Server(address, _handler(self))
        except OSError as error:
            why = (error.strerror or "the system refused").lower()
            raise CannotListen(f"Nothing can listen at {redirect_uri}: {why}.") from error
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(listener: _Listener) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _LONGEST_WAIT_FOR_A_REQUEST

        def do_GET(self) -> None:
            self._answer(urlsplit(self.path).query)

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "0")
            size = min(int(length), _LONGEST_BODY) if length.isdecimal() else 0
            self._answer(self.rfile.read(size).decode("utf-8", "replace"))

        def log_message(self, *_: object) -> None:
            """Say nothing: a query carries the code."""

        def _answer(self, query: str) -> None:
            if urlsplit(self.path).path != listener.path:
                self._show(404, "There is nothing here", "The simulator waits at another address.")
                return
            answer = dict(parse_qsl(query, keep_blank_values=True))
            if answer.get("state") != listener.state:
                listener.strays += 1
                self._show(400, "This does not belong here", "The simulator waits for another answer.")
                return
            self._show(
                200, "You are back", "You can close this page. The terminal says what Okta would make of it."
            )
            listener.answers.put(answer)

        def _show(self, status: int, title: str, text: str) -> None:
            page = _PAGE.format(title=title, text=text).encode()
            self.send_response(status)
            for name, value in (
                ("Content-Type", "text/html; charset=utf-8"),
                ("Content-Length", str(len(page))),
                ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
                ("Cache-Control", "no-store"),
                ("Referrer-Policy", "no-referrer"),
                ("Connection", "close"),
            ):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(page)

    return Handler
