"""Apps with SCIM provisioning: what Okta's two kinds of them do when somebody comes, changes and goes.

``aiw`` is an app of the App Integration Wizard: GET, merge and PUT for everything. ``oin`` is an app of the
catalogue: PUT for attributes, PATCH without a path for activating and deactivating, PATCH for members.
"""

import json
import logging
import sqlite3
import threading
from collections.abc import Callable
from typing import Any

import urllib3

from portal import clock, credentials
from portal.sandbox.okta import scim_queue
from portal.sandbox.okta.scim_client import ENTERPRISE, GROUP, PAGE, USER, Resource, ScimClient, ScimFailed
from portal.sandbox.okta.store import Records, Store, new_id

_log = logging.getLogger(__name__)

KINDS = ("aiw", "oin")
#: After a 429 without a number Okta waits this long, then twice as long each time, and so often in all.
_FIRST_WAIT = 300.0
_MOST_TRIES = 10
_LOOK_EVERY = 0.2


def add(records: Records, label: str, base_url: str, authorization: str, *, kind: str = "aiw") -> str:
    """Add an app and return its id. ``authorization`` is the whole value of that header."""
    if kind not in KINDS:
        raise ValueError(f"an app is one of {', '.join(KINDS)}")
    app_id = new_id("0oa")
    document = {"base_url": base_url, "authorization": authorization, "kind": kind, "imported": None}
    records.run("INSERT INTO scim_apps VALUES (?, ?, ?)", (app_id, label, json.dumps(document)))
    return app_id


def every(records: Records) -> list[dict[str, Any]]:
    """Return the apps, without what they authenticate with."""
    shown = []
    for row in records.all("SELECT * FROM scim_apps ORDER BY label"):
        document = json.loads(row["document"])
        del document["authorization"]
        shown.append({"id": row["id"], "label": row["label"], **document})
    return shown


def change_kind(records: Records, app_id: str) -> None:
    """Make an app of the one kind an app of the other."""
    for app in every(records):
        if app["id"] == app_id:
            _remember(records, app_id, kind=KINDS[1 - KINDS.index(app["kind"])])


def work_off(store: Store) -> int:
    """Do every job that is due now, in order; return how many."""
    done = 0
    while True:
        with store.transaction() as records:
            job = records.one(
                "SELECT * FROM scim_jobs WHERE NOT taken AND due <= ? ORDER BY id LIMIT 1",
                clock.now().timestamp(),
            )
            if job is None:
                return done
            records.run("UPDATE scim_jobs SET taken = 1, tries = tries + 1 WHERE id = ?", (job["id"],))
        _do(store, job)
        done += 1


def test_connection(store: Store, app_id: str) -> str:
    """Do what "Test API Credentials" does, and return what came of it as a sentence."""
    try:
        with urllib3.PoolManager() as pool:
            _, total = _client(store, pool, app_id)[0].page("Users", 1, 2)
    except ScimFailed as failure:
        return f"The connection does not work: {failure.said}."
    return f"The connection works: {total} people are there."


def import_users(store: Store, app_id: str) -> tuple[int, int]:
    """Read every user of the app, page by page; return how many came and how many of them are active."""
    seen: set[str] = set()
    active, start = 0, 1
    with urllib3.PoolManager() as pool:
        client, _ = _client(store, pool, app_id)
        while True:
            found, total = client.page("Users", start, PAGE)
            seen |= {str(one.get("id")) for one in found}
            active += sum(one.get("active") is True for one in found)
            start += PAGE
            if not found or start > total:
                break
    with store.transaction() as records:
        _remember(records, app_id, imported=[len(seen), active])
    return len(seen), active


class Provisioner:
    """The thread that does the jobs, until it is stopped."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="local-okta-scim", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the job that is being done."""
        self._stop.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_EVERY):
            try:
                work_off(self._store)
            except Exception:  # the thread outlives whatever one job meets
                _log.exception("local Okta: a provisioning job failed unexpectedly")


