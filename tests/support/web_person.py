"""A person whose browser reaches everything over real HTTP: portal, VerifEye and client alike."""

from urllib.parse import urlsplit

import urllib3

from tests.support.person import Arrival, Page, Person


class WebPerson(Person):
    """Walks from site to site among ``origins``; whatever lies elsewhere is where the walk ends.

    Cookies are kept as browsers keep them, by host and not by port: all of loopback shares one jar.
    """

    def __init__(self, *origins: str) -> None:
        # Not the parent's own: it walks through a test client, and here there is none.
        self._portal, *others = origins
        self._others = tuple(others)
        self.visited: list[str] = []
        self._page: Page | None = None
        self._arrival: Arrival | None = None
        self._cookies: dict[str, str] = {}

    def _ask(self, method: str, url: str, fields: dict[str, str] | None) -> Page:
        headers = {
            "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
            "Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items()),
        }
        if method == "POST":
            headers["Origin"] = "{0.scheme}://{0.netloc}".format(urlsplit(url))
        options = {"fields": fields, "encode_multipart": False} if fields is not None else {}
        with urllib3.PoolManager(timeout=30) as pool:
            reply = pool.request(method, url, headers=headers, redirect=False, retries=False, **options)
        for line in reply.headers.getlist("Set-Cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self._cookies[name] = value
        return Page(url, reply.status, reply.headers, reply.data.decode())
