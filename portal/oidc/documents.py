"""Discovery and the key set, answered from memory: the same bytes for everybody, made anew every few seconds.

Relying parties fetch both again and again, and every sign-in may wait for one. So they are answered before
Flask, sessions and rate limits have any work with them; an answer from memory costs less than refusing it.
The portal writes no log line about it; the proxy in front does.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from flask import Flask
from werkzeug.http import is_resource_modified

from portal import clock

#: As often as a process looks for a new signing key.
REFRESH_SECONDS = 2.0
#: Headers that belong to one answer and not to the document.
_OF_ONE_ANSWER = frozenset({"x-request-id", "date"})

_Headers = list[tuple[str, str]]
_Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class _Document(NamedTuple):
    body: bytes
    headers: _Headers
    etag: str
    fresh_until: datetime


class PublishedDocuments:
    """A WSGI application that answers ``paths`` from memory and leaves everything else to ``inner``."""

    def __init__(self, inner: _Wsgi, paths: Iterable[str]) -> None:
        self._inner = inner
        self._paths = frozenset(paths)
        self._documents: dict[tuple[str, str], _Document] = {}
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        path = environ.get("PATH_INFO", "")
        if path not in self._paths or environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return self._inner(environ, start_response)
        # Strict-Transport-Security stands in the answer to https alone.
        key = (path, environ["wsgi.url_scheme"])
        document = self._documents.get(key)
        if document is None or not clock.is_within(document.fresh_until, REFRESH_SECONDS):
            return self._made_anew(key, environ, start_response)
        return _answer(document, environ, start_response)

    def forget(self) -> None:
        """Make every document anew: what it tells has changed in this process."""
        self._documents.clear()

    def _made_anew(
        self, key: tuple[str, str], environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Let Flask answer, and keep a whole and good answer for those who come next."""
        asked = {name: value for name, value in environ.items() if not name.startswith("HTTP_IF_")}
        said: list[tuple[str, _Headers]] = []

        def note(status: str, headers: Sequence[tuple[str, str]], _error: Any = None) -> None:
            said.append((status, list(headers)))

        # Whatever else was asked with it, the document is the same for everybody.
        answer = self._inner({**asked, "REQUEST_METHOD": "GET", "QUERY_STRING": ""}, note)
        try:
            body = b"".join(answer)
        finally:
            if hasattr(answer, "close"):
                answer.close()
        status, headers = said[-1]
        etag = dict(headers).get("ETag")
        if not status.startswith("200") or etag is None:
            if (last := self._documents.get(key)) is not None and status.startswith("5"):
                # The database is away: what was true a moment ago serves everybody better than an error.
                return _answer(last, environ, start_response)
            start_response(status, headers)
            return [body if environ["REQUEST_METHOD"] == "GET" else b""]
        kept = [(name, value) for name, value in headers if name.lower() not in _OF_ONE_ANSWER]
        document = _Document(body, kept, etag, clock.after(REFRESH_SECONDS))
        with self._lock:
            self._documents[key] = document
        return _answer(document, environ, start_response)


def init_app(app: Flask, endpoints: Iterable[str]) -> None:
    """Answer the addresses of ``endpoints`` from memory in ``app``."""
    wanted = set(endpoints)
    paths = [rule.rule for rule in app.url_map.iter_rules() if rule.endpoint in wanted]
    documents = PublishedDocuments(app.wsgi_app, paths)
    app.wsgi_app = documents  # type: ignore[method-assign]
    app.extensions["portal.oidc.documents"] = documents


def _answer(
    document: _Document, environ: dict[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    unchanged = "HTTP_IF_NONE_MATCH" in environ and not is_resource_modified(environ, etag=document.etag)
    if unchanged:
        without_body = [header for header in document.headers if not header[0].startswith("Content-")]
        start_response("304 Not Modified", without_body)
        return []
    start_response("200 OK", document.headers)
    return [document.body] if environ["REQUEST_METHOD"] == "GET" else []
