"""Making the sandbox's WSGI application."""

import logging
import warnings
from collections.abc import Iterable
from pathlib import Path

from flask import Flask, Response, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, HTTPException

from portal.sandbox import api, control, pages
from portal.sandbox.configurations import Configuration, read_file
from portal.sandbox.requests import Refused
from portal.sandbox.sessions import LinkRefused
from portal.sandbox.store import Store

_log = logging.getLogger(__name__)

_HOUSE = Path(__file__).resolve().parents[2]

#: The page runs its own script and style only. There is no ``form-action``: browsers apply it to every
#: redirect that follows a form, and where a person returns to is the configuration's business.
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "media-src 'self' blob: mediastream:; base-uri 'none'; frame-ancestors 'self'"
)


class SandboxWarning(UserWarning):
    """A VerifEye sandbox was made: whoever clicks decides, nobody is verified."""


def create_sandbox(
    database: Path | str,
    *,
    configurations: Iterable[Configuration] = (),
    configurations_file: Path | str | None = None,
    account_key: str | None = None,
) -> Flask:
    """Return the stand-in for VerifEye as a WSGI application, to be served on an origin of its own.

    ``database`` is the path of its SQLite file (made if missing). Configurations come from the iterable,
    from a JSON file, from ``POST /sandbox/configurations``, or from an earlier run. ``account_key``
    protects the JSON endpoints under ``/sandbox/``, which are closed without one. Always warns with
    :class:`SandboxWarning`. Raises ``ConfigurationError`` for a file that cannot be used.
    """
    sentence = "A VerifEye sandbox is running: it verifies nobody. Never connect it to a real sign-in."
    warnings.warn(sentence, SandboxWarning, stacklevel=2)
    _log.warning(sentence)
    store = Store(Path(database))
    with store.transaction() as records:
        for configuration in (
            *configurations,
            *(read_file(Path(configurations_file)) if configurations_file else ()),
        ):
            records.put(configuration)
    app = Flask(
        "portal.sandbox", template_folder=str(_HOUSE / "templates"), static_folder=str(_HOUSE / "static")
    )
    app.config.update(MAX_CONTENT_LENGTH=65_536, MAX_FORM_MEMORY_SIZE=65_536)
    app.extensions["sandbox_store"] = store
    app.register_blueprint(pages.blueprint(store))
    app.register_blueprint(api.blueprint(store))
    app.register_blueprint(control.blueprint(store, account_key))
    app.register_error_handler(LinkRefused, _refuse_page)
    app.register_error_handler(Refused, _refuse_json)
    app.register_error_handler(HTTPException, _refuse_http)
    app.before_request(_refuse_odd_query)
    app.after_request(_protect)
    return app


def _refuse_odd_query() -> None:
    """Refuse raw bytes in a query, at which the framework's own reader would stumble."""
    if not request.query_string.isascii():
        raise BadRequest


def _refuse_page(refusal: LinkRefused) -> ResponseReturnValue:
    page = render_template(
        "sandbox/message.html",
        title=refusal.title,
        sentence=refusal.sentence,
        next_step="Go back to where you came from and start again.",
    )
    return page, refusal.status


def _refuse_json(refusal: Refused) -> ResponseReturnValue:
    return jsonify(error=refusal.sentence), refusal.status


def _refuse_http(error: HTTPException) -> ResponseReturnValue:
    """Answer Flask's own errors in the manner of the place: JSON for programs, a page for people."""
    status = error.code or 500
    if request.path.startswith("/v1/") or (request.path.startswith("/sandbox/") and request.method == "POST"):
        return jsonify(error=error.name), status
    if status in {301, 302, 307, 308}:
        return error.get_response()
    sentence = "The address or the request is not one that this sandbox understands."
    return render_template("sandbox/message.html", title=error.name, sentence=sentence), status


def _protect(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", _POLICY)
    response.headers["X-Content-Type-Options"] = "nosniff"
    # Not "no-referrer": with it browsers send "Origin: null" even with this origin's own forms.
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Permissions-Policy"] = "camera=(self), microphone=(), geolocation=()"
    if not request.path.startswith("/static/"):
        response.headers["Cache-Control"] = "no-store"
    return response
