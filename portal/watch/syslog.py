"""Sending messages to a syslog receiver: RFC 5424 over UDP (RFC 5426), TCP (RFC 6587) or TLS (RFC 5425)."""

import json
import os
import socket
import ssl
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from portal import clock

_SECONDS = 10.0
_PORTS = {"udp": 514, "tcp": 601, "tls": 6514}
#: Facility 13 (log audit), severity 6 (informational).
_PRIORITY = 13 * 8 + 6
#: RFC 5424 section 7.3.1: what `sequenceId` may reach before it begins again with 1.
_LARGEST_ID = 2_147_483_647


class Receiver(NamedTuple):
    """Where a syslog receiver listens."""

    transport: str
    host: str
    port: int


def receiver(address: str) -> Receiver:
    """Return what ``udp://``, ``tcp://`` or ``tls://host:port`` names; raises ``ValueError``."""
    parts = urlsplit(address)
    if parts.scheme not in _PORTS or not parts.hostname or parts.path or parts.query or parts.username:
        raise ValueError("not udp://, tcp:// or tls:// with a host and perhaps a port")
    return Receiver(parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme])


def message(event: dict[str, Any], host: str) -> bytes:
    """Return an event of the audit log as one RFC 5424 message; its text is the event as JSON, in ASCII."""
    name = event["event"].rpartition(":")[0].replace(":", ".")[:32]
    number = (event["sequence"] - 1) % _LARGEST_ID + 1
    header = f"<{_PRIORITY}>1 {event['at']} {_printable(host, 255)} verification-portal {os.getpid()} {name}"
    text = json.dumps(event, separators=(",", ":"))
    return f'{header} [meta sequenceId="{number}"] {text}'.encode("ascii")


def send(to: Receiver, messages: Sequence[bytes], context: ssl.SSLContext | None = None) -> None:
    """Send ``messages`` in their order; raises ``OSError`` where the receiver did not take them.

    A stream is ended from our side and then read until the receiver ends its own, so that what lies in a
    buffer when the receiver dies does not pass for delivered. UDP promises nothing. TLS is verified against
    the system's authorities unless ``context`` says otherwise.
    """
    if to.transport == "udp":
        _send_datagrams(to, messages)
        return
    # Octet counting (RFC 6587 section 3.4.1, RFC 5425 section 4.3): the text may then hold anything.
    stream = b"".join(b"%d %b" % (len(each), each) for each in messages)
    with socket.create_connection((to.host, to.port), timeout=_SECONDS) as plain:
        if to.transport == "tcp":
            plain.sendall(stream)
            plain.shutdown(socket.SHUT_WR)
            _read_to_the_end(plain)
            return
        context = context or ssl.create_default_context()
        with context.wrap_socket(plain, server_hostname=to.host) as secured:
            secured.sendall(stream)
            try:
                # Sends close_notify and waits for the receiver's: everything before it was read.
                secured.unwrap().close()
            except ssl.SSLEOFError:
                return  # the receiver ended the connection without a word, after ours


def _send_datagrams(to: Receiver, messages: Sequence[bytes]) -> None:
    kind, kind_of_socket, protocol, _name, address = socket.getaddrinfo(
        to.host, to.port, type=socket.SOCK_DGRAM
    )[0]
    with socket.socket(kind, kind_of_socket, protocol) as sender:
        for each in messages:
            sender.sendto(each, address)


def _read_to_the_end(connection: socket.socket) -> None:
    ends = clock.monotonic() + _SECONDS
    while connection.recv(4096):
        if clock.monotonic() > ends:
            raise TimeoutError("the receiver talks on and does not end the connection")


def _printable(text: str, most: int) -> str:
    return "".join(letter for letter in text if "!" <= letter <= "~")[:most] or "-"
