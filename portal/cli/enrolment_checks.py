"""What ``flask doctor`` says about mail and about enrolling by invitation."""

from collections.abc import Iterator

from portal import mail
from portal.cli.findings import Finding, ok, warning
from portal.extensions import settings
from portal.outbox import OutboxFailure
from portal.users import invitations
from portal.users.invitations import NoVerification
from portal.web import okta_sign_in


def enrolment() -> Iterator[Finding]:
    """Say whether people can be invited, and whether they can enrol by an invitation."""
    signs_in = okta_sign_in.connection() is not None
    if not signs_in and not settings().enrolment_link_alone:
        yield warning(
            "enrolment",
            "nobody can enrol by invitation: there is no sign-in with Okta, and the link alone is refused",
            "set up sign-in (`flask okta connect … --sign-in-client-id`), or set enrolment_link_alone",
        )
    elif not signs_in:
        yield warning(
            "enrolment",
            "whoever can read an invitation's mail can enrol their own face by it",
            "set up sign-in with Okta, so that people prove first who they are",
        )
    else:
        yield ok("enrolment", "people sign in with Okta before they enrol")
    try:
        invitations.chosen_verification()
    except NoVerification as reason:
        yield warning("enrolment", "nobody can be invited yet", reason.sentence)


def mail_settings() -> Iterator[Finding]:
    """Say whether mail is on."""
    if not mail.is_on():
        yield warning(
            "mail",
            "it is off: people are invited only by links that an operator hands over",
            "set mail_transport to smtp, and smtp_host and mail_from",
        )
    else:
        yield ok("mail", f"goes out by {settings().mail_transport} as {settings().mail_from}")


def mail_server() -> Iterator[Finding]:
    """Say whether the mail server can be reached and lets us in; nothing is sent."""
    if settings().mail_transport != "smtp":
        return
    try:
        mail.probe()
    except OutboxFailure as failure:
        yield warning(
            "mail server", failure.sentence, "mails wait in the outbox and are tried again; mend it by then"
        )
    else:
        yield ok("mail server", f"{settings().smtp_host} answers")
