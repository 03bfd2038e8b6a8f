"""The sandbox's own side: an index to look at, and JSON orders for tests and the demonstration."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.sandbox import people
from portal.sandbox.configurations import ConfigurationError, Shape, WebhookMode, read_configuration
from portal.sandbox.requests import Refused, body, require_account_key
from portal.sandbox.scenarios import Scenario
from portal.sandbox.store import Store


def blueprint(store: Store, account_key: str | None) -> Blueprint:
    """Return the routes over ``store``; JSON orders need ``account_key``, and without one are refused."""
    room = Blueprint("control", __name__)

    @room.get("/")
    def root() -> ResponseReturnValue:
        return redirect(url_for("control.index"))

    @room.get("/sandbox/")
    def index() -> ResponseReturnValue:
        """Show the configurations, the stored faces and the latest sessions."""
        with store.transaction() as records:
            return render_template(
                "sandbox/index.html",
                configurations=records.configurations(),
                faces=records.faces(),
                sessions=records.sessions(12),
                names={person.key: person.name for person in people.PEOPLE},
                people={person.key: person for person in people.PEOPLE},
            )

    @room.post("/sandbox/forget")
    def forget() -> ResponseReturnValue:
        """Forget every face: the index page's button, which only this origin's own pages may press."""
        origin = request.headers.get("Origin")
        if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin" or (
            origin is not None and urlsplit(origin).netloc != request.host
        ):
            raise Refused(403, "Another site's page cannot press this button.")
        with store.transaction() as records:
            records.forget(everything=False)
        return redirect(url_for("control.index"), 303)

    @room.post("/sandbox/configurations")
    def register() -> ResponseReturnValue:
        """Register one configuration, or replace it."""
        require_account_key(account_key)
        try:
            configuration = read_configuration(body())
        except ConfigurationError as error:
            raise Refused(400, str(error)) from error
        with store.transaction() as records:
            records.put(configuration)
        return jsonify(id=configuration.id), 201

    @room.post("/sandbox/next")
    def next_sessions() -> ResponseReturnValue:
        """Order what the next sessions shall do, so that nobody needs to click."""
        require_account_key(account_key)
        order = _session_order(body())
        target, times = order.pop("configuration_id"), order.pop("times")
        with store.transaction() as records:
            if target != "*":
                configuration = records.configuration(target)
                if configuration is None:
                    raise Refused(404, "There is no such configuration.")
                target = configuration.id
            records.give_order("session", target, times, order)
        return jsonify(ordered=times), 201

    @room.post("/sandbox/faults")
    def faults() -> ResponseReturnValue:
        """Order what the next API answers shall be, such as three times 503."""
        require_account_key(account_key)
        document = body()
        _only(document, {"operation", "status", "delay", "times"})
        operation = document.get("operation", "*")
        if not isinstance(operation, str):
            raise Refused(400, "operation is the end of an API path, such as signature/create, or *.")
        status = _number(document, "status", 0, 0, 599)
        if 0 < status < 400:
            raise Refused(400, "status is 0 (answer normally, after the delay) or 400 to 599.")
        order = {"status": status, "delay": _number(document, "delay", 0, 0, 30)}
        times = _number(document, "times", 1, 1, 100_000)
        with store.transaction() as records:
            records.give_order("fault", operation, times, order)
        return jsonify(ordered=times), 201

    @room.post("/sandbox/reset")
    def reset() -> ResponseReturnValue:
        """Forget everything but the configurations."""
        require_account_key(account_key)
        with store.transaction() as records:
            records.forget(everything=True)
        return "", 204

    @room.get("/sandbox/state")
    def state() -> ResponseReturnValue:
        """Tell a test what is remembered: faces, the latest sessions and deliveries; no keys."""
        require_account_key(account_key)
        with store.transaction() as records:
            return jsonify(
                configurations=[one.id for one in records.configurations()],
                faces=[
                    {"face_id": f.face_id, "who": f.who, "external_id": f.external_id}
                    for f in records.faces()
                ],
                sessions=[
                    {name: row[name] for name in ("id", "configuration_id", "scenario", "return_url")}
                    for row in records.sessions()
                ],
                deliveries=[dict(row) for row in records.deliveries()],
            )

    return room


def _session_order(document: dict[str, Any]) -> dict[str, Any]:
    """Return a complete order for sessions; raises :class:`Refused` with 400 for what is not understood."""
    names = {
        "face",
        "outcome",
        "times",
        "auto",
        "configuration_id",
        "webhook",
        "shape",
        "unready",
        "slow_seconds",
    }
    _only(document, names)
    auto = document.get("auto", True)
    target = document.get("configuration_id", "*")
    if not isinstance(auto, bool) or not isinstance(target, str):
        raise Refused(400, "auto is true or false, and configuration_id a string.")
    return {
        "face": _choice(document, "face", people.FACES, people.PEOPLE[0].key),
        "outcome": _choice(document, "outcome", Scenario, Scenario.PASS),
        "webhook": _choice(document, "webhook", WebhookMode, None),
        "shape": _choice(document, "shape", Shape, None),
        "unready": _number(document, "unready", 2, 0, 1000),
        "slow_seconds": _number(document, "slow_seconds", 5, 1, 300),
        "times": _number(document, "times", 1, 1, 100_000),
        "auto": auto,
        "configuration_id": target,
    }


def _only(document: dict[str, Any], names: set[str]) -> None:
    if unknown := sorted(set(document) - names):
        raise Refused(400, f"There is no setting called {unknown[0]!r}.")


def _choice(document: dict[str, Any], name: str, choices: Iterable[str], default: str | None) -> str | None:
    value = document.get(name)
    words = [str(choice) for choice in choices]
    if value is not None and value not in words:
        raise Refused(400, f"{name} is one of {', '.join(words)}.")
    return default if value is None else str(value)


def _number(document: dict[str, Any], name: str, default: int, least: int, most: int) -> int:
    value = document.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise Refused(400, f"{name} is a whole number between {least} and {most}.")
    return value
