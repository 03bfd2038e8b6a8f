"""The audit log on its way to a webhook and to syslog."""

import json
import socket
import ssl
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select

from portal import clock as portal_clock
from portal import outbox
from portal.audit import chain
from portal.audit.events import Event
from portal.audit.log import record
from portal.extensions import db
from portal.models import AuditSink, OutboxMessage
from portal.outbox import schedule
from portal.settings import SettingsError
from portal.watch import sinks, syslog
from tests.support.portal_app import close, make_app

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


class Receiving(HTTPServer):
    """A webhook's receiver that keeps what it got and answers what it is told to."""

    def __init__(self):
        self.got, self.statuses = [], []
        super().__init__(("127.0.0.1", 0), _Post)


class _Post(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.headers.get("Authorization"), json.loads(body)))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments):
        """Say nothing."""


@pytest.fixture
def receiver():
    server = Receiving()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def sending(database, receiver, clock):
    app = make_app(
        database,
        audit_webhook_url=f"http://127.0.0.1:{receiver.server_port}/audit",
        audit_webhook_authorization="Splunk a-token-for-tests",
    )
    with app.app_context():
        work(clock)
        yield app
        app.extensions[sinks._EXTENSION]._pools.clear()
    close(app)


def happen(*clients):
    for client in clients:
        record(Event.CLIENT_DISABLED, client_id=client)
    db.session.commit()


def work(clock):
    """Do what a worker does until nothing is left."""
    for _ in range(2):
        clock.advance(20)
        schedule.run_now("audit.seal")
        schedule.run_now("audit.send")
        outbox.run_due()


def sent(receiver):
    return [event["client_id"] for _secret, batch in receiver.got for event in batch["events"]]


def test_every_event_arrives_once_in_order_with_its_hash(sending, receiver, clock, monkeypatch):
    monkeypatch.setattr(sinks, "BATCH", 2)
    receiver.got.clear()
    happen("a", "b", "c", "d", "e")
    work(clock)
    assert sent(receiver) == ["a", "b", "c", "d", "e"]
    assert [len(batch["events"]) for _secret, batch in receiver.got] == [2, 2, 1]
    secret, batch = receiver.got[0]
    assert secret == "Splunk a-token-for-tests"
    assert len(batch["events"][0]["hash"]) == 64
    work(clock)
    assert len(receiver.got) == 3, "nothing is sent without end"


def test_what_was_not_taken_is_sent_again_and_nothing_overtakes_it(sending, receiver, clock):
    receiver.got.clear()
    receiver.statuses = [500, 401]
    happen("a")
    work(clock)
    happen("b")
    for _ in range(4):
        clock.advance(200)
        work(clock)
    clients = sent(receiver)
    assert clients[0] == "a"
    assert clients[-1] == "b"
    assert clients.count("b") >= 1
    assert db.session.get(AuditSink, "webhook").sequence == chain.current().head_sequence


def test_a_batch_that_was_given_up_is_followed_by_another(sending, receiver, clock):
    receiver.got.clear()
    happen("a")
    clock.advance(20)
    schedule.run_now("audit.seal")
    schedule.run_now("audit.send")
    for message in db.session.scalars(select(OutboxMessage)):
        message.state = "dead"
    db.session.commit()
    work(clock)
    assert sent(receiver) == ["a"]


def test_a_receiver_that_is_switched_off_keeps_nothing_back(sending, receiver, clock, database):
    assert db.session.get(AuditSink, "webhook") is not None
    db.session.rollback()
    without = make_app(database)
    with without.app_context():
        schedule.run_now("audit.send")
        assert db.session.get(AuditSink, "webhook") is None
    close(without)


class Listener(threading.Thread):
    """Takes one connection and keeps what came over it until the other side ended."""

    def __init__(self, context=None):
        super().__init__()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port, self.context, self.got = self.socket.getsockname()[1], context, b""
        self.start()

    def run(self):
        connection, _address = self.socket.accept()
        if self.context:
            connection = self.context.wrap_socket(connection, server_side=True)
        with connection:
            while part := connection.recv(65_536):
                self.got += part
            if self.context:
                connection.unwrap().close()
        self.socket.close()


def frames(stream):
    """Take octet-counted frames apart (RFC 6587 section 3.4.1)."""
    found = []
    while stream:
        length, _, rest = stream.partition(b" ")
        found.append(rest[: int(length)])
        stream = rest[int(length) :]
    return found


