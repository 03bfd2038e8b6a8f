"""``flask mail``: whether mail goes out."""

import click

from portal import credentials, mail
from portal.cli import common
from portal.outbox import OutboxFailure

group = common.Group("mail", help="Send a test mail.")


@group.command("test")
@click.argument("address")
def test(address: str) -> None:
    """Send a test mail to ADDRESS at once, past the outbox, and say what the mail server made of it."""
    if not mail.is_on():
        common.fail("Mail is switched off (setting mail_transport).")
    try:
        receipt = mail.send(mail.compose("test", address, {}, mail_id=credentials.random_hex()))
    except OutboxFailure as failure:
        common.fail(failure.sentence)
    click.echo(f"The test mail to {address} was {receipt}.")
