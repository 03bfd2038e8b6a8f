"""Side effects that survive a crash: leased, tried again with growing pauses, and in the end set aside."""

import re

import pytest
from sqlalchemy import event, select, text
from sqlalchemy import exc as database
from sqlalchemy.exc import IntegrityError, OperationalError

from portal import clock as portal_clock
from portal.extensions import db
from portal.models import OutboxMessage
from portal.outbox import OutboxFailure, claims, enqueue, handles, run_due, schedule, worker
from portal.outbox.messages import told_by_the_driver

TOPIC = "tests.topic"


@pytest.fixture
def outbox(app, context, clock):
    """Register a handler whose behaviour the test sets, and remember what it was given."""

    class Handler:
        """What happens to messages."""

        def __init__(self):
            self.given, self.fails = [], None

        def __call__(self, payload):
            self.given.append(payload)
            if self.fails:
                raise self.fails
            return "a receipt"

    handler = Handler()
    handles(app, TOPIC, handler)
    return handler


def the_message():
    db.session.expire_all()
    return db.session.scalars(select(OutboxMessage)).one()


def put(payload=None, **options):
    message_id = enqueue(TOPIC, payload or {"n": 1}, **options)
    db.session.commit()
    return message_id


def test_a_message_is_worked_off_once_and_keeps_its_receipt(outbox):
    put({"user_id": "u"})
    assert (run_due(), run_due()) == (1, 0)
    assert outbox.given == [{"user_id": "u"}]
    message = the_message()
    assert (message.state, message.receipt, message.attempts) == ("done", "a receipt", 1)


def test_a_message_of_a_transaction_that_was_rolled_back_never_was(outbox):
    enqueue(TOPIC, {"n": 1})
    db.session.rollback()
    assert run_due() == 0
    assert outbox.given == []


def test_a_delayed_message_waits_for_its_time(outbox, clock):
    put(delay=60)
    assert run_due() == 0
    clock.advance(60)
    assert run_due() == 1


def test_messages_are_worked_off_oldest_first(outbox, clock):
    for number in range(3):
        put({"n": number})
        clock.advance(1)
    run_due()
    assert [payload["n"] for payload in outbox.given] == [0, 1, 2]


def test_pauses_grow_until_the_message_is_set_aside(outbox, clock):
    outbox.fails = OutboxFailure("VerifEye was away.")
    put()
    pauses = []
    while run_due():
        message = the_message()
        if message.state == "dead":
            break
        pauses.append((message.available_at - portal_clock.now()).total_seconds())
        clock.set(message.available_at)
    assert len(outbox.given) == worker.MOST_ATTEMPTS
    assert the_message().state == "dead"
    assert the_message().last_error == "VerifEye was away."
    expected = [min(10 * 2**n, 3600) for n in range(len(pauses))]
    assert all(e / 2 <= pause <= e for e, pause in zip(expected, pauses, strict=True))
    clock.advance(86400)
    assert run_due() == 0


def test_a_final_failure_is_set_aside_at_once(outbox):
    outbox.fails = OutboxFailure("There is no such face.", final=True)
    put()
    run_due()
    assert (the_message().state, the_message().attempts) == ("dead", 1)


def test_an_unexpected_error_is_tried_again_and_its_text_is_not_kept(outbox, clock, caplog):
    outbox.fails = RuntimeError("holds a secret")
    put()
    run_due()
    message = the_message()
    assert (message.state, message.last_error) == ("waiting", "Unexpected RuntimeError.")
    outbox.fails = None
    clock.advance(60)
    run_due()
    assert the_message().state == "done"


def test_what_a_failing_handler_wrote_is_undone(app, outbox):
    def write_and_fail(payload):
        enqueue(TOPIC, {"never": True})
        raise OutboxFailure("No.")

    handles(app, "tests.writes", write_and_fail)
    enqueue("tests.writes", {})
    db.session.commit()
    run_due()
    assert [message.topic for message in db.session.scalars(select(OutboxMessage))] == ["tests.writes"]


def test_a_topic_of_a_newer_release_waits_for_a_worker_that_knows_it(app, outbox, clock):
    enqueue("tests.newer", {})
    db.session.commit()
    run_due()
    assert (the_message().state, the_message().attempts) == ("waiting", 1)
    handles(app, "tests.newer", outbox)  # the next machine is upgraded
    clock.advance(worker.FIRST_RETRY_SECONDS)
    assert run_due() == 1
    assert the_message().state == "done"


