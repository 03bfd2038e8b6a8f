"""Okta's management API: users and statuses, groups, the profile schema, the System Log, event hooks."""

import json
import sqlite3
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from portal import clock
from portal.sandbox.okta import access, answers, filters, hooks, people
from portal.sandbox.okta.answers import OktaError
from portal.sandbox.okta.store import Records, Store

_USERS, _GROUPS, _SCHEMAS = "okta.users", "okta.groups", "okta.schemas"


def blueprint(store: Store) -> Blueprint:
    """Return the routes under ``/api/v1`` over ``store``."""
    room = Blueprint("api", __name__, url_prefix="/api/v1")
    _users(room, store)
    _lifecycle(room, store)
    _groups(room, store)
    _memberships(room, store)
    _schema(room, store)
    _log(room, store)
    hooks_api(room, store)
    room.after_request(access.finish)
    return room


def user_document(row: sqlite3.Row, origin: str) -> dict[str, Any]:
    """Return a person as the Users API shows them."""
    activated = None if row["status"] == "STAGED" else row["changed"]
    return {
        "id": row["id"], "status": row["status"], "created": row["created"], "activated": activated,
        "statusChanged": row["changed"], "lastLogin": None,
        "lastUpdated": row["updated"], "passwordChanged": None,
        "type": {"id": "oty00000000000000000"}, "profile": json.loads(row["profile"]),
        "credentials": {"provider": {"type": "OKTA", "name": "OKTA"}},
        "_links": {"self": {"href": f"{origin}/api/v1/users/{row['id']}"}},
    }  # fmt: skip


def group_document(row: sqlite3.Row, origin: str) -> dict[str, Any]:
    """Return a group as the Groups API shows it."""
    return {
        "id": row["id"], "created": row["created"], "lastUpdated": row["updated"],
        "lastMembershipUpdated": row["joined"], "objectClass": ["okta:user_group"], "type": "OKTA_GROUP",
        "profile": {"name": row["name"], "description": row["description"]},
        "_links": {"users": {"href": f"{origin}/api/v1/groups/{row['id']}/users"}},
    }  # fmt: skip


def _origin() -> str:
    return request.host_url.rstrip("/")


def _shown(row: sqlite3.Row) -> Response:
    return jsonify(user_document(row, _origin()))


def _users(room: Blueprint, store: Store) -> None:
    @room.get("/users")
    def list_users() -> ResponseReturnValue:
        """List people, without the deactivated ones unless an expression asks for them."""
        access.admit(store, "users", f"{_USERS}.read")
        expression = request.args.get("search") or request.args.get("filter") or ""
        with store.transaction() as records:
            return _user_page(records, expression, request.args.get("q", ""))

    @room.post("/users")
    def add_user() -> ResponseReturnValue:
        caller = access.admit(store, "users", f"{_USERS}.manage")
        activate = request.args.get("activate", "true") != "false"
        with store.transaction() as records:
            row = people.create(records, _profile(), activate=activate, actor=caller.actor)
        return _shown(row)

    @room.get("/users/<key>")
    def show_user(key: str) -> ResponseReturnValue:
        access.admit(store, "user", f"{_USERS}.read")
        with store.transaction() as records:
            return _shown(people.find(records, key))

    @room.route("/users/<key>", methods=["POST", "PUT"])
    def change_user(key: str) -> ResponseReturnValue:
        """Write a profile: POST what is given, PUT the whole, which drops what is not given."""
        caller = access.admit(store, "user", f"{_USERS}.manage")
        with store.transaction() as records:
            row = people.change(records, key, _profile(), whole=request.method == "PUT", actor=caller.actor)
        return _shown(row)

    @room.delete("/users/<key>")
    def remove_user(key: str) -> ResponseReturnValue:
        caller = access.admit(store, "user", f"{_USERS}.manage")
        with store.transaction() as records:
            people.delete(records, key, actor=caller.actor)
        return "", 204


def _lifecycle(room: Blueprint, store: Store) -> None:
    @room.post("/users/<key>/lifecycle/<transition>")
    def move_user(key: str, transition: str) -> ResponseReturnValue:
        caller = access.admit(store, "lifecycle", f"{_USERS}.manage")
        if transition not in people.TRANSITIONS:
            raise OktaError("E0000022")
        with store.transaction() as records:
            people.move(records, key, transition, actor=caller.actor)
        return jsonify({})

    @room.get("/users/<key>/groups")
    def groups_of_user(key: str) -> ResponseReturnValue:
        access.admit(store, "user", f"{_USERS}.read")
        with store.transaction() as records:
            row = people.find(records, key)
            found = records.all(
                "SELECT groups.* FROM groups JOIN members ON group_id = id WHERE user_id = ? ORDER BY id",
                row["id"],
            )
        return answers.page([group_document(one, _origin()) for one in found], None)


def _profile() -> dict[str, Any]:
    profile = answers.body().get("profile", {})
    if not isinstance(profile, dict):
        raise OktaError("E0000003")
    return profile


