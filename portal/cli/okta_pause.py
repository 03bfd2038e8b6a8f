"""``flask okta pause|resume`` and ``flask okta hook-secret``."""

from typing import Any

import click

from portal.cli import common, okta_status
from portal.cli.okta import group
from portal.connections import hook_secrets, registry
from portal.models import OktaHookSecret, OktaPause, PauseScope
from portal.okta import pauses

secrets = common.Group("hook-secret", help="The secrets with which Okta's event hooks authenticate.")
group.add_command(secrets)

_GROUP = click.option(
    "--group", "name", metavar="NAME", help="A group pushed by SCIM, or of Okta, by name or id."
)
_ALL = click.option("--all", "everybody", is_flag=True, help="Everybody, newcomers too.")


@group.command("pause")
@_GROUP
@_ALL
@click.option("--reason", required=True, metavar="TEXT", help="Why, for whoever reads it later.")
@common.json_option
def pause(name: str | None, everybody: bool, reason: str, as_json: bool) -> None:
    """Send people back to Okta's own factors, by setting the registration attribute to false.

    Okta's rules stop routing them here as soon as the attribute is written: the first within seconds, all
    at the pace that Okta's rate limits allow. The factor itself is not refused: who is in the middle of it,
    or is sent here all the same, passes as before (to refuse it, `flask user suspend`). Of a group, those
    are paused who are members now. `flask okta resume` restores what was.
    """
    okta_status.connected()
    scope, group_id, group_name = _whom(name, everybody)
    try:
        begun = pauses.begin(scope, reason=reason, group_id=group_id, group_name=group_name)
    except pauses.PausedAlready:
        common.fail("They are paused already; `flask okta status` shows since when.")
    except ValueError as error:
        common.fail(common.sentence_of(error))
    common.commit()
    if as_json:
        common.print_json(okta_status.described_pause(begun))
    else:
        click.echo(f"Paused {_named(begun)}; the worker (`flask outbox run`) tells Okta.")


@group.command("resume")
@_GROUP
@_ALL
@common.json_option
def resume(name: str | None, everybody: bool, as_json: bool) -> None:
    """End a pause: whoever can use the factor has the attribute true again.

    --all ends the pause of everybody; a pause of a group is ended with --group.
    """
    if everybody == bool(name):
        common.fail("Say who: --group NAME or --all.")
    found = [each for each in pauses.running() if _is_meant(each, name)]
    if not found:
        common.fail("Nobody of that description is paused; `flask okta status` shows who is.")
    for each in found:
        pauses.end(each)
    common.commit()
    if as_json:
        common.print_json([okta_status.described_pause(each) for each in found])
    else:
        for each in found:
            click.echo(f"Resumed {_named(each)}; the worker (`flask outbox run`) tells Okta.")


@secrets.command("add")
@click.option(
    "--secret-file", metavar="FILE", help="One chosen outside; - for standard input.  [default: a new one]"
)
@common.json_option
def add(secret_file: str | None, as_json: bool) -> None:
    """Make a secret valid for event hooks and print it, once.

    It is what Okta sends as the value of the Authorization header. Two are valid at once, so that one can be
    rotated: add, change the hook in Okta, then revoke the former one.
    """
    chosen = common.read_secret(secret_file, "the hook's secret") if secret_file else None
    try:
        row, value = hook_secrets.add(chosen)
    except hook_secrets.TooManySecrets:
        common.fail("Two secrets are valid already; revoke one first (`flask okta hook-secret list`).")
    except ValueError as error:
        common.fail(common.sentence_of(error))
    common.commit()
    shown = None if chosen else value
    if as_json:
        common.print_json({**_described(row), "secret": shown})
        return
    click.echo(f"Added the hook secret {row.id}.")
    if shown:
        click.echo(f"\n  {shown}\n\nIt is not shown again. In Okta's event hook, the authentication field is")
        click.echo("Authorization and the authentication secret is this text.")


@secrets.command("list")
@common.json_option
def list_all(as_json: bool) -> None:
    """List the secrets, revoked ones too; what they are is not kept."""
    rows = hook_secrets.every()
    if as_json:
        common.print_json([_described(row) for row in rows])
    elif not rows:
        click.echo("There is no hook secret yet; `flask okta hook-secret add` makes one.")
    else:
        common.print_table(
            ("ID", "ADDED", "LAST USED", "REVOKED"),
            [(row.id, row.created_at, row.last_used_at, row.revoked_at) for row in rows],
        )


@secrets.command("revoke")
@click.argument("identifier", metavar="ID")
def revoke(identifier: str) -> None:
    """End the validity of the secret ID at once."""
    if not hook_secrets.revoke(identifier):
        common.fail("No secret of this id is valid; `flask okta hook-secret list` shows all.")
    common.commit()
    click.echo(f"The hook secret {identifier} is not valid any more.")


def _whom(name: str | None, everybody: bool) -> tuple[PauseScope, str | None, str | None]:
    """Return the group that is meant: one pushed by SCIM first, because it is at hand when Okta is not."""
    if everybody == bool(name):
        common.fail("Say who: --group NAME or --all.")
    if name is None:
        return PauseScope.ALL, None, None
    pushed = pauses.scim_group(name)
    if pushed is not None:
        return PauseScope.SCIM_GROUP, pushed.id, pushed.display_name
    with okta_status.sentences():
        found = registry.api_for(okta_status.connected(), patience=30).find_group(name)
    if found is None:
        common.fail("Neither SCIM nor Okta knows a group of that name or id.")
    return PauseScope.OKTA_GROUP, found.id, found.name


def _is_meant(each: OktaPause, name: str | None) -> bool:
    if name is None:
        return each.scope == PauseScope.ALL
    if each.scope == PauseScope.ALL:
        return False
    return name in (each.group_id, each.group_name) or name.casefold() == (each.group_name or "").casefold()


def _named(each: OktaPause) -> str:
    return "everybody" if each.scope == PauseScope.ALL else f"the group {each.group_name}"


def _described(row: OktaHookSecret) -> dict[str, Any]:
    return {
        "id": row.id,
        "added_at": row.created_at,
        "last_used_at": row.last_used_at,
        "revoked_at": row.revoked_at,
    }
