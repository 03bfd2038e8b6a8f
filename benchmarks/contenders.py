"""What every measured provider can be asked for, so that all of them are measured in the same way."""

from abc import ABC, abstractmethod
from urllib.parse import parse_qs, urlsplit

from benchmarks import relying_party
from benchmarks.load.browser import Browser, machine_post
from benchmarks.load.http1 import Answer
from benchmarks.load.walkers import Strayed, Walk
from benchmarks.processes import Program


class Contender(ABC):
    """A provider that runs, on one database; what it serves, and how somebody signs in there.

    ``name`` and ``database`` stand in the tables. ``store`` is the database's own program, if it has one.
    ``startup`` is how many seconds passed from the start to the first answer.
    """

    name: str
    database: str
    origin: str
    server: Program
    store: Program | None = None
    startup: float
    client_id = relying_party.CLIENT_ID
    discovery = "/.well-known/openid-configuration"
    jwks: str
    token: str
    #: The path of pushed authorization requests (RFC 9126), where it has them.
    par: str | None = None

    @property
    def host(self) -> str:
        """What stands in the header ``Host``."""
        return urlsplit(self.origin).netloc

    @property
    def title(self) -> str:
        """What the tables call it."""
        return f"{self.name}, {self.database}"

    @abstractmethod
    def codes(self, count: int) -> list[str]:
        """Return ``count`` fresh codes, which nobody has redeemed."""

    @abstractmethod
    def sign_in(self, authorize: str, browser: Browser) -> Walk:
        """Walk from the authorization request at the address ``authorize`` to the code; return that."""

    @abstractmethod
    def authorize_address(self, **pushed: str) -> str:
        """Return the address of an authorization request, or of one that was ``pushed`` before."""

    def pushed_form(self) -> str:
        """Return the body of a pushed authorization request."""
        return relying_party.pushed_form(self.client_id)

    def flow(self) -> Walk:
        """Walk a whole sign-in, from the authorization request to the tokens."""
        code = yield from self.sign_in(self.authorize_address(), Browser(self.origin))
        yield from self.redeem(code)

    def pushed_flow(self) -> Walk:
        """Walk a whole sign-in whose request is pushed first."""
        assert self.par is not None
        answer = expect(201, "push", (yield machine_post(self.host, self.par, self.pushed_form())))
        request_uri = answer.body.split(b'"request_uri":', 1)[1].split(b'"', 2)[1].decode()
        address = self.authorize_address(request_uri=request_uri)
        code = yield from self.sign_in(address, Browser(self.origin))
        yield from self.redeem(code)

    def redeem(self, code: str) -> Walk:
        """Redeem one code; an answer without an ID token is a failure."""
        form = relying_party.token_request(code, self.client_id)
        answer = expect(200, "token", (yield machine_post(self.host, self.token, form)))
        if b'"id_token"' not in answer.body:
            raise Strayed("token: no ID token")

    def use_cores(self, count: int) -> None:
        """Have a process for each of so many cores, where it can have several; here it cannot."""
        return

    def close(self) -> None:
        """Stop what was started."""
        self.server.stop()


def expect(status: int, step: str, answer: Answer) -> Answer:
    """Return ``answer`` if it has the status; raises :class:`Strayed` naming the step."""
    if answer.status != status:
        raise Strayed(f"{step}: {answer.status}")
    return answer


def redirected(step: str, answer: Answer) -> str:
    """Return where ``answer`` redirects to; raises :class:`Strayed` naming the step."""
    if answer.status not in (302, 303) or not answer.location:
        raise Strayed(f"{step}: {answer.status}")
    return answer.location


def code_in(address: str) -> str:
    """Return the code in the address that leads back to the relying party; raises :class:`Strayed`."""
    found = parse_qs(urlsplit(address).query)
    if not address.startswith(relying_party.REDIRECT_URI) or "code" not in found:
        raise Strayed(f"no code: {found.get('error', ['somewhere else'])[0]}")
    return found["code"][0]
