"""The security headers of every response.

Everything is forbidden by default and a page allows itself what it needs while it is being made: a
template that asks for :func:`nonce` gets scripts, a view that calls :func:`allow_form_action` gets
a form whose answer leads elsewhere. A header that a view sets itself is left alone.
"""

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Flask, Request, Response, current_app, g, request

from portal import credentials
from portal.web.filters import static_hash

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from flask.ctx import _AppCtxGlobals

#: For each header its name in lower case, and the header as it is written.
Protection = tuple[tuple[str, tuple[str, str]], ...]

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*", re.IGNORECASE)

#: Never allowed in the portal's own pages: the capture happens on another origin, in a page of its own.
_DENIED_FEATURES = (
    "accelerometer", "display-capture", "geolocation", "gyroscope", "magnetometer", "microphone",
    "midi", "payment", "publickey-credentials-get", "screen-wake-lock", "serial", "usb",
)  # fmt: skip
_DENIED = ", ".join(f"{feature}=()" for feature in _DENIED_FEATURES)

_ONE_YEAR = 31_536_000


def init_app(app: Flask) -> None:
    """Register the headers for every response of ``app`` and the globals that templates use."""
    app.response_class = Protected
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


@lru_cache(maxsize=256)
def form_action_source(url: str) -> str:
    """Return the CSP source expression for the origin of ``url``; raises ``ValueError``.

    A custom scheme (a native app's redirect URI) and a host that the CSP grammar cannot write (an IPv6
    literal, a name with an underscore or a dot at its end) become a source that names the scheme alone.
    """
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if not _SCHEME.fullmatch(scheme):
        raise ValueError("an absolute URL is needed")
    if scheme not in ("http", "https"):
        return f"{scheme}:"
    host = parts.hostname or ""
    if not host:
        raise ValueError("an absolute URL is needed")
    if not _HOST.fullmatch(host):
        return f"{scheme}:"
    return f"{scheme}://{host}" if parts.port is None else f"{scheme}://{host}:{parts.port}"


def allow_camera_query() -> str:
    """Let this page's script ask whether a camera could be used; returns ``"yes"`` for a data attribute.

    Under ``camera=()`` a browser answers every permissions query with "denied", so a page that
    wants to warn about a blocked camera before the person leaves needs ``camera=(self)``.
    """
    g.camera_query = True
    return "yes"


class Protected(Response):
    """A response beside which its protecting headers are written.

    They are pairs that were made once and are handed to the server as they are: put among a view's own, each
    would be looked up, checked and copied anew for every answer. A header that the view has set wins.
    """

    protection: Protection = ()

    def get_wsgi_response(
        self, environ: "WSGIEnvironment"
    ) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        """Return body, status and headers for the server (PEP 3333)."""
        body, status, own = super().get_wsgi_response(environ)
        given = {name.lower() for name, _ in own}
        own += [header for name, header in self.protection if name not in given]
        return body, status, own


@cache
def _usual(secure: bool, redirect: bool) -> Protection:
    """Return the headers of an answer that asked for nothing: all that is no page and no file."""
    policy = _content_security_policy()
    return _protection(policy, secure=secure, redirect=redirect, static=False, camera=False)


def _protection(policy: str, *, secure: bool, redirect: bool, static: bool, camera: bool) -> Protection:
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        # RFC 9700, 4.2.4: codes, states and links travel in addresses that answer with a redirect, and
        # nobody is told those, not even the portal. A page's address is not told to others either, but its
        # own forms keep their Origin, which "no-referrer" would turn into "null" and which firewalls in front
        # of the portal look at.
        "Referrer-Policy": "no-referrer" if redirect else "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        # Logos are shown in mail and in Okta's own pages; everything else stays ours.
        "Cross-Origin-Resource-Policy": "cross-origin" if static else "same-origin",
        "Permissions-Policy": f"{'camera=(self)' if camera else 'camera=()'}, {_DENIED}",
        # A file's is set by itself.
        "Cache-Control": "no-store",
    }
    if secure:
        headers["Strict-Transport-Security"] = f"max-age={_ONE_YEAR}"
    return tuple((name.lower(), (name, value)) for name, value in headers.items())


def _content_security_policy(nonce: str | None = None, form_action: Iterable[str] = ()) -> str:
    script = f"'nonce-{nonce}'" if nonce else "'none'"
    form = " ".join(["'self'", *sorted(form_action)])
    return (
        f"default-src 'none'; script-src {script}; style-src 'self'; img-src 'self'; "
        f"form-action {form}; base-uri 'none'; frame-ancestors 'none'"
    )


def _cache_control(request: Request, response: Response) -> str:
    """Return how long the answer with a file may be kept."""
    if response.status_code not in (200, 206, 304):
        return "no-store"
    # The address names the content only if the hash in it is this file's: during an upgrade an old
    # worker may be asked for the new file, and its answer must not be kept for a year.
    view_args = request.view_args or {}
    wanted = request.args.get("v")
    if wanted and wanted == static_hash(current_app, view_args.get("filename", "")):
        return f"public, max-age={_ONE_YEAR}, immutable"
    return "no-cache"


def _close_what_is_not_sent(request: Request, response: Response) -> None:
    """Close the file behind an answer without a body; Werkzeug forgets it for HEAD and 304."""
    if request.method == "HEAD" or response.status_code == 304:
        response.close()


def _apply(response: Protected) -> Protected:
    """Choose the protecting headers for ``response``."""
    asked: _AppCtxGlobals = g._get_current_object()
    current: Request = request._get_current_object()  # type: ignore[attr-defined]
    redirect = 300 <= response.status_code < 400
    static = current.endpoint == "static"
    if static:
        # Flask's own answer for a file without a maximum age is "no-cache", never a view's wish.
        response.headers["Cache-Control"] = _cache_control(current, response)
        _close_what_is_not_sent(current, response)
    if static or "csp_nonce" in asked or "form_action" in asked or "camera_query" in asked:
        response.protection = _protection(
            _content_security_policy(asked.get("csp_nonce"), asked.get("form_action", ())),
            secure=current.is_secure,
            redirect=redirect,
            static=static,
            camera="camera_query" in asked,
        )
    else:
        response.protection = _usual(current.is_secure, redirect)
    return response
