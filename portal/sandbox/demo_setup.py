"""Setting the demo up, as an operator would: with the commands, and with secrets in files.

A complete set-up is used again; an unfinished one, or one for other addresses, is made anew.
"""

import json
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from portal import credentials
from portal.sandbox import demo_okta
from portal.sandbox.demo_commands import Commands
from portal.sandbox.demo_places import Places
from portal.sandbox.store import Store

_VERSION = 3

_CLIENTS = (
    (
        "okta-factor",
        "Okta, as a factor",
        "Enrols newcomers if the request is signed",
        "Acme sign-in",
        "signed",
    ),
    ("okta-sso", "Okta, as single sign-on", "Only who was enrolled before", "Acme single sign-on", "invited"),
    ("oidc", "Any other OpenID Connect client", "Enrols whoever comes first", "Acme intranet", "first-use"),
)
#: For identity verification, one client for each way of writing claims, each with the flow named so.
_IDV_CLIENTS = ("object", "plain")
_FLOW = "recover"


@dataclass(frozen=True, slots=True)
class _Person:
    """Somebody of the demo: what the portal's record says, and how Okta may call them instead."""

    login: str
    given: str
    family: str
    familiar: str
    status: str
    birthdate: str
    phone_number: str
    locality: str
    country: str

    @property
    def attributes(self) -> dict[str, str]:
        """What Okta knows beside the names, as claims."""
        return {
            "email": self.login,
            "birthdate": self.birthdate,
            "phone_number": self.phone_number,
            "address.locality": self.locality,
            "address.country": self.country,
        }


_PEOPLE = (
    _Person(
        "amara@acme.example", "Amara", "Okafor", "A.", "enrolled",
        "1992-03-08", "+442079460018", "London", "GB",
    ),
    _Person(
        "bela@acme.example", "Béla", "Kovács", "Bela", "not enrolled yet",
        "1974-09-30", "+442079460027", "Leeds", "GB",
    ),
    _Person(
        "sam@acme.example", "Samuel", "Lindqvist", "Sam", "enrolled",
        "1997-01-17", "+442079460036", "Bristol", "GB",
    ),
    _Person(
        "dana@acme.example", "Dana", "Whitfield", "D.", "suspended",
        "1985-11-02", "+442079460045", "Cardiff", "GB",
    ),
)  # fmt: skip


def prepare(places: Places, start_okta: Callable[[], Callable[[], None]]) -> None:
    """Make the portal ready to be started, in a folder that was taken; raises :class:`DemoProblem`.

    ``start_okta`` starts the local Okta and returns what waits until it answers. It is called in this thread:
    the kernel ends a child with the thread that has started it.
    """
    places.mails.mkdir(mode=0o700, exist_ok=True)
    wanted = {"version": _VERSION, "addresses": [places.portal, places.sandbox, places.client, places.okta]}
    found = _read(places.mark)
    if found == wanted:
        answers = start_okta()
        with closing(Commands(places)) as commands:
            commands.run("db", "upgrade")
        answers()
        return
    if found is not None:
        click.echo("The addresses are others than at the last start: the demo is set up anew.")
    click.echo("Setting the demo up (this once) …")
    _clear(places)
    places.mails.mkdir(mode=0o700, exist_ok=True)
    _set_up(places, start_okta)
    _write(places.mark, json.dumps(wanted))


def _set_up(places: Places, start_okta: Callable[[], Callable[[], None]]) -> None:
    verification = str(UUID(credentials.random_hex(128)))
    api_key = _new_secret(places, "verifeye-api-key", "verifeye_")
    _new_secret(places, "sandbox-account-key", "sandbox_")
    okta_ids = {person.login: f"00u{credentials.random_hex(72)[:17]}" for person in _PEOPLE}
    known = [
        {"id": okta_ids[one.login], "login": one.login, "first_name": one.given, "last_name": one.family}
        for one in _PEOPLE
    ]
    demo_okta.seed(places, known, lambda name, prefix: _new_secret(places, name, prefix), _write)
    answers = start_okta()
    with closing(Commands(places)) as commands:
        commands.run("db", "upgrade")
        commands.run("keys", "rotate")
        commands.run(
            "verification", "add", verification, "--api-key-file", str(api_key),
            "--service-url", places.sandbox, "--api-url", places.sandbox, "--require", "liveness",
        )  # fmt: skip
        registered = [_add_client(places, commands, verification, *client) for client in _CLIENTS]
        registered_idv = [_add_idv_client(places, commands, verification, how) for how in _IDV_CLIENTS]
        added = [_add_person(commands, person, okta_ids[person.login]) for person in _PEOPLE]
        answers()
        demo_okta.connect(places, commands.run)
    _store_faces(places, added)
    document = {
        "issuer": places.portal,
        "origin": places.client,
        "sandbox": places.sandbox,
        "okta": places.okta,
        "okta_token_file": str(places.secret("okta-api-token")),
        "okta_group": demo_okta.GROUP,
        "okta_attribute": demo_okta.ATTRIBUTE,
        "newcomer": demo_okta.NEWCOMERS[0][0],
        "clients": registered,
        "idv_clients": registered_idv,
        "people": [_described(person, record) for person, record in zip(_PEOPLE, added, strict=True)],
    }
    _write(places.client_settings, json.dumps(document, indent=2))


