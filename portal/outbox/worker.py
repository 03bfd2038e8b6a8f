"""Working messages off: claim one, do it, write down how it went.

Topics take turns, so that neither ten thousand mails nor an Okta that does not answer keep a face from
being deleted. What a handler wrote and the note that it is done are one commit.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from flask import current_app
from sqlalchemy.exc import SQLAlchemyError

from portal import clock, credentials, metrics, spans
from portal.extensions import DATABASE_AWAY, db, settings
from portal.outbox import claims, schedule
from portal.outbox.claims import Claim
from portal.outbox.messages import (
    NO_DATABASE,
    Entry,
    OutboxFailure,
    handlers,
    told_by_the_driver,
)

_log = logging.getLogger(__name__)

#: How long a worker may be silent about a message before another takes it up, unless its topic says more.
LEASE_SECONDS = 120
FIRST_RETRY_SECONDS = 10.0
LONGEST_RETRY_SECONDS = 3600.0
#: With the pauses above, about a day: as long as somebody may need to notice that the other side is away.
MOST_ATTEMPTS = 36

#: A topic that fails so many times in a row rests for a while in this worker: its messages keep their
#: attempts for when the other side is back.
_FAILURES_BEFORE_REST = 3
_LONGEST_REST_SECONDS = 30.0

_PAUSE_SECONDS = 1.0
_PAUSE_WITHOUT_DATABASE = 5.0


def run_due(limit: int = 100) -> int:
    """Work off up to ``limit`` messages that are due and return how many were tried; commits each."""
    worker, tried = Worker(), 0
    while tried < limit and worker.work_one():
        tried += 1
    return tried


def run_until(stop: Callable[[], bool], rests: "Rests") -> None:
    """Work off messages and run scheduled jobs until ``stop`` says so; commits each.

    What is under way is finished first. A database that is away does not end it. ``rests`` is shared by
    the threads of a process.
    """
    worker = Worker(rests)
    look_again_at = clock.now()
    while not stop():
        try:
            if not clock.is_within(look_again_at, _PAUSE_SECONDS):
                schedule.run_due(stop)
                look_again_at = clock.after(_PAUSE_SECONDS)
            worked = worker.work_one()
            pause = 0 if worked else _PAUSE_SECONDS
        except SQLAlchemyError as error:
            db.session.rollback()
            why, kind = told_by_the_driver(error)
            _log.error("outbox worker has no database: %s", why, extra={"kind": kind})
            pause = _PAUSE_WITHOUT_DATABASE
        finally:
            db.session.remove()
        wait(pause, stop)


def run_threads(stop: Callable[[], bool], threads: int) -> None:
    """Do the same in so many threads, so that a slow message does not keep the next one waiting.

    Returns when all have stopped; the calling thread only waits, and so it is the one that gets signals.
    An error that no thread should have stops them all and is raised.
    """
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    rests, ended = Rests(), threading.Event()

    def work() -> None:
        with app.app_context():
            try:
                run_until(lambda: stop() or ended.is_set(), rests)
            finally:
                ended.set()

    with ThreadPoolExecutor(threads, thread_name_prefix="outbox") as pool:
        working = [pool.submit(work) for _ in range(threads)]
        while not stop() and not ended.is_set():
            wait(_PAUSE_SECONDS, stop)
    for one in working:
        one.result()


def wait(seconds: float, stop: Callable[[], bool]) -> None:
    """Wait, in short steps: a signal does not cut a longer one short."""
    while seconds > 0 and not stop():
        clock.sleep(min(seconds, 0.5))
        seconds -= 0.5


class Rests:
    """Which topics this process leaves alone for a while; shared by its threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures: dict[str, int] = {}
        self._until: dict[str, datetime] = {}

    def has(self, topic: str) -> bool:
        """Say whether ``topic`` rests now."""
        until = self._until.get(topic)
        return until is not None and clock.is_within(until, _LONGEST_REST_SECONDS)

    def succeeded(self, topic: str) -> None:
        """Note that the other side answers."""
        with self._lock:
            self._failures.pop(topic, None)
            self._until.pop(topic, None)

    def failed(self, topic: str, retry_after: float | None) -> None:
        """Note a failure that lies with the other side; ``retry_after`` is what it asked for, if it did."""
        with self._lock:
            failures = self._failures[topic] = self._failures.get(topic, 0) + 1
            if failures >= _FAILURES_BEFORE_REST:
                rest = (
                    2.0 ** min(failures - _FAILURES_BEFORE_REST, 10) if retry_after is None else retry_after
                )
                self._until[topic] = clock.after(min(rest, _LONGEST_REST_SECONDS))


