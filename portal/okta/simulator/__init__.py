"""An Okta simulator: sends the sequences that Okta documents and judges the answers by Okta's own rules.

It shares no code with the portal's protocol rooms, so that a misreading of the contract cannot hide on both
sides: requests, signatures and rules are written here anew, from what Okta has published. Where Okta has
published nothing, a check warns and does not refuse. ``flask okta simulate`` runs it from the command line;
as a library::

    connection = Connection(Endpoints.of_portal(issuer), client_id, client_secret, redirect_uri)
    result = simulate_idv(IdvRequest(connection, "00u…", {"given_name": …, "family_name": …}), Walker())
    assert result.outcome.reason == "CLAIMS_VERIFIED"

A *browser* is any callable that takes a :class:`BrowserStep` and returns the parameters that came back:
:class:`Walker` presses the buttons of pages on this machine, :class:`PersonAtBrowser` waits for somebody.
A web server, which is called back, uses :class:`IdvSimulation` and :class:`FactorSimulation` in two halves.
"""

from portal.okta.simulator.checks import Check, State
from portal.okta.simulator.exchange import Network, Reply, Transport
from portal.okta.simulator.factor import FactorRequest, FactorSimulation, simulate_factor
from portal.okta.simulator.idv import IdvRequest, IdvSimulation, simulate_idv
from portal.okta.simulator.listener import CannotListen, PersonAtBrowser
from portal.okta.simulator.result import Outcome, Result
from portal.okta.simulator.sequence import Browser, BrowserStep, Connection, Endpoints, NobodyCameBack
from portal.okta.simulator.walk import Walker

__all__ = [
    "Browser",
    "BrowserStep",
    "CannotListen",
    "Check",
    "Connection",
    "Endpoints",
    "FactorRequest",
    "FactorSimulation",
    "IdvRequest",
    "IdvSimulation",
    "Network",
    "NobodyCameBack",
    "Outcome",
    "PersonAtBrowser",
    "Reply",
    "Result",
    "State",
    "Transport",
    "Walker",
    "simulate_factor",
    "simulate_idv",
]
