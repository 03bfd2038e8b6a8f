"""What apps with SCIM provisioning have to be told: written down where it happens, sent by ``scim_apps``."""

import json
from typing import Any

from portal import clock
from portal.sandbox.okta.store import Records


def assign(records: Records, app_id: str, user_id: str) -> None:
    """Assign somebody to an app, for the first time or again."""
    _want(records, app_id, "user", user_id, wanted=True)
    enqueue(records, app_id, "provision", user_id)


def unassign(records: Records, app_id: str, user_id: str) -> None:
    """End somebody's assignment: Okta deactivates at the app and never deletes."""
    if _is_wanted(records, app_id, "user", user_id):
        _want(records, app_id, "user", user_id, wanted=False)
        enqueue(records, app_id, "deactivate", user_id)


def unassign_everywhere(records: Records, user_id: str) -> None:
    """End every assignment of somebody who was deactivated; of a suspended person SCIM is told nothing."""
    for row in records.all(
        "SELECT app_id FROM assignments WHERE kind = 'user' AND local_id = ? AND wanted", user_id
    ):
        unassign(records, row["app_id"], user_id)


def person_changed(records: Records, user_id: str) -> None:
    """Push a changed profile to every app that the person is assigned to."""
    for row in records.all(
        "SELECT app_id FROM assignments WHERE kind = 'user' AND local_id = ? AND wanted", user_id
    ):
        enqueue(records, row["app_id"], "update", user_id)


def push_group(records: Records, app_id: str, group_id: str) -> None:
    """Push a group to an app from now on."""
    _want(records, app_id, "group", group_id, wanted=True)
    enqueue(records, app_id, "group", group_id)


def unlink_group(records: Records, app_id: str, group_id: str) -> None:
    """Stop pushing a group and delete it at the app."""
    if _is_wanted(records, app_id, "group", group_id):
        _want(records, app_id, "group", group_id, wanted=False)
        enqueue(records, app_id, "ungroup", group_id)


def membership_changed(records: Records, group_id: str, user_id: str, what: str) -> None:
    """Tell every app to which the group is pushed that somebody came (``add``) or went (``remove``)."""
    for row in records.all(
        "SELECT app_id FROM assignments WHERE kind = 'group' AND local_id = ? AND wanted", group_id
    ):
        enqueue(records, row["app_id"], "member", group_id, {"user_id": user_id, "what": what})


def memberships_of(records: Records, app_id: str, user_id: str) -> None:
    """Push what groups somebody is in, now that the app knows them."""
    rows = records.all(
        "SELECT group_id FROM members JOIN assignments ON local_id = group_id AND kind = 'group' AND wanted"
        " WHERE user_id = ? AND app_id = ?",
        user_id, app_id,
    )  # fmt: skip
    for row in rows:
        enqueue(records, app_id, "member", row["group_id"], {"user_id": user_id, "what": "add"})


def enqueue(
    records: Records, app_id: str, what: str, local_id: str, detail: dict[str, Any] | None = None
) -> None:
    """Add one job."""
    records.run(
        "INSERT INTO scim_jobs (app_id, what, local_id, detail, due) VALUES (?, ?, ?, ?, ?)",
        (app_id, what, local_id, json.dumps(detail or {}), clock.now().timestamp()),
    )


def note(
    records: Records,
    app_id: str,
    kind: str,
    local_id: str,
    *,
    state: str,
    said: str = "",
    remote_id: str | None = None,
) -> None:
    """Write down how it stands with one person or group at an app; a known remote id stays."""
    records.run(
        "INSERT INTO assignments VALUES (?, ?, ?, ?, 0, ?, ?)"
        " ON CONFLICT (app_id, kind, local_id) DO UPDATE SET state = excluded.state,"
        " said = excluded.said, remote_id = coalesce(excluded.remote_id, remote_id)",
        (app_id, kind, local_id, remote_id, state, said),
    )


def remote_id(records: Records, app_id: str, kind: str, local_id: str) -> str | None:
    """Return the id that a person or a group has at an app, if it is known."""
    row = records.one(
        "SELECT remote_id FROM assignments WHERE app_id = ? AND kind = ? AND local_id = ?",
        app_id,
        kind,
        local_id,
    )
    return None if row is None else row["remote_id"]


def _want(records: Records, app_id: str, kind: str, local_id: str, *, wanted: bool) -> None:
    records.run(
        "INSERT INTO assignments VALUES (?, ?, ?, NULL, ?, 'waiting', '')"
        " ON CONFLICT (app_id, kind, local_id)"
        " DO UPDATE SET wanted = excluded.wanted, state = 'waiting', said = ''",
        (app_id, kind, local_id, int(wanted)),
    )


def _is_wanted(records: Records, app_id: str, kind: str, local_id: str) -> bool:
    return (
        records.one(
            "SELECT 1 FROM assignments WHERE app_id = ? AND kind = ? AND local_id = ? AND wanted",
            app_id,
            kind,
            local_id,
        )
        is not None
    )
