"""Calls to URLs that somebody else chose, kept away from the inside of the operator's network."""

import ipaddress
import socket
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import Url, connection

from portal.http.answers import OutboundRefusedAddress, OutboundUnavailable
from portal.http.outbound import Outbound

#: NAT64's two prefixes, and the deprecated block of IPv4-compatible addresses.
_IPV6_TRANSLATED = tuple(ipaddress.IPv6Network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "::/96"))


class GuardedOutbound(Outbound):
    """Calls to addresses that somebody else chose: https only, public addresses only.

    With ``allow_loopback`` (the demonstration and the tests) loopback addresses may be called as well,
    over http or https; everything else stays refused.
    """

    def __init__(self, *, allow_loopback: bool = False, **settings: Any) -> None:
        super().__init__(**settings)
        self._allow_loopback = allow_loopback

    def _check(self, url: str) -> Url:
        parts = super()._check(url)
        if parts.scheme != "https" and not self._allow_loopback:
            raise OutboundRefusedAddress("only https URLs are called")
        return parts

    def _new_pools(self) -> urllib3.PoolManager:
        manager = super()._new_pools()
        schemes: dict[str, Any] = (
            {"https": _LoopbackTooHTTPSPool, "http": _LoopbackHTTPPool}
            if self._allow_loopback
            else {"https": _PublicHTTPSPool}
        )
        manager.pool_classes_by_scheme = schemes
        return manager


def is_public(address: str) -> bool:
    """Say whether ``address``, an IP address as text, belongs to a host on the public Internet.

    False for private, loopback, link-local, shared (carrier-grade NAT), multicast, reserved and
    documentation addresses, and for IPv6 addresses that only wrap an IPv4 one (mapped, 6to4, Teredo,
    NAT64): those would be a second spelling of an address refused in its first.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if ip.is_multicast or ip.is_reserved or ip.is_unspecified or not ip.is_global:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        wraps_ipv4 = ip.ipv4_mapped or ip.sixtofour or ip.teredo
        return not (wraps_ipv4 or ip.is_site_local or any(ip in network for network in _IPV6_TRANSLATED))
    return True


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def _connect(conn: HTTPConnection, *, public: bool, loopback: bool) -> socket.socket:
    """Resolve the name of ``conn`` once, check every address it has, and connect to the first.

    One bad address among good ones is enough to refuse: no honest name has both.
    """
    try:
        found = socket.getaddrinfo(conn.host.strip("[]"), conn.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise OutboundUnavailable(f"the name {conn.host} cannot be resolved") from error
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not ((public and is_public(address)) or (loopback and _is_loopback(address))):
            raise OutboundRefusedAddress(f"{conn.host} leads to an address that must not be called")
    failure: OSError | None = None
    for address in addresses:
        try:
            return connection.create_connection(
                (address, conn.port or 0), conn.timeout, socket_options=conn.socket_options
            )
        except OSError as error:
            failure = error
    raise OutboundUnavailable(f"no connection to {conn.host}") from failure


class _PublicHTTPSConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self, public=True, loopback=False)


class _LoopbackTooHTTPSConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self, public=True, loopback=True)


class _LoopbackHTTPConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self, public=False, loopback=True)


class _PublicHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _PublicHTTPSConnection


class _LoopbackTooHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _LoopbackTooHTTPSConnection


class _LoopbackHTTPPool(HTTPConnectionPool):
    ConnectionCls = _LoopbackHTTPConnection
