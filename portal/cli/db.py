"""``flask db``: the database's tables."""

from pathlib import Path

import click
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from portal import clock
from portal.cli import common, db_checks
from portal.cli.findings import Finding, State, ok, problem, warning
from portal.extensions import db
from portal.health import older_revisions

_PYPROJECT = Path(__file__).resolve().parent.parent.parent / "pyproject.toml"

group = common.Group("db", help="Create, upgrade and check the database's tables.")


def configuration(connection: Connection) -> Config:
    """Return Alembic's configuration, bound to ``connection``."""
    config = Config(toml_file=str(_PYPROJECT))
    config.attributes["connection"] = connection
    return config


@group.command("upgrade")
@click.argument("revision", default="head")
def upgrade(revision: str) -> None:
    """Bring the tables up to REVISION (default: the newest)."""
    if not revision:
        common.fail("The revision is empty; leave it out for the newest.")
    if revision == "head" and made_by_a_newer_release(current()):
        # After a rollback, what starts the portal must not stop here: the release serves with these tables.
        click.echo(f"The database is at {current()}, which a newer release has made: nothing to do.")
        return
    with db.engine.connect() as connection:
        command.upgrade(configuration(connection), revision)
        connection.commit()
    click.echo(f"The database is at {current() or 'its empty beginning'}.")


@group.command("downgrade")
@click.argument("revision")
@click.confirmation_option(prompt="A downgrade drops tables or columns and what they hold. Go on?")
def downgrade(revision: str) -> None:
    """Take the tables down to REVISION ("base" drops them all)."""
    with db.engine.connect() as connection:
        command.downgrade(configuration(connection), revision)
        connection.commit()
    click.echo(f"The database is at {current() or 'its empty beginning'}.")


@group.command("current")
def show_current() -> None:
    """Print the revision that the database is at, and the newest one."""
    click.echo(f"database {current() or 'none'}, newest {newest()}")


@group.command("check")
@common.json_option
def check(as_json: bool) -> None:
    """Check the tables, and whether the database server keeps what it is told.

    The exit code is 1 if there is a problem; warnings alone leave it at 0.
    """
    findings = [*_tables(), *db_checks.server()]
    problems = sum(finding.state is State.PROBLEM for finding in findings)
    if as_json:
        common.print_json({"problems": problems, "findings": [finding.as_document() for finding in findings]})
    else:
        for finding in findings:
            click.echo(f"{finding.state.value:8} {finding.subject}: {finding.what}")
            if finding.next_step:
                click.echo(f"{'':9}-> {finding.next_step}")
    if problems:
        raise click.exceptions.Exit(1)


def _tables() -> list[Finding]:
    at, wanted = current(), newest()
    if made_by_a_newer_release(at):
        return [newer_tables("tables", at)]
    if at != wanted:
        return [
            problem("tables", f"at {at or 'none'}, this release needs {wanted}", "run `flask db upgrade`")
        ]
    if different := differences():
        return [
            problem(
                "tables",
                f"they differ from this release's in {len(different)} places",
                "somebody has changed them by hand: compare them with migrations/, or restore a backup",
            )
        ]
    return [ok("tables", f"at {wanted}, as this release needs them")]


@group.command("revision")
@click.argument("message")
def revision(message: str) -> None:
    """Write a dated migration for what the models changed (for developers)."""
    with db.engine.connect() as connection:
        name = clock.now().strftime("%Y%m%d_%H%M")
        command.revision(configuration(connection), message, autogenerate=True, rev_id=name)


def current() -> str | None:
    """Return the revision that the database is at, or ``None`` before the first."""
    with db.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest() -> str | None:
    """Return the newest revision of this release."""
    with db.engine.connect() as connection:
        return ScriptDirectory.from_config(configuration(connection)).get_current_head()


def made_by_a_newer_release(revision: str | None) -> bool:
    """Say whether ``revision`` is none that this release knows, as after a rollback (``portal.health``)."""
    return revision not in older_revisions() and revision != newest()


def newer_tables(subject: str, revision: str | None) -> Finding:
    """Return what there is to say of tables that a newer release has made."""
    return warning(
        subject,
        f"at {revision}, which a newer release has made; this one serves with them",
        "leave them if you went back to this release; else install the newer one",
    )


def differences() -> list[object]:
    """Return how the database differs from the models (empty: not at all)."""
    with db.engine.connect() as connection:
        return list(
            compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), db.metadata)
        )