def _described(person: _Person, record: dict[str, Any]) -> dict[str, Any]:
    """Return somebody as the relying party is told of them."""
    return {
        "login": person.login,
        "name": f"{person.given} {person.family}",
        "note": person.status,
        "okta_id": record["okta_id"],
        "given_name": person.given,
        "family_name": person.family,
        "familiar": person.familiar,
        "attributes": person.attributes,
    }


def _add_client(
    places: Places,
    commands: Commands,
    verification: str,
    profile: str,
    label: str,
    note: str,
    name: str,
    enrolment: str,
) -> dict[str, str]:
    """Register one client and return what the relying party has to know of it."""
    secret = _new_secret(places, f"client-{profile}", "demo_")
    # The factor's client has the verification's id, as VerifEye's guide for Okta has it.
    client_id = verification if profile == "okta-factor" else f"demo-{profile}"
    commands.run("client", "add", name, "--verification", verification, "--profile", profile,
        "--client-id", client_id, "--client-secret-file", str(secret), "--enrolment", enrolment,
        "--redirect-uri", f"{places.client}/oauth2/v1/authorize/callback", "--request-object-alg", "HS256",
    )  # fmt: skip
    return {
        "key": profile,
        "label": label,
        "note": note,
        "client_id": client_id,
        "client_secret_file": str(secret),
    }


def _add_idv_client(places: Places, commands: Commands, verification: str, encoding: str) -> dict[str, str]:
    """Register a client for identity verification with its flow."""
    secret = _new_secret(places, f"client-okta-idv-{encoding}", "demo_")
    client_id = f"demo-okta-idv-{encoding}"
    commands.run("client", "add", "Acme account recovery", "--verification", verification,
        "--profile", "okta-idv", "--client-id", client_id, "--client-secret-file", str(secret),
        "--claim-encoding", encoding, "--redirect-uri", f"{places.client}/idp/identity-verification/callback",
    )  # fmt: skip
    commands.run("flow", "add", client_id, _FLOW, "--purpose", "recover")
    return {
        "key": encoding,
        "label": "Okta, identity verification",
        "note": "Verifies who was enrolled before",
        "client_id": client_id,
        "client_secret_file": str(secret),
    }


def _add_person(commands: Commands, person: _Person, okta_id: str) -> dict[str, Any]:
    enrolled = [] if person.status == "not enrolled yet" else ["--enrolled"]
    answer = commands.run("user", "add", person.login, "--email", person.login,
        "--given-name", person.given, "--family-name", person.family,
        "--birthdate", person.birthdate, "--phone-number", person.phone_number,
        "--address", f"locality={person.locality}", "--address", f"country={person.country}",
        "--okta-id", okta_id, *enrolled, "--json",
    )  # fmt: skip
    if person.status == "suspended":
        commands.run("user", "suspend", person.login)
    added: dict[str, Any] = json.loads(answer)
    return added


def _store_faces(places: Places, people: Sequence[dict[str, Any]]) -> None:
    """Put the faces of those who are enrolled into the stand-in's collection, as if they had been there."""
    store = Store(places.sandbox_database)
    with store.transaction() as records:
        for person in people:
            for enrolment in person["enrolments"]:
                face = person["login"].partition("@")[0]
                records.store_face(enrolment["verification_id"], face, enrolment["external_id"])


def _new_secret(places: Places, name: str, prefix: str) -> Path:
    """Make a secret that only this account can read, and return its file."""
    path = places.secret(name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(path, credentials.random_token(prefix))
    return path


def _write(path: Path, text: str) -> None:
    """Write a file that only this account can read, whole or not at all."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _clear(places: Places) -> None:
    """Remove what an earlier or an unfinished set-up has left, and nothing else in the folder."""
    places.mark.unlink(missing_ok=True)
    places.client_settings.unlink(missing_ok=True)
    for database in (places.database, places.sandbox_database, places.okta_database):
        for suffix in ("", "-wal", "-shm", "-journal"):
            database.with_name(database.name + suffix).unlink(missing_ok=True)
    shutil.rmtree(places.folder / "secrets", ignore_errors=True)
    shutil.rmtree(places.mails, ignore_errors=True)
