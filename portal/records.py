"""Reading and writing single records on the paths that every sign-in takes.

A statement of ``portal.statements`` runs here inside the session's own transaction, and the row that it finds
becomes the session's record, exactly as if the ORM had loaded it: what a room changes on it afterwards is
written by the ORM as usual. Finding one record by the ORM costs five times as much as the statement itself.

A session that has no connection yet takes none for what only reads or commits by itself: such a statement
borrows one from the pool, which is cheaper, and leaves none behind to be held for the rest of the request.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, Insert, event, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, SessionTransaction, attributes, make_transient_to_detached

from portal.extensions import Base, db, table_of
from portal.statements import Prepared, Row, Together, Transaction, single_statement

Record = TypeVar("Record", bound=Base)

#: In a session's ``info`` while it has a connection.
_CONNECTED = "portal.records.connected"
#: In a session's ``info``: what is to be done when its transaction has ended.
_AFTERWARDS = "portal.records.afterwards"


def first(prepared: Prepared, values: Mapping[str, Any]) -> Row | None:
    """Run ``prepared`` in the session's transaction; return its first row, ``None`` if there is none.

    What the session has still to write is written first. Raises what SQLAlchemy raises.
    """
    db.session.flush()
    with _reading(prepared) as transaction:
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


def load_all(models: Sequence[type[Base]], prepared: Prepared, values: Mapping[str, Any]) -> list[Any] | None:
    """Return the records of ``models`` that one row of ``prepared`` holds, one after the other.

    ``prepared`` selects all columns of each model in the models' order, and after them what it likes, which
    is returned as it is. A record whose key is NULL (an outer join) is ``None``. ``None``: no row.
    """
    db.session.flush()
    with _reading(prepared) as transaction:
        found = transaction.first_values(prepared, values)
    if found is None:
        return None
    records: list[Any] = []
    for model in models:
        columns = table_of(model).c.keys()
        row = dict(zip(columns, found, strict=False))
        del found[: len(columns)]
        is_there = all(row[column.name] is not None for column in model.__mapper__.primary_key)
        records.append(adopt(model, row) if is_there else None)
    return [*records, *found]


def change(together: Together, values: Mapping[str, Any]) -> Row | None:
    """Make the change and what follows from it, and commit them with what the session wrote before.

    Returns what the change gave; ``None`` if it found nothing to change: then nothing is committed. The
    session's records stay as they are. Raises what SQLAlchemy raises.
    """
    db.session.flush()
    with _transaction() if _is_connected() else single_statement(db.engine) as transaction:
        return transaction.change(together, values)


def afterwards(then: Callable[[], object]) -> None:
    """Have ``then`` called when the session's transaction has ended, whether it was committed or taken back.

    For what a process remembers of the database: until the commit, others still read what was before.
    ``then`` may not use the database or the request.
    """
    db.session.info.setdefault(_AFTERWARDS, []).append(then)


def let_go() -> None:
    """Give the session's connection back to the pool if nothing was written on it; its records stay.

    For the time in which another server is waited for: a connection that is held meanwhile is one that other
    threads wait for, and PostgreSQL keeps a process for each.
    """
    transaction = db.session().get_transaction()
    if transaction is None or not _is_connected():
        return
    with _transaction() as used:
        if not used.is_idle:
            return
    transaction.close()


def commit_and_let_go() -> None:
    """Commit what was written and give the session's connection back; its records stay as they were read.

    For the same time as :func:`let_go`, where something had to be written before it: what is locked then is
    what others wait for, and on SQLite that is everybody who writes.
    """
    session = db.session()
    usual, session.expire_on_commit = session.expire_on_commit, False
    try:
        session.commit()
    finally:
        session.expire_on_commit = usual


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


@event.listens_for(db.session, "after_begin")
def _note_connected(session: Session, _transaction: SessionTransaction, _connection: Connection) -> None:
    session.info[_CONNECTED] = True


@event.listens_for(db.session, "after_transaction_end")
def _note_left(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.info.pop(_CONNECTED, None)
        for then in session.info.pop(_AFTERWARDS, ()):
            then()


def _is_connected() -> bool:
    return _CONNECTED in db.session.info


def _reading(prepared: Prepared) -> AbstractContextManager[Transaction]:
    """Return where to run ``prepared``: on the session's connection if it writes or the session has one."""
    engine = db.engine
    if _is_connected() or not prepared.form_for(engine.dialect).only_reads:
        return _transaction()
    return single_statement(engine)


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
