"""A server that answers with exactly the bytes a test gives it, however ill-mannered."""

import re
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

Script = list[bytes | Callable[[socket.socket], None]]


class ScriptedServer:
    """Takes one connection after another, reads a request, and plays the next act of the script."""

    def __init__(self) -> None:
        self.script: Script = []
        self.requests: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def answer(self, status: str, body: bytes = b"{}", *headers: str) -> None:
        """Add an ordinary answer to the script."""
        head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
        self.script.append("\r\n".join(head).encode() + b"\r\n\r\n" + body)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                self.requests.append(_read_request(connection))
                act = self.script.pop(0) if self.script else b""
                try:
                    if callable(act):
                        act(connection)
                    else:
                        connection.sendall(act)
                except OSError:
                    pass  # the client hung up, as some tests want it to


def _read_request(connection: socket.socket) -> str:
    """Read a head and, where one is announced, the whole body."""
    received = b""
    while b"\r\n\r\n" not in received and (part := connection.recv(65_536)):
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    announced = re.search(rb"(?i)content-length: (\d+)", head)
    while announced and len(body) < int(announced[1]) and (part := connection.recv(65_536)):
        body += part
    return (head + b"\r\n\r\n" + body).decode()


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    scripted = ScriptedServer()
    yield scripted
    scripted.close()
