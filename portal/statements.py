"""Statements that are compiled once and then run on the driver's own connection.

SQLAlchemy's execution of a compiled statement costs more than SQLite needs for it, and as much as psycopg
and the way to PostgreSQL and back. On the path that every sign-in ends with, a statement is therefore written
with SQLAlchemy Core as everywhere, compiled once for the dialect, and handed to the driver with the
dialect's own conversion of values. The pool, its care for dead connections and SQLAlchemy's exceptions stay.

On PostgreSQL a transaction begins with the first statement that may change something, as it does on
SQLite: ``BEGIN`` before a statement that only reads, and ``COMMIT`` after it, would be two more round trips
for nothing (at READ COMMITTED, each statement has a snapshot of its own anyway).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    ColumnElement,
    Dialect,
    Engine,
    Executable,
    FromClause,
    PoolProxiedConnection,
    bindparam,
    select,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

_Convert = Callable[[Any], Any] | None
Row = dict[str, Any]
#: Takes the dialect's name and the text of a statement, and gives a context for its execution.
Watcher = Callable[[str, str], AbstractContextManager[object]]

_UNWATCHED = nullcontext()
#: A SELECT that locks nothing and calls nothing that outlives it.
_ONLY_READS = re.compile(
    r"SELECT\b(?!.*\b(?:FOR\s+(?:UPDATE|NO|SHARE|KEY)\b|(?:pg_\w+|nextval|setval|set_config)\s*\())",
    re.IGNORECASE | re.DOTALL,
)


def _unwatched(_dialect: str, _text: str) -> AbstractContextManager[object]:
    return _UNWATCHED


_watcher: Watcher = _unwatched


class Prepared:
    """A Core statement without expanding parameters (``IN``), ready for the driver."""

    def __init__(self, statement: Executable) -> None:
        """Take a statement whose every parameter is bound by name or given with it."""
        self._statement = statement
        self._forms: dict[str, _Form] = {}

    def form_for(self, dialect: Dialect) -> "_Form":
        """Return what the driver of ``dialect`` is given; one application has one database."""
        form = self._forms.get(dialect.name)
        if form is None:
            form = self._forms[dialect.name] = _form(self._statement, dialect)
        return form


class Found:
    """What the first statement of :class:`Together` gave, as the others may refer to it.

    ``found("id")`` is its column ``id``; ``rows`` is what to select from, ``None`` where values are bound.
    """

    def __init__(self, columns: Sequence[ColumnElement[Any]], rows: CTE | None) -> None:
        self.rows: FromClause | None = rows
        self._columns = {column.key: column for column in columns}

    def __call__(self, name: str) -> ColumnElement[Any]:
        """Return the column ``name`` of what was found."""
        if self.rows is not None:
            return self.rows.c[name]
        return bindparam(f"{_FOUND}{name}", type_=self._columns[name].type)


_FOUND = "found_"


class Together:
    """A change that may find nothing to change, and what follows from it if it does: all of it, or nothing.

    ``change`` is an UPDATE or INSERT with RETURNING that touches one row at most. Each of ``then`` takes
    :class:`Found` and returns a statement that speaks of it, so that nothing follows from nothing.
    PostgreSQL is given one statement, which is one round trip and a transaction by itself; SQLite, which is
    no round trip away, is given one after the other.
    """

    def __init__(self, change: Any, *then: Callable[[Found], Any]) -> None:
        """Take a change and what follows, with every parameter bound by name; raises ``ValueError``."""
        columns = tuple(change.exported_columns)
        self.change = Prepared(change)
        self.then = tuple(Prepared(follows(Found(columns, None))) for follows in then)
        rows = change.cte("changed")
        whole = select(*rows.c)
        for number, follows in enumerate(then):
            statement = follows(Found(columns, rows))
            if "changed" not in str(statement):
                raise ValueError("what follows does not depend on the change")
            whole = whole.add_cte(statement.cte(f"then_{number}"))
        self.whole = Prepared(whole)


class Transaction:
    """Runs prepared statements on one connection of the pool."""

    def __init__(self, driver: Any, dialect: Dialect, *, single: bool = False) -> None:
        """Take the driver's connection; with ``single``, each statement is a transaction by itself."""
        self._driver = driver
        self._dialect = dialect
        self._is_sqlite = dialect.name == "sqlite"
        self._is_single = single

    @property
    def is_idle(self) -> bool:
        """Whether nothing was written here that is not committed."""
        driver = self._driver
        return not (driver.in_transaction if self._is_sqlite else driver.pgconn.transaction_status)

    def first(self, prepared: Prepared, values: Mapping[str, Any]) -> Row | None:
        """Run ``prepared`` and return its first row by the names of its columns, or ``None``."""
        form = prepared.form_for(self._dialect)
        found = self._run(form, values).fetchone()
        return form.row(found) if found is not None else None

    def first_values(self, prepared: Prepared, values: Mapping[str, Any]) -> list[Any] | None:
        """Run ``prepared`` and return its first row in the order of its columns, or ``None``."""
        form = prepared.form_for(self._dialect)
        found = self._run(form, values).fetchone()
        return form.in_order(found) if found is not None else None

    def touch(self, prepared: Prepared, values: Mapping[str, Any]) -> int:
        """Run an INSERT or UPDATE without RETURNING and say how many rows it touched."""
        touched: int = self._run(prepared.form_for(self._dialect), values).rowcount
        return touched

    def change(self, together: Together, values: Mapping[str, Any]) -> Row | None:
        """Make the change and what follows, and commit them with whatever was written here before.

        Returns what the change gave; ``None`` if it found nothing, and then nothing was written or committed.
        """
        idle = self.is_idle
        if not self._is_sqlite:
            form = together.whole.form_for(self._dialect)
            found = self._run(form, values, single=idle).fetchone()
            row = form.row(found) if found is not None else None
            if row is not None and not idle:
                self._driver.commit()
            return row
        if (row := self.first(together.change, values)) is None:
            if idle:
                self._driver.rollback()  # nobody else could write meanwhile
            return None
        known = {**values, **{f"{_FOUND}{name}": value for name, value in row.items()}}
        for follows in together.then:
            self.touch(follows, known)
        self._driver.commit()
        return row

    def _run(self, form: "_Form", values: Mapping[str, Any], *, single: bool = False) -> Any:
        if not form.only_reads:
            if self._is_sqlite:
                self._driver.begin_to_write()
            elif not (single or self._is_single):
                begin_if_idle(self._driver)
        with _watcher(self._dialect.name, form.text):
            return self._driver.execute(form.text, form.arguments(values))