class Worker:
    """One line of work: it goes round the topics that have something due and takes one message of each."""

    def __init__(self, rests: Rests | None = None) -> None:
        self._topics: deque[str] = deque()
        self._rests = rests or Rests()

    def work_one(self) -> bool:
        """Work one message off; ``False`` if there is none that may be begun now. Commits."""
        claim = self._claim()
        if claim is None:
            return False
        self._work(claim)
        return True

    def _claim(self) -> Claim | None:
        """Take a message of the topic whose turn it is; a new round begins with what is due then."""
        return self._take_next() or (self._begin_round() and self._take_next()) or None

    def _begin_round(self) -> bool:
        self._topics.extend(claims.due_topics())
        db.session.rollback()
        return bool(self._topics)

    def _take_next(self) -> Claim | None:
        while self._topics:
            claim = self._take(self._topics.popleft())
            if claim is not None:
                return claim
        return None

    def _take(self, topic: str) -> Claim | None:
        if self._rests.has(topic):
            return None
        entry = handlers().get(topic)
        claim = claims.take(
            topic,
            group=_group(topic),
            at_once=settings().outbox_at_once,
            lease=entry.lease if entry and entry.lease else LEASE_SECONDS,
        )
        db.session.commit()
        return claim

    def _work(self, claim: Claim) -> None:
        try:
            receipt = _do(handlers().get(claim.topic), claim)
        except OutboxFailure as failure:
            db.session.rollback()
            self._failed(claim, failure)
        except DATABASE_AWAY as error:
            db.session.rollback()
            why, kind = told_by_the_driver(error)
            details = {"topic": claim.topic, "message_id": claim.id, "kind": kind}
            _log.error("outbox handler has no database: %s", why, extra=details)
            # The attempt counts: a statement that is always too slow would never be given up.
            self._failed(claim, OutboxFailure(NO_DATABASE))
        except Exception as error:
            db.session.rollback()
            _log.exception("outbox handler failed", extra={"topic": claim.topic, "message_id": claim.id})
            self._failed(claim, OutboxFailure(f"Unexpected {type(error).__name__}."))
        else:
            self._rests.succeeded(claim.topic)
            metrics.message_ended(claim.topic, "done")
            # Whatever the payload named, nobody needs it any more.
            _close(claim, state="done", payload={}, receipt=receipt, last_error=None, ended_at=clock.now())

    def _failed(self, claim: Claim, failure: OutboxFailure) -> None:
        if failure.final or (failure.retry_after is None and claim.attempts >= MOST_ATTEMPTS):
            metrics.message_ended(claim.topic, "dead")
            _log.error("outbox message is dead", extra={"topic": claim.topic, "message_id": claim.id})
            _close(claim, state="dead", last_error=failure.sentence, ended_at=clock.now())
            return
        self._rests.failed(claim.topic, failure.retry_after)
        metrics.message_ended(claim.topic, "failed" if failure.retry_after is None else "deferred")
        if failure.retry_after is None:
            _close(claim, last_error=failure.sentence, available_at=_retry_at(claim.attempts))
            return
        # Nothing went wrong, so the attempt does not count.
        pause = min(max(failure.retry_after, 1.0), LONGEST_RETRY_SECONDS)
        _close(
            claim,
            last_error=failure.sentence,
            available_at=clock.after(pause),
            attempts=claim.attempts - 1,
        )


def _do(entry: Entry | None, claim: Claim) -> str | None:
    if entry is None:
        # While machines are upgraded one after the other, another one's worker may know it already.
        raise OutboxFailure("Nothing in this release handles the topic.")
    if claim.attempts > MOST_ATTEMPTS:
        # No attempt wrote down how it went: the worker itself ended each time.
        raise OutboxFailure("The worker was ended each time that it tried this.", final=True)
    with spans.span(f"outbox {claim.topic}", topic=claim.topic, message=claim.id):
        return entry.handler(claim.payload)


def _group(topic: str) -> set[str]:
    group = claims.group_of(topic)
    return {topic} | {name for name in handlers() if claims.group_of(name) == group}


def _retry_at(attempts: int) -> datetime:
    pause = min(FIRST_RETRY_SECONDS * 2.0 ** (attempts - 1), LONGEST_RETRY_SECONDS)
    return clock.after(credentials.jitter(pause))


def _close(claim: Claim, **values: object) -> None:
    """Make what the handler did and how it went last, in one commit; undo both if the lease is lost."""
    if claims.close(claim, **values):
        db.session.commit()
        return
    db.session.rollback()
    _log.warning(
        "outbox message was taken over or removed meanwhile",
        extra={"topic": claim.topic, "message_id": claim.id},
    )
