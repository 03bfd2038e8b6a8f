"""Which connection a call goes out on, and that keeping it open changes nothing of what is sent."""

import gzip
import os
import socket
import ssl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import Timeout, parse_url

from portal.http import Outbound, OutboundRefusedAddress
from portal.http.pools import MOST, Pools

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def pools() -> Pools:
    kinds = {"http": HTTPConnectionPool, "https": HTTPSConnectionPool}
    return Pools(Outbound()._check, kinds.__getitem__, timeout=Timeout(1), answer_seconds=1, size=1)


def keeping(server, *answers: bytes) -> list[str]:
    """Let the server give ``answers`` over one connection; returns the requests behind the first."""
    asked: list[str] = []

    def talk(connection: socket.socket) -> None:
        connection.sendall(answers[0])
        for answer in answers[1:]:
            asked.append(connection.recv(65_536).decode())
            connection.sendall(answer)

    server.script.append(talk)
    return asked


def test_one_connection_serves_one_call_after_another(server):
    asked = keeping(server, OK, OK, OK)
    outbound = Outbound(retries=0)
    for path in ("", "a?b=c", "d"):
        assert outbound.get(server.url + path).json() == {}
    assert [request.split(" HTTP")[0] for request in asked] == ["GET /a?b=c", "GET /d"]


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("Content-Length: 0", b""),
        ("Content-Length: 7", b'{"a":1}'),
        ("Transfer-Encoding: chunked", b'7\r\n{"a":1}\r\n0\r\n\r\n'),
        (f"Content-Encoding: gzip\r\nContent-Length: {len(gzip.compress(b'x' * 500_000))}",
         gzip.compress(b"x" * 500_000)),
    ],
    ids=["empty", "measured", "chunked", "packed"],
)  # fmt: skip
def test_every_answer_is_read_to_its_end_and_the_next_begins_there(server, head, body):
    keeping(server, f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode() + body, OK)
    outbound = Outbound(retries=0)
    assert len(outbound.get(server.url).body) in {0, 7, 500_000}
    assert outbound.get(server.url).body == b"{}"


@pytest.mark.parametrize(
    "path",
    [
        "a/../b",
        "a/./b",
        ".well-known/x",
        "a#b",
        "a?b#c",
        "a?b=/../c",
        "%c3%a4",
        "ä?ä=ö",
        "a b",
        "a//b",
        "?x",
        "a\\b",
    ],
)
def test_the_same_is_asked_for_on_the_long_way_and_the_short_one(server, path):
    outbound = Outbound(retries=0)
    for _ in range(2):
        server.answer("200 OK")
        outbound.get(server.url + path)
    first, second = (request.split("\r\n")[0] for request in server.requests)
    assert first == second
    assert "#" not in first
    assert ".." not in first.partition("?")[0]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://known.example/", "known.example"),
        ("http://known.example", "known.example"),
        ("HTTP://KNOWN.example/", "known.example"),
        ("http://known.examples/", "known.examples"),
        ("http://known.examplf", "known.examplf"),
        ("http://known.example.evil.example/", "known.example.evil.example"),
        ("http://evil.example?http://known.example/", "evil.example"),
        ("http://evil.example#http://known.example/", "evil.example"),
        ("http://evil.example\\@known.example/", "evil.example"),
        ("http://known.example\\@evil.example/", "known.example"),
    ],
)
def test_no_url_borrows_the_connection_of_another_server(url, host):
    known = pools()
    known.way_to("http://known.example/")
    assert known.way_to(url)[0].host == host


@pytest.mark.parametrize(
    "url", ["http://known.example@evil.example/", "http://known.example:x@evil.example/"]
)
def test_what_is_refused_is_refused_behind_a_known_server_too(url):
    known = pools()
    known.way_to("http://known.example/")
    with pytest.raises(OutboundRefusedAddress):
        known.way_to(url)


origins = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["http", "https", "HTTP", "ftp"]),
    st.sampled_from(["", "u@", "known.example@", "u:p@"]),
    st.sampled_from(
        [
            "known.example",
            "KNOWN.example",
            "[::1]",
            "[fe80::1%25eth0]",
            "127.0.0.1",
            "%6b.example",
            "ä.example",
        ]
    ),
    st.sampled_from(["", ":", ":80", ":0443", ":443", ":99999"]),
)


@settings(deadline=None)
@given(st.lists(st.tuples(origins, st.text(alphabet="/?#\\@.:a%", max_size=6)), max_size=8))
def test_each_url_leads_where_its_parts_say_whatever_came_before(urls):
    known = pools()
    for origin, rest in urls:
        url = origin + rest
        try:
            pool, target = known.way_to(url)
        except OutboundRefusedAddress:
            with pytest.raises(OutboundRefusedAddress):
                pools().way_to(url)
            continue
        parts = parse_url(url)
        assert parts.auth is None
        assert (pool.scheme, pool.host) == (parts.scheme, parts.host.strip("[]"))
        assert pool.port == (parts.port or {"http": 80, "https": 443}[parts.scheme])
        assert parse_url(f"http://x{target}").request_uri == parts.request_uri


def test_a_forked_process_makes_its_own_connections(monkeypatch):
    known = pools()
    parents, _ = known.way_to("http://a.example/")
    assert known.way_to("http://a.example/b")[0] is parents
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert known.way_to("http://a.example/")[0] is not parents


def test_servers_that_nobody_calls_any_more_are_forgotten():
    known = pools()
    first, _ = known.way_to("http://a.example/")
    for number in range(MOST):
        known.way_to(f"http://a{number}.example/")
    assert known.way_to("http://a.example/")[0] is not first


def test_authorities_are_read_once_and_certificates_are_demanded():
    known = pools()
    trust = [known.way_to(f"https://{name}.example/")[0].conn_kw["ssl_context"] for name in "ab"]
    assert trust[0] is trust[1]
    assert trust[0].verify_mode is ssl.CERT_REQUIRED
    assert trust[0].check_hostname
    assert trust[0].minimum_version >= ssl.TLSVersion.TLSv1_2
