"""Fills a database with what retention leaves behind: finished journeys, their captures and codes, audit.

The database itself makes the rows, as copies of one that the portal wrote: keys as scattered as the portal's,
times spread over the retention. Constraints and indexes are dropped before and made again afterwards, because
ten million scattered keys are sorted much faster than inserted.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import Connection, Table, insert, literal, literal_column, select, text

from benchmarks import stage
from portal import clock, credentials
from portal.extensions import db, settings, table_of
from portal.models import AuditEvent, AuthorizationGrant, Capture, Journey, User

PEOPLE = 100_000
#: Of a hundred journeys, how many were redeemed, and how many saw the camera.
_REDEEMED, _CAPTURED = 60, 66
_DAY = 86_400
#: Odd, so that no two numbers below 2^32 are scattered to the same place (Knuth's multiplicative hash).
_SCATTER = 2654435761

Row = dict[str, Any]


def fill(app: Flask, journeys: int, audit_events: int) -> None:
    """Put so many finished journeys and audit rows into the empty tables of ``app``; commits."""
    with app.app_context():
        patterns = _patterns(app)
        with db.engine.connect() as connection, _indexes_made_afterwards(connection):
            for model, count, row in _rows(connection, patterns, journeys, audit_events):
                _copy(connection, table_of(model), count, row)
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SET statement_timeout = 0"))
                # What autovacuum would have done in the months in which the rows came.
                connection.execute(text("VACUUM (ANALYZE)"))
                connection.execute(text("CHECKPOINT"))
            else:
                connection.execute(text("ANALYZE"))
        db.engine.dispose()


def _patterns(app: Flask) -> dict[Any, Row]:
    """Return a row of each table as the portal writes it; what was written for it is removed."""
    with app.test_client() as browser:
        issuer = settings().issuer
        answer = browser.get(stage.authorize_url(app, issuer), base_url=issuer)
        assert answer.status_code == 303, answer.status_code
    found = {
        model: dict(db.session.execute(select(table_of(model))).all()[-1]._mapping)
        for model in (Journey, User, AuditEvent)
    }
    journey = found[Journey]
    journey |= {"state": "EXPIRED", "turn": 5, "links": 1, "consent_version": "1"}
    claims = {"sub": journey["user_id"], "auth_time": clock.epoch(), "amr": ["face"]}
    found[Capture] = {
        "external_id": credentials.random_hex(), "enrolment_id": credentials.random_hex(),
        "enrols": False, "passed": True,
    }  # fmt: skip
    found[AuthorizationGrant] = {
        "client_id": stage.VERIFICATION, "redirect_uri": stage.REDIRECT_URI, "scope": "openid profile email",
        "code_challenge": stage.CHALLENGE, "id_token_claims": {}, "userinfo_claims": claims,
    }  # fmt: skip
    for model in (AuditEvent, Journey):
        db.session.execute(table_of(model).delete())
    db.session.commit()
    return found


def _rows(
    connection: Connection, patterns: dict[Any, Row], journeys: int, audit_events: int
) -> Iterator[tuple[Any, int, Row]]:
    """Yield model, number of rows and a row of each; what is an expression counts the rows by ``i``."""
    sql = _Expressions(connection.dialect.name)
    people = min(PEOPLE, max(1, journeys // 100))
    person = sql.key("person", f"(i * 7919 % {people})")
    kept, audited = settings().retention_journeys * _DAY, settings().retention_audit * _DAY
    login = sql("'person' || i || '@client.example'")
    names = dict.fromkeys(("login", "login_key", "email", "email_key"), login)
    yield User, people, patterns[User] | names | {"id": sql.key("person", "(i - 1)")}
    cancelled = "WHEN i % 100 >= 90 THEN 'CANCELLED'"
    state = f"CASE WHEN i % 100 < {_REDEEMED} THEN 'REDEEMED' {cancelled} ELSE 'EXPIRED' END"
    yield Journey, journeys, patterns[Journey] | {
        "id": sql.key("journey", "i"), "reference": sql.reference(), "state": sql(state), "user_id": person,
        "browser_digest": sql.digest("browser"), "verified_at": sql.ago(kept, journeys, 60),
        "consented_at": sql.ago(kept, journeys, 20), "created_at": sql.ago(kept, journeys, 0),
        "expires_at": sql.ago(kept, journeys, 120), "ended_at": sql.ago(kept, journeys, 65),
    }  # fmt: skip
    # Of every hundred numbers, the first so many: those that the states above belong to.
    captured, redeemed = journeys * _CAPTURED // 100, journeys * _REDEEMED // 100
    number = sql.number_in(_CAPTURED)
    yield Capture, captured, patterns[Capture] | {
        "id": sql.key("capture", "i"), "journey_id": sql.key("journey", number),
        "state_digest": sql.digest("state"), "session_id": sql.key("session", "i"),
        "created_at": sql.ago(kept, captured, 20),
        "expires_at": sql.ago(kept, captured, 900), "ended_at": sql.ago(kept, captured, 60),
    }  # fmt: skip
    # Codes and tokens are removed a day after their end: those of the last two days are there.
    share = 2 / settings().retention_journeys
    recent, kept = round(redeemed * share), 2 * _DAY
    number = sql.number_in(_REDEEMED)
    yield AuthorizationGrant, recent, patterns[AuthorizationGrant] | {
        "code_digest": sql.digest("code"), "journey_id": sql.key("journey", number),
        "user_id": sql.key("person", f"({number} * 7919 % {people})"), "access_digest": sql.digest("token"),
        "created_at": sql.ago(kept, recent, 61), "expires_at": sql.ago(kept, recent, 121),
        "redeemed_at": sql.ago(kept, recent, 65), "access_expires_at": sql.ago(kept, recent, 3665),
    }  # fmt: skip
    yield AuditEvent, audit_events, patterns[AuditEvent] | {
        "id": sql("i"), "at": sql.ago(audited, audit_events, 0), "user_id": person,
        "reference": sql.reference("i / 2"),
    }  # fmt: skip


class _Expressions:
    """How a database says what a row needs; ``i`` counts the rows from 1."""

    def __init__(self, dialect: str) -> None:
        self._sqlite = dialect == "sqlite"

    def __call__(self, expression: str) -> Any:
        """Return the expression as it is."""
        return literal_column(expression)

    def key(self, kind: str, number: str) -> Any:
        """Return 32 hex digits, always the same for one kind and number, so that rows can name each other."""
        return literal_column(f"md5('{kind}' || {number})")

    def digest(self, kind: str) -> Any:
        """Return 64 hex digits."""
        return literal_column(f"md5('{kind}' || i) || md5('{kind}-' || i)")

    def reference(self, number: str = "i") -> Any:
        """Return a reference; no two numbers have the same."""
        scattered = f"(({number}) * CAST({_SCATTER} AS BIGINT)) & 4294967295"
        digits = (
            f"printf('%08X', {scattered})" if self._sqlite else f"upper(lpad(to_hex({scattered}), 8, '0'))"
        )
        return literal_column(f"substr({digits}, 1, 4) || '-' || substr({digits}, 5, 4)")

    def ago(self, retention: int, count: int, later: int) -> Any:
        """Return a moment, ``later`` seconds into the journey; the last of ``count`` was two hours ago."""
        seconds = f"({7200 - later} + ({count} - i) * {retention - _DAY}.0 / {count})"
        return literal_column(
            f"strftime('%Y-%m-%d %H:%M:%f000', 'now', (-{seconds}) || ' seconds')"
            if self._sqlite
            else f"now() - {seconds} * interval '1 second'"
        )

    def number_in(self, of_a_hundred: int) -> str:
        """Return the number of the ``i``-th journey of those that are the first so many of every hundred."""
        rest = f"(i - 1) % {of_a_hundred}"
        return f"((i - 1) / {of_a_hundred} * 100 + CASE WHEN {rest} = 0 THEN 100 ELSE {rest} END)"


def _copy(connection: Connection, table: Table, count: int, row: Row) -> None:
    """Insert ``count`` copies of ``row``, each with its own expressions."""
    series = (
        f"(WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < {count})"
        " SELECT i FROM numbers)"
        if connection.dialect.name == "sqlite"
        else f"(SELECT CAST(i AS BIGINT) AS i FROM generate_series(1, {count}) AS numbers(i))"
    )
    values = [
        value if hasattr(value, "compile") else literal(value, table.c[name].type)
        for name, value in row.items()
    ]
    rows = select(*values).select_from(text(f"{series} AS counted"))
    if count:
        connection.execute(insert(table).from_select(list(row), rows))


@contextmanager
def _indexes_made_afterwards(connection: Connection) -> Iterator[None]:
    """Drop constraints and indexes for the time of a bulk load; commits."""
    around = (
        _without_indexes_on_sqlite if connection.dialect.name == "sqlite" else _without_indexes_on_postgresql
    )
    with around(connection):
        yield


_NAMES = tuple(table_of(model).name for model in (Journey, Capture, AuthorizationGrant, AuditEvent))


@contextmanager
def _without_indexes_on_postgresql(connection: Connection) -> Iterator[None]:
    for setting in (
        "statement_timeout = 0",
        "idle_in_transaction_session_timeout = 0",
        "maintenance_work_mem = '1GB'",
    ):
        connection.exec_driver_sql(f"SET {setting}")
    constraints = connection.execute(
        text(
            "SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid), contype::text"
            " FROM pg_constraint WHERE contype IN ('p', 'u', 'f')"
            " AND (conrelid::regclass::text = ANY(:names) OR confrelid::regclass::text = ANY(:names))"
            " ORDER BY contype <> 'f', contype = 'p'"
        ),
        {"names": list(_NAMES)},
    ).all()
    for table, name, _, _ in constraints:
        connection.exec_driver_sql(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    indexes = connection.execute(
        text("SELECT quote_ident(indexname), indexdef FROM pg_indexes WHERE tablename = ANY(:names)"),
        {"names": list(_NAMES)},
    ).all()
    for name, _ in indexes:
        connection.exec_driver_sql(f"DROP INDEX {name}")
    # With wal_level=minimal, a table that was truncated in the same transaction is written without WAL.
    connection.exec_driver_sql(f"TRUNCATE {', '.join(_NAMES)}")
    yield
    for _, definition in indexes:
        connection.exec_driver_sql(definition)
    for table, name, definition, _ in reversed(constraints):
        connection.exec_driver_sql(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
    connection.exec_driver_sql(
        "SELECT setval('audit_events_id_seq', (SELECT coalesce(max(id), 1) FROM audit_events))"
    )
    connection.commit()
    connection.exec_driver_sql("RESET ALL")


@contextmanager
def _without_indexes_on_sqlite(connection: Connection) -> Iterator[None]:
    driver: Any = connection.connection.driver_connection
    driver.create_function(
        "md5", 1, lambda value: hashlib.md5(str(value).encode()).hexdigest(), deterministic=True
    )
    for pragma in ("foreign_keys=OFF", "synchronous=OFF", "cache_size=-2000000", "journal_mode=OFF"):
        driver.execute(f"PRAGMA {pragma}")
    indexes = driver.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        f" AND tbl_name IN {_NAMES}"
    ).fetchall()
    for name, _ in indexes:
        driver.execute(f"DROP INDEX {name}")
    yield
    for _, definition in indexes:
        driver.execute(definition)
    connection.commit()
    driver.execute("PRAGMA journal_mode=WAL")