def test_a_topic_that_nobody_ever_handles_is_set_aside(outbox, clock):
    enqueue("tests.nobody", {})
    db.session.commit()
    while the_message().state == "waiting":
        clock.set(the_message().available_at)
        assert run_due() == 1
    assert (the_message().state, the_message().attempts) == ("dead", worker.MOST_ATTEMPTS)


def test_a_topic_has_one_handler(app, outbox):
    with pytest.raises(ValueError, match="handler already"):
        handles(app, TOPIC, outbox)


def test_what_a_killed_worker_held_is_taken_up_when_its_lease_ends(outbox, clock):
    put()
    assert worker.Worker()._claim() is not None  # and here the worker dies
    assert run_due() == 0
    clock.advance(worker.LEASE_SECONDS - 1)
    assert run_due() == 0
    clock.advance(1)
    assert run_due() == 1
    assert (the_message().state, the_message().attempts) == ("done", 2)


def test_a_worker_is_given_at_most_as_many_as_it_asked_for(outbox):
    for _ in range(3):
        put()
    assert [run_due(limit=2), run_due(limit=2)] == [2, 1]


def test_what_is_done_names_nobody_any_more(outbox):
    put({"user_id": "u", "okta_id": "00u1"})
    run_due()
    assert (the_message().payload, the_message().user_id) == ({}, "u")


def test_a_message_that_is_deferred_loses_no_attempt(outbox, clock):
    outbox.fails = OutboxFailure("Okta asks to wait.", retry_after=30)
    put()
    for _ in range(worker.MOST_ATTEMPTS + 1):
        assert run_due() == 1
        assert run_due() == 0
        clock.advance(30)
    message = the_message()
    assert (message.state, message.attempts, message.last_error) == ("waiting", 0, "Okta asks to wait.")
    outbox.fails = None
    run_due()
    assert the_message().state == "done"


def test_a_message_that_ends_every_worker_is_set_aside(outbox, clock):
    put()
    for _ in range(worker.MOST_ATTEMPTS):
        assert worker.Worker()._claim() is not None  # and here the worker dies
        clock.advance(worker.LEASE_SECONDS)
    assert run_due() == 1
    assert outbox.given == []
    assert (the_message().state, the_message().leased_until) == ("dead", None)


def test_topics_take_turns(app, outbox):
    order = []
    for name in ("tests.one", "tests.two"):
        handles(app, name, lambda payload: order.append(payload["topic"]))
    for name in ("tests.one", "tests.one", "tests.one", "tests.two"):
        enqueue(name, {"topic": name})
    db.session.commit()
    run_due()
    assert order.index("tests.two") <= 1
    assert len(order) == 4


def test_a_topic_that_arrives_late_does_not_wait_for_one_with_thousands(app, outbox):
    order = []

    def first(payload):
        if not order:
            enqueue("tests.late", {})
        order.append("first")

    handles(app, "tests.first", first)
    handles(app, "tests.late", lambda payload: order.append("late"))
    for _ in range(20):
        enqueue("tests.first", {})
    db.session.commit()
    run_due()
    assert order.index("late") <= 2


def test_a_topic_that_keeps_failing_rests_and_its_messages_keep_their_attempts(app, outbox, clock):
    outbox.fails = OutboxFailure("Okta was away.")
    for number in range(10):
        put({"n": number})
    handles(app, "tests.fine", lambda payload: None)
    enqueue("tests.fine", {})
    db.session.commit()
    assert run_due() == 4
    attempts = [message.attempts for message in db.session.scalars(select(OutboxMessage))]
    assert sorted(attempts) == [0] * 7 + [1] * 4
    db.session.rollback()
    clock.advance(worker.LONGEST_RETRY_SECONDS)
    outbox.fails = None
    run_due()
    assert {message.state for message in db.session.scalars(select(OutboxMessage))} == {"done"}


@pytest.mark.settings(outbox_at_once=2)
def test_so_many_messages_for_one_party_are_under_way_at_once(app, outbox, clock):
    for name in ("okta.one", "okta.two", "mail.one"):
        handles(app, name, outbox)
        for _ in range(2):
            enqueue(name, {})
    db.session.commit()
    taken = [claim.topic for _ in range(6) if (claim := worker.Worker()._claim()) is not None]
    groups = [topic.partition(".")[0] for topic in taken]
    assert sorted(groups) == ["mail", "mail", "okta", "okta"]
    clock.advance(worker.LEASE_SECONDS)  # those workers are gone
    assert worker.Worker()._claim() is not None


