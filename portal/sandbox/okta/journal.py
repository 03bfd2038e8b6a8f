"""The System Log, and what of it the event hooks are told."""

import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from portal import clock, credentials
from portal.sandbox.okta import switches
from portal.sandbox.okta.store import Records, new_id, timestamp

#: Displayed messages of the types that are written here (Okta's published event types, 2026.08.1).
MESSAGES = {
    "user.lifecycle.create": "Create Okta user",
    "user.lifecycle.activate": "Activate Okta user",
    "user.lifecycle.deactivate": "Deactivate Okta user",
    "user.lifecycle.reactivate": "Reactivate Okta user",
    "user.lifecycle.suspend": "Suspend Okta user",
    "user.lifecycle.unsuspend": "Unsuspend Okta user",
    "user.lifecycle.delete.initiated": "Delete Okta user initiated",
    "user.lifecycle.delete.completed": "Delete Okta user completed",
    "user.account.update_profile": "Update user profile for Okta",
    "user.session.start": "User login to Okta",
    "group.user_membership.add": "Add user to group membership",
    "group.user_membership.remove": "Remove user from group membership",
    "group.lifecycle.create": "Create Okta group",
    "application.user_membership.add": "Add user to application membership",
    "application.user_membership.remove": "Remove user's application membership",
    "event_hook.delivery": "Event hook delivery",
}
#: Of these, what a hook may subscribe to.
ELIGIBLE = frozenset(MESSAGES) - {
    "user.lifecycle.delete.completed",
    "event_hook.delivery",
    "user.session.start",
}

ADMIN: dict[str, Any] = {
    "id": "00ulocaladministrator"[:20],
    "type": "User",
    "alternateId": "admin@local-okta.example",
    "displayName": "Admin of the local Okta",
    "detailEntry": None,
}


def caller(name: str) -> dict[str, Any]:
    """Return a program that called the API, as the log's ``actor``."""
    return {
        "id": f"0oa{name}"[:20],
        "type": "PublicClientApp",
        "alternateId": name,
        "displayName": name,
        "detailEntry": None,
    }


def write(
    records: Records,
    event_type: str,
    targets: Iterable[Mapping[str, Any]],
    *,
    actor: Mapping[str, Any] = ADMIN,
    outcome: str = "SUCCESS",
    reason: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write an event into the System Log and queue it for every hook that subscribed; return it."""
    event: dict[str, Any] = {
        "actor": dict(actor),
        "client": {"userAgent": None, "zone": None, "device": None, "id": None, "ipAddress": "127.0.0.1",
                   "geographicalContext": None},
        "device": None,
        "authenticationContext": {
            "authenticationProvider": None, "credentialProvider": None, "credentialType": None,
            "issuer": None, "interface": None, "authenticationStep": 0, "externalSessionId": new_id("trs"),
        },
        "displayMessage": MESSAGES[event_type],
        "eventType": event_type,
        "outcome": {"result": outcome, "reason": reason},
        "published": timestamp(),
        "securityContext": {"asNumber": None, "asOrg": None, "isp": None, "domain": None, "isProxy": None},
        "severity": "INFO",
        "debugContext": {"debugData": dict(detail or {})},
        "legacyEventType": None,
        "transaction": {"type": "WEB", "id": credentials.random_token("", 128), "detail": {}},
        "uuid": str(UUID(credentials.random_hex(128))),
        "version": "0",
        "request": {"ipChain": []},
        "target": [dict(target) for target in targets],
    }  # fmt: skip
    row = records.run(
        "INSERT INTO log (published, type, document) VALUES (?, ?, ?)",
        (event["published"], event_type, json.dumps(event)),
    )
    assert row.lastrowid is not None
    _queue(records, event_type, row.lastrowid)
    return event


def latest(records: Records, limit: int = 50) -> list[dict[str, Any]]:
    """Return the newest events, newest first."""
    return [
        json.loads(row["document"])
        for row in records.all("SELECT document FROM log ORDER BY id DESC LIMIT ?", limit)
    ]


def _queue(records: Records, event_type: str, log_id: int) -> None:
    if event_type not in ELIGIBLE:
        return
    due = clock.now().timestamp() + switches.current(records).hook_delay_seconds
    for hook in records.all(
        "SELECT id, document FROM hooks WHERE status = 'ACTIVE' AND verification = 'VERIFIED'"
    ):
        if event_type in json.loads(hook["document"])["events"]["items"]:
            records.run(
                "INSERT INTO outgoing (hook_id, log_id, due) VALUES (?, ?, ?)", (hook["id"], log_id, due)
            )
