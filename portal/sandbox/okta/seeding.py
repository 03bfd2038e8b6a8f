"""Filling the local Okta from a JSON document: people, groups, and who may connect.

::

    {"people": [{"login", "first_name", "last_name", "email"?, "id"?, "groups"?: [name], "profile"?: {}}],
     "groups": [name], "attributes": [name],
     "api_tokens": [{"name", "token" | "token_file"}],
     "service_apps": [{"client_id", "keys": [JWK], "scopes": [scope]}],
     "sign_in_apps": [{"client_id", "secret" | "secret_file", "redirect_uris": [url]}],
     "scim_apps": [{"label", "base_url", "token" | "token_file", "kind"?: "aiw" | "oin"}],
     "hooks": [{"name", "uri", "secret" | "secret_file", "events"?: [type]}]}

Whatever has a name that is there already is left as it is, so that a document may be given at every start.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from portal import credentials
from portal.sandbox.okta import hooks, people, scim_apps
from portal.sandbox.okta.answers import OktaError
from portal.sandbox.okta.store import Records, Store

#: What the portal's guide has an admin subscribe a hook to.
HOOK_EVENTS = [
    "group.user_membership.add",
    "group.user_membership.remove",
    "user.lifecycle.activate",
    "user.lifecycle.deactivate",
    "user.lifecycle.reactivate",
    "user.lifecycle.suspend",
    "user.lifecycle.unsuspend",
    "user.lifecycle.delete.initiated",
    "user.account.update_profile",
]

#: For those who start it without a document of their own.
USUAL: dict[str, Any] = {
    "groups": ["Verified staff"],
    "people": [
        {"login": "chidi@acme.example", "first_name": "Chidi", "last_name": "Eze"},
        {"login": "elif@acme.example", "first_name": "Elif", "last_name": "Demir"},
    ],
}


class SeedError(Exception):
    """The document cannot be used; the message is a sentence."""


def read(path: Path) -> dict[str, Any]:
    """Return the document in a file; raises :class:`SeedError`."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SeedError(f"{path} is not a JSON file that can be read.") from error
    if not isinstance(document, dict):
        raise SeedError(f"{path} does not hold a JSON object.")
    return document


def sow(store: Store, document: Mapping[str, Any]) -> None:
    """Add what the document names and the store has not; raises :class:`SeedError`."""
    with store.transaction() as records:
        try:
            _directory(records, document)
            _programs(records, document)
            _channels(records, document)
        except (KeyError, TypeError, AttributeError, ValueError, OSError) as error:
            raise SeedError(f"The document is not as it should be: {error!r}.") from error
        except OktaError as error:
            raise SeedError(f"The local Okta does not take it: {error.code} {error.about}.") from error


def _directory(records: Records, document: Mapping[str, Any]) -> None:
    for name in document.get("attributes", []):
        records.run(
            "INSERT OR IGNORE INTO attributes VALUES (?, ?)",
            (name, json.dumps({"title": name, "type": "boolean", "master": {"type": "OKTA"}})),
        )
    for name in document.get("groups", []):
        _group(records, name)
    for person in document.get("people", []):
        if records.one("SELECT 1 FROM users WHERE login = ?", person["login"].casefold()) is None:
            _person(records, person)


def _person(records: Records, person: Mapping[str, Any]) -> None:
    profile = {
        "login": person["login"],
        "email": person.get("email", person["login"]),
        "firstName": person["first_name"],
        "lastName": person["last_name"],
        **person.get("profile", {}),
    }
    row = people.create(records, profile, user_id=person.get("id"))
    for name in person.get("groups", []):
        people.join(records, _group(records, name), row["id"])


def _group(records: Records, name: str) -> str:
    row = records.one("SELECT id FROM groups WHERE name = ?", name)
    return str((row or people.create_group(records, name))["id"])


def _programs(records: Records, document: Mapping[str, Any]) -> None:
    for token in document.get("api_tokens", []):
        records.run(
            "INSERT OR IGNORE INTO api_tokens VALUES (?, ?)",
            (credentials.digest(_secret(token, "token")), token["name"]),
        )
    for app in document.get("service_apps", []):
        _client(
            records, app["client_id"], "service", {"keys": list(app["keys"]), "scopes": list(app["scopes"])}
        )
    for app in document.get("sign_in_apps", []):
        kept = {
            "secret": credentials.digest(_secret(app, "secret")),
            "redirect_uris": list(app["redirect_uris"]),
        }
        _client(records, app["client_id"], "sign-in", kept)


def _client(records: Records, client_id: str, kind: str, kept: dict[str, Any]) -> None:
    records.run("INSERT OR REPLACE INTO clients VALUES (?, ?, ?)", (client_id, kind, json.dumps(kept)))


def _channels(records: Records, document: Mapping[str, Any]) -> None:
    for app in document.get("scim_apps", []):
        if records.one("SELECT 1 FROM scim_apps WHERE label = ?", app["label"]) is None:
            authorization = f"Bearer {_secret(app, 'token')}"
            scim_apps.add(records, app["label"], app["base_url"], authorization, kind=app.get("kind", "aiw"))
    for hook in document.get("hooks", []):
        if records.one("SELECT 1 FROM hooks WHERE name = ?", hook["name"]) is None:
            hooks.create(records, _hook(hook))


def _hook(hook: Mapping[str, Any]) -> dict[str, Any]:
    auth = {"type": "HEADER", "key": "Authorization", "value": _secret(hook, "secret")}
    return {
        "name": hook["name"],
        "events": {"type": "EVENT_TYPE", "items": hook.get("events", HOOK_EVENTS)},
        "channel": {"type": "HTTP", "version": "1.0.0", "config": {"uri": hook["uri"], "authScheme": auth}},
    }


def _secret(entry: Mapping[str, Any], name: str) -> str:
    if name in entry:
        return str(entry[name])
    return Path(entry[f"{name}_file"]).read_text(encoding="utf-8").strip()
