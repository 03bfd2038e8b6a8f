"""Calls to URLs that somebody else chose, kept away from the inside of the operator's network."""

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.util import Url, connection

from portal import clock
from portal.http.answers import OutboundRefusedAddress, OutboundUnavailable
from portal.http.deadline import AnswersInTime, AnswersInTimeOverTLS, InTimePool, InTimeTLSPool
from portal.http.outbound import Outbound

#: NAT64's two prefixes, and the deprecated block of IPv4-compatible addresses.
_IPV6_TRANSLATED = tuple(ipaddress.IPv6Network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "::/96"))

#: Where clouds hand out credentials beside the link-local address (AWS and its Kubernetes over IPv6, Google
#: over IPv6, Alibaba, Oracle).
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "100.100.100.200", "192.0.0.192")
)


#: So many addresses of one name may keep us waiting; those that refuse at once do not count.
_SILENT_ADDRESSES = 4


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

    def _pool_class(self, scheme: str) -> type[HTTPConnectionPool]:
        if not self._allow_loopback:
            return _PublicHTTPSPool
        return _LoopbackTooHTTPSPool if scheme == "https" else _LoopbackHTTPPool


class OperatorsOutbound(Outbound):
    """Calls to addresses that the operator configured, which may lie inside: a VerifEye on site.

    What is never called: addresses from which a cloud's machines read their credentials, to which a name
    could be made to lead, and whatever else is no server (link-local, multicast). Plain http goes to loopback
    alone.
    """

    def _pool_class(self, scheme: str) -> type[HTTPConnectionPool]:
        return _OperatorsHTTPSPool if scheme == "https" else _LoopbackHTTPPool


def may_be_inside(address: str) -> bool:
    """Say whether ``address``, an IP address as text, may be a server of the operator or a public one."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and not ip.is_loopback:
        # A second spelling of an IPv4 address is judged as that address; NAT64 is how some networks reach it.
        wrapped = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF) if ip in _IPV6_TRANSLATED[0] else None
        ip = wrapped or ip.ipv4_mapped or ip.sixtofour or ip
        if ip.version == 6 and any(ip in network for network in _IPV6_TRANSLATED):
            return False
    # Of IPv6, "reserved" is everything that nobody was ever given; of IPv4, 240.0.0.0/4 with the broadcast.
    odd = ip.is_link_local or ip.is_multicast or ip.is_unspecified or (ip.is_reserved and not ip.is_loopback)
    return not odd and ip not in _METADATA


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
    if ip.is_multicast or ip.is_reserved or ip.is_unspecified or not ip.is_global or ip in _METADATA:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        wraps_ipv4 = ip.ipv4_mapped or ip.sixtofour or ip.teredo
        return not (wraps_ipv4 or ip.is_site_local or any(ip in network for network in _IPV6_TRANSLATED))
    return True


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def _connect(conn: HTTPConnection, may_be_called: Callable[[str], bool]) -> socket.socket:
    """Resolve the name of ``conn`` once, check every address it has, and connect to the first that answers.

    One bad address among good ones is enough to refuse: no honest name has both. Thousands that are silent do
    not get a time-out each.
    """
    try:
        found = socket.getaddrinfo(conn.host.strip("[]"), conn.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise OutboundUnavailable(f"the name {conn.host} cannot be resolved") from error
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not may_be_called(address):
            raise OutboundRefusedAddress(f"{conn.host} leads to an address that must not be called")
    failure: OSError | None = None
    began, patience = clock.monotonic(), conn.timeout if isinstance(conn.timeout, int | float) else 0.0
    for address in dict.fromkeys(addresses):
        if clock.monotonic() - began > _SILENT_ADDRESSES * patience:
            break
        try:
            return connection.create_connection(
                (address, conn.port or 0), conn.timeout, socket_options=conn.socket_options
            )
        except OSError as error:
            failure = error
    raise OutboundUnavailable(f"no connection to {conn.host}") from failure


class _PublicHTTPSConnection(AnswersInTimeOverTLS):
    def _new_conn(self) -> socket.socket:
        return _connect(self, is_public)


class _LoopbackTooHTTPSConnection(AnswersInTimeOverTLS):
    def _new_conn(self) -> socket.socket:
        return _connect(self, lambda address: is_public(address) or _is_loopback(address))


class _LoopbackHTTPConnection(AnswersInTime):
    def _new_conn(self) -> socket.socket:
        return _connect(self, _is_loopback)


class _OperatorsHTTPSConnection(AnswersInTimeOverTLS):
    def _new_conn(self) -> socket.socket:
        return _connect(self, may_be_inside)


class _PublicHTTPSPool(InTimeTLSPool):
    ConnectionCls = _PublicHTTPSConnection


class _LoopbackTooHTTPSPool(InTimeTLSPool):
    ConnectionCls = _LoopbackTooHTTPSConnection


class _LoopbackHTTPPool(InTimePool):
    ConnectionCls = _LoopbackHTTPConnection


class _OperatorsHTTPSPool(InTimeTLSPool):
    ConnectionCls = _OperatorsHTTPSConnection
