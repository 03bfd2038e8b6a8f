"""The tie between a journey and the browser that began it: a cookie of ours, and its digest in the record.

``SameSite=Lax`` lets the cookie come along when VerifEye sends the browser back by a top-level
navigation, and keeps it away from everything a foreign page can trigger by itself.
"""

from flask import Request
from werkzeug.wrappers import Response

from portal import credentials
from portal.extensions import settings
from portal.journey.errors import WrongBrowser
from portal.models import Journey

_NAME = "portal-browser"
_LENGTH = 32
_DIGITS = "0123456789abcdef"


def cookie_name() -> str:
    """Return the cookie's name: with the ``__Host-`` prefix wherever the portal is https."""
    return f"__Host-{_NAME}" if settings().secure_cookies else _NAME


def secret_of(request: Request) -> str | None:
    """Return the browser's secret (32 lower-case hex digits), or ``None`` if it brings none of our making."""
    value = request.cookies.get(cookie_name(), "")
    return value if len(value) == _LENGTH and not value.strip(_DIGITS) else None


def new_secret() -> str:
    """Return a fresh secret for a browser that brings none."""
    return credentials.random_hex(_LENGTH * 4)


def remember(response: Response, secret: str) -> None:
    """Set the browser's cookie on ``response``; it lives as long as the browser's session."""
    response.set_cookie(
        cookie_name(), secret, secure=settings().secure_cookies, httponly=True, samesite="Lax", path="/"
    )


def require_same(request: Request, journey: Journey) -> None:
    """Raise :class:`WrongBrowser` unless ``request`` comes from the browser that began ``journey``."""
    secret = secret_of(request)
    if secret is None or not credentials.same(credentials.digest(secret), journey.browser_digest):
        raise WrongBrowser(journey)
