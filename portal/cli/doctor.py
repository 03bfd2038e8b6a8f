"""``flask doctor``: what is in order, what is not, and what to do next."""

import click
from flask.cli import with_appcontext

from portal import logs
from portal.cli import checks, common
from portal.cli.findings import Finding, State

_MARKS = {State.OK: "ok      ", State.WARNING: "warning ", State.PROBLEM: "problem "}
_COLOURS = {State.OK: "green", State.WARNING: "yellow", State.PROBLEM: "red"}


@click.command("doctor")
@click.option("--offline", is_flag=True, help="Ask no other server: neither VerifEye nor our own address.")
@common.json_option
@with_appcontext
def doctor(offline: bool, as_json: bool) -> None:
    """Check settings, database, keys, clock, VerifEye, clients, our own address, outbox and retention.

    Each line says what was found and, where something is to be done, what. The exit code is 1 if there
    is a problem; warnings alone leave it at 0.
    """
    with logs.at_least(100):
        findings = checks.examine(offline=offline)
    problems = sum(finding.state is State.PROBLEM for finding in findings)
    warnings = sum(finding.state is State.WARNING for finding in findings)
    if as_json:
        common.print_json(
            {
                "problems": problems,
                "warnings": warnings,
                "findings": [finding.as_document() for finding in findings],
            }
        )
    else:
        for finding in findings:
            _print(finding)
        click.echo(f"\n{_counted(problems, 'problem')}, {_counted(warnings, 'warning')}.")
    if problems:
        raise click.exceptions.Exit(1)


def _print(finding: Finding) -> None:
    mark = click.style(_MARKS[finding.state], fg=_COLOURS[finding.state])
    click.echo(f"{mark} {finding.subject}: {logs.one_line(finding.what)}")
    if finding.next_step:
        click.echo(f"{' ' * 9} -> {logs.one_line(finding.next_step)}")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
