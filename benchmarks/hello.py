"""The least that a server can answer: what the WSGI server costs, and what Flask adds."""

from collections.abc import Callable, Iterable

from flask import Flask

_HELLO = b"hello"


def bare(
    _: dict[str, object], start_response: Callable[[str, list[tuple[str, str]]], object]
) -> Iterable[bytes]:
    """Answer without a framework."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(_HELLO)))])
    return (_HELLO,)


in_flask = Flask(__name__)


@in_flask.get("/")
def _hello() -> bytes:
    return _HELLO
