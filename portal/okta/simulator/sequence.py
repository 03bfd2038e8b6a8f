"""What both sequences share: whom Okta speaks to, the browser's part, and the token request."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from portal import credentials
from portal.http import OutboundUnavailable
from portal.okta.simulator import reading, validation
from portal.okta.simulator.checks import Ledger, Stopped
from portal.okta.simulator.exchange import Exchange, Network, Reply, Transport
from portal.okta.simulator.result import Result
from portal.okta.simulator.validation import Expected

#: Errors with which a provider says no, or not now; any other says that the setup is wrong.
_WITHIN_THE_RULES = ("access_denied", "temporarily_unavailable")


class NobodyCameBack(Exception):
    """The browser step brought no answer; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class BrowserStep:
    """What a browser is asked to do: open ``address`` and come back to ``redirect_uri`` with ``state``.

    ``exchange`` takes the hops that the simulator can see.
    """

    address: str
    redirect_uri: str
    state: str
    exchange: Exchange


#: Takes a person's browser through the provider's pages and returns the parameters it came back with;
#: raises :class:`NobodyCameBack`.
Browser = Callable[[BrowserStep], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The addresses that an administrator types into Okta, which asks for each and discovers none."""

    issuer: str
    authorization: str
    idv_authorization: str
    par: str
    token: str
    jwks: str
    userinfo: str

    @classmethod
    def of_portal(cls, issuer: str) -> "Endpoints":
        """Return the addresses of a portal, by its documented paths."""
        return cls(
            issuer=issuer,
            authorization=f"{issuer}/v1/openid/authorize",
            idv_authorization=f"{issuer}/oauth2/idv-authorize",
            par=f"{issuer}/oauth2/par",
            token=f"{issuer}/v1/openid/token",
            jwks=f"{issuer}/v1/openid/jwks",
            userinfo=f"{issuer}/v1/openid/userinfo",
        )


@dataclass(frozen=True, slots=True)
class Connection:
    """One identity provider as it is set up in Okta.

    ``redirect_uri`` is Okta's callback. ``allow_loopback`` lets an issuer on this machine be plain http.
    """

    endpoints: Endpoints
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    allow_loopback: bool = True


class Sequence:
    """What one run has in hand: random values (with ``pkce``, a verifier), a ledger, a conversation."""

    def __init__(self, connection: Connection, transport: Transport, *, pkce: bool) -> None:
        self.connection = connection
        self.ledger = Ledger()
        self.exchange = Exchange(transport)
        self.state = credentials.random_token("", 192)
        self.nonce = credentials.random_token("", 192)
        self.verifier = credentials.random_token("", 256) if pkce else None
        self.signed: reading.Token | None = None

    @property
    def challenge(self) -> dict[str, str]:
        """The parameters of PKCE, S256 (RFC 7636), or none."""
        if self.verifier is None:
            return {}
        return {"code_challenge": reading.s256(self.verifier), "code_challenge_method": "S256"}

    def code_of(self, answer: Mapping[str, str]) -> str:
        """Return the code of the browser's answer; raises ``Stopped`` for anything else."""
        if answer.get("state") != self.state:
            raise self.ledger.stop(
                "state",
                "The answer's state is missing or is not the one that was sent.",
                "MISSING_AUTH_STATE_TOKEN",
            )
        self.ledger.ok("state", "The answer carries the state that was sent.")
        issuer = answer.get("iss")
        if issuer is not None and issuer != self.connection.endpoints.issuer:
            self.ledger.warning("iss_parameter", f"The answer says that it comes from {issuer} (RFC 9207).")
        if "error" in answer:
            said = " ".join(answer[name] for name in ("error", "error_description") if answer.get(name))
            note = self.ledger.turned_away if answer["error"] in _WITHIN_THE_RULES else self.ledger.stop
            raise note("answer", f"The provider answered with an error: {said}", validation.ERROR_RESPONSE)
        if not answer.get("code"):
            sentence = "The answer carries neither a code nor an error."
            raise self.ledger.stop("answer", sentence, validation.PROCESSING_ERROR)
        self.ledger.ok("answer", "The answer carries a code.")
        return answer["code"]

    def redeem(self, code: str) -> dict[str, Any]:
        """Redeem ``code`` and check the ID token's envelope; return the token response.

        The secret goes in the body (``client_secret_post``), which is what Okta was seen to do. Raises
        ``Stopped`` where there is no ID token to look at.
        """
        fields = {
            "grant_type": "authorization_code",
            "client_id": self.connection.client_id,
            "client_secret": self.connection.client_secret,
            "code": code,
            **({"code_verifier": self.verifier} if self.verifier else {}),
            "redirect_uri": self.connection.redirect_uri,
        }
        reply = self.post("The code is redeemed", self.connection.endpoints.token, fields)
        tokens = validation.token_response(self.ledger, reply)
        self.signed = validation.taken_apart(self.ledger, tokens["id_token"])
        keys = self.get("The provider's public keys", self.connection.endpoints.jwks)
        validation.signature(self.ledger, self.signed, keys)
        validation.id_token(self.ledger, self.signed.claims, self._expected())
        return tokens

    def post(self, what: str, url: str, fields: Mapping[str, str]) -> Reply:
        """POST a form; raises ``Stopped`` if no answer comes."""
        return self.post_body(what, url, urlencode(fields).encode(), fields)

    def post_body(self, what: str, url: str, body: bytes, sent: Mapping[str, Any]) -> Reply:
        """POST ``body`` under a form's content type; raises ``Stopped`` if no answer comes."""
        with self._answering(url):
            return self.exchange.post(what, url, body, sent)

    def get(self, what: str, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        """GET ``url``; raises ``Stopped`` if no answer comes."""
        with self._answering(url):
            return self.exchange.get(what, url, headers)

    def _expected(self) -> Expected:
        return Expected(
            issuer=self.connection.endpoints.issuer,
            client_id=self.connection.client_id,
            nonce=self.nonce,
            allow_loopback=self.connection.allow_loopback,
        )

    @contextmanager
    def _answering(self, url: str) -> Iterator[None]:
        try:
            yield
        except OutboundUnavailable as error:
            reason = "RESPONSE_PROCESSING_ERROR"
            if url == self.connection.endpoints.par:
                reason += "_PAR"
            raise self.ledger.stop("answer", f"There is no answer: {error}.", reason) from error


class Simulation(ABC):
    """One simulation, in two halves: :meth:`begin`, then :meth:`complete`.

    :meth:`through` does both, with a browser step between.
    """

    def __init__(self, connection: Connection, transport: Transport, *, pkce: bool) -> None:
        self.run = Sequence(connection, transport, pkce=pkce)

    @property
    def state(self) -> str:
        """The ``state`` that the answer has to carry, by which a web server finds the simulation again."""
        return self.run.state

    def begin(self) -> str | None:
        """Return the address for the browser, or ``None`` if Okta gets no further: the result says why."""
        try:
            address = self._begin()
        except Stopped:
            return None
        self.run.exchange.sent_off(address)
        return address

    def complete(self, answer: Mapping[str, str]) -> Result:
        """Take the parameters that the browser came back with and return the result."""
        self.run.exchange.returned("Back at Okta", self.run.connection.redirect_uri, answer)
        with suppress(Stopped):
            self._evaluate(self.run.code_of(answer))
        return self.result()

    def through(self, browser: Browser) -> Result:
        """Run the whole sequence with ``browser`` for the person's part."""
        address = self.begin()
        if address is None:
            return self.result()
        step = BrowserStep(address, self.run.connection.redirect_uri, self.state, self.run.exchange)
        try:
            answer = browser(step)
        except NobodyCameBack as error:
            self.run.ledger.broken("browser", str(error))
            return self.result(came_back=False)
        return self.complete(answer)

    @abstractmethod
    def _begin(self) -> str:
        """Do what comes before the browser and return its address; raises ``Stopped``."""

    @abstractmethod
    def _evaluate(self, code: str) -> None:
        """Redeem ``code`` and judge what comes; raises ``Stopped``."""

    @abstractmethod
    def result(self, *, came_back: bool = True) -> Result:
        """Return the result as it stands."""


@contextmanager
def carried_by(transport: Transport | None) -> Iterator[Transport]:
    """Give ``transport``, or the network for as long as the block lasts."""
    if transport is not None:
        yield transport
        return
    with Network() as network:
        yield network
