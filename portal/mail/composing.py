"""Writing a message: subject, plain text and HTML from ``templates/email/<name>/``."""

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from portal import clock
from portal.extensions import settings
from portal.outbox import OutboxFailure

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).resolve().parents[2] / "templates" / "email"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
#: What mail programs show; a drawing (SVG) they do not.
_PICTURES = (".png", ".jpg", ".jpeg", ".gif")


def compose(name: str, to: str, context: dict[str, Any], *, mail_id: str, to_name: str = "") -> EmailMessage:
    """Return the mail ``name`` to the address ``to``, with the words of ``context`` and of the branding.

    ``mail_id`` names this one mail: its Message-ID is made of it, so that a mail which was sent twice after a
    crash is known as the same one (RFC 5322 section 3.6.4). Raises a final ``OutboxFailure`` for an address
    that no mail can go to.
    """
    words = {**_branding(), **context}
    # White space is folded, so that nothing in a name can begin a header of its own.
    subject = " ".join(_render(name, "subject.txt", words).split())
    words["subject"] = subject
    message = EmailMessage(policy=SMTP)
    message["Subject"] = subject
    message["From"] = _address(*parseaddr(settings().mail_from))
    message["To"] = _address(to_name, to)
    if settings().mail_reply_to:
        message["Reply-To"] = _address(*parseaddr(settings().mail_reply_to))
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = f"<{mail_id}@{urlsplit(settings().issuer).hostname}>"
    # RFC 3834: nobody's holiday note answers this.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(_render(name, "body.txt", words), cte="quoted-printable")
    message.add_alternative(_render(name, "body.html", words), subtype="html", cte="quoted-printable")
    return message


def _render(name: str, part: str, words: dict[str, Any]) -> str:
    return _templates.get_template(f"{name}/{part}").render(words)


def _address(display_name: str, text: str) -> Address:
    """Return an address for a header; the domain in ASCII (IDNA), for servers that know nothing else."""
    local, _, domain = text.rpartition("@")
    try:
        ascii_domain = domain if domain.isascii() else domain.encode("idna").decode("ascii")
        if not local or not domain or any(not letter.isprintable() or letter == " " for letter in text):
            raise ValueError("not an address")
        return Address(" ".join(display_name.split()), username=local, domain=ascii_domain)
    except ValueError as error:
        raise OutboxFailure(
            "The e-mail address on record is not one that mail can go to.", final=True
        ) from error


def _branding() -> dict[str, Any]:
    held = settings()
    support = held.support_contact.strip() or None
    return {
        "organisation": held.organisation,
        "logo": _logo(),
        "support": support,
        "support_url": _support_url(support),
    }


def _logo() -> str | None:
    """Return the address of the organisation's logo, if mail programs can show it."""
    logo, issuer = settings().logo, settings().issuer
    if not issuer.startswith("https://") or not logo.lower().endswith(_PICTURES):
        return None
    return f"{issuer}{logo}" if logo.startswith("/") else f"{issuer}/static/{logo}"


def _support_url(support: str | None) -> str | None:
    if support is None or support.startswith(("https://", "mailto:", "tel:")):
        return support
    return f"mailto:{support}" if "@" in support else None
