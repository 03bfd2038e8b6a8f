"""Prepared statements: when a transaction begins, and changes that are made together or not at all."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import String, bindparam, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from portal import clock, credentials, records
from portal.audit import log
from portal.audit.events import Event
from portal.extensions import db, table_of
from portal.models import AuditEvent, ClientAssertion
from portal.statements import Prepared, Together, only_reads, single_statement, transaction

only_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
_T = table_of(ClientAssertion)
_AUDIT = table_of(AuditEvent)
_FIND = Prepared(select(_T).where(_T.c.digest == bindparam("wanted")))
_AGAIN = Prepared(insert(_T).values(digest=bindparam("copy"), expires_at=bindparam("now")))


def _renamed() -> Any:
    return (
        update(_T)
        .where(_T.c.digest == bindparam("wanted", type_=String()))
        .values(digest=bindparam("other", type_=String()))
        .returning(_T.c.digest)
    )


def _noted(found: Any) -> Any:
    nobody = bindparam("nobody", type_=String())
    return log.recording(reference=found("digest"), client_id=nobody, user_id=nobody, source=found.rows)


_TOGETHER = Together(_renamed(), _noted)


def _values(wanted: str, other: str) -> Mapping[str, Any]:
    return {
        "wanted": wanted, "other": other, "now": clock.now(), "nobody": None,
        "event": Event.TOKEN_REFUSED.label, "fields": {"error": "invalid_grant"},
    }  # fmt: skip


def _kept() -> str:
    digest = credentials.random_hex(40)
    db.session.execute(insert(_T).values(digest=digest, expires_at=clock.now()))
    db.session.commit()
    return digest


def _in_a_transaction() -> bool:
    driver = db.session.connection().connection.driver_connection
    return bool(
        driver.in_transaction if hasattr(driver, "in_transaction") else driver.pgconn.transaction_status
    )


@pytest.mark.parametrize(
    ("statement", "reads"),
    [
        ("SELECT 1", True),
        ("\n select a FROM b", True),
        ("SELECT a FROM b FOR UPDATE SKIP LOCKED", False),
        ("SELECT a FROM b\nFOR  NO KEY UPDATE", False),
        ("SELECT a FROM b for share", False),
        ("SELECT pg_advisory_xact_lock(1)", False),
        ("SELECT pg_try_advisory_lock(1)", False),
        ("SELECT nextval('x')", False),
        ("WITH a AS (DELETE FROM b RETURNING c) SELECT c FROM a", False),
        ("WITH a AS (SELECT 1) SELECT * FROM a", False),
        ("SELECTED", False),
        ("SAVEPOINT a", False),
        ("INSERT INTO a SELECT 1", False),
        ("", False),
    ],
)
def test_only_a_plain_select_only_reads(statement: str, reads: bool) -> None:
    assert only_reads(statement) is reads


def test_reading_begins_no_transaction_and_writing_does(context: Flask) -> None:
    digest = _kept()
    assert records.first(_FIND, {"wanted": digest})["digest"] == digest
    db.session.execute(select(ClientAssertion)).all()
    assert not _in_a_transaction()
    records.touch(_AGAIN, {"copy": "b" * 40, "now": clock.now()})
    assert _in_a_transaction()
    db.session.rollback()
    assert records.first(_FIND, {"wanted": "b" * 40}) is None


@only_postgresql
@pytest.mark.parametrize("statement", ["SELECT digest FROM client_assertions FOR UPDATE", "SAVEPOINT a"])
def test_what_needs_a_transaction_begins_one(context: Flask, statement: str) -> None:
    db.session.execute(text(statement))
    assert _in_a_transaction()


def test_the_orm_writes_in_one_transaction(context: Flask) -> None:
    db.session.add(ClientAssertion(digest="a" * 40, expires_at=clock.now()))
    db.session.flush()
    with pytest.raises(IntegrityError):
        records.touch(_AGAIN, {"copy": "a" * 40, "now": clock.now()})
    db.session.rollback()
    assert records.first(_FIND, {"wanted": "a" * 40}) is None


def test_a_change_and_what_follows_are_committed_at_once(context: Flask) -> None:
    digest, other = _kept(), credentials.random_hex(40)
    changed = records.change(_TOGETHER, _values(digest, other))
    assert changed == {"digest": other}
    db.session.rollback()
    assert records.first(_FIND, {"wanted": other}) is not None
    assert db.session.scalars(select(_AUDIT.c.reference).where(_AUDIT.c.reference == other)).all() == [other]


def test_what_was_written_before_is_committed_with_the_change(context: Flask) -> None:
    digest, other = _kept(), credentials.random_hex(40)
    records.touch(_AGAIN, {"copy": "c" * 40, "now": clock.now()})
    assert records.change(_TOGETHER, _values(digest, other)) is not None
    db.session.rollback()
    assert records.first(_FIND, {"wanted": "c" * 40}) is not None


@only_postgresql
def test_a_connection_that_was_set_otherwise_is_put_right_for_the_next_one(context: Flask) -> None:
    """As a migration leaves it that makes an index CONCURRENTLY: beginning transactions by itself."""
    digest, other = _kept(), credentials.random_hex(40)
    db.engine.dispose()  # so that the next one gets this very connection
    with db.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("SELECT 1"))
    assert records.change(_TOGETHER, _values(digest, other)) is not None
    assert records.first(_FIND, {"wanted": other}) is not None


def test_nothing_follows_from_a_change_that_finds_nothing(context: Flask) -> None:
    records.touch(_AGAIN, {"copy": "d" * 40, "now": clock.now()})
    assert records.change(_TOGETHER, _values("missing", "other")) is None
    assert db.session.scalars(select(_AUDIT.c.id).where(_AUDIT.c.reference == "other")).all() == []
    db.session.rollback()
    assert records.first(_FIND, {"wanted": "d" * 40}) is None, "what the caller has not committed was"


def test_a_change_whose_consequence_fails_has_not_happened(context: Flask) -> None:
    digest, other = _kept(), credentials.random_hex(40)
    broken = Together(_renamed(), lambda found: _copied(found))
    with pytest.raises(IntegrityError):
        records.change(broken, _values(digest, other))
    db.session.rollback()
    assert records.first(_FIND, {"wanted": digest}) is not None
    assert records.first(_FIND, {"wanted": other}) is None


def _copied(found: Any) -> Any:
    """Return an INSERT that breaks the table's rule: its second column may not be empty."""
    rows = select(found("digest") + "x")
    return insert(_T).from_select(
        ["digest"], rows.select_from(found.rows) if found.rows is not None else rows
    )


