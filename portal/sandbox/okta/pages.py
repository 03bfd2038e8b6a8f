"""The local Okta's pages: people and their status, the log, hooks, SCIM apps, switches, the inbox."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.sandbox.okta import hooks, inbox, journal, people, scim_apps, scim_queue, switches
from portal.sandbox.okta.answers import OktaError
from portal.sandbox.okta.scim_client import ScimFailed
from portal.sandbox.okta.store import Records, Store

_LIST = 200
#: No script, nothing from elsewhere but pictures; links may leave the frame: that is what they are for.
_MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data: https: http://localhost:*; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox "
    "allow-top-navigation-by-user-activation"
)
#: What each transition is called on its button, in the order of the buttons.
STEPS = {
    "suspend": "Suspend",
    "unsuspend": "Unsuspend",
    "deactivate": "Deactivate",
    "activate": "Activate",
}


def blueprint(store: Store, mail_folder: Path | None) -> Blueprint:
    """Return the pages over ``store``; the inbox shows ``mail_folder``."""
    room = Blueprint("pages", __name__)
    _people_pages(room, store)
    _person_orders(room, store)
    _log_pages(room, store)
    _switch_pages(room, store)
    _scim_pages(room, store)
    _mail_pages(room, mail_folder)
    return room


def _people_pages(room: Blueprint, store: Store) -> None:
    @room.get("/")
    def home() -> ResponseReturnValue:
        """Show the people with their status, their groups and what the portal has written."""
        with store.transaction() as records:
            rows = records.all("SELECT * FROM users ORDER BY login LIMIT ?", _LIST)
            return render_template(
                "local_okta/people.html",
                people=[_person(records, row) for row in rows],
                count=records.number("SELECT count(*) FROM users"),
                groups=records.all("SELECT * FROM groups ORDER BY name LIMIT ?", _LIST),
                attributes=[
                    name
                    for name, one in people.custom_attributes(records).items()
                    if one["type"] == "boolean"
                ],
                apps=scim_apps.every(records),
                steps=STEPS,
                events=journal.latest(records, 6),
            )

    @room.post("/people")
    def add() -> ResponseReturnValue:
        """Add a person, as an admin does with "Add person"."""
        names = {"login": "login", "firstName": "first_name", "lastName": "last_name"}
        profile = {name: request.form.get(field, "").strip() for name, field in names.items()}
        with store.transaction() as records:
            people.create(records, profile | {"email": profile["login"]})
        return redirect(url_for("pages.home"), 303)


def _person(records: Records, row: sqlite3.Row) -> dict[str, Any]:
    groups = records.all(
        "SELECT groups.* FROM groups JOIN members ON group_id = id WHERE user_id = ? ORDER BY name", row["id"]
    )
    apps = records.all("SELECT * FROM assignments WHERE kind = 'user' AND local_id = ?", row["id"])
    allowed = [name for name in STEPS if row["status"] in people.TRANSITIONS[name][0]]
    return {
        "id": row["id"], "login": row["login"], "status": row["status"],
        "profile": json.loads(row["profile"]),
        "name": people.target(row)["displayName"], "groups": {group["id"]: group["name"] for group in groups},
        "apps": {one["app_id"]: dict(one) for one in apps}, "allowed": allowed,
    }  # fmt: skip


def _person_orders(room: Blueprint, store: Store) -> None:
    """Add what the buttons beside a person do."""

    def ordered(user_id: str, order: Callable[[Records, str], object]) -> ResponseReturnValue:
        with store.transaction() as records:
            people.find(records, user_id)
            order(records, user_id)
        return redirect(f"{url_for('pages.home')}#person-{user_id}", 303)

    @room.post("/people/<user_id>/status")
    def status(user_id: str) -> ResponseReturnValue:
        step = request.form.get("step", "")
        if step not in STEPS:
            raise OktaError("E0000001", "step")
        return ordered(user_id, lambda records, one: people.move(records, one, step))

    @room.post("/people/<user_id>/group")
    def group(user_id: str) -> ResponseReturnValue:
        group_id, step = request.form.get("group", ""), request.form.get("step", "")
        act = people.join if step == "add" else people.leave
        return ordered(user_id, lambda records, one: act(records, group_id, one))

    @room.post("/people/<user_id>/app")
    def app(user_id: str) -> ResponseReturnValue:
        app_id, step = request.form.get("app", ""), request.form.get("step", "")
        act = scim_queue.assign if step == "add" else scim_queue.unassign
        return ordered(user_id, lambda records, one: act(records, app_id, one))

    @room.post("/people/<user_id>/reset")
    def reset(user_id: str) -> ResponseReturnValue:
        """Bring a person back to the beginning: active, in no group, assigned to no app."""
        return ordered(user_id, _begin_anew)


def _begin_anew(records: Records, user_id: str) -> None:
    for row in records.all("SELECT group_id FROM members WHERE user_id = ?", user_id):
        people.leave(records, row["group_id"], user_id)
    scim_queue.unassign_everywhere(records, user_id)
    status = people.find(records, user_id)["status"]
    for step in ("unsuspend", "activate"):
        if status in people.TRANSITIONS[step][0]:
            people.move(records, user_id, step)
            break


def _log_pages(room: Blueprint, store: Store) -> None:
    @room.get("/log")
    def log() -> ResponseReturnValue:
        """Show the System Log, newest first."""
        with store.transaction() as records:
            return render_template("local_okta/log.html", events=journal.latest(records, 100))

    @room.get("/hooks")
    def hook_list() -> ResponseReturnValue:
        """Show the event hooks and what was delivered."""
        with store.transaction() as records:
            return render_template(
                "local_okta/hooks.html",
                hooks=[hooks.document(row) for row in records.all("SELECT * FROM hooks ORDER BY name")],
                deliveries=[
                    {**dict(row), "count": len(json.loads(row["events"]))}
                    for row in records.all("SELECT * FROM deliveries ORDER BY id DESC LIMIT 50")
                ],
                waiting=hooks.waiting(records),
                calls=records.all("SELECT * FROM calls ORDER BY id DESC LIMIT 50"),
            )

    @room.post("/hooks/<hook_id>/verify")
    def verify(hook_id: str) -> ResponseReturnValue:
        """Verify a hook's endpoint once more."""
        hooks.verify(store, hook_id)
        return redirect(url_for("pages.hook_list"), 303)


