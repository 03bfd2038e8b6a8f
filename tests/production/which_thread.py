"""A WSGI application that says which thread answers."""

import threading
import time
from collections.abc import Callable, Iterable


def application(environ: dict[str, object], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Answer with the number of the thread; at /slow, when somebody else has taken a moment to answer."""
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.005)  # noqa: TID251 - what a thread waits for is what is looked at
    answer = str(threading.get_ident()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))])
    return (answer,)
