"""Answers of the authorization endpoint: by query or by form, with ``state`` and ``iss`` (RFC 9207).

And those to machines, as JSON.
"""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Response as FlaskResponse
from flask import make_response, redirect, render_template
from werkzeug.wrappers import Response

from portal.extensions import settings
from portal.oidc.errors import ProtocolError
from portal.web import headers

_JSON = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True)
class WayBack:
    """Where a proven client wants its answer, and what it is called towards people."""

    redirect_uri: str
    response_mode: str
    state: str | None
    client_name: str
    reference: str | None


def document(content: dict[str, Any], status: int = 200, *, caching: str = "no-store") -> Response:
    """Return a machine's answer as JSON, which nobody may keep (RFC 6749, 5.1; RFC 9126, 2.2)."""
    headers = [("Content-Type", "application/json"), ("Cache-Control", caching), ("Pragma", "no-cache")]
    return FlaskResponse(_JSON.encode(content), status, headers)


def success(code: str, back: WayBack) -> Response:
    """Return the answer that carries a code."""
    return _answer({"code": code}, back, title="Signing you in")


def failure(error: ProtocolError, back: WayBack) -> Response:
    """Return the answer that carries an error."""
    fields = {"error": error.code, "error_description": error.description}
    return _answer(fields, back, title=f"Going back to {back.client_name}")


def _answer(fields: dict[str, str], back: WayBack, *, title: str) -> Response:
    if back.state is not None:
        fields["state"] = back.state
    fields["iss"] = settings().issuer
    if back.response_mode == "form_post":
        headers.allow_form_action(back.redirect_uri, onward=True)
        page = render_template(
            "capture/returning.html",
            action=back.redirect_uri,
            fields=fields,
            title=title,
            client_name=back.client_name,
            reference=back.reference,
        )
        response = make_response(page)
        # Its one form leads to the client, who has no business with the address that made the answer.
        response.headers["Referrer-Policy"] = "no-referrer"
        return response
    separator = "&" if "?" in back.redirect_uri else "?"
    away = redirect(f"{back.redirect_uri}{separator}{urlencode(fields)}", 303)
    away.headers["Cache-Control"] = "no-store"
    return away
