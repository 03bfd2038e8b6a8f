"""PostgreSQL is restarted, killed or locked: who asks meanwhile is told to try again, and nobody later."""

import signal
from collections.abc import Callable, Iterator

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from portal import statements
from portal.extensions import db
from tests.production.own_postgres import OwnPostgres
from tests.support import factories
from tests.support.databases import Database, migrate
from tests.support.portal_app import close, make_app

only_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
JWKS = "/v1/openid/jwks"
READY = "/readyz"


@pytest.fixture
def portal(postgres: OwnPostgres) -> Iterator[Flask]:
    """A portal on a server that may be stopped."""
    with psycopg.connect(postgres.address, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    app = make_app(Database("postgresql", postgres.url))
    with app.app_context():
        migrate(db.engine)
        factories.signing_key()
    yield app
    close(app)


def status(app: Flask) -> int:
    return app.test_client().get(READY).status_code


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGKILL])
def test_after_a_restart_the_first_request_is_served(
    portal: Flask, postgres: OwnPostgres, ended_by: int
) -> None:
    assert status(portal) == 200
    postgres.stop(ended_by)
    assert status(portal) == 503
    assert status(portal) == 503
    postgres.start()
    assert status(portal) == 200


def test_a_restart_that_nobody_saw_costs_nobody_a_request(portal: Flask, postgres: OwnPostgres) -> None:
    assert status(portal) == 200
    with portal.app_context():
        before = db.engine.pool.checkedin()
    assert before >= 1, "there was no connection that could have been lost"
    postgres.stop()
    postgres.start()
    assert [status(portal) for _ in range(3)] == [200, 200, 200]


def test_a_session_that_the_server_ended_is_not_used_again(portal: Flask, postgres: OwnPostgres) -> None:
    assert status(portal) == 200
    with psycopg.connect(postgres.address, autocommit=True) as connection:
        # Without the wait, the server would only have asked them to end, and might still take a statement.
        ended = connection.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
    assert ended
    assert all(gone for (gone,) in ended)
    assert status(portal) == 200


def test_an_answer_that_is_made_is_given_though_the_database_dies(
    portal: Flask, postgres: OwnPostgres
) -> None:
    @portal.get("/reads")
    def read() -> dict[str, int]:
        db.session.execute(text("SELECT 1"))
        postgres.stop(signal.SIGKILL)
        return {"read": 1}

    answer = portal.test_client().get("/reads")
    assert (answer.status_code, answer.json) == (200, {"read": 1})
    assert not db.session.registry.registry, "a session that may not be used again was kept"
    postgres.start()
    assert status(portal) == 200


@pytest.mark.parametrize("way", [statements.single_statement, statements.transaction])
def test_a_database_that_is_away_is_named_alike_on_the_short_ways(
    portal: Flask, postgres: OwnPostgres, way: Callable
) -> None:
    with portal.app_context():
        engine = db.engine
    postgres.stop()
    with pytest.raises(OperationalError), way(engine):
        pass


@only_postgresql
@pytest.mark.settings(database_statement_timeout=7.0, database_lock_timeout=0.4, database_idle_timeout=11.5)
def test_the_server_itself_knows_the_time_outs(context: Flask) -> None:
    shown = {
        name: db.session.execute(text(f"SHOW {name}")).scalar_one()
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    }
    assert shown == {
        "statement_timeout": "7s", "lock_timeout": "400ms", "idle_in_transaction_session_timeout": "11500ms",
    }  # fmt: skip


@only_postgresql
def test_options_in_the_address_win_over_the_settings(database: Database) -> None:
    joint = "&" if "?" in database.url else "?"
    app = make_app(Database("postgresql", f"{database.url}{joint}options=-c%20statement_timeout%3D1234"))
    with app.app_context():
        assert db.session.execute(text("SHOW statement_timeout")).scalar_one() == "1234ms"
        assert db.session.execute(text("SHOW lock_timeout")).scalar_one() == "5s"
    close(app)


@only_postgresql
@pytest.mark.settings(database_lock_timeout=0.2)
def test_who_meets_a_lock_is_told_to_try_again(app: Flask, database: Database) -> None:
    address = database.url.replace("+psycopg", "")
    with psycopg.connect(address) as other:
        other.execute("LOCK TABLE signing_keys IN ACCESS EXCLUSIVE MODE")
        response = app.test_client().get(JWKS)
        assert response.status_code == 503
        assert response.headers["Retry-After"]
    assert app.test_client().get(JWKS).status_code == 200
