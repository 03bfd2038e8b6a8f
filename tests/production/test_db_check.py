"""``flask db check`` says whether the tables fit and whether the server keeps what it is told."""

import json

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import text

from portal.extensions import db

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
PRODUCTION = {
    "environment": "production", "allow_http_loopback": False, "allow_sandbox": False,
    "secret_key": ("0123456789abcdef0123456789abcdef",),
    "sqlite_synchronous": "NORMAL", "encryption_key": ("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",),
}  # fmt: skip


def states(runner: FlaskCliRunner) -> dict[str, str]:
    """Return the worst that was said about each subject."""
    result = runner.invoke(args=["db", "check", "--json"])
    document = json.loads(result.stdout)
    worst: dict[str, str] = {}
    for finding in document["findings"]:
        if finding["state"] != "ok":
            assert finding["next_step"], finding
        worst[finding["subject"]] = max(
            finding["state"], worst.get(finding["subject"], ""), key=["", "ok", "warning", "problem"].index
        )
    assert document["problems"] == sum(one["state"] == "problem" for one in document["findings"])
    assert result.exit_code == (1 if "problem" in worst.values() else 0)
    return worst


def test_tables_of_this_release_are_in_order(runner: FlaskCliRunner) -> None:
    assert "problem" not in states(runner).values()
    said = runner.invoke(args=["db", "check"])
    assert said.exit_code == 0
    assert "as this release needs them" in said.stdout


@pytest.mark.parametrize(
    ("statement", "subject"),
    [
        ("UPDATE alembic_version SET version_num = '20261121_0230'", "tables"),
        ("CREATE INDEX by_hand ON journeys (state)", "tables"),
    ],
)
def test_tables_of_another_release_are_a_problem(
    app: Flask, runner: FlaskCliRunner, statement: str, subject: str
) -> None:
    with app.app_context():
        before = db.session.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        db.session.execute(text(statement))
        db.session.commit()
        try:
            assert states(runner)[subject] == "problem"
        finally:
            db.session.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": before})
            db.session.execute(text("DROP INDEX IF EXISTS by_hand"))
            db.session.commit()


def test_a_release_that_was_gone_back_to_serves_with_the_newer_tables(
    app: Flask, runner: FlaskCliRunner
) -> None:
    with app.app_context():
        before = db.session.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        db.session.execute(text("UPDATE alembic_version SET version_num = '20991231_0000'"))
        db.session.commit()
        try:
            assert states(runner)["tables"] == "warning"
            # The container's start waits for it, after a rollback too.
            upgraded = runner.invoke(args=["db", "upgrade"])
            assert upgraded.exit_code == 0, upgraded.stderr
            assert "newer release" in upgraded.stdout
            told = runner.invoke(args=["doctor", "--offline"]).stdout
            (line,) = [line for line in told.splitlines() if " migrations: " in line]
            assert line.startswith("warning")
            assert "20991231_0000" in line
            assert "run `flask db upgrade`" not in told
        finally:
            db.session.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": before})
            db.session.commit()


@only_postgresql
@pytest.mark.settings(**PRODUCTION)
def test_commits_that_a_crash_undoes_are_a_problem_in_production(runner: FlaskCliRunner) -> None:
    # The tests' databases are made with synchronous_commit off.
    assert states(runner)["durability"] == "problem"


@only_postgresql
def test_in_a_test_they_are_a_warning(runner: FlaskCliRunner) -> None:
    assert states(runner)["durability"] == "warning"


@only_postgresql
def test_an_index_that_cannot_be_used_is_a_problem(app: Flask, runner: FlaskCliRunner) -> None:
    update = text(
        "UPDATE pg_index SET indisvalid = :valid WHERE indexrelid = 'ix_journeys_user_id'::regclass"
    )
    with app.app_context():
        db.session.execute(update, {"valid": False})
        db.session.commit()
        try:
            assert states(runner)["indexes"] == "problem"
        finally:
            db.session.execute(update, {"valid": True})
            db.session.commit()


@only_postgresql
@pytest.mark.settings(database_pool_size=100, database_max_overflow=100)
def test_more_connections_than_the_server_takes_are_a_warning(runner: FlaskCliRunner) -> None:
    assert states(runner)["connections"] == "warning"


@only_sqlite
@pytest.mark.settings(**PRODUCTION)
def test_a_sqlite_file_in_production(runner: FlaskCliRunner) -> None:
    assert states(runner)["durability"] == "ok"
    assert states(runner)["integrity"] == "ok"


@only_sqlite
def test_a_record_that_names_one_that_is_gone_is_a_problem(app: Flask, runner: FlaskCliRunner) -> None:
    with app.app_context(), db.engine.connect() as connection:
        driver = connection.connection.driver_connection
        driver.execute("PRAGMA foreign_keys=OFF")
        driver.execute(
            "INSERT INTO enrolments (id, user_id, verification_id, external_id, state, created_at)"
            " VALUES ('e', 'nobody', 'nothing', 'x', 'PREPARED', '2026-01-01')"
        )
        driver.commit()
        driver.execute("PRAGMA foreign_keys=ON")
    assert states(runner)["integrity"] == "problem"
