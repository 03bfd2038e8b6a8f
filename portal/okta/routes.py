"""The one address that Okta's event hooks call."""

from flask import Blueprint, Flask
from flask_wtf.csrf import CSRFProtect

from portal.extensions import limit
from portal.okta import hook
from portal.web import errors
from portal.web.errors import Problem
from portal.web.guessing import limit_wrong_secrets

bp = Blueprint("okta", __name__)

bp.add_url_rule("/okta/events", "hook", hook.hook, methods=["GET", "POST"])


def init_app(app: Flask) -> None:
    """Register the address with its limits; it has no cookie and so no form to guard."""
    csrf: CSRFProtect = app.extensions["csrf"]
    csrf.exempt(bp)
    app.register_blueprint(bp)
    errors.dialect(app, "/okta/events", _in_json)
    limit(app, "okta.hook", "rate_limit_okta_events")
    limit_wrong_secrets(app, "okta.hook")


def _in_json(problem: Problem) -> tuple[dict[str, str], int, dict[str, str]]:
    return {"error": problem.title}, problem.status, dict(problem.headers)
