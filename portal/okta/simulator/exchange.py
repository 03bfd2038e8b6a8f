"""Speaking HTTP, and keeping what was said in a form that may be shown."""

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self
from urllib.parse import parse_qsl, urlsplit

import urllib3

from portal import clock
from portal.http import OutboundUnavailable
from portal.okta.simulator import reading

_LARGEST_ANSWER = 1 << 20
_TIMEOUT = urllib3.Timeout(connect=5, read=15)
#: Never shown, not even in part.
_HIDDEN = frozenset({"client_secret"})
#: Shown by their beginning: each opens something, once or for a while.
_SHORTENED = frozenset({"code", "code_verifier", "access_token", "id_token", "request"})
_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer: header names in lower case, and every ``Set-Cookie`` line for itself."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()


class Transport(Protocol):
    """What carries a request. A test may put its own in the place of :class:`Network`."""

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        """Send a request and return the answer, following no redirect.

        Raises :class:`portal.http.OutboundUnavailable` if there is none.
        """


class Network:
    """HTTP over the network; used as a context manager, it closes its connections at the end."""

    def __init__(self) -> None:
        self._pools = urllib3.PoolManager()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pools.clear()

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        """Send a request and return the answer; raises :class:`portal.http.OutboundUnavailable`."""
        try:
            reply = self._pools.request(
                method,
                url,
                headers={"User-Agent": "okta-simulator", **headers},
                body=body,
                redirect=False,
                retries=False,
                timeout=_TIMEOUT,
                preload_content=False,
            )
            content = reply.read(_LARGEST_ANSWER + 1, decode_content=True)
            reply.release_conn()
        except (urllib3.exceptions.HTTPError, OSError, UnicodeError) as error:
            raise OutboundUnavailable(f"{origin(url)} gives no answer ({type(error).__name__})") from error
        if len(content) > _LARGEST_ANSWER:
            reply.close()
            raise OutboundUnavailable(f"{origin(url)} answers with more than {_LARGEST_ANSWER} bytes")
        names = {name.lower(): value for name, value in reply.headers.items()}
        return Reply(reply.status, names, content, tuple(reply.headers.getlist("set-cookie")))


@dataclass(frozen=True, slots=True)
class Hop:
    """One request and its answer, fit to be shown: secrets are left out, codes and tokens shortened.

    ``way`` is ``server`` where Okta speaks to the provider, and ``browser`` where the person's browser does.
    """

    what: str
    way: str
    method: str
    url: str
    sent: Mapping[str, Any]
    status: int | None
    received: Mapping[str, Any]
    milliseconds: int | None = None


class Exchange:
    """The conversation of one simulation: sends through the ``transport`` and keeps every hop."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.hops: list[Hop] = []

    def get(self, what: str, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        """GET ``url``; raises :class:`portal.http.OutboundUnavailable`."""
        return self._send(what, "GET", url, {"Accept": "application/json", **(headers or {})}, None, {})

    def post(self, what: str, url: str, body: bytes, sent: Mapping[str, Any]) -> Reply:
        """POST ``body`` with the content type of a form, which Okta gives whatever the body is.

        ``sent`` is the same in readable form. Raises :class:`portal.http.OutboundUnavailable`.
        """
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        return self._send(what, "POST", url, headers, body, sent)

    def sent_off(self, address: str) -> None:
        """Keep the hop with which Okta sends the browser to the provider."""
        url, _, query = address.partition("?")
        sent = shown(dict(parse_qsl(query, keep_blank_values=True)))
        self.hops.append(Hop("Okta sends the browser off", "browser", "GET", url, sent, None, {}))

    def browsed(self, what: str, method: str, url: str, status: int) -> None:
        """Keep a hop of the walk. A query may carry a signed link: its names are kept, not its values."""
        address, _, query = url.partition("?")
        sent = {name: "…" for name, _ in parse_qsl(query, keep_blank_values=True)}
        self.hops.append(Hop(what, "browser", method, address, sent, status, {}))

    def returned(self, what: str, url: str, answer: Mapping[str, str]) -> None:
        """Keep the hop with which the browser comes back to Okta."""
        self.hops.append(Hop(what, "browser", "GET", url, shown(answer), None, {}))

    def _send(
        self,
        what: str,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        sent: Mapping[str, Any],
    ) -> Reply:
        began = clock.monotonic()
        status, received = None, dict[str, Any]()
        try:
            reply = self.transport.send(method, url, headers, body)
            status = reply.status
            try:
                received = shown(reading.json_object(reply.body, "The answer"))
            except reading.Malformed:
                received = {"body": f"{len(reply.body)} bytes that are no JSON object"}
        finally:
            took = round((clock.monotonic() - began) * 1000)
            self.hops.append(Hop(what, "server", method, url, shown(sent), status, received, took))
        return reply


def shown(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``values`` without secrets, and with what opens something shortened."""
    return {name: _shown(name, value) for name, value in values.items()}


def origin(url: str) -> str:
    """Return scheme, host and port of ``url``, for a sentence or for comparing."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def is_loopback(url: str) -> bool:
    """Say whether ``url`` leads to this machine."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or host.endswith(".localhost") or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _shown(name: str, value: Any) -> Any:
    if name in _HIDDEN:
        return "(not shown)"
    if name in _SHORTENED and isinstance(value, str) and len(value) > 12:
        return f"{value[:8]}… ({len(value)} characters)"
    if name == "keys" and isinstance(value, list):
        return f"{len(value)} public keys"
    if isinstance(value, str | int | float | bool) or value is None:
        return value[:_LONGEST] if isinstance(value, str) else value
    text = json.dumps(value, ensure_ascii=False)
    return value if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
