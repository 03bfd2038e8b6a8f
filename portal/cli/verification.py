"""``flask verification``: the VerifEye verifications that this portal uses."""

from typing import Any

import click

from portal import logs
from portal.cli import common
from portal.connections import registry as connections
from portal.extensions import settings
from portal.models import MatchMode, VerificationConfiguration
from portal.oidc import flows, registration
from portal.okta import pauses
from portal.verifeye.errors import VerifEyeError, VerifEyeRefused
from portal.verifeye.regions import REGIONS, Endpoints, custom_endpoints
from portal.verifeye.results import Verifier
from portal.verifications import registry

group = common.Group("verification", help="Keep the VerifEye verifications that this portal uses.")


@group.command("add")
@click.argument("uuid")
@click.option(
    "--api-key-file", metavar="FILE", help="Where the API key is; - for standard input. Else it is asked for."
)
@click.option("--region", type=click.Choice(sorted(REGIONS)), help="VerifEye's cloud region.  [default: eu]")
@click.option(
    "--service-url", metavar="URL", help="The hosted page of a VerifEye elsewhere (with --api-url)."
)
@click.option(
    "--api-url", metavar="URL", help="The Service API of a VerifEye elsewhere (with --service-url)."
)
@click.option(
    "--match",
    type=click.Choice([mode.value for mode in MatchMode]),
    default=MatchMode.UNIQUE.value,
    show_default=True,
    help="The face recognition mode set for this verification at VerifEye.",
)
@click.option(
    "--require",
    "required",
    multiple=True,
    type=click.Choice([verifier.value for verifier in registry.OPTIONAL_VERIFIERS]),
    help="What must have passed besides the face; may be given more than once.",
)
@click.option("--sign-locally", is_flag=True, help="Sign links here instead of asking VerifEye to.")
@common.json_option
def add(
    uuid: str,
    api_key_file: str | None,
    region: str | None,
    service_url: str | None,
    api_url: str | None,
    match: str,
    required: tuple[str, ...],
    sign_locally: bool,
    as_json: bool,
) -> None:
    """Add the VerifEye verification UUID.

    The UUID stands at the end of the verification's address, and in VerifEye's console.
    """
    uuid = common.canonical(uuid)
    endpoints = _endpoints(region, service_url, api_url)
    api_key = common.read_secret(api_key_file, "the API key")
    try:
        row = registry.add(
            uuid,
            api_key=api_key,
            region=region,
            endpoints=endpoints,
            match_mode=MatchMode(match),
            required=[Verifier(name) for name in required],
            sign_locally=sign_locally,
        )
    except registry.ConfigurationExists:
        common.fail(f"There is a verification configuration {uuid} already; remove it first to change it.")
    except ValueError as error:
        common.fail(common.sentence_of(error))
    # One that was removed before comes back with its enrolments.
    _tell_okta()
    common.commit()
    if as_json:
        common.print_json(described(row))
        return
    click.echo(f"Added the verification configuration {row.id}.")
    _print_facts(row)
    click.echo("Enter the two addresses above for this verification at VerifEye.")


@group.command("list")
@common.json_option
def list_all(as_json: bool) -> None:
    """List every configuration that was not removed."""
    rows = registry.every()
    if as_json:
        common.print_json([described(row) for row in rows])
    elif not rows:
        click.echo("There is no verification configuration yet; `flask verification add` adds one.")
    else:
        common.print_table(
            ("UUID", "REGION", "MATCH", "REQUIRED", "ADDED"),
            [(row.id, row.region, row.match_mode, row.required_verifiers, row.created_at) for row in rows],
        )


@group.command("show")
@click.argument("uuid")
@common.json_option
def show(uuid: str, as_json: bool) -> None:
    """Show the configuration UUID; its API key is never shown."""
    row = common.configuration(uuid)
    if as_json:
        common.print_json(described(row))
    else:
        _print_facts(row)