EVENT = {
    "id": 7, "at": "2026-11-21T10:00:00.000000Z", "event": "oidc:client:authentication-failed",
    "reference": None, "client_id": "a\nb] é", "user_id": None, "fields": {"method": "x"},
    "sequence": 2_147_483_648, "hash": "0" * 64,
}  # fmt: skip


def test_a_message_is_rfc_5424_whatever_is_in_it():
    text = syslog.message(EVENT, "portal.test").decode("ascii")
    header, _, rest = text.partition(" [")
    parts = header.split(" ")
    assert parts[:4] == ["<110>1", "2026-11-21T10:00:00.000000Z", "portal.test", "verification-portal"]
    assert parts[5] == "oidc.client"
    assert len(parts) == 6
    assert rest.startswith('meta sequenceId="1"] {')
    assert json.loads(rest.partition("] ")[2]) == EVENT
    assert "\n" not in text


def test_syslog_over_tcp_counts_octets_and_waits_until_everything_was_read():
    listener = Listener()
    messages = [syslog.message(EVENT, "portal.test")] * 3
    syslog.send(syslog.receiver(f"tcp://127.0.0.1:{listener.port}"), messages)
    listener.join(10)
    assert frames(listener.got) == messages


def test_a_syslog_receiver_that_talks_on_for_ever_keeps_nobody(monkeypatch):
    monkeypatch.setattr(syslog, "_SECONDS", 0.3)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def talk():
            connection, _address = listening.accept()
            with connection, suppress(OSError):
                while not over.wait(0.02):
                    connection.sendall(b"x")

        threading.Thread(target=talk, daemon=True).start()
        to = syslog.receiver(f"tcp://127.0.0.1:{listening.getsockname()[1]}")
        ended = []
        sending = threading.Thread(target=lambda: ended.append(failure_of(to)), daemon=True)
        sending.start()
        sending.join(5)
        over.set()
    assert ended == [TimeoutError]


def failure_of(to):
    try:
        syslog.send(to, [b"one"])
    except OSError as error:
        return type(error)


def test_syslog_over_udp_is_a_datagram_each():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taking:
        taking.bind(("127.0.0.1", 0))
        taking.settimeout(5)
        to = syslog.receiver(f"udp://127.0.0.1:{taking.getsockname()[1]}")
        syslog.send(to, [b"one", b"two"])
        assert [taking.recv(100), taking.recv(100)] == [b"one", b"two"]


def contexts(folder):
    """Return a server's TLS context for 127.0.0.1 and that of a client who trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(portal_clock.after(-3600))
        .not_valid_after(portal_clock.after(3600))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    plain = serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return server, ssl.create_default_context(cafile=str(folder / "cert.pem"))


def test_syslog_over_tls_counts_octets_and_ends_in_peace(tmp_path):
    server, client = contexts(tmp_path)
    listener = Listener(server)
    messages = [syslog.message(EVENT, "portal.test")] * 3
    syslog.send(syslog.receiver(f"tls://127.0.0.1:{listener.port}"), messages, client)
    listener.join(10)
    assert frames(listener.got) == messages


def test_syslog_over_tls_believes_no_stranger():
    with socket.create_server(("127.0.0.1", 0)) as plain:
        port = plain.getsockname()[1]

        def answer():
            connection, _address = plain.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"this is no TLS")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(ssl.SSLError):
            syslog.send(syslog.receiver(f"tls://127.0.0.1:{port}"), [b"one"])
        thread.join(5)


@only_sqlite
def test_a_syslog_receiver_that_is_away_is_tried_again(database, clock):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    app = make_app(database, audit_syslog=f"tcp://127.0.0.1:{port}")
    with app.app_context():
        work(clock)
        happen("a")
        work(clock)
        waiting = db.session.scalars(select(OutboxMessage).where(OutboxMessage.state == "waiting")).one()
        assert waiting.topic == "audit.syslog"
        assert "did not take it" in waiting.last_error
    close(app)


WRONG = [
    {"audit_webhook_url": "http://siem.example.com/"},
    {"audit_webhook_url": "https://user:word@siem.example.com/"},
    {"audit_webhook_url": "https://[siem.example.com/"},
    {"audit_webhook_url": "https://siem.example.com:99999/"},
    {"audit_webhook_url": "https://:word@siem.example.com/"},
    {"audit_webhook_authorization": "Bearer a\nb"},
    {"audit_syslog": "siem.example.com"},
    {"audit_syslog": "http://siem.example.com"},
    {"audit_syslog": "tcp://siem.example.com:99999"},
]


@only_sqlite
@pytest.mark.parametrize("wrong", WRONG)
def test_receivers_that_cannot_be_are_refused_at_start(database, wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        make_app(database, **wrong)
