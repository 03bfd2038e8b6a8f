"""Every address of the capture, cut by policy: pages with guarded forms, and one machine's hook."""

from flask import Blueprint, Flask, request
from flask_wtf.csrf import CSRFProtect

from portal import credentials
from portal.capture import notices, pages, result, webhook
from portal.extensions import limit
from portal.users import directory
from portal.web import errors
from portal.web.errors import Problem

bp = Blueprint("capture", __name__)
machine = Blueprint("capture_machine", __name__)

bp.add_url_rule("/v1/openid/account", "identify", pages.identify, methods=["GET", "POST"])
bp.add_url_rule("/v1/openid/check", "start", pages.start, methods=["GET", "POST"])
bp.add_url_rule("/v1/openid/refused", "refused", pages.refused, methods=["GET"])
bp.add_url_rule("/v1/openid/verify-result", "verify_result", result.verify_result, methods=["GET"])
bp.add_url_rule("/camera-help", "camera_help", pages.camera_help, methods=["GET"])
bp.add_url_rule("/privacy", "privacy", notices.privacy, methods=["GET"])
bp.add_url_rule("/terms", "terms", notices.terms, methods=["GET"])

machine.add_url_rule("/verifeye/webhook", "webhook", webhook.webhook, methods=["POST"])


def init_app(app: Flask) -> None:
    """Register the addresses with their limits; the hook has no cookie and so nothing to guard against."""
    csrf: CSRFProtect = app.extensions["csrf"]
    csrf.exempt(machine)
    notices.init_app(app)
    app.register_blueprint(bp)
    app.register_blueprint(machine)
    errors.dialect(app, "/verifeye/webhook", _in_json)
    # The last one is asked first: whom its address keeps out counts for no account, of which there would be
    # as many in the memory of an hour as a stranger can type.
    limit(
        app, "capture.identify", "rate_limit_identify_per_account", methods=["POST"], key_func=_typed_account
    )
    limit(app, "capture.identify", "rate_limit_identify", methods=["POST"])
    for name in ("identify", "start", "refused", "verify_result", "camera_help", "privacy", "terms"):
        limit(app, f"capture.{name}", "rate_limit_pages")
    limit(app, "capture_machine.webhook", "rate_limit_webhook")


def _typed_account() -> str:
    """Count by the account that was typed, whoever types it; only its digest reaches the counter."""
    return credentials.digest(directory.account_key(request.form.get("login", "")))


def _in_json(problem: Problem) -> tuple[dict[str, str], int, dict[str, str]]:
    return {"error": "refused"}, problem.status, dict(problem.headers)
