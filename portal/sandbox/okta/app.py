"""Making the local Okta's WSGI application."""

import logging
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, Forbidden, HTTPException

from portal import credentials
from portal.sandbox.okta import access, api, control, oauth, pages, sign_in
from portal.sandbox.okta.answers import OAuthError, OktaError
from portal.sandbox.okta.hooks import Sender
from portal.sandbox.okta.scim_apps import Provisioner
from portal.sandbox.okta.sign_in import SignInRefused
from portal.sandbox.okta.store import Store, timestamp

_log = logging.getLogger(__name__)

_HOUSE = Path(__file__).resolve().parents[3]
_FORM_TOKEN = "form_token"  # noqa: S105 - a setting's name
_PROGRAMS = ("/api/", "/oauth2/v1/token", "/oauth2/v1/userinfo", "/local/")
#: There is no ``form-action``: browsers apply it to every redirect that follows a form, and the sign-in's
#: form ends at whatever address a client has registered.
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; frame-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


class LocalOktaWarning(UserWarning):
    """A stand-in for Okta was made: whoever clicks is whoever they say they are."""


class LocalOkta:
    """The stand-in: its WSGI application, its memory, and the threads that send what Okta sends by itself.

    ``database`` is the path of its SQLite file (made if missing). ``control_key`` opens the orders for tests
    under ``/local/``, which are closed without one; ``mail_folder`` is where the demo's portal puts mails.
    Always warns with :class:`LocalOktaWarning`.
    """

    def __init__(
        self, database: Path | str, *, control_key: str | None = None, mail_folder: Path | None = None
    ) -> None:
        sentence = "A local Okta is running: it is a stand-in, and everybody is whoever they say they are."
        warnings.warn(sentence, LocalOktaWarning, stacklevel=2)
        _log.warning(sentence)
        self.store = Store(Path(database))
        self.app = _application(self.store, control_key, mail_folder)
        self._threads: list[Sender | Provisioner] = []

    def start(self) -> None:
        """Start sending event hooks and provisioning by SCIM in the background."""
        self._threads = [Sender(self.store), Provisioner(self.store)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop what :meth:`start` has started, after what is on its way."""
        for thread in self._threads:
            thread.stop()
        self._threads = []


def _application(store: Store, control_key: str | None, mail_folder: Path | None) -> Flask:
    app = Flask(
        "portal.sandbox.okta", template_folder=str(_HOUSE / "templates"), static_folder=str(_HOUSE / "static")
    )
    app.config.update(MAX_CONTENT_LENGTH=1_048_576, MAX_FORM_MEMORY_SIZE=65_536)
    token = _form_token(store)
    app.jinja_env.globals.update(csrf_token=token)
    app.before_request(lambda: _refuse_strangers(token))
    app.register_blueprint(pages.blueprint(store, mail_folder))
    app.register_blueprint(api.blueprint(store))
    app.register_blueprint(oauth.blueprint(store))
    app.register_blueprint(sign_in.blueprint(store))
    app.register_blueprint(control.blueprint(store, control_key))
    app.add_url_rule("/healthz", "healthz", lambda: {"status": "alive"})
    app.register_error_handler(OktaError, _refuse)
    app.register_error_handler(OAuthError, lambda error: error.response())
    app.register_error_handler(access.PlainFailure, _fail_plainly)
    app.register_error_handler(SignInRefused, _refuse_sign_in)
    app.register_error_handler(HTTPException, _refuse_http)
    app.after_request(lambda response: _note(store, response))
    app.after_request(_protect)
    return app


def _form_token(store: Store) -> str:
    """Return what every form of the pages carries: another site's form cannot know it."""
    with store.transaction() as records:
        token = records.setting(_FORM_TOKEN) or credentials.random_token("")
        records.set(_FORM_TOKEN, token)
    return str(token)


def _refuse_strangers(token: str) -> None:
    """Refuse what cannot come from this machine's own pages and programs.

    Another host's name in ``Host`` is a web page of elsewhere that has turned its own name to this machine;
    another origin's form would press the buttons.
    """
    if not request.query_string.isascii():
        raise BadRequest
    if (urlsplit(f"//{request.host}").hostname or "") not in {"localhost", "127.0.0.1", "::1"}:
        raise Forbidden
    if request.method == "POST" and not _is_program():
        origin = request.headers.get("Origin")
        if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            raise Forbidden
        if origin is not None and urlsplit(origin).netloc != request.host:
            raise Forbidden
        if not credentials.same(request.form.get("csrf_token", ""), token):
            raise Forbidden


def _is_program() -> bool:
    return request.path.startswith(_PROGRAMS)


def _page(title: str, sentence: str, status: int) -> ResponseReturnValue:
    return render_template("local_okta/message.html", title=title, sentence=sentence), status


def _refuse(error: OktaError) -> ResponseReturnValue:
    if _is_program():
        return error.response()
    said: Any = error.response().get_json()
    causes = "; ".join(cause["errorSummary"] for cause in said["errorCauses"])
    return _page("That is not possible here", f"{said['errorSummary']} {causes}".strip(), error.status)


def _fail_plainly(error: access.PlainFailure) -> ResponseReturnValue:
    """Answer as a gateway would: no JSON, and none of Okta's headers."""
    return Response("<html><body>upstream unavailable</body></html>", error.status, content_type="text/html")


def _refuse_sign_in(error: SignInRefused) -> ResponseReturnValue:
    return _page("400 Bad Request", str(error), 400)


def _refuse_http(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    if status in {301, 302, 303, 307, 308}:
        return error.get_response()
    if _is_program():
        codes = {404: "E0000007", 405: "E0000022", 500: "E0000009"}
        if status in codes:
            return OktaError(codes[status], request.path).response()
        return jsonify(errorCode="E0000003", errorSummary=error.name, errorCauses=[]), status
    return _page(error.name, "The address or the request is not one that the local Okta understands.", status)


def _note(store: Store, response: Response) -> Response:
    """Write down what programs asked of the API, for the page that shows it and for tests; no secrets."""
    if request.path.startswith("/api/"):
        with store.transaction() as records:
            records.run(
                "INSERT INTO calls (at, method, path, caller, status, body) VALUES (?, ?, ?, ?, ?, ?)",
                (timestamp(), request.method, request.full_path.rstrip("?"),
                 request.headers.get("Authorization", "").partition(" ")[0], response.status_code,
                 request.get_data(as_text=True)[:2_000] if request.content_length else ""),
            )  # fmt: skip
            records.keep_latest("calls")
    return response


def _protect(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", _POLICY)
    response.headers["X-Content-Type-Options"] = "nosniff"
    # Not "no-referrer": with it browsers send "Origin: null" even with this origin's own forms.
    response.headers["Referrer-Policy"] = "same-origin"
    if not request.path.startswith("/static/"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response
