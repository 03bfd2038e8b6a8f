"""What rooms share: settings, vault, the database session and the rate limits of their addresses.

All of it is bound to an application in ``portal/app.py``.
"""

import logging
import select
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import wraps
from ipaddress import IPv6Address, IPv6Network
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, current_app, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    CursorResult,
    DateTime,
    Dialect,
    Engine,
    Executable,
    MetaData,
    PoolResetState,
    Table,
    event,
    make_url,
)
from sqlalchemy.exc import (
    ArgumentError,
    DisconnectionError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as NoConnectionInTime
from sqlalchemy.orm import DeclarativeBase, registry
from sqlalchemy.types import TypeDecorator

from portal import clock, one_writer
from portal.counters import Counts, ProcessLimits
from portal.credentials import Vault
from portal.settings import Settings, SettingsError
from portal.statements import begin_if_idle, only_reads

log = logging.getLogger(__name__)

#: The database is away, full or too slow: ours to mend, worth trying again, and no program is wrong.
DATABASE_AWAY = (OperationalError, InterfaceError, DisconnectionError, NoConnectionInTime)

_DATABASES = ("postgresql", "postgresql+psycopg", "sqlite", "sqlite+pysqlite")
#: Seconds after which a write is given up that others keep from beginning.
_SQLITE_PATIENCE = 15


class UtcDateTime(TypeDecorator[datetime]):
    """An aware ``datetime`` in UTC on every database; SQLite keeps no zone, so it is put back here."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive moment and store the rest in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Give back an aware moment in UTC."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The declarative base; constraint names are fixed so that migrations can name them."""

    metadata = MetaData(naming_convention=_NAMES)
    registry = registry(metadata=metadata, type_annotation_map={datetime: UtcDateTime})


db = SQLAlchemy(model_class=Base)

if TYPE_CHECKING:
    from flask_limiter import Limiter

    # Flask-SQLAlchemy makes its base class at run time, which a type checker cannot follow.
    Model = Base
else:
    Model = db.Model


def rows_touched(result: Any) -> int:
    """Return how many rows an UPDATE or DELETE touched: 0 means that somebody was first."""
    cursor: CursorResult[Any] = result
    return cursor.rowcount


def table_of(model: type[Base]) -> Table:
    """Return the table of a model, for Core statements."""
    table = model.__table__
    assert isinstance(table, Table)
    return table


def execute(statement: Executable, values: Mapping[str, Any]) -> CursorResult[Any]:
    """Run a prepared Core ``statement`` with ``values`` in the current transaction, without the ORM's care.

    For the paths that every sign-in takes: the ORM's bookkeeping costs there as much as the statement.
    """
    return db.session.connection().execute(statement, values)


def client_address() -> str:
    """Return the address of the peer, as trusted proxies report it."""
    return request.remote_addr or "unknown"


def counted_address() -> str:
    """Return what rate limits by address count by: of an IPv6 address, its network of 64 bits.

    Whoever has one address of such a network has all of them (RFC 4291 section 2.5.1), and each would have a
    limit of its own and a place in the counter's memory.
    """
    address = client_address()
    if ":" not in address:
        return address
    try:
        whole = IPv6Address(address)
    except ValueError:
        return address[:64]
    # On a socket of both kinds, an IPv4 address is written as one of IPv6: all of them in one network.
    return str(whole.ipv4_mapped or IPv6Network((int(whole), 64), strict=False))


def limit(app: Flask, endpoint: str, setting: str, **options: Any) -> None:
    """Put the rate limit of the setting ``setting`` on ``endpoint``.

    Options are Flask-Limiter's ``key_func`` and ``methods``.
    """
    limits: list[str] = app.extensions["portal.limits"].setdefault(endpoint, [])
    views: dict[str, Any] = app.view_functions
    options.setdefault("key_func", counted_address)

    def rate() -> str:
        return str(getattr(settings(), setting))

    limiter = app.extensions["portal.limiter"]
    if isinstance(limiter, ProcessLimits):
        views[endpoint] = limiter.limit(views[endpoint], f"{endpoint}/{setting}", rate, **options)
    else:
        if not limits:
            views[endpoint] = _named_after(endpoint, views[endpoint])
        views[endpoint] = limiter.limit(rate, **options)(views[endpoint])
    limits.append(setting)


def _named_after(endpoint: str, view: Any) -> Any:
    """Return ``view`` under a name of its own.

    The limiter knows views by name, and would count a call of one that serves two addresses twice.
    """

    @wraps(view)
    def own(*arguments: Any, **values: Any) -> Any:
        return view(*arguments, **values)

    own.__qualname__ = endpoint
    return own


def _say_when_to_come_back(response: Response) -> Response:
    """Put ``Retry-After`` on an answer that a rate limit refused (RFC 6585 section 4)."""
    seconds = seconds_to_wait() if response.status_code == 429 else None
    if seconds is not None:
        response.headers.setdefault("Retry-After", str(seconds))
    return response


def seconds_to_wait() -> int | None:
    """Return when the shared limiter lets in again whom it has just refused; ``None`` if it refused nobody.

    A limit that is counted in this process says so in the error it raises.
    """
    limiter: Limiter | ProcessLimits | None = current_app.extensions.get("portal.limiter")
    refused = getattr(limiter, "current_limit", None)
    return None if refused is None else max(1, int(refused.reset_at - clock.epoch()))


def counts() -> Counts:
    """Return what counts for the rate limits of the current application."""
    found: Counts = current_app.extensions["portal.counts"]
    return found


def settings() -> Settings:
    """Return the settings of the current application."""
    found: Settings = current_app.extensions["portal.settings"]
    return found


def vault() -> Vault:
    """Return the vault that seals and unseals with the current application's encryption keys."""
    found: Vault = current_app.extensions["portal.vault"]
    return found


def init_app(app: Flask, configured: Settings) -> None:
    """Bind settings, vault, database and rate limiter to ``app``.

    Raises ``SettingsError`` where ``database_url`` names no database that the portal knows.
    """
    if not _is_database(configured.database_url):
        raise SettingsError(
            "The setting 'database_url' (PORTAL_DATABASE_URL) must be the address of a database, such as "
            "postgresql+psycopg://portal@localhost/portal or sqlite:////var/lib/portal/portal.sqlite3."
        )
    app.extensions["portal.settings"] = configured
    app.extensions["portal.vault"] = Vault(configured.encryption_key)
    app.config["SQLALCHEMY_DATABASE_URI"] = configured.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = _engine_options(configured)
    db.init_app(app)
    app.teardown_appcontext(_leave_the_session)
    _count_calls(app, configured)
    with app.app_context():
        _prepare_engine(db.engine, configured)


def _is_database(url: str) -> bool:
    try:
        return make_url(url).drivername in _DATABASES
    except (ArgumentError, ValueError):
        return False


def _leave_the_session(_error: BaseException | None) -> None:
    """Give the session's connection back before Flask-SQLAlchemy does, and bear it if the database has gone.

    The answer is made by then, and a failure here would replace it. A session that could not be closed is
    dropped: Flask-SQLAlchemy knows sessions by the address of their context, which the next one may have too.
    """
    try:
        db.session.remove()
    except SQLAlchemyError as error:
        db.session.registry.clear()
        log.warning("database gone at the end of a request", extra={"kind": type(error).__name__})


def _count_calls(app: Flask, configured: Settings) -> None:
    """Make ready what counts calls for rate limits: this process alone, or Flask-Limiter in a Redis."""
    app.extensions["portal.limits"] = {}
    if configured.rate_limit_storage.startswith("memory"):
        app.extensions["portal.limiter"] = app.extensions["portal.counts"] = ProcessLimits()
        return
    # Here and not above: it takes long to import, and memory of each process.
    from portal.shared_counters import SharedCounts, new_limiter

    limiter = new_limiter(app, configured.rate_limit_storage, counted_address)
    app.extensions["portal.limiter"], app.extensions["portal.counts"] = limiter, SharedCounts(limiter)
    app.after_request(_say_when_to_come_back)


def _engine_options(configured: Settings) -> dict[str, Any]:
    if configured.database_url.startswith("sqlite"):
        # A transaction begins only before a write, and IMMEDIATE makes that moment wait for the other writer
        # instead of failing half-way with "database is locked".
        options = {"isolation_level": "IMMEDIATE", "timeout": _SQLITE_PATIENCE}
        return {
            "hide_parameters": True,
            "connect_args": {**options, "factory": one_writer.queue_for(_SQLITE_PATIENCE)},
        }
    return {
        # An error's text must not carry the values of the statement into a log.
        "hide_parameters": True,
        "pool_size": configured.database_pool_size,
        "max_overflow": configured.database_max_overflow,
        # A request that gets no connection in this time is better answered "try again" than kept.
        "pool_timeout": 5,
        # So that a server that was moved to another address is noticed without a restart.
        "pool_recycle": 3600,
        # Done below, where there is something to take back.
        "pool_reset_on_return": None,
        # The connection that was used last is used next: taken in turn, each of PostgreSQL's processes would
        # find its memory gone from the processor's cache.
        "pool_use_lifo": True,
        "connect_args": _postgresql_arguments(configured),
    }


def _postgresql_arguments(configured: Settings) -> dict[str, Any]:
    """Return libpq's connection parameters (PostgreSQL's manual, 34.1.2): time-outs on every layer."""
    limits = {
        "statement_timeout": configured.database_statement_timeout,
        "lock_timeout": configured.database_lock_timeout,
        "idle_in_transaction_session_timeout": configured.database_idle_timeout,
    }
    ours = " ".join(f"-c {name}={int(seconds * 1000)}" for name, seconds in limits.items())
    given = make_url(configured.database_url).query.get("options", "")
    return {
        # What the address itself says comes last and wins.
        "options": f"{ours} {given}".strip(),
        "connect_timeout": 3,
        # A machine that vanishes sends no goodbye: without these, a thread would wait for minutes.
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
    }


def _prepare_engine(engine: Engine, configured: Settings) -> None:
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine, configured)
        return

    @event.listens_for(engine, "connect")
    def begin_nothing_by_itself(connection: Any, _record: Any) -> None:
        # psycopg would begin a transaction before a statement that only reads, too.
        connection.autocommit = True

    @event.listens_for(engine, "before_cursor_execute")
    def begin_before_a_change(
        connection: Any, cursor: Any, text: str, _values: Any, _context: Any, _many: bool
    ) -> None:
        if only_reads(text) or connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
            return
        begin_if_idle(cursor.connection)

    @event.listens_for(engine, "reset")
    def take_back_what_was_begun(connection: Any, _record: Any, state: PoolResetState) -> None:
        if not state.terminate_only and connection.pgconn.transaction_status:
            connection.rollback()

    @event.listens_for(engine, "checkin")
    def begin_nothing_by_itself_again(connection: Any, _record: Any) -> None:
        # Whoever asked for another isolation level (a migration that makes an index CONCURRENTLY) has had
        # SQLAlchemy change this; a statement that commits by itself would be taken back.
        if connection is not None and not connection.closed and not connection.autocommit:
            connection.autocommit = True

    @event.listens_for(engine, "checkout")
    def leave_a_dead_connection(connection: Any, _record: Any, _proxy: Any) -> None:
        # An idle server says nothing. What it has said since, or the end of the connection, means that it
        # was restarted or has ended this session; the pool then opens another. Asking the socket costs half
        # a microsecond; a ping costs fifty times that on one machine, and a round trip between two.
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        if poll.poll(0):
            raise DisconnectionError("the server has ended the connection")


def _prepare_sqlite(engine: Engine, configured: Settings) -> None:
    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA synchronous={configured.sqlite_synchronous}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "before_cursor_execute")
    def take_a_turn_before_a_write(
        _connection: Any, cursor: Any, text: str, _values: Any, _context: Any, _many: bool
    ) -> None:
        if one_writer.writes(text):
            cursor.connection.begin_to_write()

    @event.listens_for(engine, "savepoint")
    def begin_before_a_savepoint(connection: Any, _name: str) -> None:
        # The driver begins nothing for a savepoint, and releasing an outermost one commits everything.
        connection.connection.dbapi_connection.begin_to_write()
