"""What no view should have to think of: an address that is not text, a broken body, and one nobody read."""

import io
from typing import Any

from flask import Flask, Request, Response, abort, request
from werkzeug.exceptions import BadRequest, ClientDisconnected, RequestEntityTooLarge
from werkzeug.wsgi import get_input_stream

_CHUNK = 65_536
#: The longest body that the proxy in front lets through to any address, and a little more.
_LONGEST = 8 << 20


def init_app(app: Flask) -> None:
    """Refuse such requests before any view sees them, and read bodies to their end after it."""
    app.before_request(_look_at_what_came)
    app.after_request(_read_to_the_end)


def _look_at_what_came() -> None:
    """Answer 400 to raw bytes in a query: a URL is ASCII (RFC 3986), and Werkzeug fails on decoding them.

    And have whoever reads a body in chunks answer 400 if it is not well formed.
    """
    if not request.query_string.isascii():
        abort(400)
    if "HTTP_TRANSFER_ENCODING" in request.environ:
        request.environ["wsgi.input"] = _InChunks(request.environ["wsgi.input"])


class _InChunks(io.RawIOBase):
    """A body in chunks (RFC 9112 section 7.1), of which the server only says while reading that it is broken.

    Gunicorn does so by exceptions of its own, and Werkzeug would take those for an error of the portal's.
    """

    def __init__(self, body: Any) -> None:
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        try:
            read = self._body.read(len(into))
        except Exception as error:
            raise BadRequest from error
        into[: len(read)] = read
        return len(read)


def _read_to_the_end(response: Response) -> Response:
    """Read what is left of a body that was refused unread, if the proxy lets such through.

    A server that closes a connection with data unread resets it, and the proxy in front may lose the
    answer: a wrong secret would then look like a broken portal (502).
    """
    asked: Request = request._get_current_object()  # type: ignore[attr-defined]
    if not asked.environ.get("CONTENT_LENGTH"):
        return response
    length = asked.content_length
    if length and length <= _LONGEST:
        # What is longer than it may be was refused by its announced length: nothing of it is read yet.
        most = asked.max_content_length
        refused = most is not None and length > most
        try:
            unread = get_input_stream(asked.environ) if refused else asked.stream
            while unread.read(_CHUNK):
                pass
        except (ClientDisconnected, RequestEntityTooLarge):
            pass
    return response