def _user_page(records: Records, expression: str, words: str) -> Response:
    size, after = answers.limit(200, 200), request.args.get("after", "")
    wanted = (
        _condition(expression) if expression else (lambda document: document["status"] != "DEPROVISIONED")
    )
    found: list[dict[str, Any]] = []
    # In steps, so that a large organisation is not read whole for one page.
    while len(found) <= size:
        rows = records.all("SELECT * FROM users WHERE id > ? ORDER BY id LIMIT 500", after)
        if not rows:
            break
        after = rows[-1]["id"]
        documents = [user_document(row, _origin()) for row in rows]
        found += [one for one in documents if wanted(one) and _begins(one["profile"], words.casefold())]
    return answers.page(found[:size], found[size - 1]["id"] if len(found) > size else None)


def _begins(profile: dict[str, Any], words: str) -> bool:
    names = (str(profile.get(name, "")).casefold() for name in ("firstName", "lastName", "email"))
    return not words or any(name.startswith(words) for name in names)


def _condition(expression: str) -> filters.Condition:
    try:
        return filters.condition(expression)
    except (filters.FilterError, RecursionError):
        raise OktaError("E0000031") from None


def _groups(room: Blueprint, store: Store) -> None:
    @room.get("/groups")
    def list_groups() -> ResponseReturnValue:
        access.admit(store, "groups", f"{_GROUPS}.read")
        size, after = answers.limit(10_000, 10_000), request.args.get("after", "")
        expression = request.args.get("search") or request.args.get("filter") or ""
        wanted = _condition(expression) if expression else (lambda _document: True)
        words = request.args.get("q", "").casefold()
        with store.transaction() as records:
            rows = records.all("SELECT * FROM groups WHERE id > ? ORDER BY id", after)
        found = [group_document(row, _origin()) for row in rows if row["name"].casefold().startswith(words)]
        found = [one for one in found if wanted(one)]
        return answers.page(found[:size], found[size - 1]["id"] if len(found) > size else None)

    @room.post("/groups")
    def add_group() -> ResponseReturnValue:
        caller = access.admit(store, "groups", f"{_GROUPS}.manage")
        profile = _profile()
        name, description = profile.get("name", ""), profile.get("description", "")
        if not isinstance(name, str) or not isinstance(description, str):
            raise OktaError("E0000001", "name")
        with store.transaction() as records:
            row = people.create_group(records, name, description, actor=caller.actor)
        return jsonify(group_document(row, _origin()))

    @room.get("/groups/<group_id>")
    def show_group(group_id: str) -> ResponseReturnValue:
        access.admit(store, "group", f"{_GROUPS}.read")
        with store.transaction() as records:
            return jsonify(group_document(people.find_group(records, group_id), _origin()))


def _memberships(room: Blueprint, store: Store) -> None:
    @room.get("/groups/<group_id>/users")
    def list_members(group_id: str) -> ResponseReturnValue:
        """List the members who are not deactivated, in pages that a cursor continues."""
        access.admit(store, "members", f"{_GROUPS}.read")
        size, after = answers.limit(1_000, 1_000), request.args.get("after", "")
        with store.transaction() as records:
            people.find_group(records, group_id)
            rows = records.all(
                "SELECT users.* FROM members JOIN users ON id = user_id WHERE group_id = ? AND user_id > ?"
                " AND status <> 'DEPROVISIONED' ORDER BY user_id LIMIT ?",
                group_id, after, size + 1,
            )  # fmt: skip
        documents = [user_document(row, _origin()) for row in rows[:size]]
        return answers.page(documents, documents[-1]["id"] if len(rows) > size else None)

    @room.route("/groups/<group_id>/users/<key>", methods=["PUT", "DELETE"])
    def change_membership(group_id: str, key: str) -> ResponseReturnValue:
        caller = access.admit(store, "membership", f"{_GROUPS}.manage")
        step = people.join if request.method == "PUT" else people.leave
        with store.transaction() as records:
            step(records, group_id, key, actor=caller.actor)
        return "", 204


def _schema(room: Blueprint, store: Store) -> None:
    @room.get("/meta/schemas/user/default")
    def show_schema() -> ResponseReturnValue:
        access.admit(store, "schemas", f"{_SCHEMAS}.read")
        with store.transaction() as records:
            return jsonify(_schema_document(records))

    @room.post("/meta/schemas/user/default")
    def change_schema() -> ResponseReturnValue:
        """Add, change or (with null) remove custom attributes; what is not named stays."""
        access.admit(store, "schemas", f"{_SCHEMAS}.manage")
        wanted = answers.body()
        try:
            properties = dict(wanted["definitions"]["custom"]["properties"])
        except (KeyError, TypeError, ValueError):
            raise OktaError("E0000001", "definitions") from None
        with store.transaction() as records:
            for name, attribute in properties.items():
                _put_attribute(records, name, attribute)
            return jsonify(_schema_document(records))


