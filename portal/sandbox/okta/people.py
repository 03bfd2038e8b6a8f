"""The local Okta's people, groups and profile schema, and the transitions that Okta allows."""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from portal.sandbox.okta import journal, scim_queue
from portal.sandbox.okta.answers import OktaError
from portal.sandbox.okta.store import Records, new_id, timestamp

#: Attributes that every Okta profile may have, besides the custom ones.
BASE_ATTRIBUTES = {
    "login", "email", "secondEmail", "firstName", "lastName", "middleName", "honorificPrefix",
    "honorificSuffix", "title", "displayName", "nickName", "profileUrl", "primaryPhone", "mobilePhone",
    "streetAddress", "city", "state", "zipCode", "countryCode", "postalAddress", "preferredLanguage",
    "locale", "timezone", "userType",
    "employeeNumber", "costCenter", "organization", "division", "department", "managerId", "manager",
}  # fmt: skip
_REQUIRED = ("login", "email", "firstName", "lastName")
_TYPES: dict[str, type | tuple[type, ...]] = {
    "boolean": bool, "string": str, "integer": int, "number": (int, float), "array": list,
}  # fmt: skip
#: Which status a transition starts from, and where it leads.
TRANSITIONS = {
    "activate": (("STAGED", "DEPROVISIONED"), "ACTIVE"),
    "reactivate": (("PROVISIONED", "RECOVERY"), "PROVISIONED"),
    "deactivate": (("STAGED", "PROVISIONED", "ACTIVE", "SUSPENDED", "RECOVERY"), "DEPROVISIONED"),
    "suspend": (("ACTIVE",), "SUSPENDED"),
    "unsuspend": (("SUSPENDED",), "ACTIVE"),
}

Actor = Mapping[str, Any]


def target(row: sqlite3.Row) -> dict[str, Any]:
    """Return a person as the System Log names its targets."""
    profile = json.loads(row["profile"])
    name = f"{profile.get('firstName', '')} {profile.get('lastName', '')}".strip()
    return {
        "id": row["id"],
        "type": "User",
        "alternateId": row["login"],
        "displayName": name,
        "detailEntry": None,
    }


def group_target(row: sqlite3.Row) -> dict[str, Any]:
    """Return a group as the System Log names its targets."""
    return {
        "id": row["id"],
        "type": "UserGroup",
        "alternateId": "unknown",
        "displayName": row["name"],
        "detailEntry": None,
    }


def find(records: Records, key: str) -> sqlite3.Row:
    """Return the person with this id or login; raises :class:`OktaError` with E0000007."""
    row = records.one("SELECT * FROM users WHERE id = ?1 OR login = ?2", key, key.casefold())
    if row is None:
        raise OktaError("E0000007", f"{key} (User)")
    return row


def create(
    records: Records, profile: Mapping[str, Any], *, activate: bool = True, user_id: str | None = None,
    actor: Actor = journal.ADMIN,
) -> sqlite3.Row:  # fmt: skip
    """Add a person; raises :class:`OktaError` with E0000001 for a profile that Okta would not take."""
    missing = [name for name in _REQUIRED if not profile.get(name)]
    if missing:
        raise OktaError(
            "E0000001", missing[0], *[f"{name}: The field cannot be left blank" for name in missing]
        )
    checked = _checked(records, profile)
    login, now = checked["login"].casefold(), timestamp()
    if records.one("SELECT 1 FROM users WHERE login = ?", login):
        raise OktaError(
            "E0000001", "login", "login: An object with this field already exists in the current organization"
        )
    new = user_id or new_id("00u")
    records.run(
        "INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?)",
        (new, login, "STAGED", json.dumps(checked), now, now, now),
    )
    row = find(records, new)
    journal.write(records, "user.lifecycle.create", [target(row)], actor=actor)
    return move(records, new, "activate", actor=actor) if activate else row


def change(
    records: Records,
    key: str,
    profile: Mapping[str, Any],
    *,
    whole: bool = False,
    actor: Actor = journal.ADMIN,
) -> sqlite3.Row:
    """Write a profile, only what is given, or ``whole`` as PUT does; raises :class:`OktaError`.

    A deactivated person cannot be edited: reported of Okta with 404 (okta-sdk-java, issue 721).
    """
    row = find(records, key)
    if row["status"] == "DEPROVISIONED":
        raise OktaError("E0000007", f"{row['id']} (User)")
    before = json.loads(row["profile"])
    after = _checked(records, profile) if whole else before | _checked(records, profile)
    after = {name: value for name, value in after.items() if value is not None}
    if any(not after.get(name) for name in _REQUIRED):
        raise OktaError("E0000001", "profile", "A required field is missing")
    login = after["login"].casefold()
    if records.one("SELECT 1 FROM users WHERE login = ? AND id <> ?", login, row["id"]):
        raise OktaError(
            "E0000001", "login", "login: An object with this field already exists in the current organization"
        )
    if after == before:
        return row
    records.run(
        "UPDATE users SET login = ?, profile = ?, updated = ? WHERE id = ?",
        (login, json.dumps(after), timestamp(), row["id"]),
    )
    row = find(records, row["id"])
    changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    journal.write(
        records, "user.account.update_profile", [target(row)], actor=actor,
        detail={"changedAttributes": ",".join(changed)},
    )  # fmt: skip
    # A custom attribute is not mapped to any app here.
    if set(changed) & BASE_ATTRIBUTES:
        scim_queue.person_changed(records, row["id"])
    return row


