"""Whoever we call, and whoever calls us, may send something small that becomes something huge."""

import gzip
import resource
import zlib

import pytest
from flask.testing import FlaskClient

from portal.http import Outbound, OutboundUnreadable
from tests.http.conftest import server

__all__ = ["server"]

HUGE = 300_000_000


def _bomb() -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    parts = [packer.compress(b"\0" * 1_000_000) for _ in range(HUGE // 1_000_000)]
    return b"".join(parts) + packer.flush()


def test_a_bomb_among_the_answers_is_put_down_at_the_limit(server) -> None:
    bomb = _bomb()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    server.answer("200 OK", bomb, "Content-Encoding: gzip")
    with pytest.raises(OutboundUnreadable):
        Outbound(max_bytes=100_000).get(server.url)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 100_000, f"{grown} kB more than before: it was unpacked as a whole"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("path", ["/verifeye/webhook", "/scim/v2/Users", "/okta/events", "/oauth2/par"])
def test_a_packed_request_is_not_unpacked(client: FlaskClient, path: str) -> None:
    answer = client.post(
        path,
        data=gzip.compress(b'{"a": 1}'),
        headers={"Content-Encoding": "gzip", "Content-Type": "application/json"},
    )
    assert 400 <= answer.status_code < 500
