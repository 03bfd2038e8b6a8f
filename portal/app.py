"""The application factory: the only place where the rooms are wired together."""

from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy.orm import configure_mappers

from portal import (
    capture,
    cli,
    enrolment,
    extensions,
    health,
    logs,
    oidc,
    okta,
    scim,
    tracing,
    users,
    verifications,
    watch,
    web,
)
from portal import settings as settings_module
from portal.settings import Settings
from portal.web import proxies
from portal.web.application import Portal
from portal.web.csrf import FormTokens
from portal.web.session_cookies import SessionCookies
from portal.web.templates import Templates

TOP = Path(__file__).resolve().parent.parent


def create_app(configured: Settings | None = None, **overrides: Any) -> Flask:
    """Return the portal.

    ``configured`` is what ``settings.load`` returned; without it the environment is read, with
    ``overrides`` (tests) on top. Raises ``SettingsError`` where a setting is missing or unsafe.
    """
    configured = configured or settings_module.load(**overrides)
    app = Portal(
        "portal",
        template_folder=str(TOP / "templates"),
        static_folder=str(TOP / "static"),
        # What the path of a SQLite database is relative to, wherever a command is typed.
        instance_path=str(TOP),
    )
    # A doubled slash would be answered by 308, which posts a form again, at whatever host the request named.
    app.url_map.merge_slashes = False
    app.session_interface = SessionCookies()
    app.jinja_environment = Templates
    _configure(app, configured)
    logs.init_app(app, configured)
    tracing.init_app(app, configured)
    extensions.init_app(app, configured)
    watch.init_app(app)
    web.init_app(app)
    # After it: looking for a form's token reads the body, which web/intake.py has to see first.
    FormTokens(app)
    users.init_app(app)
    verifications.init_app(app)
    oidc.init_app(app)
    capture.init_app(app)
    enrolment.init_app(app)
    scim.init_app(app)
    okta.init_app(app)
    health.init_app(app)
    cli.init_app(app)
    proxies.init_app(app, configured)
    # Before there are threads, and before a process is forked: whichever request came first would otherwise
    # find records that SQLAlchemy has not finished describing (portal/records.py makes them by hand).
    configure_mappers()
    return app


def _configure(app: Flask, configured: Settings) -> None:
    newest, *older = configured.secret_key
    app.config.update(
        SECRET_KEY=newest,
        SECRET_KEY_FALLBACKS=older,
        MAX_CONTENT_LENGTH=configured.max_request_bytes,
        MAX_FORM_PARTS=100,
        SESSION_COOKIE_NAME="__Host-portal-session" if configured.secure_cookies else "portal-session",
        SESSION_COOKIE_SECURE=configured.secure_cookies,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        # A form stays good as long as a journey does; the journey has its own clock.
        WTF_CSRF_TIME_LIMIT=None,
        # The origin is bound by the token and by SameSite; some privacy tools strip the Referer.
        WTF_CSRF_SSL_STRICT=False,
    )
