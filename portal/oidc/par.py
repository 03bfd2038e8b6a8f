"""Pushed authorization requests (RFC 9126): the authorization endpoint's checks, ahead of the browser."""

import json
from typing import Any

from authlib.oauth2.rfc6749 import InvalidClientError
from flask import request
from werkzeug.wrappers import Response

from portal.audit.events import Event
from portal.audit.log import record
from portal.extensions import db, settings
from portal.grants import pushed
from portal.oidc import parameters, responses, server, token
from portal.oidc.client_authentication import Presented
from portal.oidc.clients import AUTH_METHODS, ClientView
from portal.oidc.errors import INVALID_REQUEST_OBJECT, Displayed, MachineError, Redirected
from portal.oidc.parameters import Parameters, Unreadable
from portal.oidc.request import check

#: Parameters of the client's authentication, which are no part of the request it pushes.
_AUTHENTICATION = ("client_secret", "client_assertion", "client_assertion_type")
#: What a client is told where a person would be shown a page, by the check that failed.
_UNPROVEN = ("invalid_request", "The client_id or redirect_uri is wrong.")
_AS_DISPLAYED = {"request": (INVALID_REQUEST_OBJECT.code, INVALID_REQUEST_OBJECT.description)}


def par() -> Response:
    """Take a pushed request and answer with the request_uri that opens it (RFC 9126 section 2)."""
    received = _received()
    client = _authenticated(received)
    for name in _AUTHENTICATION:
        received.values.pop(name, None)
    try:
        checked = check(received, pushed_by=client)
    except Displayed as error:
        raise _refused(client, *_AS_DISPLAYED.get(error.check, _UNPROVEN), error.check) from error
    except Redirected as error:
        raise _refused(client, error.error.code, error.error.description, error.check) from error
    lifetime = settings().request_uri_lifetime
    kept = {**checked.parameters, "verification_id": checked.verification_id}
    request_uri = pushed.keep(client.id, kept, lifetime=lifetime)
    answer = {"request_uri": request_uri, "expires_in": lifetime}
    return responses.document(answer, 201, caching="no-cache, no-store")


def _received() -> Parameters:
    """Return the parameters of a form, or of a JSON object whatever the content type says.

    Okta's documentation shows a JSON body under a form's content type; which of the two production
    sends is not published.
    """
    body = request.get_data(cache=True)
    if not body.lstrip().startswith(b"{"):
        return token.received_form()
    try:
        document = json.loads(body.decode("utf-8"), object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError):
        raise MachineError("invalid_request", "The body is neither a form nor a JSON object.") from None
    try:
        received = parameters.of_pairs([(name, _as_text(value)) for name, value in document.items()])
    except Unreadable:
        raise MachineError("invalid_request", "The body has too many parameters.") from None
    return token.acceptable(received)


def _authenticated(received: Parameters) -> ClientView:
    try:
        client = server.current().authenticate_client(Presented(received), AUTH_METHODS, "par")
    except InvalidClientError as error:
        token.note_failed_authentication("par")
        raise MachineError("invalid_client", "Client authentication failed.", 401) from error
    return client


def _refused(client: ClientView, code: str, description: str, check_name: str) -> MachineError:
    db.session.rollback()
    record(Event.REQUEST_REFUSED, client_id=client.id, error=code, check=check_name)
    db.session.commit()
    return MachineError(code, description)


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return json.dumps(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise MachineError("invalid_request", "A parameter has a value of the wrong type.")


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a name occurs twice")
    return document