@lru_cache(maxsize=512)
def only_reads(text: str) -> bool:
    """Say whether the statement ``text`` reads, locks nothing and changes nothing; in doubt it does not."""
    return _ONLY_READS.match(text.lstrip()) is not None


def begin_if_idle(driver: Any) -> None:
    """Begin a transaction on a psycopg connection that begins none by itself, if it is in none."""
    if driver.autocommit and not driver.pgconn.transaction_status:
        driver.execute("BEGIN")


def watch(watcher: Watcher | None) -> None:
    """Have ``watcher`` told of each statement of this process from now on; ``None``: nobody."""
    global _watcher
    _watcher = watcher or _unwatched


@contextmanager
def transaction(engine: Engine) -> Iterator[Transaction]:
    """Give a transaction of its own, apart from the session's; it is committed at the end, or not at all.

    On SQLite it begins with the first write. Raises what SQLAlchemy raises (``sqlalchemy.exc.DBAPIError``).
    """
    with _connection(engine) as (connection, driver):
        yield Transaction(driver, engine.dialect)
        # What was not committed is rolled back when the pool takes the connection back.
        connection.commit()


@contextmanager
def single_statement(engine: Engine) -> Iterator[Transaction]:
    """Give a connection on which each statement is a transaction by itself (PostgreSQL).

    BEGIN and COMMIT would each be a round trip. Raises as :func:`transaction`.
    """
    with _connection(engine) as (_, driver):
        yield Transaction(driver, engine.dialect, single=True)


@contextmanager
def _connection(engine: Engine) -> Iterator[tuple[PoolProxiedConnection, Any]]:
    dialect = engine.dialect
    assert dialect.loaded_dbapi is not None
    failure: type[Exception] = dialect.loaded_dbapi.Error
    try:
        connection = engine.raw_connection()
    except failure as error:
        # The pool hands on what the driver said; SQLAlchemy's own way of connecting would have named it.
        raise DBAPIError.instance(
            None, None, error, failure, hide_parameters=True, dialect=dialect
        ) from error
    try:
        yield connection, connection.driver_connection
    except failure as error:
        lost = dialect.is_disconnect(error, connection.driver_connection, None)  # type: ignore[arg-type]
        if lost:
            connection.invalidate(error)
        # Its class decides what a person and a client are told (portal/web/errors.py); no values are in it.
        raise DBAPIError.instance(
            None, None, error, failure, hide_parameters=True, connection_invalidated=lost, dialect=dialect
        ) from error
    finally:
        connection.close()


class _Form(NamedTuple):
    text: str
    #: The names of the parameters in their order, where the driver counts them.
    order: tuple[str, ...] | None
    #: Parameters that the statement itself gives, as the driver takes them.
    given: dict[str, Any]
    bound: tuple[tuple[str, _Convert], ...]
    columns: tuple[tuple[str, _Convert], ...]
    only_reads: bool

    def arguments(self, values: Mapping[str, Any]) -> dict[str, Any] | list[Any]:
        converted = dict(self.given)
        for name, convert in self.bound:
            converted[name] = convert(values[name]) if convert else values[name]
        return converted if self.order is None else [converted[name] for name in self.order]

    def row(self, found: Any) -> Row:
        return {
            name: convert(value) if convert is not None else value
            for (name, convert), value in zip(self.columns, found, strict=True)
        }

    def in_order(self, found: Any) -> list[Any]:
        return [
            convert(value) if convert is not None else value
            for (_, convert), value in zip(self.columns, found, strict=True)
        ]


def _form(statement: Executable, dialect: Dialect) -> _Form:
    compiled = statement.compile(dialect=dialect)  # type: ignore[attr-defined]
    assert isinstance(compiled, SQLCompiler)
    given: dict[str, Any] = {}
    bound: dict[str, _Convert] = {}
    for parameter, name in compiled.bind_names.items():
        convert: _Convert = parameter.type.dialect_impl(dialect).bind_processor(dialect)
        if parameter.required:
            bound[name] = convert
        else:
            given[name] = convert(parameter.value) if convert is not None else parameter.value
    returned = getattr(statement, "exported_columns", ())
    columns = [
        (column.key, column.type.dialect_impl(dialect).result_processor(dialect, None)) for column in returned
    ]
    order = tuple(compiled.positiontup) if compiled.positiontup is not None else None
    text = compiled.string
    return _Form(text, order, given, tuple(bound.items()), tuple(columns), only_reads(text))