def move(records: Records, key: str, transition: str, *, actor: Actor = journal.ADMIN) -> sqlite3.Row:
    """Change somebody's status; raises :class:`OktaError` where Okta does not allow that step."""
    row = find(records, key)
    origins, there = TRANSITIONS[transition]
    if row["status"] not in origins:
        raise _refusal(row, transition)
    now = timestamp()
    records.run(
        "UPDATE users SET status = ?, changed = ?, updated = ? WHERE id = ?", (there, now, now, row["id"])
    )
    if there != "ACTIVE":
        records.run("DELETE FROM sessions WHERE user_id = ?", (row["id"],))
    again = transition == "activate" and row["status"] == "DEPROVISIONED"
    event = "user.lifecycle.reactivate" if again else f"user.lifecycle.{transition}"
    journal.write(records, event, [target(row)], actor=actor)
    if transition == "deactivate":
        scim_queue.unassign_everywhere(records, row["id"])
    return find(records, row["id"])


def delete(records: Records, key: str, *, actor: Actor = journal.ADMIN) -> None:
    """Deactivate somebody, or delete them if they are deactivated already: as Okta's DELETE does."""
    row = find(records, key)
    if row["status"] != "DEPROVISIONED":
        move(records, row["id"], "deactivate", actor=actor)
        return
    journal.write(records, "user.lifecycle.delete.initiated", [target(row)], actor=actor)
    records.run("DELETE FROM members WHERE user_id = ?", (row["id"],))
    records.run("DELETE FROM users WHERE id = ?", (row["id"],))
    journal.write(records, "user.lifecycle.delete.completed", [target(row)], actor=actor)


def find_group(records: Records, key: str) -> sqlite3.Row:
    """Return the group with this id; raises :class:`OktaError` with E0000007."""
    row = records.one("SELECT * FROM groups WHERE id = ?", key)
    if row is None:
        raise OktaError("E0000007", f"{key} (UserGroup)")
    return row


def create_group(
    records: Records,
    name: str,
    description: str = "",
    *,
    group_id: str | None = None,
    actor: Actor = journal.ADMIN,
) -> sqlite3.Row:
    """Add a group; raises :class:`OktaError` with E0000001 if its name is taken or empty."""
    if not name.strip() or len(name) > 255:
        raise OktaError("E0000001", "name", "name: The field cannot be left blank")
    if records.one("SELECT 1 FROM groups WHERE name = ?", name):
        raise OktaError(
            "E0000001", "name", "name: An object with this field already exists in the current organization"
        )
    now, new = timestamp(), group_id or new_id("00g")
    records.run("INSERT INTO groups VALUES (?, ?, ?, ?, ?, ?)", (new, name, description, now, now, now))
    row = find_group(records, new)
    journal.write(records, "group.lifecycle.create", [group_target(row)], actor=actor)
    return row


def join(records: Records, group_id: str, key: str, *, actor: Actor = journal.ADMIN) -> None:
    """Put somebody into a group; nothing happens if they are in it."""
    group, row = find_group(records, group_id), find(records, key)
    added = records.run("INSERT OR IGNORE INTO members VALUES (?, ?)", (group["id"], row["id"]))
    if added.rowcount:
        _membership(records, group, row, "add", actor)


def leave(records: Records, group_id: str, key: str, *, actor: Actor = journal.ADMIN) -> None:
    """Take somebody out of a group; nothing happens if they are not in it."""
    group, row = find_group(records, group_id), find(records, key)
    removed = records.run("DELETE FROM members WHERE group_id = ? AND user_id = ?", (group["id"], row["id"]))
    if removed.rowcount:
        _membership(records, group, row, "remove", actor)


def _membership(records: Records, group: sqlite3.Row, row: sqlite3.Row, what: str, actor: Actor) -> None:
    records.run("UPDATE groups SET joined = ? WHERE id = ?", (timestamp(), group["id"]))
    journal.write(records, f"group.user_membership.{what}", [target(row), group_target(group)], actor=actor)
    scim_queue.membership_changed(records, group["id"], row["id"], what)


def custom_attributes(records: Records) -> dict[str, dict[str, Any]]:
    """Return the custom attributes of the default user type, by name."""
    return {
        row["name"]: json.loads(row["document"])
        for row in records.all("SELECT * FROM attributes ORDER BY name")
    }


def _checked(records: Records, profile: Mapping[str, Any]) -> dict[str, Any]:
    """Return a profile whose every attribute exists and has the right type; raises E0000001."""
    custom = custom_attributes(records)
    causes = []
    for name, value in profile.items():
        if name not in BASE_ATTRIBUTES and name not in custom:
            causes.append(f"{name}: Property name does not exist in this profile schema")
        elif value is not None:
            kind = custom[name]["type"] if name in custom else "string"
            if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
                causes.append(f"{name}: The value is not of the type {kind}")
    if causes:
        raise OktaError("E0000001", causes[0].partition(":")[0], *causes)
    return dict(profile)


def _refusal(row: sqlite3.Row, transition: str) -> OktaError:
    if transition == "suspend":
        return OktaError("E0000001", "suspend", "Cannot suspend a user that is not active")
    if transition == "unsuspend":
        return OktaError("E0000001", "unsuspend", "Cannot unsuspend a user that is not suspended")
    if row["status"] == "DEPROVISIONED" and transition == "deactivate":
        return OktaError("E0000007", f"{row['id']} (User)")
    return OktaError("E0000016" if transition == "activate" else "E0000038")
