"""The token and revocation endpoints: one engine, whatever the path (RFC 6749 section 3.2, RFC 7009)."""

from flask import request
from werkzeug.wrappers import Response

from portal.audit.events import Event
from portal.audit.log import record
from portal.extensions import db
from portal.oidc import parameters, server
from portal.oidc.errors import CHALLENGE, MachineError
from portal.oidc.parameters import Parameters, Unreadable
from portal.web import guessing

GRANT_TYPES = ("authorization_code",)


def token() -> Response:
    """Redeem an authorization code for an access token and an ID token."""
    received = received_form()
    if received.get("grant_type") is None:
        raise MachineError("invalid_request", "The parameter grant_type is missing.")
    if received.get("grant_type") not in GRANT_TYPES:
        raise MachineError("unsupported_grant_type", "Only the authorization_code grant is offered.")
    return _settled(server.current().redeem(received))


def revoke() -> Response:
    """Revoke an access token of the client that asks."""
    received = received_form()
    if received.get("token") is None:
        raise MachineError("invalid_request", "The parameter token is missing.")
    return _settled(server.current().create_endpoint_response("revocation", received))


def received_form() -> Parameters:
    """Return the form of the request, if it is acceptable; raises :class:`MachineError`."""
    try:
        return acceptable(parameters.of_form(request))
    except Unreadable:
        raise MachineError("invalid_request", "The body must be a form of readable parameters.") from None


def acceptable(received: Parameters) -> Parameters:
    """Return ``received`` if each parameter occurs once and readably, and one method authenticates.

    Raises :class:`MachineError` (RFC 6749 sections 2.3 and 3.2).
    """
    if received.repeated:
        raise MachineError("invalid_request", "A parameter occurs more than once.")
    if received.unreadable:
        raise MachineError(
            "invalid_request", "A parameter is too long or contains characters that are not allowed."
        )
    ways = (
        "Authorization" in request.headers,
        bool(received.get("client_secret")),
        bool(received.get("client_assertion")),
    )
    if sum(ways) > 1:
        raise MachineError("invalid_request", "A client authenticates by one method at a time.")
    return received


def _settled(response: Response) -> Response:
    """Commit what happened, or take it back and write down that the client failed."""
    if response.status_code < 400:
        # A code that was redeemed at once is committed already, and has needed no session.
        if db.session.registry.has():
            db.session.commit()
    else:
        db.session.rollback()
        _note_failure(response)
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = CHALLENGE
    return response


def _note_failure(response: Response) -> None:
    """Write down that a client failed."""
    document = response.get_json(silent=True) or {}
    if document.get("error") == "invalid_client":
        note_failed_authentication("basic" if "Authorization" in request.headers else "body")
    else:
        record(Event.TOKEN_REFUSED, error=document.get("error", "unknown"))
        db.session.commit()


def note_failed_authentication(method: str) -> None:
    """Write down that somebody did not prove to be a client, unless that address never does; commits."""
    if not guessing.is_exceeded():
        record(Event.CLIENT_AUTHENTICATION_FAILED, method=method)
        db.session.commit()
