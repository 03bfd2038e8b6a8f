"""Every address of enrolment by invitation."""

from flask import Blueprint, Flask

from portal.enrolment import entrance, finishing, new_link, proof
from portal.extensions import limit

bp = Blueprint("enrolment", __name__)

bp.add_url_rule("/enrol", "enter", entrance.enter, methods=["GET", "POST"])
bp.add_url_rule("/enrol/new-link", "new_link", new_link.ask, methods=["GET", "POST"])
bp.add_url_rule("/enrol/okta/callback", "okta_callback", proof.okta_callback, methods=["GET"])
bp.add_url_rule("/enrol/continue", "resume", finishing.resume, methods=["GET"])
bp.add_url_rule("/enrol/leave", "leave", finishing.leave, methods=["GET", "POST"])


def init_app(app: Flask) -> None:
    """Register the addresses with their limits."""
    app.register_blueprint(bp)
    for name in ("enter", "new_link", "okta_callback", "resume", "leave"):
        limit(app, f"enrolment.{name}", "rate_limit_pages")
    limit(app, "enrolment.new_link", "rate_limit_new_link", methods=["POST"])
