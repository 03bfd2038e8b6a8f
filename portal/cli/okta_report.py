"""A simulation's result, told to a person: hops, ID token, checks, and Okta's System Log."""

import json
from collections.abc import Mapping
from typing import Any

import click

from portal import logs
from portal.cli import common
from portal.okta.simulator import Check, Result, State

_COLOURS = {State.OK: "green", State.WARNING: "yellow", State.DENIED: "red", State.BROKEN: "red"}
_WIDTH = max(len(state) for state in State)


def print_result(result: Result) -> None:
    """Print everything about ``result`` that may be shown, made harmless for a terminal."""
    _heading("What was sent")
    for number, hop in enumerate(result.hops, 1):
        status = "" if hop.status is None else f"  {hop.status}"
        took = "" if hop.milliseconds is None else f"  {hop.milliseconds} ms"
        click.echo(f"{number:>3}. {logs.one_line(hop.what)}")
        click.echo(f"     {hop.way}: {hop.method} {logs.one_line(hop.url)}{status}{took}")
        _pairs("  >", hop.sent)
        _pairs("  <", hop.received)
    if result.claims is not None:
        _heading("The ID token")
        common.print_json({"header": result.header, "claims": result.claims})
    if result.userinfo is not None:
        _heading("Userinfo")
        common.print_json(result.userinfo)
    _heading("Okta's rules")
    for check in result.checks:
        _print_check(check)
    _heading("Okta's System Log")
    _print_outcome(result)


def _heading(words: str) -> None:
    click.echo(f"\n{click.style(words, bold=True)}")


def _pairs(mark: str, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        click.echo(f"     {mark} {logs.one_line(name)} = {logs.one_line(text)}")


def _print_check(check: Check) -> None:
    mark = click.style(check.state.value.ljust(_WIDTH), fg=_COLOURS[check.state])
    click.echo(f"{mark}  {logs.one_line(check.sentence)}")


def _print_outcome(result: Result) -> None:
    outcome = result.outcome
    common.print_facts(
        [
            ("Event", outcome.event),
            ("Outcome", " ".join(word for word in (outcome.result, outcome.reason) if word) or "none yet"),
            *([("IdvReferenceId", outcome.idv_reference_id)] if result.mode == "idv" else []),
            *([("IdvFlowId", outcome.idv_flow_id)] if result.mode == "idv" else []),
            *([("The person reads", outcome.page)] if outcome.page else []),
        ]
    )
    broken = len(result.with_state(State.BROKEN))
    if result.accepted:
        click.echo("\nOkta would let the person through.")
    elif result.outcome.result is None:
        click.echo("\nNobody came back, so Okta has nothing to judge.")
    elif broken:
        click.echo(f"\nOkta would refuse: {broken} of its rules broken.")
    else:
        click.echo(
            "\nOkta would refuse: the answer keeps its rules and says that the person is not verified."
        )
