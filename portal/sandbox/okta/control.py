"""JSON orders for tests: ``/local/…``, opened by the control key. Everything else is Okta's own API."""

import json
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from portal import clock, credentials
from portal.sandbox.okta import access, hooks, scim_apps, scim_queue, seeding, switches
from portal.sandbox.okta.answers import OktaError, body
from portal.sandbox.okta.store import Records, Store


def blueprint(store: Store, control_key: str | None) -> Blueprint:
    """Return the routes over ``store``; without ``control_key`` every order is refused."""
    room = Blueprint("control", __name__, url_prefix="/local")

    @room.before_request
    def require_key() -> None:
        given = request.headers.get("Authorization", "").partition(" ")[2]
        if control_key is None or not credentials.same(given, control_key):
            raise OktaError("E0000011")

    @room.post("/seed")
    def seed() -> ResponseReturnValue:
        """Add people, groups and programs, as ``seeding`` describes; files are not read for others."""
        document = body()
        if any(name.endswith("_file") for name in _names(document)):
            raise OktaError("E0000001", "seed", "secrets are given in the document here, not as files")
        try:
            seeding.sow(store, document)
        except seeding.SeedError as error:
            raise OktaError("E0000001", "seed", str(error)) from None
        return jsonify(state())

    @room.post("/switches")
    def turn() -> ResponseReturnValue:
        """Turn the switches that are named; an empty object resets all."""
        changes = body()
        with store.transaction() as records:
            try:
                setting = switches.turn(records, changes) if changes else switches.reset(records)
            except switches.SwitchError as error:
                raise OktaError("E0000001", "switches", str(error)) from None
        return jsonify(setting)

    @room.post("/faults")
    def fault() -> ResponseReturnValue:
        """Order what the next calls under a path are answered: Okta's ``code``, or a bare ``status``."""
        document = body()
        times, path, method = document.pop("times", 1), document.pop("path", "/"), document.pop("method", "*")
        kinds = {"code": str, "about": str, "status": int, "delay": (int, float)}
        good = all(name in kinds and isinstance(value, kinds[name]) for name, value in document.items())  # type: ignore[arg-type]
        if not good or not isinstance(times, int) or not isinstance(path, str) or not isinstance(method, str):
            raise OktaError("E0000001", "fault")
        with store.transaction() as records:
            access.order_fault(records, method, path, times, document)
        return jsonify(ordered=times), 201

    @room.post("/flush")
    def flush() -> ResponseReturnValue:
        """Send now what waits for the hooks and the SCIM servers, however far off it is."""
        with store.transaction() as records:
            records.run("UPDATE outgoing SET due = 0 WHERE NOT taken")
            records.run("UPDATE scim_jobs SET due = 0 WHERE NOT taken")
        jobs = scim_apps.work_off(store)
        return jsonify(bodies=hooks.deliver_due(store), jobs=jobs)

    @room.post("/scim/<app_id>/<what>")
    def scim(app_id: str, what: str) -> ResponseReturnValue:
        """Do what an admin does with an app: assign, unassign, push, unlink, test or import."""
        ids = [str(one) for one in body().get("ids", [])]
        if what == "test":
            return jsonify(said=scim_apps.test_connection(store, app_id))
        if what == "import":
            return jsonify(imported=scim_apps.import_users(store, app_id))
        orders = {
            "assign": scim_queue.assign, "unassign": scim_queue.unassign,
            "push": scim_queue.push_group, "unlink": scim_queue.unlink_group,
        }  # fmt: skip
        if what not in orders:
            raise OktaError("E0000007", what)
        with store.transaction() as records:
            for one in ids:
                orders[what](records, app_id, one)
        return jsonify(ordered=len(ids)), 202

    @room.get("/state")
    def look() -> ResponseReturnValue:
        """Tell a test what is remembered: no secrets."""
        return jsonify(state())

    def state() -> dict[str, Any]:
        with store.transaction() as records:
            return {"now": clock.now().isoformat(), **_state(records)}

    return room


def _state(records: Records) -> dict[str, Any]:
    return {
        "people": {
            row["login"]: {"id": row["id"], "status": row["status"], "profile": json.loads(row["profile"])}
            for row in records.all("SELECT * FROM users ORDER BY login LIMIT 1000")
        },
        "groups": {
            row["name"]: {"id": row["id"], "members": row["members"]}
            for row in records.all(
                "SELECT id, name, (SELECT count(*) FROM members WHERE group_id = id) AS members"
                " FROM groups LIMIT 1000"
            )
        },
        "hooks": [hooks.document(row) for row in records.all("SELECT * FROM hooks ORDER BY id")],
        "deliveries": _newest(records, "deliveries"),
        "waiting": hooks.waiting(records),
        "scim_apps": scim_apps.every(records),
        "assignments": _newest(records, "assignments"),
        "scim_calls": _newest(records, "scim_calls"),
        "calls": _newest(records, "calls"),
    }  # fmt: skip


def _newest(records: Records, table: str) -> list[dict[str, Any]]:
    assert table in {"deliveries", "assignments", "scim_calls", "calls"}
    return [dict(row) for row in records.all(f"SELECT * FROM {table} ORDER BY rowid DESC LIMIT 500")]  # noqa: S608


def _names(document: Any) -> list[str]:
    if isinstance(document, dict):
        return [*document, *(name for value in document.values() for name in _names(value))]
    return [name for value in document for name in _names(value)] if isinstance(document, list) else []
