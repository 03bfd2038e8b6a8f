"""The OpenID Provider: what relying parties see of the portal.

``routes`` is the table of every address. ``request`` holds the ordered checks of an authorization
request, ``authorize`` opens journeys and is the dispatcher to which every step returns, ``issuing``
turns a verified journey into a code, ``server`` and ``client_authentication`` are all of Authlib,
``metadata`` computes discovery from the constants that enforce it. Errors are displayed until client and
redirect_uri are proven and redirected after; one handler below renders each kind.
"""

from flask import Flask, jsonify
from sqlalchemy import exc as database
from werkzeug.wrappers import Response

from portal.audit.events import Event
from portal.audit.log import record
from portal.extensions import db
from portal.oidc import clients, responses, routes, server
from portal.oidc.errors import CHALLENGE, Displayed, MachineError, Redirected
from portal.oidc.responses import WayBack
from portal.signing_keys.keyring import NoSigningKey
from portal.web import errors
from portal.web.errors import Problem

_MACHINE_PATHS = (
    "/v1/openid/token", "/oauth2/token", "/v1/openid/revoke", "/v1/openid/userinfo", "/v1/openid/jwks",
    "/oauth2/par", "/.well-known",
)  # fmt: skip
_NEXT_STEP = "Go back and try again. If it happens again, tell the people who look after sign-in."
_CODES = {
    404: "not_found",
    405: "invalid_request",
    413: "invalid_request",
    429: "slow_down",
    503: "temporarily_unavailable",
}


def init_app(app: Flask) -> None:
    """Wire the room: Authlib's server, the addresses, and one handler for each kind of error."""
    server.init_app(app)
    routes.init_app(app)
    app.register_error_handler(Displayed, _show)
    app.register_error_handler(Redirected, _send_back)
    app.register_error_handler(MachineError, _answer)
    app.register_error_handler(NoSigningKey, _no_signing_key)
    for path in _MACHINE_PATHS:
        errors.dialect(app, path, _in_json)


def _show(error: Displayed) -> Response:
    """Show an error to the person, because it is not proven who the client is."""
    _note_refusal("displayed", error.check, client_id=None)
    return errors.page(
        400, title=error.title, cause=error.cause, next_step=_NEXT_STEP, template="errors/displayed.html"
    )


def _send_back(error: Redirected) -> Response:
    """Answer an error at the proven redirect_uri."""
    _note_refusal(error.error.code, error.check, client_id=error.client_id)
    client = clients.find(error.client_id)
    name = client.name if client else ""
    back = WayBack(error.redirect_uri, error.response_mode, error.state, name, None)
    return responses.failure(error.error, back)


def _answer(error: MachineError) -> Response:
    response = _json(error.status, error.code, error.description)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = CHALLENGE  # RFC 9110 section 15.5.2
    return response


def _no_signing_key(error: NoSigningKey) -> Response:
    db.session.rollback()
    return _json(503, "temporarily_unavailable", "There is no signing key for this client yet.")


def _in_json(problem: Problem) -> Response:
    """Answer anything else that goes wrong at a machine's address in the dialect of RFC 6749."""
    fallback = "server_error" if problem.status >= 500 else "invalid_request"
    response = _json(
        problem.status, _CODES.get(problem.status, fallback), problem.title.replace("\u2019", "'")
    )
    response.headers.extend(problem.headers)
    return response


def _json(status: int, code: str, description: str) -> Response:
    response = jsonify({"error": code, "error_description": description})
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    return response


def _note_refusal(code: str, check: str, *, client_id: str | None) -> None:
    """Write the refusal down; a database that is away must not turn an answer into another error."""
    db.session.rollback()
    try:
        record(Event.REQUEST_REFUSED, client_id=client_id, error=code, check=check)
        db.session.commit()
    except database.SQLAlchemyError:
        db.session.rollback()
