"""A WSGI application that says which thread answers."""

import threading
from collections.abc import Callable, Iterable


def application(_: dict[str, object], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Answer with the number of the thread."""
    answer = str(threading.get_ident()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))])
    return (answer,)
