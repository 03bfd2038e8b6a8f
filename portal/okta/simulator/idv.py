"""Okta's identity verification, as its guide "Integrate Okta with identity verification vendors" has it.

A pushed authorization request with the person's attributes; the browser sent to the vendor with nothing but
the ``request_uri``; the code redeemed; and ``verified_claims`` evaluated.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

from portal.okta.simulator import reading, validation, verified_claims
from portal.okta.simulator.checks import Ledger
from portal.okta.simulator.exchange import Reply, Transport
from portal.okta.simulator.result import Result, idv_outcome
from portal.okta.simulator.sequence import Browser, Connection, Sequence, Simulation, carried_by

CALLBACK = "/idp/identity-verification/callback"
PAR_ERROR = "RESPONSE_PROCESSING_ERROR_PAR"
#: The ``expires_in`` of Okta's sample: how long Okta may take to send the browser.
_SAMPLE_LIFETIME = 60


@dataclass(frozen=True)
class IdvRequest:
    """What Okta would ask about a person.

    ``login_hint`` is the person's Okta user id. ``attributes`` maps claim names to values; those of the
    address are ``address.locality`` and so on. ``flow`` names one of the vendor's flows (scope
    ``idv_flow_<id>``). ``body`` is how the request is pushed: ``form`` with ``claims`` as JSON text, or
    ``json``, one JSON document under a form's content type, as the guide shows it. ``encoding`` is how the
    claims are written: ``object`` today, ``plain`` in the first publication. Okta never leaves ``pkce`` out.
    """

    connection: Connection
    login_hint: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    flow: str | None = None
    body: Literal["form", "json"] = "form"
    encoding: Literal["object", "plain"] = "object"
    pkce: bool = True

    @property
    def scope(self) -> str:
        """The scope to ask for."""
        flow = () if self.flow is None else (f"idv_flow_{self.flow}",)
        return " ".join(("openid", "profile", "identity_assurance", *flow))

    @property
    def asked(self) -> dict[str, Any]:
        """The ``claims`` object of ``verified_claims``: every attribute in the chosen encoding."""
        asked: dict[str, Any] = {}
        for name, value in self.attributes.items():
            parent, _, child = name.rpartition(".")
            place = asked.setdefault(parent, {}) if parent else asked
            place[child] = self._encoded(name, value)
        return asked

    def _encoded(self, name: str, value: str) -> Any:
        if self.encoding == "object":
            return {"value": value, "fuzzy": True}
        # In the first publication only the given name was compared with tolerance.
        return {"fuzzy": value} if name == "given_name" else value


def simulate_idv(request: IdvRequest, browser: Browser, *, transport: Transport | None = None) -> Result:
    """Run the whole sequence and return what Okta would make of it; raises nothing for a provider's fault.

    ``browser`` takes the person through the vendor's pages; ``transport`` carries Okta's own requests (the
    network, if none is given).
    """
    with carried_by(transport) as carrier:
        return IdvSimulation(request, carrier).through(browser)


class IdvSimulation(Simulation):
    """The sequence in two halves, for whoever has a browser of its own."""

    def __init__(self, request: IdvRequest, transport: Transport) -> None:
        super().__init__(request.connection, transport, pkce=request.pkce)
        self.request = request
        self._reference: str | None = None

    def result(self, *, came_back: bool = True) -> Result:
        """Return the result as it stands; without ``came_back`` Okta has only noted the beginning."""
        run, signed = self.run, self.run.signed
        return Result(
            mode="idv",
            outcome=idv_outcome(
                run.ledger, flow=self.request.flow, reference=self._reference, came_back=came_back
            ),
            checks=tuple(run.ledger.checks),
            hops=tuple(run.exchange.hops),
            header=signed.header if signed else None,
            claims=signed.claims if signed else None,
        )

    def _begin(self) -> str:
        _check_request(self.run.ledger, self.request)
        return _pushed(self.run, self.request)

    def _evaluate(self, code: str) -> None:
        tokens = self.run.redeem(code)
        assert self.run.signed is not None
        claims = self.run.signed.claims
        validation.lifetime(self.run.ledger, tokens.get("expires_in"), claims.get("exp"))
        self._reference = verified_claims.evaluate(self.run.ledger, claims, self.request.asked)


def _check_request(ledger: Ledger, request: IdvRequest) -> None:
    """Stop where Okta itself would not send the request (guide: identity verification events)."""
    if not request.connection.client_id:
        raise ledger.stop("client_id", "There is no client id.", "MISSING_APP_INSTANCE")
    if not request.login_hint:
        raise ledger.stop("login_hint", "There is no user id to send.", "EMPTY_USER_ID")
    if not request.pkce:
        raise ledger.stop("pkce", "Okta sends no request without PKCE.", "MISSING_CODE_CHALLENGE")
    for name in verified_claims.ALWAYS:
        if not request.attributes.get(name):
            reason = f"MISSING_{name.replace('_', '').upper()}"
            raise ledger.stop(name, f"The person has no {name}, which Okta has to send.", reason)


def _pushed(run: Sequence, request: IdvRequest) -> str:
    """Push the request and return the address for the browser: ``request_uri`` and nothing else."""
    parameters = _parameters(run, request)
    if request.body == "json":
        body = json.dumps(parameters).encode()
    else:
        body = urlencode({**parameters, "claims": json.dumps(parameters["claims"])}).encode()
    endpoints = request.connection.endpoints
    reply = run.post_body(f"The request is pushed ({request.body} body)", endpoints.par, body, parameters)
    request_uri = _request_uri(run.ledger, reply)
    return f"{endpoints.idv_authorization}?{urlencode({'request_uri': request_uri})}"


def _parameters(run: Sequence, request: IdvRequest) -> dict[str, Any]:
    verification = {
        "trust_framework": {"value": verified_claims.TRUST_FRAMEWORK, "essential": True},
        "assurance_level": {"value": verified_claims.VERIFIED, "essential": True},
    }
    return {
        "response_type": "code",
        "client_id": request.connection.client_id,
        "client_secret": request.connection.client_secret,
        **run.challenge,
        "scope": request.scope,
        "nonce": run.nonce,
        "claims": {
            "id_token": {"verified_claims": [{"verification": verification, "claims": request.asked}]}
        },
        "state": run.state,
        "login_hint": request.login_hint,
        "redirect_uri": request.connection.redirect_uri,
    }


def _request_uri(ledger: Ledger, reply: Reply) -> str:
    """Return the ``request_uri`` of a good answer (RFC 9126 section 2.2); raises ``Stopped``."""
    try:
        document = reading.json_object(reply.body, "The answer to the pushed request")
    except reading.Malformed as error:
        raise ledger.stop("par", f"{error} (status {reply.status})", PAR_ERROR) from error
    if "error" in document:
        said = " ".join(str(document[name]) for name in ("error", "error_description") if name in document)
        raise ledger.stop("par", f"The pushed request was refused: {said}", PAR_ERROR)
    if reply.status != 201:
        sentence = f"The pushed request was answered with status {reply.status} instead of 201."
        raise ledger.stop("par", sentence, PAR_ERROR)
    request_uri, lifetime = document.get("request_uri"), document.get("expires_in")
    if not isinstance(request_uri, str) or not request_uri:
        raise ledger.stop("request_uri", "The answer to the pushed request has no request_uri.", PAR_ERROR)
    if not isinstance(lifetime, int) or isinstance(lifetime, bool) or lifetime <= 0:
        sentence = "The answer's expires_in is missing or is not a positive whole number."
        raise ledger.stop("request_uri", sentence, PAR_ERROR)
    ledger.ok("par", f"The request was pushed; it can be opened for {lifetime} seconds.")
    if lifetime < _SAMPLE_LIFETIME:
        ledger.warning(
            "request_uri", f"{lifetime} seconds are less than the {_SAMPLE_LIFETIME} of the sample."
        )
    validation.uncached(ledger, reply, "answer to the pushed request")
    return request_uri
