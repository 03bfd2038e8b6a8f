import socket
import threading

import pytest

from portal.http import Outbound, OutboundRefusedAddress, OutboundUnavailable, OutboundUnreadable


def test_a_redirect_is_returned_and_not_followed(server):
    server.answer("302 Found", b"", f"Location: {server.url}elsewhere")
    assert Outbound().get(server.url).status == 302
    assert len(server.requests) == 1


def test_a_body_over_the_limit_is_unreadable(server):
    server.answer("200 OK", b"x" * 2000)
    with pytest.raises(OutboundUnreadable):
        Outbound(max_bytes=1000).get(server.url)


def test_a_body_of_exactly_the_limit_is_read(server):
    server.answer("200 OK", b"x" * 1000)
    assert len(Outbound(max_bytes=1000).get(server.url).body) == 1000


def test_a_silent_server_is_unavailable(server):
    released = threading.Event()
    server.script.append(lambda connection: released.wait(5))
    with pytest.raises(OutboundUnavailable):
        Outbound(read_timeout=0.2, retries=0).get(server.url)
    released.set()


def test_a_server_that_drips_bytes_cannot_hold_us(server):
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(100_000):
            connection.sendall(b"x")

    server.script.append(drip)
    with pytest.raises(OutboundUnavailable):
        Outbound(total_seconds=0, retries=0).get(server.url)


@pytest.mark.parametrize(
    ("begin", "again"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", b"X-More: x\r\n"),
    ],
    ids=["header", "continue", "chunk size", "trailer"],
)
def test_nor_can_it_by_what_is_not_the_body(server, begin, again):
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(begin)
        while not over.wait(0.02):
            connection.sendall(again)

    server.script.append(drip)
    called = threading.Thread(target=calling, args=(server.url, over), daemon=True)
    called.start()
    called.join(5)
    held = called.is_alive()
    over.set()
    assert not held


def calling(url: str, over: threading.Event) -> None:
    with pytest.raises(OutboundUnavailable):
        Outbound(read_timeout=0.2, total_seconds=0.2, retries=0).get(url)
    over.set()


def test_a_second_answer_on_a_kept_connection_has_all_its_time_again(server):
    def twice(connection: socket.socket) -> None:
        for pause in (0.15, 0.15):
            threading.Event().wait(pause)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            connection.recv(65_536)

    server.script.append(twice)
    outbound = Outbound(read_timeout=0.2, total_seconds=0.05, retries=0)
    assert [outbound.get(server.url).status for _ in range(2)] == [200, 200]


def test_a_chunked_body_is_read_whole(server):
    server.script.append(
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n4\r\n":1}\r\n0\r\n\r\n'
    )
    assert Outbound().get(server.url).json() == {"a": 1}


def test_a_body_shorter_than_announced_is_unavailable(server):
    server.script.append(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}")
    with pytest.raises(OutboundUnavailable):
        Outbound(retries=0).get(server.url)


def test_nobody_listening_is_unavailable():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(OutboundUnavailable):
        Outbound(retries=0).get(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "ftp://localhost/",
        "http://",
        "http://user:secret@localhost/",
        "http://[::1",
        "http:///x",
    ],
)
def test_what_cannot_be_called_is_refused(url):
    with pytest.raises(OutboundRefusedAddress) as refusal:
        Outbound().get(url)
    assert "secret" not in str(refusal.value)
