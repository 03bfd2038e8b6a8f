"""Okta's identity provider authenticator: a Generic OIDC identity provider with the usage "Factor only"."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from portal import clock
from portal.okta.simulator import reading, validation
from portal.okta.simulator.checks import Ledger
from portal.okta.simulator.exchange import Reply, Transport
from portal.okta.simulator.result import Result, factor_outcome
from portal.okta.simulator.sequence import Browser, Connection, Sequence, Simulation, carried_by

CALLBACK = "/oauth2/v1/authorize/callback"
SCOPE = "openid email profile"
_REQUEST_LIFETIME = 300


@dataclass(frozen=True)
class FactorRequest:
    """What Okta would ask at a factor prompt.

    ``login`` is the person's Okta login, which ``preferred_username`` has to equal (``None``: unknown, and
    nothing is compared). ``login_hint`` is what is sent, if anything. ``pkce`` and ``signed`` (a request
    object, HS256 under the client secret) are settings of the identity provider; so is ``userinfo``: once its
    address is configured, Okta reads the profile there and nowhere else. ``trust_claims`` is "Trust claims
    from this identity provider".
    """

    connection: Connection
    login: str | None
    login_hint: str | None = None
    scope: str = SCOPE
    pkce: bool = False
    signed: bool = False
    userinfo: bool = False
    trust_claims: bool = True


def simulate_factor(
    request: FactorRequest, browser: Browser, *, transport: Transport | None = None
) -> Result:
    """Run the whole sequence and return what Okta would make of it; raises nothing for a provider's fault.

    ``browser`` takes the person through the provider's pages; ``transport`` carries Okta's own requests (the
    network, if none is given).
    """
    with carried_by(transport) as carrier:
        return FactorSimulation(request, carrier).through(browser)


class FactorSimulation(Simulation):
    """The sequence in two halves, for whoever has a browser of its own."""

    def __init__(self, request: FactorRequest, transport: Transport) -> None:
        super().__init__(request.connection, transport, pkce=request.pkce)
        self.request = request
        self._access_token: str | None = None
        self._userinfo: dict[str, Any] | None = None

    def result(self, *, came_back: bool = True) -> Result:
        """Return the result as it stands; without ``came_back`` nobody has answered."""
        run, signed = self.run, self.run.signed
        return Result(
            mode="factor",
            outcome=factor_outcome(run.ledger, came_back=came_back),
            checks=tuple(run.ledger.checks),
            hops=tuple(run.exchange.hops),
            header=signed.header if signed else None,
            claims=signed.claims if signed else None,
            userinfo=self._userinfo,
            access_token=self._access_token,
        )

    def _begin(self) -> str:
        return _address(self.run, self.request)

    def _evaluate(self, code: str) -> None:
        request, ledger = self.request, self.run.ledger
        self._access_token = _text(self.run.redeem(code).get("access_token"))
        assert self.run.signed is not None
        claims = self.run.signed.claims
        if request.userinfo:
            self._userinfo = _userinfo(self.run, self._access_token, claims.get("sub"))
        read = claims if self._userinfo is None else self._userinfo
        validation.factor_claims(ledger, read, claims, login=request.login, trust=request.trust_claims)


def _address(run: Sequence, request: FactorRequest) -> str:
    """Return the authorization request's address, plain or with everything in a signed object."""
    connection = request.connection
    parameters = {
        "client_id": connection.client_id,
        "response_type": "code",
        "scope": request.scope,
        "redirect_uri": connection.redirect_uri,
        "state": run.state,
        "nonce": run.nonce,
        **({"login_hint": request.login_hint} if request.login_hint else {}),
        **run.challenge,
    }
    if request.signed:
        # What Okta repeats outside is not published; OpenID Connect Core 6.1 demands these three.
        outside = {name: parameters[name] for name in ("client_id", "response_type", "scope")}
        now = clock.epoch()
        envelope = {
            "iss": connection.client_id,
            "aud": connection.endpoints.issuer,
            "iat": now,
            "exp": now + _REQUEST_LIFETIME,
        }
        signed = reading.hs256({**envelope, **parameters}, connection.client_secret)
        parameters = {**outside, "request": signed}
    return f"{connection.endpoints.authorization}?{urlencode(parameters)}"


def _userinfo(run: Sequence, access_token: str | None, subject: Any) -> dict[str, Any]:
    """Return userinfo about the same person; raises ``Stopped``."""
    ledger = run.ledger
    if not access_token:
        raise ledger.stop("access_token", "There is no access token, which userinfo needs.")
    headers = {"Authorization": f"Bearer {access_token}"}
    document = _read(ledger, run.get("Userinfo", run.connection.endpoints.userinfo, headers))
    ledger.require(
        document.get("sub") == subject,
        "userinfo",
        "Userinfo speaks of the same person.",
        "Userinfo's sub is not that of the ID token (OpenID Connect Core 5.3.2).",
    )
    return document


def _read(ledger: Ledger, reply: Reply) -> dict[str, Any]:
    try:
        document = reading.json_object(reply.body, "Userinfo")
    except reading.Malformed as error:
        raise ledger.stop("userinfo", f"{error} (status {reply.status})") from error
    if reply.status != 200:
        raise ledger.stop("userinfo", f"Userinfo answered with status {reply.status} instead of 200.")
    return document


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