def _put_attribute(records: Records, name: str, attribute: Any) -> None:
    if attribute is None:
        records.run("DELETE FROM attributes WHERE name = ?", (name,))
        return
    kinds = {"array", "boolean", "integer", "number", "string"}
    before = people.custom_attributes(records).get(name, {})
    if not isinstance(attribute, dict) or not name.isidentifier() or name in people.BASE_ATTRIBUTES:
        raise OktaError("E0000001", name, f"{name}: The property cannot be defined like this")
    after = {
        "permissions": [{"principal": "SELF", "action": "READ_ONLY"}],
        "scope": "NONE",
        "master": {"type": "OKTA"},
    }
    after = after | before | attribute
    if after.get("type") not in kinds or not isinstance(after.get("title"), str):
        raise OktaError("E0000001", name, f"{name}: type and title are needed")
    if before and before["type"] != after["type"]:
        raise OktaError("E0000001", name, f"{name}: The type of a property cannot be changed")
    records.run(
        "INSERT INTO attributes VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET document = excluded.document",
        (name, json.dumps(after)),
    )


def _schema_document(records: Records) -> dict[str, Any]:
    custom = people.custom_attributes(records)
    base = {name: {"title": name, "type": "string"} for name in sorted(people.BASE_ATTRIBUTES)}
    return {
        "id": f"{_origin()}/meta/schemas/user/default",
        "$schema": "http://json-schema.org/draft-04/schema#",
        "name": "user", "title": "User", "type": "object",
        "definitions": {
            "base": {"id": "#base", "type": "object", "properties": base, "required": ["login"]},
            "custom": {"id": "#custom", "type": "object", "properties": custom, "required": []},
        },
        "properties": {"profile": {"allOf": [{"$ref": "#/definitions/custom"},
                                              {"$ref": "#/definitions/base"}]}},
    }  # fmt: skip


def _log(room: Blueprint, store: Store) -> None:
    @room.get("/logs")
    def read_log() -> ResponseReturnValue:
        """Read the System Log; without ``until`` the last page too has a next one, for polling."""
        access.admit(store, "logs", "okta.logs.read")
        size = answers.limit(100, 1_000)
        since = request.args.get("since") or (clock.now() - timedelta(days=7)).isoformat(
            timespec="milliseconds"
        )
        until = request.args.get("until") or "9999"
        order = request.args.get("sortOrder", "ASCENDING").upper()
        if order not in {"ASCENDING", "DESCENDING"}:
            raise OktaError("E0000001", "sortOrder")
        with store.transaction() as records:
            found, last, more = _events(records, since[:23], until[:23], order == "ASCENDING", size)
        polling = order == "ASCENDING" and "until" not in request.args
        return answers.page(found, str(last) if more or polling else None)


def _events(
    records: Records, since: str, until: str, ascending: bool, size: int
) -> tuple[list[Any], int, bool]:
    """Return a page of events, the cursor after it, and whether there is more."""
    wanted = _condition(request.args["filter"]) if request.args.get("filter") else (lambda _event: True)
    words = request.args.get("q", "").casefold()
    after = request.args.get("after", "0" if ascending else str(2**62))
    if not after.isascii() or not after.isdigit() or len(after) > 19:
        raise OktaError("E0000053", "after")
    cursor, found = int(after), list[tuple[int, Any]]()
    step, way = (">", "ASC") if ascending else ("<", "DESC")
    while len(found) <= size:
        rows = records.all(
            f"SELECT id, document FROM log WHERE id {step} ? AND published >= ? AND published < ?"  # noqa: S608
            f" ORDER BY id {way} LIMIT 500",
            cursor, since, until,
        )  # fmt: skip
        if not rows:
            break
        cursor = rows[-1]["id"]
        for row in rows:
            event = json.loads(row["document"])
            if wanted(event) and words in row["document"].casefold():
                found.append((row["id"], event))
    if len(found) > size:
        return [event for _, event in found[:size]], found[size - 1][0], True
    return [event for _, event in found], cursor if cursor < 2**62 else 0, False


def hooks_api(room: Blueprint, store: Store) -> None:
    """Add the event hooks' own API: create, list, verify."""

    @room.route("/eventHooks", methods=["GET", "POST"])
    def event_hooks() -> ResponseReturnValue:
        manage = request.method == "POST"
        access.admit(store, "eventHooks", "okta.eventHooks.manage" if manage else "okta.eventHooks.read")
        with store.transaction() as records:
            if not manage:
                return jsonify(
                    [hooks.document(row) for row in records.all("SELECT * FROM hooks ORDER BY id")]
                )
            return jsonify(hooks.document(hooks.create(records, answers.body())))

    @room.post("/eventHooks/<hook_id>/lifecycle/verify")
    def verify_hook(hook_id: str) -> ResponseReturnValue:
        access.admit(store, "eventHooks", "okta.eventHooks.manage")
        return jsonify(hooks.document(hooks.verify(store, hook_id)))
