"""The tokens that show that a form came from a page of ours."""

from flask import Flask, request
from flask_wtf.csrf import CSRFProtect


class FormTokens(CSRFProtect):
    """Flask-WTF's protection, which looks first whether a request could change anything at all."""

    def init_app(self, app: Flask) -> None:
        """Judge every form that is sent to ``app``."""
        super().init_app(app)
        self._methods = frozenset(app.config["WTF_CSRF_METHODS"])

    def protect(self, apply_exemptions: bool = False) -> None:
        """Refuse a form without its token with ``CSRFError``, unless it may be exempt and its view is."""
        if request.method in self._methods:
            super().protect(apply_exemptions)
