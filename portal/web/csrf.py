"""The tokens that show that a form came from a page of ours."""

from flask import Flask, request
from flask_wtf.csrf import CSRFProtect


class FormTokens(CSRFProtect):
    """Flask-WTF's protection, which looks first whether a request could change anything at all."""

    def init_app(self, app: Flask) -> None:
        """Judge every form that is sent to ``app``, by any of the secret keys that it knows."""
        # Flask-WTF would take the newest one alone, and whoever had a form open while it was changed, or met
        # another machine that has not heard of it yet, would be sent back. The last of these signs.
        older = app.config["SECRET_KEY_FALLBACKS"] or ()
        app.config.setdefault("WTF_CSRF_SECRET_KEY", [*reversed(older), app.config["SECRET_KEY"]])
        super().init_app(app)
        self._methods = frozenset(app.config["WTF_CSRF_METHODS"])

    def protect(self, apply_exemptions: bool = False) -> None:
        """Refuse a form without its token with ``CSRFError``, unless it may be exempt and its view is."""
        if request.method in self._methods:
            super().protect(apply_exemptions)
