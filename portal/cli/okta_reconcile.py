"""``flask okta reconcile``: find what Okta's events did not tell, and put it right."""

from typing import Any

import click

from portal.cli import common
from portal.cli.okta import group
from portal.cli.okta_connection import PATIENCE
from portal.cli.okta_status import connected, sentences
from portal.extensions import db
from portal.okta import reconcile
from portal.okta.reconcile_preview import preview
from portal.okta.reconcile_steps import LeaseLost
from portal.outbox import OutboxFailure

_HEADINGS = {
    "events_read": "Events read in the System Log",
    "events_new": "of them not known yet",
    "unreadable": "of them not readable",
    "members": "Members of the group",
    "missing": "not here yet: added",
    "adopted": "known by the login: given their Okta id",
    "joining": "not known to be members",
    "held": "to be held back",
    "released": "to be given back",
    "renamed": "with other details",
    "drifted": "whose registration attribute is wrong",
    "left": "Not in the group any more: held back",
    "conflicts": "In the way of each other's records",
}


@group.command("reconcile")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@click.option("--force", is_flag=True, help="Do it even if it takes the factor from many people at once.")
@common.json_option
def command(dry_run: bool, force: bool, as_json: bool) -> None:
    """Read Okta's System Log and the group's members, and put the directory right.

    The workers do this on schedule (setting okta_reconcile_seconds). What was cut off goes on from where it
    was. Events that are found are worked off by the worker.
    """
    connected()
    report = _previewed() if dry_run else _reconciled(force=force)
    if as_json:
        common.print_json(report)
    else:
        _print(report, dry_run=dry_run)
    if report["stopped"] and not dry_run:
        raise click.exceptions.Exit(1)


def _previewed() -> dict[str, Any]:
    with sentences():
        found = preview(reconcile.reads_since(reconcile.last()), patience=PATIENCE)
    db.session.rollback()
    return {"counts": found.counts, "people": found.people, "stopped": found.stopped, "conflicts": []}


def _reconciled(*, force: bool) -> dict[str, Any]:
    try:
        token = reconcile.begin(force=force)
    except reconcile.Busy:
        common.fail("Another reconciliation is running, or was cut off a moment ago: wait five minutes.")
    common.commit()
    report: dict[str, Any] = {}
    try:
        for run in reconcile.steps(token, patience=PATIENCE):
            common.commit()
            report = run.report
    except LeaseLost:
        common.fail("Another process has taken the reconciliation over; `flask okta status` says more.")
    except OutboxFailure as failure:
        db.session.rollback()
        reconcile.let_go(token, ended=failure.final)
        common.commit()
        common.fail(failure.sentence)
    return {name: report[name] for name in ("counts", "stopped", "conflicts")}


def _print(report: dict[str, Any], *, dry_run: bool) -> None:
    counts = report["counts"]
    common.print_facts([(words, counts[name]) for name, words in _HEADINGS.items() if name in counts])
    for name, okta_ids in report.get("people", {}).items():
        for okta_id in okta_ids:
            click.echo(f"{name}: {okta_id}")
    for okta_id in report["conflicts"]:
        click.echo(f"{okta_id}: another record has this person's login; `flask user list` shows it.")
    if report["stopped"]:
        click.echo(f"Stopped, and changed nothing of the members. {report['stopped']}", err=True)
    elif dry_run:
        click.echo("Nothing was changed (--dry-run).")
