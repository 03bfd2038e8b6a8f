"""The userinfo endpoint (OpenID Connect Core 5.3), with bearer tokens as in RFC 6750."""

from flask import jsonify, request
from werkzeug.wrappers import Response

from portal.extensions import db
from portal.grants import codes
from portal.models import User, UserStatus
from portal.oidc import clients, parameters
from portal.oidc.parameters import Unreadable

_FORM = "application/x-www-form-urlencoded"


def userinfo() -> Response:
    """Return the claims that the access token releases: those of the ID token about the person."""
    presented = _presented()
    if not presented:
        return _challenge(401, None)
    if len(presented) > 1:
        return _challenge(400, "invalid_request")
    granted = codes.read_access_token(presented[0])
    if granted is None or clients.find(granted.client_id) is None:
        return _challenge(401, "invalid_token")
    user = db.session.get(User, granted.user_id) if granted.user_id else None
    if user is None or user.status != UserStatus.ACTIVE:
        return _challenge(401, "invalid_token")
    response = jsonify(granted.userinfo_claims)
    response.headers["Cache-Control"] = "no-store"
    return response


def _presented() -> list[str]:
    """Return the tokens of the header and, in a POST, of the form; one is right (RFC 6750 section 2)."""
    scheme, _, from_header = request.headers.get("Authorization", "").partition(" ")
    tokens = [from_header.strip()] if scheme.lower() == "bearer" and from_header.strip() else []
    if request.method == "POST" and request.mimetype == _FORM:
        try:
            from_body = parameters.of_form(request).get("access_token")
        except Unreadable:
            return []
        tokens += [from_body] if from_body else []
    return tokens


def _challenge(status: int, error: str | None) -> Response:
    response = jsonify({"error": error} if error else {"error": "invalid_request"})
    response.status_code = status
    detail = f', error="{error}"' if error else ""
    response.headers["WWW-Authenticate"] = f'Bearer realm="portal"{detail}'
    response.headers["Cache-Control"] = "no-store"
    return response
