"""``flask okta connect|disconnect|status|attribute``: the connection to an Okta organisation."""

from typing import Any

import click

from portal import clock
from portal.audit.events import Event
from portal.audit.log import record
from portal.cli import common, okta_status
from portal.cli.okta import group
from portal.connections import checking, registry
from portal.connections.checking import Check
from portal.extensions import settings, vault
from portal.models import OktaConnection
from portal.okta import attribute as attributes
from portal.okta import pauses, registration
from portal.okta_api.client import OktaApi
from portal.okta_api.errors import BadCredential
from portal.okta_api.reading import OktaGroup
from portal.okta_api.tokens import ApiToken, Credential, private_jwk

DEFAULT_ATTRIBUTE = "byndidRegistered"
#: How long a command waits for Okta's rate limit.
PATIENCE = 90.0

attribute = common.Group("attribute", help="The boolean of Okta's user profile that routes people here.")
group.add_command(attribute)


@group.command("connect")
@click.argument("url")
@click.option("--ssws-token-file", metavar="FILE", help="An API token; - for standard input.")
@click.option("--client-id", metavar="ID", help="A service app's client id (with --private-key-file).")
@click.option("--private-key-file", metavar="FILE", help="The service app's private key, as PEM or JWK.")
@click.option(
    "--attribute",
    "attribute_name",
    metavar="NAME",
    help=f"The profile's boolean to keep.  [default: {DEFAULT_ATTRIBUTE}]",
)
@click.option(
    "--group", "group_name", metavar="NAME", help="The Okta group that the factor is for, or its id."
)
@click.option(
    "--sign-in-client-id", metavar="ID", help="The OpenID client for proving identity at enrolment."
)
@click.option("--sign-in-secret-file", metavar="FILE", help="That client's secret; - for standard input.")
@click.option(
    "--sign-in-issuer", metavar="URL", help="Another issuer than the organisation's own authorization server."
)
@common.json_option
def connect(url: str, as_json: bool, **given: str | None) -> None:
    """Connect to the Okta organisation at URL, such as https://acme.okta.com.

    Okta is called before anything is kept, and what the credential can and cannot do is said. Run again with
    other options to change the connection: what is not given stays as it was.
    """
    former = registry.current()
    org_url = _checked(lambda: checking.organisation_url(url, settings()))
    if former is not None and former.org_url != org_url:
        former = None
    secret, values = _credential(org_url, former, given)
    values["attribute"] = _attribute(former, given["attribute_name"])
    values |= _sign_in(former, given)
    with okta_status.sentences():
        api = _api(org_url, secret, values)
        checks = checking.tried(api, values["scopes"] or None)
        _require_readable(checks)
        values |= _group(api, former, given["group_name"])
    values["checks"] = {"at": common.moment(clock.now()), "tried": [_described(check) for check in checks]}
    _keep(org_url, secret, values, former)
    okta_status.show(registry.current(), as_json=as_json, live=False)


@group.command("disconnect")
@common.yes_option
def disconnect(yes: bool) -> None:
    """Forget the connection and its credential.

    Okta keeps what was written there: pause everybody first (`flask okta pause --all`) if people shall not be
    sent to the factor any more.
    """
    found = okta_status.connected()
    common.confirm(f"Forget the connection to {found.org_url} and its credential?", yes=yes)
    registry.remove(found)
    registration.forget_what_is_known()
    record(Event.OKTA_DISCONNECTED)
    common.commit()
    click.echo(f"{found.org_url} is not connected any more.")


@attribute.command("create")
@click.option("--name", metavar="NAME", help="Its name.  [default: as connected]")
@click.option("--title", default=attributes.TITLE, show_default=True, help="As Okta's pages call it.")
@click.option("--description", default=attributes.DESCRIPTION, help="What Okta's Profile Editor says of it.")
@common.json_option
def create(name: str | None, title: str, description: str, as_json: bool) -> None:
    """Create the registration attribute in Okta: a boolean that people may read and not write.

    Where it exists already, nothing is changed, and what is wrong with it is said.
    """
    found = okta_status.connected()
    wanted = _checked(lambda: checking.attribute_name(name or found.attribute))
    with okta_status.sentences():
        api = registry.api_for(found, patience=PATIENCE)
        existing = api.custom_attributes().get(wanted)
        if existing is None:
            attributes.create(api, wanted, title=title, description=description)
            existing = api.custom_attributes().get(wanted)
            created = True
        else:
            created = False
    if created:
        record(Event.OKTA_ATTRIBUTE_CREATED, attribute=wanted)
        common.commit()
    faults = ["Okta does not show it yet; look again in a minute."] if existing is None else []
    faults += attributes.faults(existing) if existing is not None else []
    _print_created(wanted, created, faults, attributes.notes(existing or {}), as_json=as_json)


