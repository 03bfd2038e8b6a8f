"""``flask flow``: a client's named ways of verifying, chosen by the scope ``idv_flow_<name>``."""

from typing import Any

import click

from portal.cli import common
from portal.cli.client import find_client
from portal.models import Flow
from portal.oidc import flows
from portal.oidc.profiles import CLAIM_RETURNS
from portal.verifeye.results import Verifier
from portal.verifications.registry import OPTIONAL_VERIFIERS

group = common.Group("flow", help="Keep a client's named flows of identity verification.")


@group.command("add")
@click.argument("client_id")
@click.argument("name")
@click.option(
    "--purpose",
    type=click.Choice([*flows.PURPOSES]),
    default="verify",
    show_default=True,
    help="What the start page says it is for.",
)
@click.option("--verification", metavar="UUID", help="Another VerifEye verification than the client's.")
@click.option(
    "--require",
    "required",
    multiple=True,
    type=click.Choice([verifier.value for verifier in OPTIONAL_VERIFIERS]),
    help="What must pass besides what the verification demands; may be given more than once.",
)
@click.option(
    "--returns",
    type=click.Choice(CLAIM_RETURNS),
    help="What stands for a matched claim.  [default: the client's]",
)
@click.option(
    "--name-threshold", type=float, metavar="SCORE", help="From which score two names are the same (0 to 1)."
)
@common.json_option
def add(
    client_id: str,
    name: str,
    purpose: str,
    verification: str | None,
    required: tuple[str, ...],
    returns: str | None,
    name_threshold: float | None,
    as_json: bool,
) -> None:
    """Add the flow NAME to the client CLIENT_ID; Okta asks for it with the scope idv_flow_NAME."""
    client = find_client(client_id)
    try:
        flow = flows.add(
            client,
            name,
            purpose=purpose,
            verification_id=common.configuration(verification).id if verification else None,
            required=[Verifier(value) for value in required],
            returns=returns,
            name_threshold=name_threshold,
        )
    except ValueError as error:
        common.fail(common.sentence_of(error))
    common.commit()
    if as_json:
        common.print_json(described(flow))
    else:
        click.echo(f"Added the flow {name}; Okta asks for it with the scope {flows.SCOPE_PREFIX}{name}.")


@group.command("list")
@click.argument("client_id")
@common.json_option
def list_all(client_id: str, as_json: bool) -> None:
    """List the flows of the client CLIENT_ID."""
    found = flows.every(find_client(client_id).id)
    if as_json:
        common.print_json([described(flow) for flow in found])
    elif not found:
        click.echo("The client has no flow yet; `flask flow add` adds one.")
    else:
        common.print_table(
            ("NAME", "PURPOSE", "VERIFICATION", "RETURNS"),
            [(flow.name, flow.purpose, flow.verification_id, flow.claim_returns) for flow in found],
        )


@group.command("show")
@click.argument("client_id")
@click.argument("name")
@common.json_option
def show(client_id: str, name: str, as_json: bool) -> None:
    """Show the flow NAME of the client CLIENT_ID."""
    flow = _found(client_id, name)
    if as_json:
        common.print_json(described(flow))
    else:
        common.print_facts(described(flow).items())


@group.command("remove")
@click.argument("client_id")
@click.argument("name")
@common.yes_option
def remove(client_id: str, name: str, yes: bool) -> None:
    """Remove the flow NAME of the client CLIENT_ID; requests that ask for it are refused from then on."""
    flow = _found(client_id, name)
    common.confirm(f"Remove the flow {name}? Requests that ask for it will be refused.", yes=yes)
    flows.remove(flow)
    common.commit()
    click.echo(f"Removed the flow {name}.")


def described(flow: Flow) -> dict[str, Any]:
    """Return what ``--json`` prints about a flow."""
    return {
        "client_id": flow.client_id,
        "name": flow.name,
        "scope": f"{flows.SCOPE_PREFIX}{flow.name}",
        "purpose": flow.purpose,
        "verification_id": flow.verification_id,
        "required_verifiers": flow.required_verifiers,
        "returns": flow.claim_returns,
        "name_threshold": flow.name_threshold,
        "created_at": flow.created_at,
    }


def _found(client_id: str, name: str) -> Flow:
    flow = flows.find(find_client(client_id).id, name)
    if flow is None:
        common.fail(f"The client has no flow {name}; `flask flow list {client_id}` shows all.")
    return flow
