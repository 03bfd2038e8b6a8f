"""A demo relying party that plays Okta: it asks the portal who somebody is, and shows every step of it.

A WSGI application of its own, served on an origin of its own. What it remembers of a sign-in is in its memory
and gone when it stops. The portal treats it as any other client; of the portal nothing is imported. It can
also recover a password as Okta does, with identity verification: that is ``relying_party_recovery``. Its home
page tells the workforce's story, and routes by the registration attribute: ``relying_party_story``.

    python -m portal.sandbox.relying_party --port 8082 --settings FILE
"""

import logging
from datetime import UTC, datetime
from pathlib import Path

import click
from flask import Flask, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException
from werkzeug.serving import make_server

from portal import credentials
from portal.sandbox import relying_party_client as oidc
from portal.sandbox import relying_party_recovery as recovery
from portal.sandbox import relying_party_story as story
from portal.sandbox import relying_party_visits as visits
from portal.sandbox.relying_party_client import SignIn, SignInFailed
from portal.sandbox.relying_party_settings import DemoSettings, read_settings

_HOUSE = Path(__file__).resolve().parents[2]

#: What a person reads instead of the protocol's error code: a title, and what it means here.
_FAILURES = {
    "access_denied": (
        "Not signed in",
        "The portal did not verify them, or they chose another way. Okta would now offer another factor.",
    ),
    "temporarily_unavailable": (
        "Nobody can be checked right now",
        "The portal, or VerifEye behind it, is away for the moment. Okta would now offer another factor.",
    ),
    "interaction_required": (
        "A person is needed",
        "The request said that nobody should be asked, and a face cannot be checked like that.",
    ),
    "no_answer": (
        "The portal does not answer",
        "Is it running? The start-up message says where its log is.",
    ),
}
_OTHER_FAILURE = (
    "The sign-in did not work",
    "Something in the request or in the answer was not as it should be.",
)

#: What the claims of the ID token mean, for those who do not read tokens every day.
MEANINGS = {
    "iss": "who says so: the portal",
    "sub": "the person, under the portal’s own lasting id",
    "aud": "for whom it was said: this client",
    "exp": "good until",
    "iat": "said at",
    "auth_time": "when the face was checked",
    "nonce": "which request it answers",
    "amr": "how it was checked",
    "acr": "how well it was checked",
    "at_hash": "which access token came along",
    "preferred_username": "the login in Okta",
    "email": "e-mail address, from the directory",
    "email_verified": "whether the portal itself verified that address",
    "given_name": "given name, from the directory",
    "family_name": "family name, from the directory",
    "name": "full name, from the directory",
}


def create_relying_party(settings: DemoSettings) -> Flask:
    """Return the demo relying party as a WSGI application, to be served at ``settings.origin``."""
    app = Flask(
        "portal.sandbox.relying_party",
        template_folder=str(_HOUSE / "templates"),
        static_folder=str(_HOUSE / "static"),
    )
    app.config.update(MAX_CONTENT_LENGTH=65_536, MAX_FORM_MEMORY_SIZE=65_536)
    app.jinja_env.globals.update(settings=settings, meanings=MEANINGS, moment=_moment)
    signins: visits.Visits[SignIn] = visits.Visits()

    @app.get("/sign-in")
    def factor() -> ResponseReturnValue:
        """Ask who signs in, and as which client."""
        return render_template("demo/home.html", chosen=request.args)

    @app.get("/start")
    def start() -> ResponseReturnValue:
        """Begin a sign-in and send the browser to the portal (OpenID Connect Core 4 allows a GET)."""
        client = settings.client(request.args.get("client", settings.clients[0].key))
        if client is None:
            return visits.message(
                404, "There is no such client", "Go back and choose one of those on the page."
            )
        login = request.args.get("other", "").strip() or request.args.get("login_hint", "").strip()
        browser = visits.browser() or credentials.random_token("")
        signin = SignIn(
            credentials.random_hex(64),
            client,
            login or None,
            browser,
            signed=request.args.get("request", "signed") == "signed",
            response_mode="form_post" if request.args.get("answer") == "form_post" else "query",
        )
        try:
            there = oidc.begin(signin, settings.issuer, settings.redirect_uri)
        except SignInFailed as failure:
            signin.failure = failure
            there = url_for("outcome", signin_id=signin.id)
        signins.add(signin)
        return visits.remember(app.make_response(redirect(there, 303)), browser)

    @app.route("/oauth2/v1/authorize/callback", methods=["GET", "POST"])
    def callback() -> ResponseReturnValue:
        """Take the portal's answer, by query or by form, once; it is shown at an address of its own."""
        values = request.form if request.method == "POST" else request.args
        answer = {name: values[name] for name in values}
        signin = signins.take(answer.get("state", ""), visits.browser())
        if signin is None or any(len(values.getlist(name)) != 1 for name in values):
            return visits.unexpected()
        try:
            oidc.complete(signin, settings.issuer, settings.redirect_uri, request.method, answer)
        except SignInFailed as failure:
            signin.failure = failure
        return redirect(url_for("outcome", signin_id=signin.id), 303)

    @app.get("/sign-ins/<signin_id>")
    def outcome(signin_id: str) -> ResponseReturnValue:
        """Show what came of a sign-in, and every hop of it."""
        signin = signins.find(signin_id, visits.browser())
        if signin is None or not signin.over:
            return visits.message(404, "Nothing is known of this sign-in", "It may be over since a restart.")
        if signin.failure is None:
            return render_template("demo/signed_in.html", signin=signin)
        title, meaning = _FAILURES.get(signin.failure.code, _OTHER_FAILURE)
        return render_template("demo/not_signed_in.html", signin=signin, title=title, meaning=meaning)

    @app.get("/healthz")
    def alive() -> ResponseReturnValue:
        """Answer as long as the process can."""
        return {"status": "alive"}

    story.init_app(app, settings, factor)
    recovery.init_app(app, settings)
    app.register_error_handler(HTTPException, _http_error)
    app.after_request(lambda response: _protect(response, settings.issuer))
    return app


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%d %B %Y, %H:%M:%S UTC")


def _http_error(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    if status in (301, 302, 303, 307, 308):
        return error.get_response()
    title = "Page not found" if status == 404 else error.name
    return visits.message(status, title, "This page of the demo does not exist, or does not work like that.")


def _protect(response: Response, issuer: str) -> Response:
    """No script at all; forms lead to this origin and, by a redirect, to the portal."""
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self' {issuer}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    if not request.path.startswith("/static/"):
        response.headers["Cache-Control"] = "no-store"
    return response


@click.command()
@click.option("--port", type=click.IntRange(1, 65_535), required=True, help="The port to listen on.")
@click.option("--settings", "path", type=click.Path(path_type=Path), required=True, help="A JSON file.")
def main(port: int, path: Path) -> None:
    """Serve the demo relying party on loopback until Ctrl-C or SIGTERM."""
    try:
        settings = read_settings(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise click.ClickException(f"The settings in {path} cannot be used: {error}.") from error
    logging.basicConfig(level=logging.INFO)
    server = make_server("127.0.0.1", port, create_relying_party(settings), threaded=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        click.echo("Stopped.")
    finally:
        server.server_close()


if __name__ == "__main__":
    main()
