"""The demo's second conversation: Okta recovers a password and has the person verified (IDV).

Okta's part is the simulator's: what it sends is what Okta documents, and whether the answer would do is
judged by Okta's published rules, not by this program.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from flask import Flask, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal import credentials
from portal.okta.simulator import Connection, Endpoints, IdvRequest, IdvSimulation, Network, Result
from portal.okta.simulator import exchange as okta
from portal.sandbox import relying_party_visits as visits
from portal.sandbox.relying_party_hops import Document, Hop, Pairs
from portal.sandbox.relying_party_settings import DemoPerson, DemoSettings

#: Okta's callback for identity verification, on this origin.
CALLBACK = "/idp/identity-verification/callback"
#: The flow that the launcher gives the clients.
FLOW = "recover"
#: A given name that is nobody's here.
WRONG_NAME = "Chidi"
_CHOICES = {
    "names": ("directory", "familiar", "wrong"),
    "more": ("names", "everything"),
    "body": ("form", "json"),
    "encoding": ("object", "plain"),
}

_MEANINGS = {
    "The request is pushed": "Before anybody is sent anywhere, Okta says whom it asks about and what "
    "it believes of them.",
    "Okta sends the browser off": "With nothing but the request_uri: no name passes through the address bar.",
    "Back at Okta": "What happened in between (the portal, the camera page) is not seen from here.",
    "The code is redeemed": "With the client’s secret and the PKCE verifier. An ID token comes, alone.",
    "The provider's public keys": "What the ID token’s signature is checked with.",
}
_OUTCOMES = {
    "CLAIMS_VERIFIED": "The face is theirs, and what Okta sent agrees with the portal’s record of them.",
    "CLAIM_GIVEN_NAME_NOT_VERIFIED": "The given name that Okta sent is not the one in the portal’s record.",
    "CLAIM_FAMILY_NAME_NOT_VERIFIED": "The family name that Okta sent is not the one in the portal’s record.",
    "CLAIMS_NOT_VERIFIED": "The portal answered that this person was not verified: no face that matches, or "
    "more than one detail that differs from the record.",
    "ERROR_RESPONSE": "The portal sent the person back without an answer about them.",
    "RESPONSE_PROCESSING_ERROR_PAR": "The portal did not take the pushed request, or does not answer.",
}
_OTHER_OUTCOME = (
    "Something in the answer was not as Okta’s rules want it; the first rule marked below says what."
)


@dataclass
class Recovery:
    """One recovery from its request to Okta's verdict."""

    id: str
    person: DemoPerson
    choice: Mapping[str, str]
    browser: str = field(repr=False)
    simulation: IdvSimulation = field(repr=False)
    result: Result | None = None

    @property
    def state(self) -> str:
        """What the answer has to carry."""
        return self.simulation.state

    @property
    def sent_name(self) -> str:
        """The name that Okta sent."""
        attributes = self.simulation.request.attributes
        return f"{attributes['given_name']} {attributes['family_name']}"

    @property
    def hops(self) -> list[Hop]:
        """Every hop, as the demo's pages show one."""
        return [] if self.result is None else [_hop(hop) for hop in self.result.hops]

    @property
    def meaning(self) -> str:
        """What the outcome means, in a sentence."""
        reason = self.result.outcome.reason if self.result else None
        return _OUTCOMES.get(reason or "", _OTHER_OUTCOME)

    @property
    def token(self) -> tuple[tuple[str, str], ...]:
        """The ID token's header and claims as JSON for reading, if there is one."""
        if self.result is None or self.result.claims is None:
            return ()
        return (("header", _pretty(self.result.header)), ("claims", _pretty(self.result.claims)))


