"""The demo's local Okta: who is in it, and how the portal is connected to it, as an admin would do it."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import click
from joserfc.jwk import RSAKey

from portal import credentials
from portal.sandbox.demo_places import Places
from portal.sandbox.okta import hooks, scim_apps, sow
from portal.sandbox.okta.answers import OktaError
from portal.sandbox.okta.store import Store

GROUP = "Verified staff"
ATTRIBUTE = "byndidRegistered"
#: Who is at Okta and unknown to the portal until they come into the group: login, given and family name.
NEWCOMERS = (
    ("chidi@acme.example", "Chidi", "Eze"),
    ("elif@acme.example", "Elif", "Demir"),
)
_SERVICE_APP, _SIGN_IN_APP = "0oaportalservice0001", "0oaportalsignin00001"
_SCOPES = [
    "okta.users.manage", "okta.users.read", "okta.groups.read", "okta.logs.read",
    "okta.schemas.manage", "okta.schemas.read",
]  # fmt: skip

Command = Callable[..., str]
Write = Callable[[Any, str], None]


def seed(
    places: Places, known: Sequence[dict[str, str]], new_secret: Callable[[str, str], Any], write: Write
) -> None:
    """Write the document that the local Okta is started with; ``known`` are those of the directory."""
    key = RSAKey.generate_key(2048, {"kid": credentials.random_hex(64), "use": "sig", "alg": "RS256"})
    new_secret("okta-service-app-key", "")
    write(places.secret("okta-service-app-key"), key.as_pem(private=True).decode())
    people = [{**person, "groups": [GROUP]} for person in known]
    people += [
        {
            "id": f"00u{credentials.random_hex(72)[:17]}",
            "login": login,
            "first_name": given,
            "last_name": family,
        }
        for login, given, family in NEWCOMERS
    ]
    document = {
        "groups": [GROUP],
        "people": people,
        "api_tokens": [
            {"name": "demo-relying-party", "token_file": str(new_secret("okta-api-token", "local-okta-"))}
        ],
        "service_apps": [
            {"client_id": _SERVICE_APP, "keys": [key.as_dict(private=False)], "scopes": _SCOPES}
        ],
        "sign_in_apps": [
            {
                "client_id": _SIGN_IN_APP,
                "secret_file": str(new_secret("okta-sign-in", "demo_")),
                "redirect_uris": [f"{places.portal}/enrol/okta/callback"],
            }
        ],
    }
    write(places.okta_seed, json.dumps(document, indent=2))


def connect(places: Places, command: Command) -> None:
    """Connect the portal to the local Okta with the operators' commands, and tell it of the portal.

    The local Okta has to be running, because the portal asks it before it keeps anything.
    """
    command(
        "okta", "connect", places.okta, "--client-id", _SERVICE_APP,
        "--private-key-file", str(places.secret("okta-service-app-key")), "--group", GROUP,
        "--attribute", ATTRIBUTE, "--sign-in-client-id", _SIGN_IN_APP,
        "--sign-in-secret-file", str(places.secret("okta-sign-in")),
    )  # fmt: skip
    command("okta", "attribute", "create")
    hook_secret = json.loads(command("okta", "hook-secret", "add", "--json"))["secret"]
    scim_token = json.loads(command("scim", "token", "add", "local-okta", "--json"))["token"]
    sow(
        Store(places.okta_database),
        {
            "hooks": [{"name": "Portal", "uri": f"{places.portal}/okta/events", "secret": hook_secret}],
            "scim_apps": [{"label": "Portal", "base_url": f"{places.portal}/scim/v2", "token": scim_token}],
        },
    )


def verify(places: Places) -> None:
    """Do what needs the running portal: verify the event hook's endpoint, and try the SCIM connection."""
    store = Store(places.okta_database)
    with store.transaction() as records:
        waiting = [row["id"] for row in records.all("SELECT id FROM hooks WHERE verification <> 'VERIFIED'")]
        apps = [app["id"] for app in scim_apps.every(records)]
    for hook_id in waiting:
        try:
            hooks.verify(store, hook_id)
        except OktaError as error:
            click.echo(f"The event hook is not verified: {' '.join(error.causes)}", err=True)
    for app_id in apps if waiting else []:
        said = scim_apps.test_connection(store, app_id)
        if "works:" not in said:
            click.echo(f"SCIM: {said}", err=True)
