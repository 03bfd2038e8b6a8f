"""The databases: every test that takes ``app`` or ``database`` runs on SQLite and on PostgreSQL.

One database of each kind per test process, migrated once by the real migrations and emptied before each
test. A test that needs one kind only says
``@pytest.mark.parametrize("database", ["sqlite"], indirect=True)``.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from portal import models
from portal.extensions import db
from tests.support import machine, postgres_server

assert models, "importing the tables makes them known to the metadata"

KINDS = ("sqlite", "postgresql")


@dataclass(frozen=True)
class Database:
    """A migrated database that threads and other processes may open too."""

    kind: str
    url: str


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest) -> Database:
    """An empty database with the portal's tables, once on SQLite and once on PostgreSQL."""
    engine = request.getfixturevalue(f"_{request.param}_engine")
    _empty(engine)
    return Database(request.param, engine.url.render_as_string(hide_password=False))


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The address of a PostgreSQL server on which databases may be created."""
    with postgres_server.server() as address:
        yield address


@pytest.fixture(scope="session")
def _sqlite_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Engine]:
    path = tmp_path_factory.mktemp("database") / "portal.sqlite3"
    yield from _migrated(f"sqlite:///{path}")


@pytest.fixture(scope="session")
def _postgresql_engine(postgresql_server: str) -> Iterator[sa.Engine]:
    with postgres_server.new_database(postgresql_server, "main") as url:
        yield from _migrated(url)


def alembic_configuration(connection: sa.Connection) -> Config:
    """Return Alembic's configuration, as ``flask db`` uses it, bound to ``connection``."""
    config = Config(toml_file=str(machine.TOP / "pyproject.toml"))
    config.attributes["connection"] = connection
    return config


def migrate(engine: sa.Engine, revision: str = "head") -> None:
    """Bring a database up to ``revision`` with the real migrations."""
    with engine.connect() as connection:
        command.upgrade(alembic_configuration(connection), revision)
        connection.commit()


def _migrated(url: str) -> Iterator[sa.Engine]:
    # No pool: between two tests this process holds nothing open, so nothing can be in a test's way.
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    migrate(engine)
    yield engine
    engine.dispose()


def _empty(engine: sa.Engine) -> None:
    deletions = [f"DELETE FROM {table.name}" for table in reversed(db.metadata.sorted_tables)]
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
            connection.exec_driver_sql("; ".join(deletions))
            return
        for deletion in deletions:
            connection.exec_driver_sql(deletion)
