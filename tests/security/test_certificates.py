"""Whose certificate is believed: of every outbound door, and what the example of nginx offers."""

import http.server
import re
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.http import GuardedOutbound, OperatorsOutbound, Outbound, OutboundUnavailable
from tests.support import mail_server
from tests.support.machine import TOP

DOORS = {
    "plain": lambda: Outbound(retries=0),
    "guarded": lambda: GuardedOutbound(allow_loopback=True, retries=0),
    "operator's": lambda: OperatorsOutbound(retries=0),
}
each_door = pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)


class _Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked = True  # type: ignore[attr-defined]
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[http.server.HTTPServer]:
    """A server over TLS whose certificate is for 127.0.0.1 and its own authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*mail_server.certificate(tmp_path))
    there = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    there.socket = context.wrap_socket(there.socket, server_side=True, do_handshake_on_connect=False)
    there.asked = False  # type: ignore[attr-defined]
    thread = threading.Thread(target=there.serve_forever)
    thread.start()
    yield there
    there.shutdown()
    thread.join(5)
    there.server_close()


@each_door
def test_a_certificate_of_nobody_or_for_another_name_is_not_believed(door, server, tmp_path, monkeypatch):
    port = server.server_port
    with pytest.raises(OutboundUnavailable, match=r"TLS: .*self-signed"):
        door().get(f"https://127.0.0.1:{port}/")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    with pytest.raises(OutboundUnavailable, match=r"TLS: .*mismatch"):
        door().get(f"https://localhost:{port}/")
    assert not server.asked
    assert door().get(f"https://127.0.0.1:{port}/").status == 204


def test_nginx_offers_the_two_versions_and_sealed_ciphers_with_fresh_keys_alone() -> None:
    text = (TOP / "config/deploy/nginx/portal.conf").read_text()
    protocols = re.findall(r"^\s*ssl_protocols (.+);", text, re.MULTILINE)
    # One for the public and one for Prometheus.
    assert [set(one.split()) for one in protocols] == [{"TLSv1.2", "TLSv1.3"}] * 2
    ciphers = re.findall(r"^\s*ssl_ciphers (.+);", text, re.MULTILINE)
    assert len(ciphers) == 2
    for cipher in ":".join(ciphers).split(":"):
        assert re.fullmatch(r"ECDHE-(ECDSA|RSA)-(AES(128|256)-GCM-SHA(256|384)|CHACHA20-POLY1305)", cipher)
