"""The security headers of every response.

Everything is forbidden by default and a page allows itself what it needs while it is being made: a
template that asks for :func:`nonce` gets scripts, a view that calls :func:`allow_form_action` gets
a form whose answer leads elsewhere. A header that a view sets itself is left alone.
"""

import re
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, request

from portal import credentials
from portal.web.filters import static_hash

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*", re.IGNORECASE)

#: Never allowed in the portal's own pages: the capture happens on another origin, in a page of its own.
_DENIED_FEATURES = (
    "accelerometer", "display-capture", "geolocation", "gyroscope", "magnetometer", "microphone",
    "midi", "payment", "publickey-credentials-get", "screen-wake-lock", "serial", "usb",
)  # fmt: skip
_DENIED = ", ".join(f"{feature}=()" for feature in _DENIED_FEATURES)

_ONE_YEAR = 31_536_000
#: For an answer that has no script and no form that leads elsewhere, such as every answer in JSON.
_STRICTEST_POLICY = (
    "default-src 'none'; script-src 'none'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def init_app(app: Flask) -> None:
    """Register the headers for every response of ``app`` and the globals that templates use."""
    app.after_request(_apply)
    app.add_template_global(nonce, "csp_nonce")
    app.add_template_global(allow_camera_query, "allow_camera_query")


def nonce() -> str:
    """Return this response's nonce for ``<script nonce>`` (CSP level 3, section 6.6.3.1).

    Made on first use: a response whose page never asks for it allows no script at all.
    """
    if "csp_nonce" not in g:
        g.csp_nonce = credentials.random_hex()
    value: str = g.csp_nonce
    return value


def allow_form_action(url: str, *, onward: bool = False) -> None:
    """Let this page's forms lead to the origin of ``url`` (CSP level 3, section 6.4.1.1).

    Chromium and Safari apply ``form-action`` to every redirect that follows a submitted form, so a
    page whose form is answered by a redirect to another origin has to name that origin. With
    ``onward`` the place behind ``url`` may send the browser further, to where only it knows (a
    client that receives its answer by ``form_post``): then any address of that scheme is allowed.
    Raises ``ValueError`` for something that is not an absolute URL.
    """
    sources: set[str] = g.setdefault("form_action", set())
    sources.add(form_action_source(url))
    if onward:
        sources.add(f"{urlsplit(url).scheme.lower()}:")


def form_action_source(url: str) -> str:
    """Return the CSP source expression for the origin of ``url``; raises ``ValueError``.

    A custom scheme (a native app's redirect URI) and an IPv6 literal, which the CSP grammar cannot
    write, become a source that names the scheme alone.
    """
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if not _SCHEME.fullmatch(scheme):
        raise ValueError("an absolute URL is needed")
    if scheme not in ("http", "https"):
        return f"{scheme}:"
    host = parts.hostname or ""
    if ":" in host:
        return f"{scheme}:"
    if not _HOST.fullmatch(host):
        raise ValueError("the URL has no host that a header can carry")
    return f"{scheme}://{host}" if parts.port is None else f"{scheme}://{host}:{parts.port}"


def allow_camera_query() -> str:
    """Let this page's script ask whether a camera could be used; returns ``"yes"`` for a data attribute.

    Under ``camera=()`` a browser answers every permissions query with "denied", so a page that
    wants to warn about a blocked camera before the person leaves needs ``camera=(self)``.
    """
    g.camera_query = True
    return "yes"


def _content_security_policy() -> str:
    if "csp_nonce" not in g and "form_action" not in g:
        return _STRICTEST_POLICY
    script = f"'nonce-{g.csp_nonce}'" if "csp_nonce" in g else "'none'"
    form = " ".join(["'self'", *sorted(g.get("form_action", ()))])
    return (
        f"default-src 'none'; script-src {script}; style-src 'self'; img-src 'self'; "
        f"form-action {form}; base-uri 'none'; frame-ancestors 'none'"
    )


def _cache_control(response: Response) -> str:
    if request.endpoint != "static" or response.status_code not in (200, 206, 304):
        return "no-store"
    # The address names the content only if the hash in it is this file's: during an upgrade an old
    # worker may be asked for the new file, and its answer must not be kept for a year.
    view_args = request.view_args or {}
    wanted = request.args.get("v")
    if wanted and wanted == static_hash(current_app, view_args.get("filename", "")):
        return f"public, max-age={_ONE_YEAR}, immutable"
    return "no-cache"


def _referrer_policy(response: Response) -> str:
    """Return what a browser tells the next address about this one (RFC 9700, section 4.2.4).

    Codes, states and links travel in addresses that answer with a redirect: nobody is told those, not even
    the portal. A page's address is not told to others either, but its own forms keep their Origin, which
    "no-referrer" would turn into "null" and which firewalls in front of the portal look at.
    """
    return "no-referrer" if 300 <= response.status_code < 400 else "same-origin"


def _close_what_is_not_sent(response: Response) -> None:
    """Close the file behind an answer without a body; Werkzeug forgets it for HEAD and 304."""
    if request.method == "HEAD" or response.status_code == 304:
        response.close()


def _apply(response: Response) -> Response:
    headers = response.headers
    static = request.endpoint == "static"
    headers.setdefault("Content-Security-Policy", _content_security_policy())
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Referrer-Policy", _referrer_policy(response))
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    # Logos are shown in mail and in Okta's own pages; everything else stays ours.
    headers.setdefault("Cross-Origin-Resource-Policy", "cross-origin" if static else "same-origin")
    camera = "camera=(self)" if g.get("camera_query") else "camera=()"
    headers.setdefault("Permissions-Policy", f"{camera}, {_DENIED}")
    if request.is_secure:
        headers.setdefault("Strict-Transport-Security", f"max-age={_ONE_YEAR}")
    if static:
        # Flask's own answer for a file without a maximum age is "no-cache", never a view's wish.
        headers["Cache-Control"] = _cache_control(response)
        _close_what_is_not_sent(response)
    else:
        headers.setdefault("Cache-Control", _cache_control(response))
    return response
