"""A migration never keeps people waiting: it gives up its place in the queue, and says so in the end."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.util import CommandError

from portal.extensions import db
from tests.support import postgres_server
from tests.support.databases import alembic_configuration
from tests.support.machine import TOP

#: A migration that alters a table which people use: every one of them needs an exclusive lock for a moment.
BEFORE, ALTERS_JOURNEYS = "20261121_0239", "20261121_0930"


@pytest.fixture
def address(postgresql_server: str) -> Iterator[str]:
    with postgres_server.new_database(postgresql_server, "migrations") as url:
        yield url


def upgrade(url: str, revision: str = "head", **attributes: Any) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        configuration = alembic_configuration(connection)
        configuration.attributes.update(attributes)
        command.upgrade(configuration, revision)
        connection.commit()


def revision_of(url: str) -> str:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        return connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]


def test_a_migration_in_somebodys_way_gives_up_and_lets_people_pass(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    upgrade(address, BEFORE)
    caplog.set_level("WARNING", logger="portal.migrations")
    migrated = threading.Thread(target=upgrade, args=(address, ALTERS_JOURNEYS))
    slowest = 0.0
    with psycopg.connect(address.replace("+psycopg", "")) as backup:
        backup.execute("SELECT count(*) FROM journeys")  # an open transaction, as pg_dump has one
        migrated.start()
        with psycopg.connect(address.replace("+psycopg", ""), autocommit=True) as person:
            while migrated.is_alive() and "waits for a table" not in caplog.text:
                began = time.monotonic()  # noqa: TID251 - how long PostgreSQL keeps us is the question
                person.execute("SELECT count(*) FROM journeys")
                slowest = max(slowest, time.monotonic() - began)  # noqa: TID251 - likewise
        assert "waits for a table" in caplog.text
        assert revision_of(address) == BEFORE
    migrated.join(timeout=30)
    assert revision_of(address) == ALTERS_JOURNEYS
    assert slowest < 20, "people waited behind the migration for longer than its own time-out"


def test_a_migration_that_never_gets_its_turn_ends_with_a_sentence(address: str) -> None:
    upgrade(address, BEFORE)
    with psycopg.connect(address.replace("+psycopg", "")) as backup:
        backup.execute("SELECT count(*) FROM journeys")
        with pytest.raises(CommandError, match="a table was in use each of the 1 times"):
            upgrade(address, ALTERS_JOURNEYS, tries=1)
    assert revision_of(address) == BEFORE


def test_two_upgrades_at_once_do_not_meet(address: str) -> None:
    environment = os.environ | {
        "PORTAL_CONFIG": str(TOP / "config" / "test.toml"),
        "PORTAL_DATABASE_URL": address,
    }
    commands = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"]
    processes = [
        subprocess.Popen(commands, cwd=TOP, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=100) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    with psycopg.connect(address.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)


def test_an_index_that_was_not_finished_is_dropped_before_the_next_try(address: str) -> None:
    upgrade(address)
    with psycopg.connect(address.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE INDEX left_behind ON journeys (expires_at)")
        connection.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'left_behind'::regclass"
        )
        upgrade(address)
        left = connection.execute("SELECT to_regclass('left_behind')").fetchone()
    assert left == (None,)


def test_the_session_is_as_before_afterwards(address: str) -> None:
    engine = sa.create_engine(address, poolclass=sa.NullPool)
    with engine.connect() as connection:
        before = connection.exec_driver_sql("SHOW lock_timeout").scalar()
        command.upgrade(alembic_configuration(connection), "head")
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == before
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        assert connection.exec_driver_sql(held).scalar() == 0


def _statements(url: str) -> dict[str, list[str]]:
    """Return every migration's statements, under the revision that they led to."""
    heard: list[str] = []
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    sa.event.listen(engine, "before_cursor_execute", lambda *given: heard.append(given[2]))
    found: dict[str, list[str]] = {}
    with engine.connect() as connection:
        configuration = alembic_configuration(connection)

        def done(*, ctx: Any, step: Any, **_: Any) -> None:
            found[step.up_revision_id] = heard.copy()
            heard.clear()

        configuration.attributes["on_version_apply"] = done
        command.upgrade(configuration, "head")
    return found


def test_no_migration_rewrites_or_blocks_a_table_that_people_use(address: str) -> None:
    wrong = []
    for revision, statements in _statements(address).items():
        created = {words[2] for words in map(str.split, statements) if words[:2] == ["CREATE", "TABLE"]}
        wrong += [
            (revision, statement)
            for statement in statements
            if (table := _table_of(statement)) is not None and table not in created and _blocks(statement)
        ]
    assert wrong == [], "docs/operating.md says how a migration does that without blocking anybody"


def _table_of(statement: str) -> str | None:
    words = statement.split()
    if words[:2] == ["ALTER", "TABLE"]:
        return words[2]
    if words[0] == "CREATE" and "INDEX" in words[1:3]:
        return words[words.index("ON") + 1]
    return None


def _blocks(statement: str) -> bool:
    if "INDEX" in statement.split()[1:3]:
        return "CONCURRENTLY" not in statement
    checks_every_row = "ADD CONSTRAINT" in statement and "NOT VALID" not in statement
    without_default = "ADD COLUMN" in statement and "NOT NULL" in statement and "DEFAULT" not in statement
    inline = "ADD COLUMN" in statement and ("REFERENCES" in statement or "SERIAL" in statement)
    return (
        checks_every_row or without_default or inline or " TYPE " in statement or "SET NOT NULL" in statement
    )


def test_the_metadata_is_what_the_migrations_make(address: str) -> None:
    upgrade(address)
    with psycopg.connect(address.replace("+psycopg", "")) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert tables == (len(db.metadata.tables) + 1,)
