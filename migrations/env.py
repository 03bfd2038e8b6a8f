"""Runs migrations on the database of the current application (``flask --app wsgi db upgrade``).

On PostgreSQL, people go on signing in meanwhile. A migration that cannot have its lock at once would queue,
and everything that comes after it would queue behind it; so it gives up after seconds and tries again.
Two upgrades at once (two machines of one release) do not meet: the second waits, and finds nothing to do.
"""

import logging
from contextlib import contextmanager

from alembic import context
from alembic.util import CommandError
from sqlalchemy.exc import OperationalError

from portal import clock, credentials, models
from portal.extensions import UtcDateTime, db

assert models, "importing the tables makes them known to the metadata"

log = logging.getLogger("portal.migrations")

connectable = context.config.attributes.get("connection")

LOCK_SECONDS = 2
TRIES = context.config.attributes.get("tries", 20)
#: PostgreSQL's codes (appendix A) for a lock that was not had in time, and for two that wait for each other.
_IN_THE_WAY = ("55P03", "40P01")
#: Any number; only upgrades of this portal ask for it.
_ONE_AT_A_TIME = 7_236_101_982
_WAIT_FOR_THE_OTHER_SECONDS = 300


def plain_type(kind, item, _autogen_context):
    """Write our own column types as the plain types they are stored as: no code of ours in a migration."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


@contextmanager
def _tables_may_be_rebuilt(connection):
    """Let SQLite drop and rename a table that others name; look afterwards that every name still fits."""
    driver = connection.connection.driver_connection
    (enforced,) = driver.execute("PRAGMA foreign_keys").fetchone()
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
        if broken := driver.execute("PRAGMA foreign_key_check").fetchall():
            raise RuntimeError(f"a migration has left records that name others which are gone: {broken[:3]}")
    finally:
        driver.execute(f"PRAGMA foreign_keys={enforced}")


@contextmanager
def _one_at_a_time(connection):
    """Let no other upgrade run meanwhile, and let no lock be waited for longer than ``LOCK_SECONDS``."""
    for setting in ("statement_timeout = 0", "idle_in_transaction_session_timeout = 0"):
        connection.exec_driver_sql(f"SET {setting}")
    connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_SECONDS}s'")
    connection.commit()
    # Asked again and again: a statement that waits would keep an index from being made CONCURRENTLY.
    end = clock.monotonic() + _WAIT_FOR_THE_OTHER_SECONDS
    while not connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({_ONE_AT_A_TIME})").scalar():
        connection.commit()
        if clock.monotonic() > end:
            raise CommandError("Another upgrade of this database is under way; wait for it to end.")
        clock.sleep(1)
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_ONE_AT_A_TIME})")
        connection.exec_driver_sql("RESET ALL")
        connection.commit()


def _migrate(connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        compare_type=True,
        render_item=plain_type,
        transaction_per_migration=True,
        on_version_apply=context.config.attributes.get("on_version_apply"),
    )
    with context.begin_transaction():
        context.run_migrations()


def _migrate_when_nothing_is_in_the_way(connection) -> None:
    """Run the migrations; one that waits for somebody's lock is undone, and tried again a little later."""
    for tried in range(1, TRIES + 1):
        try:
            _drop_unfinished_indexes(connection)
            return _migrate(connection)
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) not in _IN_THE_WAY:
                raise
            connection.rollback()
            log.warning("a migration waits for a table that is in use", extra={"tried": tried})
            if tried < TRIES:
                clock.sleep(credentials.jitter(min(2.0**tried, 15.0)))
    raise CommandError(
        f"a table was in use each of the {TRIES} times that it was tried; nobody was kept waiting for it. "
        "See what holds it (a backup, a session in pg_stat_activity), then run `db upgrade` again."
    )


def _drop_unfinished_indexes(connection) -> None:
    """Drop what a ``CREATE INDEX CONCURRENTLY`` left that did not come to its end; it is made anew."""
    unfinished = connection.exec_driver_sql(
        "SELECT quote_ident(relname) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
        " JOIN pg_namespace ON pg_namespace.oid = relnamespace"
        " WHERE NOT indisvalid AND nspname = current_schema()"
    ).scalars()
    for name in unfinished.all():
        connection.exec_driver_sql(f"DROP INDEX {name}")
    connection.commit()


def run(connection) -> None:
    """Run the migrations on ``connection``, each in its own transaction."""
    if connection.dialect.name == "sqlite":
        with _tables_may_be_rebuilt(connection):
            _migrate(connection)
        return
    with _one_at_a_time(connection):
        _migrate_when_nothing_is_in_the_way(connection)


if connectable is not None:
    run(connectable)
else:
    with db.engine.connect() as connection:
        run(connection)
