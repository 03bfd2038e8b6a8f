"""Workers that are killed: whatever they had in hand is done again when its lease ends, and nothing is lost.

Real processes and SIGKILL, on both databases. What a handler does outside may happen twice, and so handlers
are idempotent; what it writes into the database happens once, for it is one commit with the note that the
message is done.
"""

from collections import Counter
from contextlib import ExitStack, contextmanager

import pytest
from sqlalchemy import select

from portal.extensions import db
from portal.models import OutboxMessage, ScheduledJob, SessionNotice
from portal.outbox import enqueue, schedule, worker
from tests.outbox.mortal import TOPIC, send_children
from tests.support.forked import forked

KILLED = 9
LATER = worker.LEASE_SECONDS + 1
POINTS = ("before the effect", "after the effect", "before the commit", "after the note")


@contextmanager
def workers(database):
    """Start the process whose children are the workers; give a function that sends one to work."""
    with forked(send_children, database.url) as process:
        yield lambda **order: process.send({"ahead": 0} | order), process.receive


@pytest.fixture
def effects(tmp_path, context):
    path = tmp_path / "effects"
    path.touch()
    return path


def test_what_a_killed_worker_had_in_hand_is_done_again_when_its_lease_ends(database, effects):
    with workers(database) as (send, ended):
        for number, point in enumerate(POINTS):
            message_id = enqueue(TOPIC, {"n": number})
            db.session.commit()
            send(effects=str(effects), die=point, n=number)
            assert ended() == KILLED
            send(effects=str(effects))
            assert ended() == 0
            message = fresh(message_id)
            assert (message.state, message.attempts) == ("waiting", 1), "the lease runs"
            assert noted(number) == [], "what was not committed is not there"
            send(effects=str(effects), ahead=LATER)
            assert ended() == 0
            message = fresh(message_id)
            assert (message.state, message.attempts, message.receipt) == ("done", 2, "a receipt")
            assert len(noted(number)) == 1
            times = 1 if point == "before the effect" else 2
            assert effects.read_text().split().count(str(number)) == times


def fresh(message_id):
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(OutboxMessage, message_id)


def noted(number):
    return db.session.scalars(select(SessionNotice).where(SessionNotice.session_id == str(number))).all()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_several_workers_with_threads_lose_nothing_when_one_of_them_is_killed(database, effects):
    number = 120
    for n in range(number):
        enqueue(TOPIC, {"n": n})
    db.session.commit()
    with ExitStack() as stack:
        running = [stack.enter_context(workers(database)) for _ in range(3)]
        for at, (send, _ended) in enumerate(running):
            dies = {"die": "before the commit", "n": 40} if at == 0 else {}
            send(effects=str(effects), threads=3, **dies)
        ends = [ended() for _send, ended in running]
        assert set(ends) <= {0, KILLED}
        send, ended = running[1]
        send(effects=str(effects), ahead=LATER)
        assert ended() == 0
    done = [row.session_id for row in db.session.scalars(select(SessionNotice))]
    assert sorted(done, key=int) == [str(n) for n in range(number)]
    assert {message.state for message in db.session.scalars(select(OutboxMessage))} == {"done"}
    told = Counter(effects.read_text().split())
    assert set(told) == set(done)
    # Twice at most what the dead one had in its three hands.
    assert sum(told.values()) <= number + 3


def test_a_job_whose_worker_was_killed_begins_again_when_its_lease_ends(database, effects):
    with workers(database) as (send, ended):
        send(effects=str(effects), job=True, die="two")
        assert ended() == KILLED
        send(effects=str(effects), job=True)
        assert ended() == 0
        assert effects.read_text().split() == ["one", "two"], "nobody takes it while the lease runs"
        send(effects=str(effects), job=True, ahead=schedule.SHORTEST_LEASE + 1)
        assert ended() == 0
    assert effects.read_text().split() == ["one", "two", "one", "two", "three"]
    job = db.session.scalars(select(ScheduledJob).where(ScheduledJob.name == "tests.job")).one()
    assert (job.leased_until, job.last_error) == (None, None)
    assert job.succeeded_at is not None
