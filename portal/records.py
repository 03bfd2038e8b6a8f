"""Reading and writing single records on the paths that every sign-in takes.

A statement of ``portal.statements`` runs here inside the session's own transaction, and the row that it finds
becomes the session's record, exactly as if the ORM had loaded it: what a room changes on it afterwards is
written by the ORM as usual. Finding one record by the ORM costs five times as much as the statement itself.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Insert, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import attributes, make_transient_to_detached

from portal.extensions import Base, db, table_of
from portal.statements import Prepared, Row, Transaction

Record = TypeVar("Record", bound=Base)


def first(prepared: Prepared, values: Mapping[str, Any]) -> Row | None:
    """Run ``prepared`` in the session's transaction; return its first row, ``None`` if there is none.

    What the session has still to write is written first. Raises what SQLAlchemy raises.
    """
    db.session.flush()
    with _transaction() as transaction:
        return transaction.first(prepared, values)


def touch(prepared: Prepared, values: Mapping[str, Any]) -> int:
    """Run an INSERT or UPDATE as :func:`first` does, and say how many rows it touched."""
    db.session.flush()
    with _transaction() as transaction:
        return transaction.touch(prepared, values)


def load(model: type[Record], prepared: Prepared, values: Mapping[str, Any]) -> Record | None:
    """Return the record of ``model`` that ``prepared``, a SELECT of all its columns, finds, as it is now."""
    row = first(prepared, values)
    return adopt(model, row) if row is not None else None


def adopt(model: type[Record], row: Row) -> Record:
    """Return the session's record of ``row``, which holds every column of ``model`` by its name."""
    mapper = model.__mapper__
    key = mapper.identity_key_from_primary_key(tuple(row[column.name] for column in mapper.primary_key))
    known = db.session().identity_map.get(key)
    if known is not None:
        found: Record = known
        take_over(found, row)
        return found
    made: Record = mapper.class_manager.new_instance()
    attributes.instance_dict(made).update(row)
    make_transient_to_detached(made)
    db.session.add(made)
    return made


def take_over(record: Base, row: Row) -> None:
    """Let ``record`` say what ``row`` says the database holds."""
    for name, value in row.items():
        attributes.set_committed_value(record, name, value)


def adding(model: type[Base]) -> Insert:
    """Return the INSERT of one record of ``model``; bind every column by its name."""
    return insert(table_of(model)).inline()


@contextmanager
def _transaction() -> Iterator[Transaction]:
    connection = db.session.connection()
    driver, dialect = connection.connection.driver_connection, connection.dialect
    assert dialect.loaded_dbapi is not None
    failure: type[Exception] = dialect.loaded_dbapi.Error
    try:
        yield Transaction(driver, dialect)
    except failure as error:
        lost = dialect.is_disconnect(error, driver, None)  # type: ignore[arg-type]
        if lost:
            connection.invalidate(error)
        # Its class decides what becomes of it (a value taken, a server away); no values are in it.
        raise DBAPIError.instance(
            None, None, error, failure, hide_parameters=True, connection_invalidated=lost, dialect=dialect
        ) from error
