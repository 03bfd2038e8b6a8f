"""The network is closed: a test reaches this machine's loopback and nothing else.

A connection that leaves the machine fails the test with a sentence, and not with an ``OSError`` that the
code under test would take for an unreachable service.
"""

import ipaddress
import socket
from typing import Any

import pytest

#: A host for configurations whose test must never call VerifEye: it cannot be resolved anywhere.
POISON_HOST = "you-forgot-to-start-the-sandbox.invalid"

_connect = socket.socket.connect
_connect_ex = socket.socket.connect_ex
_getaddrinfo = socket.getaddrinfo


@pytest.fixture(autouse=True, scope="session")
def closed_network() -> Any:
    """Let sockets connect to loopback only, and names resolve only if they are this machine's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", _guarded(_connect))
        patch.setattr(socket.socket, "connect_ex", _guarded(_connect_ex))
        patch.setattr(socket, "getaddrinfo", _resolve)
        yield


def _guarded(original: Any) -> Any:
    def connect(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            pytest.fail(f"a test tried to connect to {address[0]}:{address[1]}; the network is closed")
        return original(self, address)

    return connect


def _resolve(host: Any, *arguments: Any, **options: Any) -> Any:
    name = host.decode() if isinstance(host, bytes) else host
    if name and not _is_address(name) and not _is_loopback(name):
        pytest.fail(f"a test tried to resolve {name}; the network is closed")
    return _getaddrinfo(host, *arguments, **options)


def _is_loopback(name: str) -> bool:
    if name in ("localhost", socket.gethostname()) or name.endswith(".localhost"):
        return True
    return _is_address(name) and ipaddress.ip_address(name.partition("%")[0]).is_loopback


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True
