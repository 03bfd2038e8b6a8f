"""What the tests of production share: a database server that they may stop and kill."""

from collections.abc import Iterator

import pytest

from tests.production import own_postgres
from tests.production.own_postgres import OwnPostgres


@pytest.fixture(scope="session")
def _own_postgres() -> Iterator[OwnPostgres]:
    with own_postgres.own_postgres() as server:
        yield server


@pytest.fixture
def postgres(_own_postgres: OwnPostgres) -> OwnPostgres:
    """A PostgreSQL server of the test's own; it runs when the test begins."""
    if not _own_postgres.answers():
        _own_postgres.start()
    return _own_postgres
