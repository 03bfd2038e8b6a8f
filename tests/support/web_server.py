"""A WSGI application served on a real loopback port, in threads of the test process."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server


class _Quiet(WSGIRequestHandler):
    """A handler that does not write every request to the test's output."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        """Say nothing."""


@contextmanager
def listening() -> Iterator[tuple[socket.socket, str]]:
    """Give a listening socket and its origin, before the application that needs to know it exists."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener, f"http://localhost:{listener.getsockname()[1]}"


@contextmanager
def serving(application: Callable[..., Any], listener: socket.socket) -> Iterator[None]:
    """Serve ``application`` on ``listener``, a thread for each request, until the block ends."""
    host, port = listener.getsockname()[:2]
    server = make_server(host, port, application, threaded=True, request_handler=_Quiet, fd=listener.fileno())
    server.daemon_threads = True  # a browser's open connection must not keep the test from ending
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()
