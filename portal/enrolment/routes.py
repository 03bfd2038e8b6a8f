"""Every address of enrolment by invitation.

What answers is loaded when the first request for it comes: each person is invited once, and signing in with
Okta needs a client and Okta's wire, which take a megabyte and a half of each process.
"""

from collections.abc import Callable
from importlib import import_module

from flask import Blueprint, Flask
from flask.typing import ResponseReturnValue

from portal.extensions import limit

bp = Blueprint("enrolment", __name__)


def _answered_by(module: str, what: str) -> Callable[[], ResponseReturnValue]:
    """Return a view that loads what answers: ``what`` in a module of this room."""

    def view() -> ResponseReturnValue:
        answer: ResponseReturnValue = getattr(import_module(f"portal.enrolment.{module}"), what)()
        return answer

    return view


bp.add_url_rule("/enrol", "enter", _answered_by("entrance", "enter"), methods=["GET", "POST"])
bp.add_url_rule("/enrol/new-link", "new_link", _answered_by("new_link", "ask"), methods=["GET", "POST"])
bp.add_url_rule(
    "/enrol/okta/callback", "okta_callback", _answered_by("proof", "okta_callback"), methods=["GET"]
)
bp.add_url_rule("/enrol/continue", "resume", _answered_by("finishing", "resume"), methods=["GET"])
bp.add_url_rule("/enrol/leave", "leave", _answered_by("finishing", "leave"), methods=["GET", "POST"])


def init_app(app: Flask) -> None:
    """Register the addresses with their limits."""
    app.register_blueprint(bp)
    for name in ("enter", "new_link", "okta_callback", "resume", "leave"):
        limit(app, f"enrolment.{name}", "rate_limit_pages")
    limit(app, "enrolment.new_link", "rate_limit_new_link", methods=["POST"])
