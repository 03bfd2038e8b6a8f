"""``flask scim``: the tokens with which SCIM clients call."""

from typing import Any

import click

from portal.cli import common
from portal.models import ScimToken
from portal.scim import tokens
from portal.scim.schemas import BASE

group = common.Group("scim", help="Keep the tokens with which Okta brings people here by SCIM.")


@group.group("token", cls=common.Group)
def token() -> None:
    """Make, list and revoke tokens; several are good at once, so that they can be changed in peace."""


@token.command("add")
@click.argument("name")
@click.option(
    "--expires", type=click.IntRange(1, 3650), metavar="DAYS", help="End it after so many days; else never."
)
@common.json_option
def add(name: str, expires: int | None, as_json: bool) -> None:
    """Make a token called NAME and print it, this once.

    To change tokens: add one, enter it in Okta, revoke the former.
    """
    try:
        made, secret = tokens.add(name, days=expires)
    except tokens.TokenExists:
        common.fail("There is a token of this name; choose another, or revoke that one first.")
    except ValueError as error:
        common.fail(common.sentence_of(error))
    common.commit()
    if as_json:
        common.print_json(described(made) | {"token": secret, "base_path": BASE})
        return
    common.print_facts([("Token", secret), ("Name", made.name), ("Expires", made.expires_at or "never")])
    click.echo("It is not kept and cannot be shown again. Okta asks for it as bearer token.", err=True)


@token.command("list")
@common.json_option
def list_all(as_json: bool) -> None:
    """List every token, by its name and its beginning."""
    found = tokens.every()
    if as_json:
        common.print_json([described(one) for one in found])
    elif not found:
        click.echo("There is no token yet; `flask scim token add NAME` makes one.")
    else:
        common.print_table(
            ("NAME", "TOKEN", "STATE", "MADE", "EXPIRES", "LAST USED"),
            [
                (
                    one.name,
                    f"{one.prefix}…",
                    _state(one),
                    one.created_at,
                    one.expires_at or "never",
                    one.last_used_at or "never",
                )
                for one in found
            ],
        )


@token.command("revoke")
@click.argument("name")
@common.yes_option
def revoke(name: str, yes: bool) -> None:
    """End the token NAME at once."""
    if "\x00" in name or tokens.find(name) is None:
        common.fail("There is no token of this name; `flask scim token list` shows all.")
    common.confirm(f"Whoever uses the token {name} is refused from now on. Revoke it?", yes=yes)
    tokens.revoke(name)
    common.commit()
    click.echo(f"The token {name} is revoked.")


def described(made: ScimToken) -> dict[str, Any]:
    """Return what ``--json`` prints about a token: never the token."""
    return {
        "name": made.name,
        "prefix": made.prefix,
        "state": _state(made),
        "created_at": made.created_at,
        "expires_at": made.expires_at,
        "last_used_at": made.last_used_at,
    }


def _state(made: ScimToken) -> str:
    return "expired" if tokens.has_expired(made) else "good"
