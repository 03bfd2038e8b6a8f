"""The limit on what one client asks, counted when it has proven who it is: no stranger can use it up.

A limit by what a request merely claims (the ``client_id`` of an authorization request, which is no secret)
would let anybody shut a company out of its own sign-in.
"""

import logging

from flask import Flask

from portal.counters import refusal
from portal.extensions import counts, settings
from portal.oidc.clients import ClientView

log = logging.getLogger(__name__)

_SETTING = "rate_limit_client"


def note(app: Flask, endpoint: str) -> None:
    """Say that ``endpoint`` asks for a client's proof, and so counts what that client asks."""
    app.extensions["portal.limits"].setdefault(endpoint, []).append(_SETTING)


def admit(client: ClientView) -> None:
    """Count a request of a client that has proven itself; raises ``TooManyRequests`` (RFC 6585 section 4)."""
    counted = counts()
    try:
        again = counted.count(getattr(settings(), _SETTING), "client", client.id)
    except counted.failures as error:
        # The limit by address falls back to memory by itself.
        log.warning("a client's requests are not counted", extra={"kind": type(error).__name__})
        return
    if again is not None:
        raise refusal(again)