def init_app(app: Flask, settings: DemoSettings) -> None:
    """Add the recovery's pages to the relying party, if there is a client for them."""
    if not settings.idv_clients:
        return
    recoveries: visits.Visits[Recovery] = visits.Visits()
    network = Network()
    # Everybody whom Okta could ask about: it names people by its own id.
    people = {person.login: person for person in settings.people if person.okta_id}
    called = [f"{one.familiar} for {one.given_name}" for one in people.values() if one.familiar]

    @app.get("/recover")
    def recover() -> ResponseReturnValue:
        """Ask whose password is lost, and what Okta says about them."""
        return render_template(
            "demo/recover.html",
            people=list(people.values()),
            chosen=_choice(),
            called=called,
            wrong=WRONG_NAME,
        )

    @app.get("/recover/start")
    def start_recovery() -> ResponseReturnValue:
        """Push the request and send the browser to the portal."""
        person = people.get(request.args.get("person", next(iter(people))))
        if person is None:
            return visits.message(
                404, "There is no such person", "Go back and choose one of those on the page."
            )
        choice = _choice()
        simulation = IdvSimulation(_request(settings, person, choice), network)
        secret = visits.browser() or credentials.random_token("")
        recovery = Recovery(credentials.random_hex(64), person, choice, secret, simulation)
        there = simulation.begin()
        if there is None:
            recovery.result = simulation.result()
            there = url_for("recovery", recovery_id=recovery.id)
        recoveries.add(recovery)
        return visits.remember(app.make_response(redirect(there, 303)), secret)

    @app.get(CALLBACK)
    def recovery_callback() -> ResponseReturnValue:
        """Take the portal's answer, once; it is shown at an address of its own."""
        values = request.args
        recovery = recoveries.take(values.get("state", ""), visits.browser())
        if recovery is None or any(len(values.getlist(name)) != 1 for name in values):
            return visits.unexpected()
        recovery.result = recovery.simulation.complete(values.to_dict())
        return redirect(url_for("recovery", recovery_id=recovery.id), 303)

    @app.get("/recoveries/<recovery_id>")
    def recovery(recovery_id: str) -> ResponseReturnValue:
        """Show what Okta would make of it, and every hop."""
        found = recoveries.find(recovery_id, visits.browser())
        if found is None or found.result is None:
            return visits.message(404, "Nothing is known of this recovery", "It may be over since a restart.")
        return render_template("demo/recovered.html", recovery=found, result=found.result)


def _choice() -> dict[str, str]:
    """Return what was chosen, whatever the address says: the first of each where it is unreadable."""
    chosen = {"person": request.args.get("person", "")}
    for name, offered in _CHOICES.items():
        value = request.args.get(name, "")
        chosen[name] = value if value in offered else offered[0]
    return chosen


def _request(settings: DemoSettings, person: DemoPerson, choice: Mapping[str, str]) -> IdvRequest:
    encoding: Literal["object", "plain"] = "plain" if choice["encoding"] == "plain" else "object"
    client = settings.idv_client(encoding)
    given_name = {"familiar": person.familiar or person.given_name, "wrong": WRONG_NAME}.get(
        choice["names"], person.given_name
    )
    more = person.attributes if choice["more"] == "everything" else {}
    return IdvRequest(
        Connection(
            Endpoints.of_portal(settings.issuer),
            client.client_id,
            client.client_secret,
            f"{settings.origin}{CALLBACK}",
        ),
        login_hint=person.okta_id,
        attributes={"given_name": given_name, "family_name": person.family_name, **more},
        flow=FLOW,
        body="json" if choice["body"] == "json" else "form",
        encoding=encoding,
    )


def _hop(hop: okta.Hop) -> Hop:
    meaning = next((said for what, said in _MEANINGS.items() if hop.what.startswith(what)), "")
    return Hop(
        hop.what.replace("'", "’"),
        meaning,
        hop.way,
        hop.method,
        hop.url,
        None,
        sent=_pairs({name: value for name, value in hop.sent.items() if not isinstance(value, dict)}),
        status=hop.status,
        milliseconds=hop.milliseconds,
        answered=_pairs(hop.received),
        documents=tuple(
            Document(f"{name}, laid out", ((name, _pretty(value)),))
            for name, value in hop.sent.items()
            if isinstance(value, dict)
        ),
    )


def _pairs(values: Mapping[str, Any]) -> Pairs:
    """Return names and values for a page; the simulator has left out and shortened what opens something."""
    return tuple(
        (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in values.items()
    )


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