def _remember(records: Records, app_id: str, **changes: Any) -> None:
    row = records.one("SELECT document FROM scim_apps WHERE id = ?", app_id)
    assert row is not None
    records.run(
        "UPDATE scim_apps SET document = ? WHERE id = ?",
        (json.dumps(json.loads(row["document"]) | changes), app_id),
    )


def _client(store: Store, pool: urllib3.PoolManager, app_id: str) -> tuple[ScimClient, str]:
    with store.transaction() as records:
        row = records.one("SELECT document FROM scim_apps WHERE id = ?", app_id)
    if row is None:
        raise ScimFailed("there is no such app")
    app = json.loads(row["document"])
    return ScimClient(store, pool, app_id, app["base_url"], app["authorization"]), app["kind"]


def _do(store: Store, job: sqlite3.Row) -> None:
    kind = "group" if job["what"] in {"group", "ungroup", "member"} else "user"
    steps: dict[str, Callable[[_Job], tuple[str, str | None]]] = {
        "provision": _provision, "update": _update, "deactivate": _deactivate,
        "group": _push_group, "member": _push_member, "ungroup": _remove_group,
    }  # fmt: skip
    remote_id: str | None = None
    try:
        with urllib3.PoolManager() as pool:
            client, app_kind = _client(store, pool, job["app_id"])
            state, remote_id = steps[job["what"]](_Job(store, client, app_kind, job))
            said = ""
    except ScimFailed as failure:
        state, said = "failed", failure.said
        if failure.again is not None and job["tries"] + 1 < _MOST_TRIES:
            state = "waiting"
            _again(store, job, failure.again)
    with store.transaction() as records:
        scim_queue.note(
            records, job["app_id"], kind, job["local_id"], state=state, said=said, remote_id=remote_id
        )
        if state == "provisioned" and job["what"] == "provision":
            scim_queue.memberships_of(records, job["app_id"], job["local_id"])


def _again(store: Store, job: sqlite3.Row, asked: float) -> None:
    wait = asked if asked >= 0 else _FIRST_WAIT * 2 ** job["tries"]
    with store.transaction() as records:
        records.run(
            "UPDATE scim_jobs SET taken = 0, due = ? WHERE id = ?",
            (clock.now().timestamp() + wait, job["id"]),
        )


class _Job:
    """A job with what its step needs at hand."""

    def __init__(self, store: Store, client: ScimClient, kind: str, row: sqlite3.Row) -> None:
        self.store, self.client, self.patches = store, client, kind == "oin"
        self.app_id, self.local_id, self.detail = row["app_id"], row["local_id"], json.loads(row["detail"])

    def remote(self, kind: str, local_id: str) -> str | None:
        with self.store.transaction() as records:
            return scim_queue.remote_id(records, self.app_id, kind, local_id)

    def profile(self) -> dict[str, Any] | None:
        with self.store.transaction() as records:
            row = records.one("SELECT profile FROM users WHERE id = ?", self.local_id)
        return None if row is None else dict(json.loads(row["profile"]))

    def group(self) -> tuple[str, list[dict[str, str]]]:
        """Return the group's name and its members as far as the app knows them."""
        with self.store.transaction() as records:
            group = records.one("SELECT name FROM groups WHERE id = ?", self.local_id)
            if group is None:
                raise ScimFailed("there is no such group any more")
            rows = records.all(
                "SELECT remote_id, login FROM members"
                " JOIN assignments ON local_id = user_id AND kind = 'user' JOIN users ON users.id = user_id"
                " WHERE group_id = ? AND app_id = ? AND remote_id IS NOT NULL ORDER BY user_id",
                self.local_id, self.app_id,
            )  # fmt: skip
        return group["name"], [{"value": row["remote_id"], "display": row["login"]} for row in rows]


