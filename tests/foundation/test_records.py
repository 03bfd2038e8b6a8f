"""Which connection a record is read on, and when it is given back."""

from typing import Any

from flask import Flask
from sqlalchemy import String, bindparam, insert, inspect, select, update

from portal import clock, credentials, records
from portal.extensions import db, table_of
from portal.models import ClientAssertion
from portal.statements import Prepared, Together

_T = table_of(ClientAssertion)
_FIND = Prepared(select(_T).where(_T.c.digest == bindparam("wanted")))
_ADD = Prepared(insert(_T).values(digest=bindparam("copy"), expires_at=bindparam("now")))
_RENAME = Together(
    update(_T)
    .where(_T.c.digest == bindparam("wanted", type_=String()))
    .values(digest=bindparam("other", type_=String()))
    .returning(_T.c.digest)
)


def _kept() -> str:
    digest = credentials.random_hex(40)
    db.session.execute(insert(_T).values(digest=digest, expires_at=clock.now()))
    db.session.commit()
    return digest


def _connections() -> int:
    pool: Any = db.engine.pool
    held: int = pool.checkedout()
    return held


def test_what_only_reads_or_commits_by_itself_leaves_no_connection_with_the_session(context: Flask) -> None:
    digest, other = _kept(), credentials.random_hex(40)
    assert records.load(ClientAssertion, _FIND, {"wanted": digest}) is not None
    assert _connections() == 0
    assert records.change(_RENAME, {"wanted": digest, "other": other}) == {"digest": other}
    assert _connections() == 0
    assert records.first(_FIND, {"wanted": digest}) is None
    assert records.first(_FIND, {"wanted": other}) is not None


def test_a_session_sees_what_it_has_written_and_gives_the_connection_back_at_the_end(context: Flask) -> None:
    digest, other = credentials.random_hex(40), credentials.random_hex(40)
    for end in (db.session.rollback, db.session.commit, db.session.remove):
        records.touch(_ADD, {"copy": digest, "now": clock.now()})
        assert records.first(_FIND, {"wanted": digest}) is not None
        assert records.change(_RENAME, {"wanted": "missing", "other": other}) is None
        assert _connections() == 1
        end()
        assert _connections() == 0
        db.session.execute(_T.delete())
        db.session.commit()


def test_a_session_that_used_the_orm_reads_on_the_same_connection(context: Flask) -> None:
    digest = credentials.random_hex(40)
    db.session.add(ClientAssertion(digest=digest, expires_at=clock.now()))
    assert records.first(_FIND, {"wanted": digest}) is not None
    with db.session.begin_nested():
        assert records.first(_FIND, {"wanted": digest}) is not None
    assert records.first(_FIND, {"wanted": digest}) is not None, "after a savepoint too"
    assert _connections() == 1


def test_a_connection_is_let_go_unless_something_was_written_on_it(context: Flask) -> None:
    digest = _kept()
    found = db.session.scalars(select(ClientAssertion)).one()
    records.let_go()
    assert _connections() == 0
    assert found.digest == digest
    records.touch(_ADD, {"copy": "f" * 40, "now": clock.now()})
    records.let_go()
    assert _connections() == 1
    db.session.commit()
    assert records.first(_FIND, {"wanted": "f" * 40}) is not None


def test_what_was_written_is_committed_and_the_records_stay_as_they_were_read(context: Flask) -> None:
    digest = _kept()
    found = db.session.scalars(select(ClientAssertion)).one()
    records.touch(_ADD, {"copy": "f" * 40, "now": clock.now()})
    records.commit_and_let_go()
    assert _connections() == 0
    assert found.digest == digest
    assert _connections() == 0, "nothing was read anew"
    db.session.rollback()
    assert records.first(_FIND, {"wanted": "f" * 40}) is not None
    db.session.commit()
    assert "digest" in inspect(found).expired_attributes, "any other commit is as it was"


def test_what_is_to_be_done_afterwards_is_done_once_when_the_outermost_transaction_has_ended(
    context: Flask,
) -> None:
    digest = _kept()
    for end in (db.session.rollback, db.session.commit, db.session.remove):
        seen: list[int] = []
        db.session.execute(_T.delete().where(_T.c.digest == "nothing"))
        records.afterwards(lambda seen=seen: seen.append(_connections()))  # type: ignore[misc]
        with db.session.begin_nested():
            records.first(_FIND, {"wanted": digest})
        assert seen == []
        end()
        db.session.rollback()
        assert len(seen) == 1
