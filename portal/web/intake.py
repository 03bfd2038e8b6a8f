"""What no view should have to think of: an address that is not even text, and a body that nobody read."""

from flask import Flask, Request, Response, abort, request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.wsgi import get_input_stream

_CHUNK = 65_536
#: The longest body that the proxy in front lets through to any address, and a little more.
_LONGEST = 8 << 20


def init_app(app: Flask) -> None:
    """Refuse such requests before any view sees them, and read bodies to their end after it."""
    app.before_request(_refuse_raw_bytes)
    app.after_request(_read_to_the_end)


def _refuse_raw_bytes() -> None:
    """Answer 400 to raw bytes in a query: a URL is ASCII (RFC 3986), and Werkzeug fails on decoding them."""
    if not request.query_string.isascii():
        abort(400)


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