def test_a_consequence_must_depend_on_the_change() -> None:
    with pytest.raises(ValueError, match="does not depend"):
        Together(_renamed(), lambda _found: insert(_T).values(digest="x", expires_at=clock.now()))


def test_records_of_several_models_come_of_one_row(context: Flask) -> None:
    digest = _kept()
    db.session.expunge_all()
    both = Prepared(
        select(*_T.c, *_AUDIT.c, (_T.c.digest + "!").label("more"))
        .select_from(_T.outerjoin(_AUDIT, _AUDIT.c.reference == _T.c.digest))
        .where(_T.c.digest == bindparam("wanted"))
    )
    found, event, more = records.load_all([ClientAssertion, AuditEvent], both, {"wanted": digest})
    assert (found.digest, event, more) == (digest, None, f"{digest}!")
    assert records.load_all([ClientAssertion, AuditEvent], both, {"wanted": "nobody"}) is None


def _write_and_fail(name: str) -> None:
    with transaction(db.engine) as written:
        written.touch(_AGAIN, {"copy": name, "now": clock.now()})
        raise RuntimeError


def _write_twice(name: str) -> None:
    with transaction(db.engine) as written:
        written.touch(_AGAIN, {"copy": name, "now": clock.now()})
        written.touch(_AGAIN, {"copy": name, "now": clock.now()})


@pytest.mark.parametrize(
    ("attempt", "failure"), [(_write_and_fail, RuntimeError), (_write_twice, DBAPIError)]
)
def test_what_was_not_committed_is_taken_back_with_the_connection(
    context: Flask, attempt: Callable[[str], None], failure: type[Exception]
) -> None:
    for _ in range(2):
        with pytest.raises(failure):
            attempt("e" * 40)
    with single_statement(db.engine) as read:
        assert read.first(_FIND, {"wanted": "e" * 40}) is None
