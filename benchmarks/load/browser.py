"""A browser that holds nothing but cookies, and makes requests for one origin."""

from urllib.parse import urlsplit

from benchmarks.load.http1 import Answer


class Browser:
    """Somebody who arrives for the first time at ``origin`` (``http://host:port``)."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._host = urlsplit(origin).netloc
        self._cookies: dict[str, str] = {}

    def get(self, address: str) -> bytes:
        """Return the request for a path, or for an absolute address at the origin."""
        return f"GET {self._path(address)} HTTP/1.1\r\nHost: {self._host}\r\n{self._kept()}\r\n".encode()

    def post(self, address: str, form: str) -> bytes:
        """Return the request that sends a form from one of the origin's own pages."""
        return (
            f"POST {self._path(address)} HTTP/1.1\r\nHost: {self._host}\r\nOrigin: {self._origin}\r\n"
            f"{self._kept()}Content-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(form)}\r\n\r\n{form}"
        ).encode()

    def keep(self, answer: Answer) -> None:
        """Keep the cookies that ``answer`` sets."""
        for name, value in answer.cookies():
            if value:
                self._cookies[name] = value
            else:
                self._cookies.pop(name, None)

    def _kept(self) -> str:
        pairs = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        return f"Cookie: {pairs}\r\n" if pairs else ""

    def _path(self, address: str) -> str:
        return address.removeprefix(self._origin)


def machine_post(host: str, path: str, form: str) -> bytes:
    """Return a request that another program makes: a form without cookies."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(form)}\r\n\r\n{form}"
    ).encode()
