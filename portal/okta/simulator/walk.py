"""Walking a provider's pages without a person: on this machine only, over VerifEye's sandbox."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from portal.http import OutboundUnavailable
from portal.okta.simulator import forms
from portal.okta.simulator.cookies import Cookies
from portal.okta.simulator.exchange import Reply, is_loopback, origin
from portal.okta.simulator.sequence import BrowserStep, NobodyCameBack

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_PAGES = 40


@dataclass(frozen=True, slots=True)
class Walker:
    """A browser step that presses every page's main button until it is back at the redirect URI.

    ``face`` and ``outcome`` are chosen on the sandbox's page (``None``: what the page has chosen); ``login``
    is typed where a page asks for an account. Only addresses of this machine are opened. The redirect URI is
    not: what is sent to it is the end of the walk.
    """

    face: str | None = None
    outcome: str | None = None
    login: str | None = None

    def __call__(self, step: BrowserStep) -> Mapping[str, str]:
        """Walk; raises :class:`NobodyCameBack` where there is no way on."""
        return _Walk(self, step).run()


class _Walk:
    def __init__(self, walker: Walker, step: BrowserStep) -> None:
        self._walker = walker
        self._step = step
        self._cookies = Cookies()

    def run(self) -> Mapping[str, str]:
        method, url, fields = "GET", self._step.address, dict[str, str]()
        what = "The browser is there"
        for _ in range(_MOST_PAGES):
            if (answer := self._arrived(method, url, fields)) is not None:
                return answer
            reply = self._open(what, method, url, fields)
            if reply.status in _REDIRECTS:
                url = urljoin(url, reply.headers.get("location", ""))
                if reply.status not in (307, 308):
                    method, fields = "GET", {}
                what = "… and is sent on"
                continue
            method, url, fields, what = self._onward(url, reply)
        raise NobodyCameBack(f"The walk did not end within {_MOST_PAGES} pages; the last was {_path(url)}.")

    def _arrived(self, method: str, url: str, fields: dict[str, str]) -> dict[str, str] | None:
        address, _, query = url.partition("?")
        if address != self._step.redirect_uri.partition("?")[0]:
            return None
        return fields if method == "POST" else dict(parse_qsl(query, keep_blank_values=True))

    def _open(self, what: str, method: str, url: str, fields: dict[str, str]) -> Reply:
        if urlsplit(url).scheme not in ("http", "https") or not is_loopback(url):
            raise NobodyCameBack(f"The way leads to {origin(url)}; only this machine is walked.")
        headers = {"Accept": "text/html"}
        if cookies := self._cookies.header(url):
            headers["Cookie"] = cookies
        body = None
        if method == "POST":
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "Origin": origin(url)}
            body = urlencode(fields).encode()
        try:
            reply = self._step.exchange.transport.send(method, url, headers, body)
        except OutboundUnavailable as error:
            raise NobodyCameBack(f"A page cannot be opened: {error}.") from error
        self._cookies.take(url, reply.cookies)
        self._step.exchange.browsed(what, method, url, reply.status)
        return reply

    def _onward(self, url: str, reply: Reply) -> tuple[str, str, dict[str, str], str]:
        """Return the next request: method, address, fields, and what it is."""
        try:
            page = forms.read(reply.body.decode(), url)
            form = page.form
            if form is not None:
                self._fill_in(form, page.heading)
        except (forms.Unreadable, forms.NoSuchChoice, UnicodeDecodeError) as error:
            raise NobodyCameBack(f"The page {_path(url)} cannot be used: {error}") from error
        what = f"“{page.heading}”: the main button"
        if form is None and page.link is None:
            raise NobodyCameBack(f"There is no way on from “{page.heading}” ({_path(url)}, {reply.status}).")
        if form is None:
            return "GET", page.link or "", {}, what
        if form.method == "GET":
            return "GET", f"{form.action.partition('?')[0]}?{urlencode(form.sent())}", {}, what
        return "POST", form.action, form.sent(), what

    def _fill_in(self, form: forms.Form, heading: str) -> None:
        for name, value in (("face", self._walker.face), ("outcome", self._walker.outcome)):
            if value is not None and name in form.choices:
                form.choose(name, value)
        for name in form.empty:
            if name != "login" or self._walker.login is None:
                raise forms.NoSuchChoice(f"“{heading}” asks for {name}, which was not given.")
            form.fields[name] = self._walker.login


def _path(url: str) -> str:
    """Return an address without its query, which may carry a signed link."""
    return url.partition("?")[0]
