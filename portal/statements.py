"""Statements that are compiled once and then run on the driver's own connection.

SQLAlchemy's execution of a compiled statement costs more than SQLite needs for it, and as much as psycopg
and the way to PostgreSQL and back. On the path that every sign-in ends with, a statement is therefore written
with SQLAlchemy Core as everywhere, compiled once for the dialect, and handed to the driver with the
dialect's own conversion of values. The pool, its care for dead connections and SQLAlchemy's exceptions stay.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple

from sqlalchemy import Dialect, Engine, Executable, PoolProxiedConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

_Convert = Callable[[Any], Any] | None
Row = dict[str, Any]
#: Takes the dialect's name and the text of a statement, and gives a context for its execution.
Watcher = Callable[[str, str], AbstractContextManager[object]]

_UNWATCHED = nullcontext()


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


class Transaction:
    """Runs prepared statements on one connection of the pool."""

    def __init__(self, driver: Any, dialect: Dialect) -> None:
        self._driver = driver
        self._dialect = dialect

    def first(self, prepared: Prepared, values: Mapping[str, Any]) -> Row | None:
        """Run ``prepared`` and return its first row by the names of its columns, or ``None``."""
        form = prepared.form_for(self._dialect)
        with _watcher(self._dialect.name, form.text):
            found = self._driver.execute(form.text, form.arguments(values)).fetchone()
        return form.row(found) if found is not None else None

    def touch(self, prepared: Prepared, values: Mapping[str, Any]) -> int:
        """Run an INSERT or UPDATE without RETURNING and say how many rows it touched."""
        form = prepared.form_for(self._dialect)
        with _watcher(self._dialect.name, form.text):
            touched: int = self._driver.execute(form.text, form.arguments(values)).rowcount
        return touched


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
        driver.autocommit = True
        try:
            yield Transaction(driver, engine.dialect)
        finally:
            if not driver.closed:
                driver.autocommit = False


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
    return _Form(compiled.string, order, given, tuple(bound.items()), tuple(columns))
