"""Every address of the protocol, cut by policy: pages keep cookies and guard forms, machines do neither."""

from flask import Blueprint, Flask
from flask_wtf.csrf import CSRFProtect

from portal.extensions import limit
from portal.oidc import authorize, client_limits, documents, metadata, par, token, userinfo
from portal.web.guessing import limit_wrong_secrets

pages = Blueprint("oidc_pages", __name__)
machine = Blueprint("oidc", __name__)

pages.add_url_rule("/v1/openid/authorize", "authorize", authorize.authorize, methods=["GET", "POST"])
pages.add_url_rule("/oauth2/idv-authorize", "idv_authorize", authorize.authorize, methods=["GET"])
pages.add_url_rule("/oauth2/authorize", "oauth2_authorize", authorize.authorize, methods=["GET"])
pages.add_url_rule("/v1/openid/continue", "resume", authorize.resume, methods=["GET"])
pages.add_url_rule("/v1/openid/leave", "leave", authorize.leave, methods=["GET", "POST"])

machine.add_url_rule("/v1/openid/token", "token", token.token, methods=["POST"])
machine.add_url_rule("/oauth2/token", "token_alias", token.token, methods=["POST"])
machine.add_url_rule("/oauth2/par", "par", par.par, methods=["POST"])
machine.add_url_rule("/v1/openid/revoke", "revoke", token.revoke, methods=["POST"])
machine.add_url_rule("/v1/openid/userinfo", "userinfo", userinfo.userinfo, methods=["GET", "POST"])
machine.add_url_rule("/v1/openid/jwks", "jwks", metadata.jwks, methods=["GET"])
machine.add_url_rule("/.well-known/openid-configuration", "discovery", metadata.discovery, methods=["GET"])
machine.add_url_rule(
    "/.well-known/oauth-authorization-server", "discovery_rfc8414", metadata.discovery, methods=["GET"]
)


def init_app(app: Flask) -> None:
    """Register both blueprints with their limits; a foreign site's POST to ``authorize`` is legitimate."""
    csrf: CSRFProtect = app.extensions["csrf"]
    csrf.exempt(machine)
    app.register_blueprint(pages)
    app.register_blueprint(machine)
    csrf.exempt(app.view_functions["oidc_pages.authorize"])
    for name in ("authorize", "idv_authorize", "oauth2_authorize"):
        limit(app, f"oidc_pages.{name}", "rate_limit_authorize")
    for name in ("resume", "leave"):
        limit(app, f"oidc_pages.{name}", "rate_limit_pages")
    for name in (
        "token",
        "token_alias",
        "par",
        "revoke",
        "userinfo",
    ):
        limit(app, f"oidc.{name}", "rate_limit_token")
    documents.init_app(app, ("oidc.jwks", "oidc.discovery", "oidc.discovery_rfc8414"))
    for name in ("token", "token_alias", "par", "revoke"):
        client_limits.note(app, f"oidc.{name}")
        limit_wrong_secrets(app, f"oidc.{name}")
