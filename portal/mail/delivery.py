"""Handing a message over: to the mail server, or as a file into a folder for the demo.

Whatever cannot be done is an ``OutboxFailure`` with a sentence for the operator: final where the server says
that it will never take the mail (RFC 5321 section 4.2.1: 5yz), to be tried again where it may yet.
"""

import os
import re
import smtplib
import ssl
from email.message import EmailMessage
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.parse import urlsplit

from portal.extensions import settings
from portal.outbox import OutboxFailure

_TOP = Path(__file__).resolve().parents[2]


def is_on() -> bool:
    """Say whether mail is sent at all."""
    return settings().mail_transport != "off"


def send(message: EmailMessage) -> str:
    """Deliver ``message`` and return a receipt; raises ``OutboxFailure``."""
    match settings().mail_transport:
        case "smtp":
            return _by_smtp(message)
        case "folder":
            return _into_folder(message)
        case _:
            raise OutboxFailure("Mail is switched off (setting mail_transport).", final=True)


def probe() -> None:
    """Connect to the mail server, sign in and leave; raises ``OutboxFailure`` with a sentence."""
    _leave(_connected())


def folder() -> Path:
    """Return the folder of the transport ``folder``; a relative one begins at the portal's own."""
    return _TOP / settings().mail_folder


def _into_folder(message: EmailMessage) -> str:
    """Write the mail under its own name, whole or not at all; the same mail again takes the same place."""
    name = re.sub(r"[^A-Za-z0-9]", "", message["Message-ID"].partition("@")[0]) + ".eml"
    try:
        folder().mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=folder(), prefix=".", suffix=".part", delete=False) as file:
            file.write(message.as_bytes())
        os.replace(file.name, folder() / name)
    except OSError as error:
        raise OutboxFailure("The folder of the setting mail_folder cannot be written to.") from error
    return f"written to {name}"


def _by_smtp(message: EmailMessage) -> str:
    try:
        server = _connected()
        try:
            server.send_message(message)
        finally:
            _leave(server)
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        raise _refused("the recipient", min(codes, default=550)) from error
    except smtplib.SMTPSenderRefused as error:
        raise OutboxFailure(
            f"The mail server refused the sender ({error.smtp_code}): check mail_from."
        ) from error
    except smtplib.SMTPDataError as error:
        raise _refused("the mail", error.smtp_code) from error
    except smtplib.SMTPNotSupportedError as error:
        raise OutboxFailure(
            "The mail server cannot send to an address with such letters (SMTPUTF8).", final=True
        ) from error
    except (smtplib.SMTPException, OSError) as error:
        raise _unusable(error) from error
    return f"accepted by {settings().smtp_host}"


def _connected() -> smtplib.SMTP:
    """Return a connection, encrypted and signed in as the settings want it; raises ``OutboxFailure``."""
    try:
        return _connect()
    except (smtplib.SMTPException, OSError) as error:
        raise _unusable(error) from error


def _connect() -> smtplib.SMTP:
    held = settings()
    # Not the machine's name, which would be looked up, and told to everybody.
    us = urlsplit(held.issuer).hostname
    context = ssl.create_default_context()
    if held.smtp_security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            held.smtp_host, held.smtp_port, us, timeout=held.smtp_timeout, context=context
        )
    else:
        server = smtplib.SMTP(held.smtp_host, held.smtp_port, us, timeout=held.smtp_timeout)
    try:
        if held.smtp_security == "starttls":
            server.starttls(context=context)
        if held.smtp_username:
            server.login(held.smtp_username, held.smtp_password)
    except BaseException:
        server.close()
        raise
    return server


def _leave(server: smtplib.SMTP) -> None:
    """Say goodbye; what the server makes of it changes nothing about a mail that it has taken."""
    try:
        server.quit()
    except (smtplib.SMTPException, OSError):
        server.close()


def _refused(what: str, code: int) -> OutboxFailure:
    if code >= 500:
        return OutboxFailure(f"The mail server refused {what} for good ({code}).", final=True)
    return OutboxFailure(f"The mail server does not take {what} just now ({code}).")


def _unusable(error: Exception) -> OutboxFailure:
    """Return what to say of a mail server that could not be used at all; it may be when we try again."""
    where = f"{settings().smtp_host}:{settings().smtp_port}"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return OutboxFailure(
            f"The mail server refused the sign-in ({error.smtp_code}): check smtp_username and smtp_password."
        )
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return OutboxFailure(
            f"The mail server at {where} does not offer what the settings want: check smtp_security, "
            "smtp_port and smtp_username."
        )
    if isinstance(error, smtplib.SMTPResponseException):
        return OutboxFailure(f"The mail server at {where} refused to talk ({error.smtp_code}).")
    if isinstance(error, ssl.SSLError):
        return OutboxFailure(
            f"No safe connection to the mail server at {where}: its certificate or its TLS is not good."
        )
    return OutboxFailure(f"The mail server at {where} did not answer ({type(error).__name__}).")
