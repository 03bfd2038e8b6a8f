"""``flask okta status``: what is connected, what waits, what is paused, and what Okta says of its limits."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from sqlalchemy import func, select

from portal.cli import common
from portal.cli.okta import group
from portal.connections import hook_secrets, registry
from portal.extensions import db
from portal.models import OktaConnection, OktaReconciliation, OktaRegistration, OutboxMessage
from portal.okta import attribute as attributes
from portal.okta import pauses
from portal.okta_api.errors import OktaError
from portal.outbox import OutboxFailure


@group.command("status")
@click.option("--offline", is_flag=True, help="Do not call Okta.")
@common.json_option
def status(offline: bool, as_json: bool) -> None:
    """Say what is connected and how it does."""
    show(connected(), as_json=as_json, live=not offline)


def connected() -> OktaConnection:
    """Return the connection, or end the command with a sentence."""
    found = registry.current()
    if found is None:
        common.fail("Okta is not connected; `flask okta connect` does that.")
    return found


@contextmanager
def sentences() -> Iterator[None]:
    """End the command with the sentence of whatever goes wrong with Okta."""
    try:
        yield
    except (OktaError, OutboxFailure) as error:
        common.fail(error.sentence)


def show(connection: OktaConnection | None, *, as_json: bool, live: bool) -> None:
    """Print everything about ``connection`` that may be shown; with ``live`` Okta is asked too."""
    assert connection is not None
    facts = described(connection) | (_live(connection) if live else {})
    if as_json:
        common.print_json(facts)
        return
    common.print_facts(_lines(facts))


def described(connection: OktaConnection) -> dict[str, Any]:
    """Return what ``--json`` prints without calling Okta; no secret is among it."""
    return {
        "org_url": connection.org_url,
        "credential": connection.credential_kind,
        "client_id": connection.client_id,
        "scopes": connection.scopes,
        "attribute": connection.attribute,
        "group_id": connection.group_id,
        "group_name": connection.group_name,
        "sign_in_client_id": connection.sign_in_client_id,
        "sign_in_issuer": registry.sign_in_issuer(connection) if connection.sign_in_client_id else None,
        "connected_at": connection.created_at,
        "changed_at": connection.updated_at,
        "checks": connection.checks,
        "hook_secrets": len(hook_secrets.valid()),
        "registrations": _registrations(),
        "reconciled": _reconciled(),
        "pauses": [described_pause(pause) for pause in pauses.running()],
        "messages": _messages(),
    }


def described_pause(pause: Any) -> dict[str, Any]:
    """Return what ``--json`` prints about a pause."""
    return {
        "id": pause.id,
        "scope": pause.scope,
        "group_id": pause.group_id,
        "group_name": pause.group_name,
        "reason": pause.reason,
        "since": pause.created_at,
        "until": pause.ended_at,
    }


def _registrations() -> dict[str, int]:
    """Count what Okta is known to hold: true, false, not known."""
    rows = db.session.execute(
        select(OktaRegistration.value, func.count()).group_by(OktaRegistration.value)
    ).all()
    names = {True: "true", False: "false", None: "unknown"}
    return dict.fromkeys(names.values(), 0) | {names[value]: count for value, count in rows}


def _reconciled() -> dict[str, Any] | None:
    """Return when Okta was reconciled last, how many values had drifted, and why it stopped if it did."""
    last = db.session.scalars(select(OktaReconciliation)).first()
    if last is None:
        return None
    return {
        "phase": last.phase,
        "started_at": last.started_at,
        "ended_at": last.ended_at,
        "log_read_until": last.read_until,
        "drifted": last.report.get("counts", {}).get("drifted"),
        "stopped": last.report.get("stopped"),
    }


def _messages() -> dict[str, dict[str, int]]:
    """Count the outbox messages about Okta that wait or are dead, by topic."""
    rows = db.session.execute(
        select(OutboxMessage.topic, OutboxMessage.state, func.count())
        .where(OutboxMessage.state.in_(("waiting", "dead")), OutboxMessage.topic.startswith("okta."))
        .group_by(OutboxMessage.topic, OutboxMessage.state)
    ).all()
    found: dict[str, dict[str, int]] = {}
    for topic, state, count in rows:
        found.setdefault(topic, {"waiting": 0, "dead": 0})[state] = count
    return found


def _live(connection: OktaConnection) -> dict[str, Any]:
    """Ask Okta once about people and once about the attribute, and say what it answered."""
    db.session.rollback()  # nothing stays open in the database while Okta is asked
    problems: list[str] = []
    try:
        api = registry.api_for(connection)
        api.users(limit=1)
        found = api.custom_attributes().get(connection.attribute)
        if found is None:
            problems.append(
                f"Okta's user profile has no attribute {connection.attribute}; "
                "`flask okta attribute create` makes it."
            )
        else:
            problems += attributes.faults(found)
    except OktaError as error:
        problems.append(error.sentence)
    seen = {
        name: {"limit": window.limit, "remaining": window.remaining, "resets_at": window.resets_at}
        for name, window in registry.limits_seen(connection).items()
    }
    return {"problems": problems, "rate_limits": seen}


def _lines(facts: dict[str, Any]) -> list[tuple[str, Any]]:
    who = {"ssws": "an API token", "service_app": f"the service app {facts['client_id']}"}
    counts = facts["registrations"]
    lines = [
        ("Organisation", facts["org_url"]),
        ("Signs in with", who[facts["credential"]]),
        ("Scopes", facts["scopes"] or "those of the token's administrator"),
        ("Attribute", facts["attribute"]),
        ("Group", f"{facts['group_name']} ({facts['group_id']})" if facts["group_id"] else None),
        ("Sign-in at enrolment", facts["sign_in_issuer"]),
        ("Checked", facts["checks"].get("at")),
        ("", [_check_line(check) for check in facts["checks"].get("tried", [])]),
        ("Hook secrets", facts["hook_secrets"]),
        ("Registrations", f"{counts['true']} true, {counts['false']} false, {counts['unknown']} not known"),
        ("Reconciled", _reconciled_line(facts["reconciled"])),
        ("Paused", [_pause_line(pause) for pause in facts["pauses"]] or "nobody"),
        ("Messages", [_message_line(topic, counted) for topic, counted in facts["messages"].items()]),
    ]
    if "problems" in facts:
        lines.append(("Okta says", facts["problems"] or "All is well."))
        limits = facts["rate_limits"].items()
        lines.append(
            ("Rate limits", [f"{name}: {w['remaining']} of {w['limit']} left" for name, w in limits])
        )
    return lines


def _reconciled_line(last: dict[str, Any] | None) -> str:
    if last is None:
        return "never (`flask okta reconcile`)"
    if last["ended_at"] is None:
        return f"begun {common.moment(last['started_at'])}, at the step {last['phase']}"
    drifted = f"; {last['drifted']} registrations had drifted" if last["drifted"] is not None else ""
    stopped = f"; stopped: {last['stopped']}" if last["stopped"] else ""
    return f"{common.moment(last['ended_at'])}{drifted}{stopped}"


def _check_line(check: dict[str, Any]) -> str:
    return f"{'yes' if check['passed'] else 'NO '} {check['name']}: {check['sentence']}"


def _pause_line(pause: dict[str, Any]) -> str:
    whom = "everybody" if pause["scope"] == "all" else f"the group {pause['group_name']}"
    return f"{whom}, since {common.moment(pause['since'])}: {pause['reason']}"


def _message_line(topic: str, counted: dict[str, int]) -> str:
    return f"{topic}: {counted['waiting']} waiting, {counted['dead']} dead"
