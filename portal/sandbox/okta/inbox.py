"""The mails that the portal has sent, read from the folder into which the demo's portal puts them."""

from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

_NEWEST = 100
_LONGEST = 1_000_000


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail: ``name`` is that of its file, ``text`` and ``html`` its two bodies."""

    name: str
    sender: str
    to: str
    subject: str
    sent: str
    text: str
    html: str


def mails(folder: Path, to: str = "") -> list[Mail]:
    """Return the newest mails, newest first; of one recipient, where ``to`` is given."""
    try:
        files = sorted(
            (path for path in folder.glob("*.eml") if path.is_file()),
            key=lambda path: path.stat().st_mtime,
            reverse=True,
        )
    except OSError:
        return []
    read = (_read(path) for path in files[:_NEWEST])
    return [mail for mail in read if mail is not None and to.casefold() in mail.to.casefold()]


def find(folder: Path, name: str) -> Mail | None:
    """Return the mail in the file called ``name``, or None."""
    return next((mail for mail in mails(folder) if mail.name == name), None)


def _read(path: Path) -> Mail | None:
    try:
        content = path.read_bytes()[:_LONGEST]
    except OSError:
        return None
    message = BytesParser(_class=EmailMessage, policy=policy.default).parsebytes(content)
    names = ("From", "To", "Subject", "Date")
    sender, to, subject, sent = (str(message.get(name, "")) for name in names)
    return Mail(path.name, sender, to, subject, sent, _part(message, "plain"), _part(message, "html"))


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    try:
        return str(part.get_content()) if part is not None else ""
    except (LookupError, ValueError):
        return ""
