"""The token that proves a posted form to be one of ours, in the very session that it was made for.

Flask-WTF judges it when the form comes back (``portal/web/csrf.py``), and this writes what it
would write: its own function makes a serializer for each page, which costs more than the signature itself.
"""

from flask import Flask, current_app, g, session

from portal import credentials
from portal.signed_text import SignedText

#: Flask-WTF's names: of the field, of what the session keeps, and of what this request has made already.
_FIELD = "csrf_token"
_SALT = "wtf-csrf-token"
_SIGNED = "portal.web.forms"
#: As long as what Flask-WTF would put into a session.
_BITS = 160


def init_app(app: Flask) -> None:
    """Give templates :func:`form_token`; the application's secret key must be set."""
    newest = app.config["SECRET_KEY"]
    app.extensions[_SIGNED] = SignedText([newest], salt=_SALT)
    app.add_template_global(form_token)


def form_token() -> str:
    """Return the token for the forms of this answer; makes the session if the browser brought none."""
    made: str | None = g.get(_FIELD)
    if made is None:
        signed: SignedText = current_app.extensions[_SIGNED]
        secret: str | None = session.get(_FIELD)
        if secret is None:
            secret = session[_FIELD] = credentials.random_hex(_BITS)
        made = g.csrf_token = signed.dumps(secret)
    return made
