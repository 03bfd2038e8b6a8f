"""The migrations make exactly the tables that the code uses, and go down as well as up."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from portal.extensions import db
from tests.support import postgres_server
from tests.support.databases import alembic_configuration, migrate
from tests.support.machine import TOP


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh_engine(request, tmp_path):
    """A database without any table."""
    if request.param == "sqlite":
        engine = sa.create_engine(f"sqlite:///{tmp_path}/fresh.sqlite3", poolclass=sa.NullPool)
        yield engine
        engine.dispose()
        return
    server = request.getfixturevalue("postgresql_server")
    with postgres_server.new_database(server, "fresh") as url:
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        yield engine
        engine.dispose()


def differences(engine):
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, db.metadata)


def downgrade(engine, revision):
    with engine.connect() as connection:
        command.downgrade(alembic_configuration(connection), revision)
        connection.commit()


def test_the_migrations_make_the_tables_of_the_models(fresh_engine):
    migrate(fresh_engine)
    assert differences(fresh_engine) == []


def test_every_migration_goes_up_down_and_up_again(fresh_engine):
    with fresh_engine.connect() as connection:
        script = ScriptDirectory.from_config(alembic_configuration(connection))
        revisions = [revision.revision for revision in script.walk_revisions("base", "heads")][::-1]
    for revision in revisions:
        migrate(fresh_engine, revision)
        downgrade(fresh_engine, "-1")
        migrate(fresh_engine, revision)
    assert differences(fresh_engine) == []
    downgrade(fresh_engine, "base")
    assert set(sa.inspect(fresh_engine).get_table_names()) <= {"alembic_version"}


def test_there_is_one_head():
    config = alembic_configuration(None)
    assert len(ScriptDirectory.from_config(config).get_heads()) == 1


@pytest.mark.parametrize("path", sorted((TOP / "migrations" / "versions").glob("*.py")), ids=lambda p: p.name)
def test_a_migration_has_a_dated_name_and_imports_nothing_of_ours(path):
    assert path.name[:8].isdigit()
    assert path.name[9:13].isdigit()
    assert "portal" not in path.read_text().replace("verification-portal", "")


def fill(connection, table, **values):
    """Insert a row by a table's own columns: what is not given gets the least that its type allows."""
    columns = sa.Table(table, sa.MetaData(), autoload_with=connection)
    least = {str: "", int: 0, bool: False, dict: {}, object: {}, datetime: datetime(2026, 11, 21, tzinfo=UTC)}
    needed = [column for column in columns.c if not column.nullable and column.server_default is None]
    row = {column.name: least[column.type.python_type] for column in needed}
    connection.execute(columns.insert().values(row | values))


def test_the_step_to_holds_and_enrolment_journeys_keeps_what_there_is(fresh_engine):
    """Journeys are rebuilt on SQLite while captures name them, and whoever was suspended stays so."""
    if fresh_engine.dialect.name == "sqlite":
        sa.event.listen(fresh_engine, "connect", lambda raw, _record: raw.execute("PRAGMA foreign_keys=ON"))
    migrate(fresh_engine, "20261121_0239")
    with fresh_engine.begin() as connection:
        fill(connection, "verification_configurations", id="v")
        fill(connection, "clients", id="c", verification_id="v")
        fill(connection, "users", id="u1", login_key="u1", status="active")
        fill(connection, "users", id="u2", login_key="u2", status="suspended")
        fill(connection, "journeys", id="j", client_id="c", verification_id="v", user_id="u1")
        fill(connection, "captures", id="k", journey_id="j")
    migrate(fresh_engine, "20261121_0930")
    with fresh_engine.begin() as connection:
        found = [
            connection.execute(sa.text(f"SELECT {columns} FROM {table}")).all()
            for columns, table in (
                ("user_id, reason", "user_holds"), ("id, purpose", "journeys"), ("journey_id", "captures"),
            )
        ]  # fmt: skip
        assert found == [[("u2", "operator")], [("j", "authorize")], [("j",)]]
        connection.execute(sa.text("UPDATE journeys SET client_id = NULL"))
    downgrade(fresh_engine, "20261121_0239")
    with fresh_engine.begin() as connection:
        assert connection.execute(sa.text("SELECT id FROM journeys")).all() == []