def _print_created(name: str, created: bool, faults: list[str], notes: list[str], *, as_json: bool) -> None:
    if as_json:
        common.print_json({"attribute": name, "created": created, "faults": faults, "notes": notes})
    else:
        click.echo(f"Created the attribute {name}." if created else f"The attribute {name} exists already.")
        for sentence in [*faults, *notes]:
            click.echo(f"- {sentence}")
        if not faults:
            click.echo("Its type and its permissions are right.")
    if faults:
        raise click.exceptions.Exit(1)


def _credential(
    org_url: str, former: OktaConnection | None, given: dict[str, str | None]
) -> tuple[str, dict[str, Any]]:
    """Return the secret and the columns that say what it is, from the options or as it was."""
    if given["ssws_token_file"] and (given["client_id"] or given["private_key_file"]):
        common.fail("Give an API token, or a service app's client id and key, not both.")
    if bool(given["client_id"]) != bool(given["private_key_file"]):
        common.fail("--client-id and --private-key-file are given together.")
    if given["ssws_token_file"]:
        secret = common.read_secret(given["ssws_token_file"], "the API token")
        return secret, {"credential_kind": registry.SSWS, "client_id": None, "scopes": []}
    if given["client_id"] and given["private_key_file"]:
        text = common.read_text(given["private_key_file"], "the private key")
        with okta_status.sentences():
            return _service_app(org_url, given["client_id"], private_jwk(text))
    if former is None:
        common.fail(
            "Say how to sign in to Okta's API: --client-id and --private-key-file of a service app "
            "(recommended), or --ssws-token-file."
        )
    secret = vault().unseal(former.credential_sealed)
    if former.credential_kind == registry.SSWS:
        return secret, {"credential_kind": registry.SSWS, "client_id": None, "scopes": []}
    with okta_status.sentences():
        return _service_app(org_url, former.client_id or "", secret)


def _service_app(org_url: str, client_id: str, key: str) -> tuple[str, dict[str, Any]]:
    scopes = checking.granted_scopes(lambda wanted: registry.service_app(org_url, client_id, key, wanted))
    if not scopes:
        raise BadCredential(
            f'Okta grants the service app none of {", ".join(checking.SCOPES)}: grant them in its "Okta API '
            'Scopes".'
        )
    return key, {"credential_kind": registry.SERVICE_APP, "client_id": client_id, "scopes": scopes}


def _api(org_url: str, secret: str, values: dict[str, Any]) -> OktaApi:
    credential: Credential
    if values["credential_kind"] == registry.SSWS:
        credential = ApiToken(secret)
    else:
        credential = registry.service_app(org_url, values["client_id"], secret, values["scopes"])
    return registry.new_api(org_url, credential, patience=PATIENCE)


def _attribute(former: OktaConnection | None, name: str | None) -> str:
    wanted = name or (former.attribute if former else DEFAULT_ATTRIBUTE)
    return _checked(lambda: checking.attribute_name(wanted))


def _sign_in(former: OktaConnection | None, given: dict[str, str | None]) -> dict[str, Any]:
    client_id, path, issuer = (given[f"sign_in_{name}"] for name in ("client_id", "secret_file", "issuer"))
    if not client_id:
        if path or issuer:
            common.fail("--sign-in-secret-file and --sign-in-issuer go with --sign-in-client-id.")
        names = ("sign_in_client_id", "sign_in_secret_sealed", "sign_in_issuer")
        return {name: getattr(former, name) if former else None for name in names}
    secret = common.read_secret(path, "the sign-in client's secret")
    return {
        "sign_in_client_id": client_id,
        "sign_in_secret_sealed": vault().seal(secret),
        "sign_in_issuer": _checked(lambda: checking.issuer_url(issuer, settings())) if issuer else None,
    }


def _group(api: OktaApi, former: OktaConnection | None, name: str | None) -> dict[str, str | None]:
    if not name:
        return {
            "group_id": former.group_id if former else None,
            "group_name": former.group_name if former else None,
        }
    found: OktaGroup | None = api.find_group(name)
    if found is None:
        common.fail("Okta has no group of that name or id; nothing was changed.")
    return {"group_id": found.id, "group_name": found.name}


def _require_readable(checks: list[Check]) -> None:
    first = checks[0]
    if not first.passed:
        common.fail(f"Okta lets this credential read nobody, so nothing was kept. {first.sentence}")


def _keep(org_url: str, secret: str, values: dict[str, Any], former: OktaConnection | None) -> None:
    another = former is None or former.attribute != values["attribute"]
    registry.save(org_url, credential=secret, **values)
    if another:
        registration.forget_what_is_known()
    record(Event.OKTA_CONNECTED, credential=values["credential_kind"])
    pauses.review_everybody()
    common.commit()


def _described(check: Check) -> dict[str, Any]:
    return {"name": check.name, "passed": check.passed, "sentence": check.sentence}


def _checked(read: Any) -> str:
    try:
        return str(read())
    except ValueError as error:
        common.fail(common.sentence_of(error))
