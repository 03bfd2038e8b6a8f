"""SQLite's one writer: who waits, who goes next, and that nobody keeps a turn."""

import sqlite3
from pathlib import Path
from threading import Event, Thread

import pytest
from flask import Flask
from sqlalchemy import insert, text

from portal import clock, one_writer
from portal.extensions import db
from portal.models import ClientAssertion

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with one table."""
    with sqlite3.connect(tmp_path / "x.sqlite") as connection:
        connection.execute("CREATE TABLE counts (number INTEGER)")
    return tmp_path / "x.sqlite"


def _open(path: Path, kind: type[one_writer.QueueingConnection]) -> one_writer.QueueingConnection:
    made = sqlite3.connect(path, factory=kind, timeout=0, isolation_level="IMMEDIATE")
    assert isinstance(made, one_writer.QueueingConnection)
    return made


def test_threads_write_one_after_the_other_and_nobody_is_refused(path: Path) -> None:
    """Without the queue, a time-out of nothing would refuse all but the luckiest."""
    kind = one_writer.queue_for(30)

    def write() -> None:
        connection = _open(path, kind)
        for _ in range(20):
            connection.begin_to_write()
            connection.execute("INSERT INTO counts VALUES (1)")
            connection.commit()
        connection.close()

    threads = [Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT sum(number) FROM counts").fetchone() == (160,)


@pytest.mark.parametrize("ending", ["commit", "rollback", "close"])
def test_the_turn_ends_with_the_transaction(path: Path, ending: str) -> None:
    kind = one_writer.queue_for(0.01)
    first, second = _open(path, kind), _open(path, kind)
    first.begin_to_write()
    first.begin_to_write()
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        second.begin_to_write()
    getattr(first, ending)()
    second.begin_to_write()
    second.rollback()


def test_a_turn_that_cannot_begin_is_given_back(path: Path) -> None:
    kind = one_writer.queue_for(0.01)
    outside = sqlite3.connect(path, isolation_level=None)
    outside.execute("BEGIN IMMEDIATE")
    first = _open(path, kind)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        first.begin_to_write()
    outside.execute("ROLLBACK")
    _open(path, kind).begin_to_write()


def test_nobody_waits_for_the_turn_that_a_transaction_left_which_sqlite_took_back(path: Path) -> None:
    kind = one_writer.queue_for(0.01)
    first, second = _open(path, kind), _open(path, kind)
    first.execute("CREATE UNIQUE INDEX one ON counts (number)")
    first.begin_to_write()
    with pytest.raises(sqlite3.IntegrityError):
        first.execute("INSERT OR ROLLBACK INTO counts VALUES (1), (1)")
    assert not first.in_transaction
    first.begin_to_write()
    first.rollback()
    second.begin_to_write()
    second.rollback()


def test_a_closed_connection_has_no_turn(path: Path) -> None:
    kind = one_writer.queue_for(0.01)
    first = _open(path, kind)
    first.begin_to_write()
    first.close()
    first.close()
    with pytest.raises(sqlite3.ProgrammingError):
        first.begin_to_write()
    _open(path, kind).begin_to_write()


@pytest.mark.parametrize(
    ("statement", "writes"),
    [
        ("INSERT INTO a VALUES (1)", True),
        ("\n  update a SET b = 1", True),
        ("DELETE FROM a", True),
        ("REPLACE INTO a VALUES (1)", True),
        ("SELECT 1", False),
        ("CREATE TABLE a (b)", False),
        ("PRAGMA foreign_keys=OFF", False),
        ("", False),
    ],
)
def test_what_takes_a_turn(statement: str, writes: bool) -> None:
    assert one_writer.writes(statement) is writes


@on_sqlite
def test_the_portal_s_sessions_take_turns(app: Flask) -> None:
    began, may_end, order = Event(), Event(), []

    def write(name: str) -> None:
        with app.app_context():
            db.session.execute(insert(ClientAssertion).values(digest=name, expires_at=clock.now()))
            order.append(name)
            if name == "first":
                began.set()
                assert may_end.wait(20)
            db.session.commit()

    first = Thread(target=write, args=("first",))
    first.start()
    assert began.wait(20)
    second = Thread(target=write, args=("second",))
    second.start()
    with app.app_context():
        # Reading waits for nobody.
        assert db.session.execute(text("SELECT count(*) FROM client_assertions")).scalar() == 0
    assert order == ["first"]
    may_end.set()
    first.join(20)
    second.join(20)
    assert order == ["first", "second"]
