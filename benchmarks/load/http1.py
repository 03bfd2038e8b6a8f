"""HTTP/1.1 as plainly as a load generator can speak it: bytes out, bytes in, no objects in between."""

from typing import NamedTuple


class Answer(NamedTuple):
    """One response: its status, its head as received (without the empty line), and its body."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: bytes) -> str:
        """Return the value of the header ``name`` (in lower case), or an empty text."""
        found = self.head.lower().find(b"\r\n" + name + b":")
        if found < 0:
            return ""
        start = found + len(name) + 3
        end = self.head.find(b"\r\n", start)
        return self.head[start : end if end >= 0 else None].strip().decode("latin-1")

    @property
    def location(self) -> str:
        """Where the response redirects to, or an empty text."""
        return self.header(b"location")

    def cookies(self) -> list[tuple[str, str]]:
        """Return the names and values of the cookies that the response sets."""
        pairs = []
        for line in self.head.split(b"\r\n"):
            if line[:11].lower() == b"set-cookie:":
                name, _, value = line[11:].partition(b";")[0].strip().partition(b"=")
                pairs.append((name.decode("latin-1"), value.decode("latin-1")))
        return pairs


def read(buffer: bytes) -> tuple[Answer | None, bool]:
    """Return the response in ``buffer`` (``None`` while it is not complete) and whether it is the last.

    Each request waits for its response, so nothing follows a complete one.
    """
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None, False
    head = buffer[:end]
    low = head.lower()
    closes = b"\r\nconnection: close" in low
    status = int(buffer[9:12])
    at = low.find(b"\r\ncontent-length:")
    if at >= 0:
        stop = low.find(b"\r\n", at + 2)
        length = int(low[at + 17 : stop if stop >= 0 else None])
        if len(buffer) - end - 4 < length:
            return None, False
        return Answer(status, head, buffer[end + 4 :]), closes
    if b"\r\ntransfer-encoding: chunked" in low:
        return (
            (Answer(status, head, _joined(buffer[end + 4 :])), closes)
            if buffer.endswith(b"0\r\n\r\n")
            else (None, False)
        )
    return Answer(status, head, b""), closes


def _joined(chunked: bytes) -> bytes:
    parts, at = [], 0
    while True:
        line = chunked.find(b"\r\n", at)
        size = int(chunked[at:line].partition(b";")[0], 16)
        if size == 0:
            return b"".join(parts)
        parts.append(chunked[line + 2 : line + 2 + size])
        at = line + size + 4
