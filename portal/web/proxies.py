"""Which forwarded headers are believed: those of the reverse proxies that the settings name and count.

``X-Forwarded-For`` decides whom a rate limit counts and whose address the audit keeps, ``X-Forwarded-Proto``
whether a cookie may travel, ``X-Forwarded-Host`` what an address is made of. Whoever reaches the portal
beside its proxy may write anything into them, so from anybody else they are gone before anything reads them.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from portal.settings import Settings

#: What ``ProxyFix`` and its like read (RFC 7239, and the older names that proxies use).
_FORWARDED = (
    "HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT", "HTTP_X_FORWARDED_PREFIX",
)  # fmt: skip

_Application = Callable[..., Iterable[bytes]]


def init_app(app: Flask, configured: Settings) -> None:
    """Let ``app`` see the visitor's address, scheme and host as the trusted proxies report them."""
    hops = configured.trusted_proxies
    if hops:
        believing = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)
        app.wsgi_app = _OnlyFrom(configured.trusted_proxy_addresses, believing)  # type: ignore[method-assign]


class _OnlyFrom:
    """Passes a request on, without its forwarded headers unless one of ``networks`` has sent it."""

    def __init__(self, networks: tuple[str, ...], application: _Application) -> None:
        self._application = application
        trusted = [ip_network(network) for network in networks]

        @lru_cache(maxsize=1024)
        def is_trusted(peer: str) -> bool:
            if not peer:
                return True  # it has come through a Unix socket, and may open it
            address = ip_address(peer)
            address = getattr(address, "ipv4_mapped", None) or address
            return any(address in network for network in trusted)

        self._is_trusted = is_trusted

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if not self._is_trusted(environ.get("REMOTE_ADDR") or ""):
            for name in _FORWARDED:
                environ.pop(name, None)
        return self._application(environ, start_response)
