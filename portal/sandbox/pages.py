"""The hosted page: where VerifEye would look through the camera, and the sandbox asks what it saw."""

from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from portal.sandbox import people, webhook
from portal.sandbox.configurations import Configuration, Shape, WebhookMode
from portal.sandbox.scenarios import GROUPS, Scenario
from portal.sandbox.sessions import Ending, LinkRefused, Order, check_link, open_session, settle
from portal.sandbox.store import Records, Store


def blueprint(store: Store) -> Blueprint:
    """Return the hosted page's routes over ``store``."""
    room = Blueprint("pages", __name__)

    @room.get("/verification/<configuration_id>")
    def show(configuration_id: str) -> ResponseReturnValue:
        """Check the link, open a session, and ask; or do at once what a test has ordered."""
        with store.transaction() as records:
            configuration = _configuration(records, configuration_id)
            link = check_link(records, configuration, request.query_string)
            session_id = open_session(records, configuration, link)
            ordered = records.take_order("session", configuration.id)
        if ordered is None or not ordered["auto"]:
            return _ask(configuration, session_id, ordered or {})
        return _end(
            store, configuration, session_id, ordered["face"], Scenario(ordered["outcome"]), _order(ordered)
        )

    @room.post("/verification/<configuration_id>")
    def finish(configuration_id: str) -> ResponseReturnValue:
        """Take the choice that was made and end the session with it."""
        with store.transaction() as records:
            configuration = _configuration(records, configuration_id)
        face = request.form.get("face", people.PEOPLE[0].key)
        # The cancel button is a second submit button and comes in beside the chosen outcome.
        scenario = request.form.get("leave") or request.form.get("outcome", Scenario.PASS)
        if face not in people.FACES or scenario not in set(Scenario):
            raise LinkRefused(
                400, "This choice does not exist", "Neither the page nor a test could have made it."
            )
        session_id = request.form.get("session", "")
        return _end(store, configuration, session_id, face, Scenario(scenario), Order())

    return room


def _configuration(records: Records, configuration_id: str) -> Configuration:
    configuration = records.configuration(configuration_id)
    if configuration is None:
        raise LinkRefused(
            404, "There is no such verification", "The address names a configuration nobody registered."
        )
    return configuration


def _ask(configuration: Configuration, session_id: str, ordered: dict[str, Any]) -> ResponseReturnValue:
    return render_template(
        "sandbox/verification.html",
        configuration=configuration,
        session_id=session_id,
        people=people.PEOPLE,
        groups=GROUPS,
        face=ordered.get("face", people.PEOPLE[0].key),
        outcome=ordered.get("outcome", Scenario.PASS),
    )


def _end(
    store: Store, configuration: Configuration, session_id: str, face: str, scenario: Scenario, order: Order
) -> ResponseReturnValue:
    """End the session and send the browser on its way, or nowhere."""
    with store.transaction() as records:
        session = records.session(session_id)
        if session is None or session["configuration_id"] != configuration.id:
            raise LinkRefused(410, "This verification is over", "Nothing is known about this session.")
        ending = settle(records, configuration, session, face, scenario, order)
    webhook.deliver(store, configuration, session["id"], ending.webhook)
    return _leave(ending)


def _leave(ending: Ending) -> ResponseReturnValue:
    if ending.url is None:
        return render_template(
            "sandbox/message.html",
            title="Nobody comes back",
            sentence="As if the window had been closed: this page leads nowhere, and no webhook is sent.",
        )
    if ending.seconds:
        page = render_template(
            "sandbox/message.html",
            title="Still working",
            sentence=f"This is the slow way back: it takes {ending.seconds} seconds.",
            url=ending.url,
        )
        response = make_response(page)
        response.headers["Refresh"] = f"{ending.seconds}; url={ending.url}"
        return response
    return redirect(ending.url, 303)


def _order(ordered: dict[str, Any]) -> Order:
    return Order(
        webhook=WebhookMode(ordered["webhook"]) if ordered["webhook"] else None,
        shape=Shape(ordered["shape"]) if ordered["shape"] else None,
        unready=ordered["unready"],
        slow_seconds=ordered["slow_seconds"],
    )