def user_resource(okta_id: str, profile: dict[str, Any], *, active: bool = True) -> Resource:
    """Return a person as Okta sends them to a SCIM server."""
    resource: Resource = {
        "schemas": [USER],
        "userName": profile["login"],
        "name": {"givenName": profile["firstName"], "familyName": profile["lastName"]},
        "emails": [{"primary": True, "value": profile["email"], "type": "work"}],
        "displayName": profile.get("displayName") or f"{profile['firstName']} {profile['lastName']}",
        "locale": profile.get("locale") or "en-GB",
        "externalId": okta_id,
        "groups": [],
        "active": active,
    }
    if profile.get("mobilePhone"):
        resource["phoneNumbers"] = [{"value": profile["mobilePhone"], "type": "mobile", "primary": True}]
    extension = {
        name: profile[name] for name in ("department", "employeeNumber", "costCenter") if profile.get(name)
    }
    if extension:
        resource["schemas"].append(ENTERPRISE)
        resource[ENTERPRISE] = extension
    return resource


def _provision(job: _Job) -> tuple[str, str | None]:
    """Assign: look for the login, then create, or take over and update what is there."""
    profile = job.profile()
    if profile is None:
        raise ScimFailed("there is no such person any more")
    resource = user_resource(job.local_id, profile)
    found = job.client.find("Users", "userName", profile["login"])
    if found is None:
        sent = resource | {"password": credentials.random_token("", 96)}
        return "provisioned", str(job.client.create("Users", sent)["id"])
    remote_id = str(found["id"])
    _merge(job, remote_id, resource)
    return "provisioned", remote_id


def _merge(job: _Job, remote_id: str, changes: Resource) -> None:
    before = job.client.get("Users", remote_id)
    merged = before | {name: value for name, value in changes.items() if name not in {"schemas", "groups"}}
    merged["schemas"] = sorted({*before.get("schemas", [USER]), *changes.get("schemas", [])})
    merged.pop("meta", None)
    job.client.replace("Users", remote_id, merged)


def _update(job: _Job) -> tuple[str, str | None]:
    profile, remote_id = job.profile(), job.remote("user", job.local_id)
    if profile is None or remote_id is None:
        raise ScimFailed("the person was never provisioned here: use Provision User")
    _merge(job, remote_id, user_resource(job.local_id, profile))
    return "provisioned", remote_id


def _deactivate(job: _Job) -> tuple[str, str | None]:
    remote_id = job.remote("user", job.local_id)
    if remote_id is None:
        return "gone", None
    if job.patches:
        job.client.patch("Users", remote_id, {"op": "replace", "value": {"active": False}})
    else:
        _merge(job, remote_id, {"active": False})
    return "deactivated", remote_id


def _push_group(job: _Job) -> tuple[str, str | None]:
    """Push a group: look for its name, create it if need be, read it, write its members."""
    name, members = job.group()
    found = job.client.find("Groups", "displayName", name)
    if found is None:
        found = job.client.create("Groups", {"schemas": [GROUP], "displayName": name, "members": []})
    remote_id = str(found["id"])
    before = job.client.get("Groups", remote_id)
    if job.patches:
        job.client.patch(
            "Groups", remote_id, {"op": "replace", "value": {"id": remote_id, "displayName": name}}
        )
        job.client.patch("Groups", remote_id, {"op": "replace", "path": "members", "value": members})
    else:
        before.pop("meta", None)
        job.client.replace("Groups", remote_id, before | {"displayName": name, "members": members})
    return "pushed", remote_id


def _push_member(job: _Job) -> tuple[str, str | None]:
    remote_id = job.remote("group", job.local_id)
    if remote_id is None or not job.patches:
        return _push_group(job)
    name, _ = job.group()
    job.client.patch("Groups", remote_id, {"op": "replace", "value": {"id": remote_id, "displayName": name}})
    member = job.remote("user", job.detail["user_id"])
    if member is None:
        return "pushed", remote_id
    if job.detail["what"] == "add":
        job.client.patch("Groups", remote_id, {"op": "add", "path": "members", "value": [{"value": member}]})
    else:
        job.client.patch("Groups", remote_id, {"op": "remove", "path": f'members[value eq "{member}"]'})
    return "pushed", remote_id


def _remove_group(job: _Job) -> tuple[str, str | None]:
    remote_id = job.remote("group", job.local_id)
    if remote_id is not None:
        job.client.delete("Groups", remote_id)
    return "unlinked", remote_id