def test_a_worker_that_was_too_slow_undoes_what_it_did(app, outbox, clock):
    def slow(payload):
        if not outbox.given:
            outbox.given.append("slow")
            clock.advance(worker.LEASE_SECONDS + 1)
            assert run_due() == 1  # somebody else, in the meantime
            enqueue("tests.late", {})
        return "done"

    handles(app, "tests.slow", slow)
    enqueue("tests.slow", {})
    db.session.commit()
    run_due()
    message = the_message()
    assert (message.topic, message.state, message.attempts) == ("tests.slow", "done", 2)


def test_a_handler_that_needs_longer_says_so(app, outbox, clock):
    handles(app, "tests.long", outbox, lease=1000)
    enqueue("tests.long", {})
    db.session.commit()
    assert worker.Worker()._claim() is not None
    clock.advance(999)
    assert run_due() == 0
    clock.advance(1)
    assert run_due() == 1


def test_a_loop_survives_a_database_that_is_away(app, outbox, clock, monkeypatch):
    put()
    failures = iter([True, True, False])
    original = claims.due_topics

    def due_topics():
        if next(failures, False):
            raise OperationalError("statement", {}, Exception("the server was restarted"))
        return original()

    monkeypatch.setattr(claims, "due_topics", due_topics)
    worker.run_until(lambda: bool(outbox.given), worker.Rests())
    assert the_message().state == "done"
    assert len(clock.waits) >= 2


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_loop_survives_a_server_that_ends_its_session(app, outbox, clock):
    ended = []

    def handler(payload):
        if len(ended) < 2:
            ended.append(1)
            db.session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        outbox.given.append(payload)

    handles(app, "tests.ended", handler)
    enqueue("tests.ended", {})
    db.session.commit()
    worker.run_until(lambda: bool(outbox.given), worker.Rests())
    assert len(ended) == 2
    assert the_message().state == "done"


class DeadlockDetected(Exception):
    """As the driver names it."""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            OperationalError("UPDATE x", {"p": "Amara"}, DeadlockDetected("deadlock detected")),
            "deadlock detected",
        ),
        (
            IntegrityError("INSERT x", {"p": "Amara"}, DeadlockDetected("Key (login)=(Amara)")),
            "DeadlockDetected",
        ),
        (database.TimeoutError("QueuePool limit"), "TimeoutError"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_log_says_what_the_database_could_not_do_and_names_nobody(error, words):
    why, kind = told_by_the_driver(error)
    assert why == words
    assert "Amara" not in why
    assert kind in ("DeadlockDetected", "TimeoutError")


def test_a_deadlock_of_a_handler_is_found_in_the_log(outbox, caplog):
    outbox.fails = OperationalError("UPDATE x", {"p": "Amara"}, DeadlockDetected("deadlock detected"))
    put()
    run_due()
    (line,) = [record for record in caplog.records if "no database" in record.message]
    assert (line.kind, line.message) == (
        "DeadlockDetected",
        "outbox handler has no database: deadlock detected",
    )
    assert the_message().state == "waiting"


def test_a_topic_rests_no_longer_because_the_clock_was_set_back(clock):
    rests = worker.Rests()
    for _ in range(3):
        rests.failed(TOPIC, None)
    assert rests.has(TOPIC)
    clock.advance(-3600)
    assert not rests.has(TOPIC)


def test_a_worker_looks_at_the_timetable_although_the_clock_was_set_back(app, outbox, clock):
    runs = []

    def job():
        runs.append(1)
        if len(runs) == 1:
            clock.advance(-86_400)

    schedule.registered().clear()
    schedule.every(app, "tests.job", 60, job)
    worker.run_until(lambda: len(runs) == 2 or len(clock.waits) > 1000, worker.Rests())
    assert len(runs) == 2


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_what_is_due_is_found_without_reading_a_burst_that_the_planner_has_not_counted(outbox):
    db.session.execute(text("ANALYZE outbox_messages"))
    db.session.execute(
        text(
            "INSERT INTO outbox_messages (id, topic, payload, state, attempts, available_at, created_at)"
            " SELECT lpad(n::text, 32, '0'), 'tests.t' || n % 5, '{}', 'waiting', 0, now() - interval '1 d',"
            " now() FROM generate_series(1, 20000) n"
        )
    )
    db.session.commit()
    plans = []

    @event.listens_for(db.engine, "before_cursor_execute")
    def explain(connection, _cursor, statement, values, _context, _many):
        if statement.startswith("WITH RECURSIVE"):
            cursor = connection.connection.cursor()
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values)
            plans.append(cursor.fetchone()[0])

    assert len(claims.due_topics()) == 5
    rows = [int(count) for count in re.findall(r"'Actual Rows': (\d+)", str(plans))]
    assert max(rows) < 100
