import socket

import pytest

from portal import clock as portal_clock
from portal.http import (
    GuardedOutbound,
    OperatorsOutbound,
    OutboundRefusedAddress,
    OutboundUnavailable,
    is_public,
)
from portal.http.guarded import may_be_inside


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "2606:2800:220:1:248:1893:25c8:1946"])
def test_a_public_address_may_be_called(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "192.0.0.192",
        "100.64.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:1.1.1.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001::1",
        "fe80::1%eth0",
        "fec0::1",
        "fd00::1",
        "ff02::1",
        "2001:db8::1",
        "nonsense",
        "",
    ],
)
def test_any_other_address_is_refused(address):
    assert not is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_loopback_is_not_called(host):
    with pytest.raises(OutboundRefusedAddress):
        GuardedOutbound(retries=0).get(f"https://{host}/jwks")


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "017700000001", "loop.example"])
def test_no_other_spelling_of_loopback_is_called_either(host, monkeypatch):
    resolve, _ = resolving([["127.0.0.1"]] * 2)
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(OutboundRefusedAddress):
        GuardedOutbound(retries=0).get(f"https://{host}/jwks")


def test_plain_http_is_refused():
    with pytest.raises(OutboundRefusedAddress):
        GuardedOutbound().get("http://93.184.216.34/")


def test_the_demonstration_may_call_loopback_over_plain_http(server):
    server.answer("200 OK", b'{"keys": []}')
    assert GuardedOutbound(allow_loopback=True).get(server.url).json() == {"keys": []}


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_demonstration_still_may_not_call_the_inside(scheme):
    with pytest.raises(OutboundRefusedAddress):
        GuardedOutbound(allow_loopback=True).get(f"{scheme}://169.254.169.254/latest/meta-data")


def test_the_demonstration_may_not_call_the_outside_over_plain_http():
    with pytest.raises(OutboundRefusedAddress):
        GuardedOutbound(allow_loopback=True).get("http://93.184.216.34/")


def resolving(answers):
    """Return a resolver that gives each list of addresses in turn, and notes which names were asked."""
    asked = []

    def resolve(host, port, *arguments, **options):
        asked.append(host)
        addresses = [host] if host.count(".") == 3 else answers.pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    return resolve, asked


def test_a_name_that_changes_its_mind_after_the_check_gains_nothing(server, monkeypatch):
    resolve, asked = resolving([["127.0.0.1"], ["10.0.0.1"]])
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    server.answer("200 OK")
    GuardedOutbound(allow_loopback=True).get(f"http://changing.example:{server.port}/")
    assert asked == ["changing.example", "127.0.0.1"]
    assert f"Host: changing.example:{server.port}" in server.requests[0]


def test_one_inside_address_among_outside_ones_is_enough_to_refuse(monkeypatch):
    resolve, _ = resolving([["93.184.216.34", "10.0.0.1"]])
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(OutboundRefusedAddress):
        GuardedOutbound().get("https://mixed.example/")


def test_a_name_of_thousands_of_silent_addresses_does_not_get_a_time_out_for_each(monkeypatch):
    now, asked = [1000.0], []

    def silent(address, seconds, **options):
        asked.append(address)
        now[0] += seconds
        raise TimeoutError

    resolve, _ = resolving([[f"93.184.{high}.{low}" for high in range(16) for low in range(250)]])
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(portal_clock, "monotonic", lambda: now[0])
    monkeypatch.setattr("portal.http.guarded.connection.create_connection", silent)
    with pytest.raises(OutboundUnavailable):
        GuardedOutbound(retries=0, connect_timeout=3.0).get("https://many.example/")
    assert len(asked) == 5


def test_a_name_nobody_knows_is_unavailable(monkeypatch):
    def unknown(*arguments, **options):
        raise socket.gaierror("unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(OutboundUnavailable):
        GuardedOutbound(retries=0).get("https://nowhere.example/")


def test_a_name_that_is_no_name_is_refused_or_unavailable(monkeypatch):
    def too_long(*arguments, **options):
        raise UnicodeError("label too long")

    monkeypatch.setattr(socket, "getaddrinfo", too_long)
    with pytest.raises((OutboundRefusedAddress, OutboundUnavailable)):
        GuardedOutbound(retries=0).get(f"https://{'a' * 300}.example/")


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "127.0.0.1", "::1", "fd00::1", "1.1.1.1", "64:ff9b::101:101"]
)
def test_the_operators_own_servers_may_lie_inside(address):
    assert may_be_inside(address)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1",
        "fe80::1%eth0",
        "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254",
        "100.100.100.200", "192.0.0.192", "::ffff:192.0.0.192", "64:ff9b:1::1",
        "0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "::a9fe:a9fe", "nonsense",
    ],
)  # fmt: skip
def test_where_clouds_hand_out_credentials_nobody_is_called(address):
    assert not may_be_inside(address)


def test_an_operators_name_that_leads_there_is_refused_on_the_address_itself(monkeypatch):
    resolve, _ = resolving([["10.0.0.1", "169.254.169.254"]])
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(OutboundRefusedAddress):
        OperatorsOutbound(retries=0).get("https://siem.example/")


def test_an_operators_plain_http_goes_to_loopback_alone(monkeypatch):
    resolve, _ = resolving([["10.0.0.1"]])
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(OutboundRefusedAddress):
        OperatorsOutbound(retries=0).get("http://siem.example/")
