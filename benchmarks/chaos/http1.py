"""A small HTTP/1.1 client for many people at once, which tells apart an answer from none."""

import asyncio
import ssl
from dataclasses import dataclass, field

#: Longer than any wait of the portal's own: a person sees its answer, not the end of their own patience.
PATIENCE = 60.0


class NoAnswer(Exception):
    """The connection failed before a whole answer was there: what was asked may have happened or not."""


@dataclass(frozen=True)
class Place:
    """Where requests go: an address, TLS or none, and headers that every request there carries."""

    host: str
    port: int
    name: str
    tls: ssl.SSLContext | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """An answer: its status, its headers (names in small letters; ``cookies`` apart) and its text."""

    status: int
    headers: dict[str, str]
    cookies: tuple[str, ...]
    text: str


class Connection:
    """One connection to a place, opened when it is needed and kept between requests."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(
        self, method: str, target: str, headers: dict[str, str] | None = None, body: str = ""
    ) -> Reply:
        """Make one request and return the whole answer; raises :class:`NoAnswer`."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._ask(method, target, headers or {}, body)
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            self.close()
            raise NoAnswer(type(error).__name__) from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    async def _ask(self, method: str, target: str, headers: dict[str, str], body: str) -> Reply:
        place = self.place
        if self._streams is None:
            name = place.name if place.tls else None
            self._streams = await asyncio.open_connection(
                place.host, place.port, ssl=place.tls, server_hostname=name, limit=1 << 18
            )
        reader, writer = self._streams
        lines = [f"{method} {target} HTTP/1.1", f"Host: {place.name}"]
        lines += [f"{name}: {value}" for name, value in (place.headers | headers).items()]
        if method == "POST":
            lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
        writer.write(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields, cookies = {}, []
        for line in head[1:]:
            name, _, value = line.partition(": ")
            if name.lower() == "set-cookie":
                cookies.append(value)
            elif name:
                fields[name.lower()] = value
        text = (await _body(reader, fields)).decode()
        if fields.get("connection", "").lower() == "close":
            self.close()
        return Reply(int(head[0].split()[1]), fields, tuple(cookies), text)


async def _body(reader: asyncio.StreamReader, fields: dict[str, str]) -> bytes:
    if "content-length" in fields:
        return await reader.readexactly(int(fields["content-length"]))
    if fields.get("transfer-encoding", "").lower() != "chunked":
        return await reader.read() if fields.get("connection", "").lower() == "close" else b""
    parts = []
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return b"".join(parts)