@group.command("key")
@click.argument("uuid")
@click.option(
    "--api-key-file", metavar="FILE", help="Where the key is; - for standard input. Else it is asked for."
)
@click.option("--unchecked", is_flag=True, help="Do not ask VerifEye whether it takes the key.")
def key(uuid: str, api_key_file: str | None, unchecked: bool) -> None:
    """Replace the API key of the configuration UUID; clients and enrolments stay as they are.

    The former key is used no more from the next request on: let VerifEye take both until this is done, and
    then revoke it there. Somebody who is in front of the camera meanwhile may have to begin again.
    """
    row = common.configuration(uuid)
    api_key = common.read_secret(api_key_file, "the API key")
    try:
        if not unchecked:
            # What the log would say of a refusal, the command says itself.
            with logs.at_least(100):
                registry.client_for(row, api_key).check_key()
        registry.replace_key(row, api_key, checked=not unchecked)
    except VerifEyeRefused as error:
        common.fail(f"VerifEye does not take the key, and nothing was changed: {error}.")
    except VerifEyeError as error:
        common.fail(
            f"VerifEye could not be asked whether it takes the key ({error}); nothing was changed. "
            "--unchecked replaces it without asking."
        )
    except ValueError as error:
        common.fail(common.sentence_of(error))
    common.commit()
    click.echo(f"The API key of {row.id} was replaced.")
    same = [client.id for client in registration.every() if _uses(client, row)]
    if same:
        click.echo(
            f"If a client's secret was the former key, it still is ({', '.join(same)}): "
            "`flask client rotate-secret` changes it."
        )


@group.command("remove")
@click.argument("uuid")
@common.yes_option
def remove(uuid: str, yes: bool) -> None:
    """Take the configuration UUID out of use and forget its API key.

    Its faces stay at VerifEye. Clients that use it must be disabled first. Whoever is enrolled nowhere else
    is routed to the factor no more: Okta's attribute is set to false.
    """
    row = common.configuration(uuid)
    using = [client.id for client in registration.every() if _uses(client, row)]
    if using:
        common.fail(f"Clients still use it: {', '.join(using)}. Disable them first (`flask client disable`).")
    common.confirm(f"Remove the configuration {row.id} and forget its API key?", yes=yes)
    registry.remove(row)
    _tell_okta()
    common.commit()
    click.echo(f"Removed the verification configuration {row.id}.")


@group.command("relearn-order")
@click.argument("uuid")
def relearn_order(uuid: str) -> None:
    """Learn anew in which order VerifEye returns its parameters to the configuration UUID.

    The portal learns the order from the first result that VerifEye vouches for, and takes no other
    afterwards. Needed only if VerifEye itself changes it: then every result is rejected for its order.
    """
    row = common.configuration(uuid)
    registry.forget_order(row)
    common.commit()
    click.echo(f"The order is learnt anew from the next result for {row.id}.")


def _tell_okta() -> None:
    """Have the attribute of everybody looked at; whoever connects Okta later has that done then."""
    if connections.current() is not None:
        pauses.review_everybody()


def described(row: VerificationConfiguration) -> dict[str, Any]:
    """Return what ``--json`` prints about a configuration."""
    returns = f"{settings().issuer}/v1/openid/verify-result"
    return {
        "id": row.id,
        "region": row.region,
        "service_url": row.service_url,
        "api_url": row.api_url,
        "match": row.match_mode,
        "require": row.required_verifiers,
        "sign_locally": row.sign_locally,
        "created_at": row.created_at,
        "return_url": returns,
        "webhook_url": f"{settings().issuer}/verifeye/webhook",
    }


def _print_facts(row: VerificationConfiguration) -> None:
    facts = described(row)
    common.print_facts(
        [
            ("UUID", facts["id"]),
            ("Region", facts["region"]),
            ("Hosted page", facts["service_url"]),
            ("Service API", facts["api_url"]),
            ("Face recognition", facts["match"]),
            ("Must have passed", ", ".join(facts["require"])),
            ("Links are signed", "here" if facts["sign_locally"] else "by VerifEye"),
            ("Added", facts["created_at"]),
            ("Passed and failed URL", facts["return_url"]),
            ("Webhook (optional)", facts["webhook_url"]),
        ]
    )


def _endpoints(region: str | None, service_url: str | None, api_url: str | None) -> Endpoints | None:
    if service_url is None and api_url is None:
        return None
    if service_url is None or api_url is None:
        common.fail("--service-url and --api-url are given together or not at all.")
    if region is not None:
        common.fail("Give a region, or the two addresses of a VerifEye elsewhere, not both.")
    try:
        return custom_endpoints(service_url, api_url)
    except ValueError as error:
        common.fail(common.sentence_of(error))


def _uses(client: Any, row: VerificationConfiguration) -> bool:
    if client.disabled_at is not None:
        return False
    return row.id in {client.verification_id, *(flow.verification_id for flow in flows.every(client.id))}
