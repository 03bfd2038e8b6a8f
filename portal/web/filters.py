"""What templates may call: addresses of static files, times, masked account names, the branding."""

import hashlib
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import Flask, current_app, g, request
from markupsafe import Markup

from portal import clock
from portal.settings import Settings

_log = logging.getLogger(__name__)

#: The mark in static/ that stands for an organisation without a logo of its own.
NEUTRAL_MARK = "img/logo.svg"

_STATIC = "portal.web.static_addresses"
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


@dataclass(frozen=True)
class Branding:
    """Who the pages speak for: the values every layout needs and no view should have to repeat."""

    #: The organisation's name, above every page.
    organisation: str = "Verification portal"
    #: The organisation's logo: a file in static/, or an absolute path on this origin (the content
    #: security policy shows pictures from nowhere else). ``None``: the portal's neutral mark.
    organisation_logo: str | None = None
    #: Where a person finds help: an ``https:``, ``mailto:`` or ``tel:`` address, or words.
    help_url: str | None = None
    #: The privacy notice.
    privacy_url: str | None = None
    #: The terms of use.
    terms_url: str | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> "Branding":
        """Return the branding that the portal's settings describe."""
        return cls(
            organisation=settings.organisation,
            organisation_logo=None if settings.logo in ("", NEUTRAL_MARK) else settings.logo,
            help_url=help_address(settings.support_contact),
            privacy_url=settings.privacy_url or "/privacy",
            terms_url=settings.terms_url or "/terms",
        )


def help_address(contact: str) -> str | None:
    """Return where a support contact, as an operator writes it, is found: a mail address, a number or a URL.

    Words that are none of these ("the service desk, room 12") stay words, which lead nowhere.
    """
    contact = contact.strip()
    if not contact or contact.startswith(("https://", "http://", "mailto:", "tel:", "/")):
        return contact or None
    if "@" in contact and not any(letter.isspace() for letter in contact):
        return f"mailto:{contact}"
    is_number = any(letter.isdigit() for letter in contact) and not any(map(str.isalpha, contact))
    return f"tel:{''.join(contact.split())}" if is_number else contact


def init_app(app: Flask, branding: Branding) -> None:
    """Register the filters, the globals and the defaults of every page's context on ``app``."""
    app.extensions[_STATIC] = {}
    app.add_template_filter(moment)
    app.add_template_filter(ago)
    app.add_template_filter(masked)
    app.add_template_global(static_url)
    logo = _usable_logo(app, branding.organisation_logo)

    def defaults() -> dict[str, object]:
        """Values that a view overrides simply by passing the same name to its template."""
        return {
            "organisation": branding.organisation,
            "organisation_logo": _logo_url(logo),
            "help_url": branding.help_url,
            "privacy_url": branding.privacy_url,
            "terms_url": branding.terms_url,
            "reference": g.get("reference"),
        }

    app.context_processor(defaults)


def static_hash(app: Flask, filename: str) -> str | None:
    """Return a short hash of a static file's content, or ``None`` if there is no such file.

    Remembered per modification time, so a page costs one ``stat`` per file it links.
    """
    root = Path(app.static_folder or "")
    path = root / filename
    try:
        if not filename or not path.resolve().is_relative_to(root.resolve()):
            return None
        changed = path.stat().st_mtime_ns
        known: dict[str, tuple[int, str]] = app.extensions.setdefault("portal.web.static_hashes", {})
        if filename not in known or known[filename][0] != changed:
            known[filename] = (changed, hashlib.sha256(path.read_bytes()).hexdigest()[:16])
        return known[filename][1]
    except (OSError, ValueError):
        return None


def static_url(filename: str) -> str:
    """Return the address of a static file with its content's hash, which may be cached for good.

    A process looks at a file once; where templates are reloaded as they change (``--debug``), each time.
    Raises ``FileNotFoundError`` for a file that does not exist: a template that links nothing is a mistake.
    """
    app = current_app
    known: dict[str, str] = app.extensions[_STATIC]
    address = known.get(filename)
    if address is None:
        version = static_hash(app, filename)
        if version is None:
            raise FileNotFoundError(filename)
        address = f"{app.static_url_path}/{quote(filename)}?v={version}"
        if not app.jinja_env.auto_reload:
            known[filename] = address
    return request.script_root + address


def _usable_logo(app: Flask, logo: str | None) -> str | None:
    """Return the logo if pages can show it; a picture that is missing must not take every page with it."""
    if logo is None or logo.startswith("/") or static_hash(app, logo) is not None:
        return logo
    _log.error(
        "the setting logo names no file in static/ and no absolute path on this origin: pages show the "
        "portal's own mark",
        extra={"logo": logo},
    )
    return None


def _logo_url(logo: str | None) -> str | None:
    return logo if logo is None or logo.startswith("/") else static_url(logo)


def moment(at: datetime, zone: str = "UTC") -> Markup:
    """Return ``at`` as ``<time>``: the day and minute in ``zone``, an IANA name (HTML, section 4.5.14).

    The page's script rewrites it in the browser's own zone and language; without it the zone is named.
    An unknown zone is shown as UTC. Raises ``ValueError`` for a time without a zone.
    """
    _aware(at)
    try:
        local = at.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError):
        local = at.astimezone(UTC)
    words = f"{local.day} {_MONTHS[local.month - 1]} {local.year}, {local:%H:%M} {local.tzname()}"
    return Markup('<time datetime="{}" data-local>{}</time>').format(_machine(at), words)


def ago(at: datetime) -> Markup:
    """Return how far ``at`` lies from now as ``<time>``: "3 minutes ago", "in 2 days", "just now".

    Raises ``ValueError`` for a time without a zone.
    """
    _aware(at)
    seconds = (clock.now() - at).total_seconds()
    words = "just now"
    for size, unit in _UNITS:
        count = int(abs(seconds) // size)
        if count:
            length = f"{count} {unit}{'' if count == 1 else 's'}"
            words = f"{length} ago" if seconds > 0 else f"in {length}"
            break
    return Markup('<time datetime="{}">{}</time>').format(_machine(at), words)


def masked(login: str) -> str:
    """Return an account name that its owner recognises and nobody else learns: ``j•••@acme.com``.

    For pages that may be seen before the person has proven anything. What does not look like an
    address keeps its first letter only.
    """
    name, at, domain = login.strip().rpartition("@")
    if not at:
        name, domain = domain, ""
    return f"{name[:1]}•••{at}{domain}" if name else "•••"


def _aware(at: datetime) -> None:
    if at.tzinfo is None:
        raise ValueError("a time without a zone cannot be shown")


def _machine(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