def _switch_pages(room: Blueprint, store: Store) -> None:
    @room.get("/trouble")
    def trouble() -> ResponseReturnValue:
        """Show what can go wrong on purpose."""
        with store.transaction() as records:
            return render_template("local_okta/trouble.html", now=asdict(switches.current(records)))

    @room.post("/trouble")
    def make_trouble() -> ResponseReturnValue:
        """Set every switch as the form has it, or all back."""
        with store.transaction() as records:
            if request.form.get("reset"):
                switches.reset(records)
            else:
                _turn_all(records)
        return redirect(url_for("pages.trouble"), 303)


def _turn_all(records: Records) -> None:
    changes: dict[str, Any] = {}
    for name, usual in asdict(switches.Switches()).items():
        text = request.form.get(name, "").strip()
        if isinstance(usual, bool):
            changes[name] = text == "on"
        elif text.isascii() and text.isdigit():
            changes[name] = int(text[:9])
    try:
        switches.turn(records, changes)
    except switches.SwitchError as error:
        raise OktaError("E0000001", "switches", str(error)) from None


def _scim_pages(room: Blueprint, store: Store) -> None:
    @room.get("/scim-apps")
    def scim_list() -> ResponseReturnValue:
        """Show the apps with provisioning, who is assigned, and every call."""
        with store.transaction() as records:
            return render_template(
                "local_okta/scim.html",
                apps=scim_apps.every(records),
                groups=records.all("SELECT * FROM groups ORDER BY name LIMIT ?", _LIST),
                pushed=records.all("SELECT * FROM assignments WHERE kind = 'group' AND wanted"),
                names={row["id"]: row["login"] for row in records.all("SELECT id, login FROM users")}
                | {row["id"]: row["name"] for row in records.all("SELECT id, name FROM groups")},
                assignments=records.all("SELECT * FROM assignments ORDER BY rowid DESC LIMIT 100"),
                calls=records.all("SELECT * FROM scim_calls ORDER BY id DESC LIMIT 30"),
            )

    @room.post("/scim-apps/<app_id>")
    def scim_order(app_id: str) -> ResponseReturnValue:
        """Do what an admin does with an app: test it, import from it, push a group, change its kind."""
        step, group_id = request.form.get("step", ""), request.form.get("group", "")
        if step == "test":
            said = scim_apps.test_connection(store, app_id)
            return render_template("local_okta/message.html", title="Connection test", sentence=said)
        if step == "import":
            return _import(store, app_id)
        with store.transaction() as records:
            if step in {"push", "unlink"}:
                people.find_group(records, group_id)
                (scim_queue.push_group if step == "push" else scim_queue.unlink_group)(
                    records, app_id, group_id
                )
            elif step == "kind":
                scim_apps.change_kind(records, app_id)
        return redirect(url_for("pages.scim_list"), 303)


def _import(store: Store, app_id: str) -> ResponseReturnValue:
    try:
        count, active = scim_apps.import_users(store, app_id)
    except ScimFailed as failure:
        sentence = f"The import did not work: {failure.said}."
        return render_template("local_okta/message.html", title="Import", sentence=sentence)
    sentence = f"{count} people were read, {active} of them active. Okta would skip the others."
    return render_template("local_okta/message.html", title="Import", sentence=sentence)


def _mail_pages(room: Blueprint, folder: Path | None) -> None:
    @room.get("/inbox")
    def mailbox() -> ResponseReturnValue:
        """Show the mails that the portal has sent."""
        found = inbox.mails(folder, request.args.get("to", "")) if folder else []
        return render_template("local_okta/inbox.html", mails=found, folder=folder)

    @room.get("/inbox/<name>")
    def mail(name: str) -> ResponseReturnValue:
        """Show one mail: as text with its links, and as the HTML that a mail program would show."""
        found = inbox.find(folder, name) if folder else None
        if found is None:
            raise OktaError("E0000007", "mail")
        return render_template("local_okta/mail.html", mail=found)

    @room.get("/inbox/<name>/html")
    def mail_body(name: str) -> ResponseReturnValue:
        """Give the HTML body alone, for the frame that shows it: no script runs in it."""
        found = inbox.find(folder, name) if folder else None
        if found is None:
            raise OktaError("E0000007", "mail")
        body = found.html.replace("<head>", '<head><base target="_top">', 1)
        return (
            body,
            200,
            {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": _MAIL_POLICY},
        )
