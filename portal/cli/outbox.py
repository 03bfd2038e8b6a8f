"""``flask outbox``: the side effects that are still to happen."""

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import click
from sqlalchemy import ColumnElement, or_, select, update

from portal import clock, logs, outbox
from portal.cli import common
from portal.extensions import db
from portal.models import OutboxMessage, ScheduledJob
from portal.outbox import schedule, worker

group = common.Group("outbox", help="Work off what has to happen elsewhere, such as deleting a face.")

_log = logging.getLogger(__name__)
_STATES = ("waiting", "dead", "done")


@group.command("run")
@click.option(
    "--once/--loop",
    default=True,
    help="Stop when nothing is due (the default), or go on for ever and run what recurs as well.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=100,
    show_default=True,
    help="With --once: how many messages to try at most.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 32),
    help="With --loop: how many messages this worker does at once.  [default: 4 on PostgreSQL, 2 on SQLite]",
)
def run(once: bool, limit: int, threads: int | None) -> None:
    """Work off the messages that are due. Several workers may run at once.

    SIGTERM ends a loop when the messages under way are done.
    """
    if once:
        tried = outbox.run_due(limit)
        click.echo(f"Tried {tried} {'message' if tried == 1 else 'messages'}.")
        return
    threads = threads or (4 if db.engine.dialect.name == "postgresql" else 2)
    with logs.at_least(logging.NOTSET), _stopped_by_signals() as stop:
        _log.info("outbox worker started")
        worker.run_threads(lambda: bool(stop), threads)
        _log.info("outbox worker stopped")


@group.command("list")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(_STATES),
    help="Only messages in this state; may be given more than once.  [default: waiting and dead]",
)
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="At most so many."
)
@common.json_option
def list_all(states: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List messages, the newest first: those that wait, and those that were given up (dead)."""
    rows = db.session.scalars(
        select(OutboxMessage)
        .where(OutboxMessage.state.in_(states or ("waiting", "dead")))
        .order_by(OutboxMessage.created_at.desc(), OutboxMessage.id)
        .limit(limit)
    ).all()
    if as_json:
        common.print_json([described(row) for row in rows])
    elif not rows:
        click.echo("There is no such message.")
    else:
        common.print_table(
            ("ID", "TOPIC", "STATE", "ATTEMPTS", "NEXT TRY", "WHAT WENT WRONG"),
            [
                (
                    row.id,
                    row.topic,
                    row.state,
                    row.attempts,
                    row.available_at if row.state == "waiting" else None,
                    row.last_error,
                )
                for row in rows
            ],
        )


@group.command("retry")
@click.argument("message_id", metavar="[ID]", required=False)
@click.option("--dead", is_flag=True, help="Every message that was given up, instead of one.")
@click.option("--topic", help="With --dead: only those of this topic.")
def retry(message_id: str | None, dead: bool, topic: str | None) -> None:
    """Try the message ID again at once, as if it had never been tried."""
    if dead == (message_id is not None) or (topic and not dead):
        common.fail("Name the id of one message, or say --dead for all that were given up.")
    if dead:
        chosen = [OutboxMessage.state == "dead", *([OutboxMessage.topic == topic] if topic else [])]
    else:
        assert message_id is not None
        chosen = _open_message(message_id)
    moved = db.session.execute(
        update(OutboxMessage)
        .where(*chosen)
        .values(state="waiting", attempts=0, available_at=clock.now(), ended_at=None)
        .returning(OutboxMessage.id)
    ).all()
    if not moved and not dead:
        common.fail(f"There is no message {message_id} that waits or was given up and is not under way.")
    common.commit()
    if dead:
        click.echo(f"Due again: {len(moved)}.")
        return
    click.echo(f"The message {message_id} is due; `flask outbox run` works it off.")


@group.command("settle")
@click.argument("message_id", metavar="ID")
def settle(message_id: str) -> None:
    """Say that what the message ID wanted was done by hand; it is not tried again."""
    moved = db.session.execute(
        update(OutboxMessage)
        .where(*_open_message(message_id))
        .values(
            state="done",
            payload={},
            ended_at=clock.now(),
            last_error=None,
            receipt="done by hand, says an operator",
        )
        .returning(OutboxMessage.id)
    ).first()
    if moved is None:
        common.fail(f"There is no message {message_id} that waits or was given up and is not under way.")
    common.commit()
    click.echo(f"The message {message_id} is settled.")


@group.command("schedule")
@click.option("--run", "name", metavar="NAME", help="Run this work now, whenever it is due.")
@common.json_option
def show_schedule(name: str | None, as_json: bool) -> None:
    """List the work that recurs: when it ran, how long it took, when it runs next, what went wrong."""
    if name is not None:
        _run_job(name)
    rows = {row.name: row for row in db.session.scalars(select(ScheduledJob))}
    jobs = [
        _described_job(name, entry.seconds, rows.get(name))
        for name, entry in sorted(schedule.registered().items())
    ]
    if as_json:
        common.print_json(jobs)
        return
    common.print_table(
        ("NAME", "EVERY (s)", "LAST RUN", "TOOK (ms)", "LAST SUCCESS", "NEXT RUN", "WHAT WENT WRONG"),
        [
            (
                job["name"],
                job["every"] or "off",
                job["began_at"],
                job["milliseconds"],
                job["succeeded_at"],
                "under way" if job["under_way"] else job["due_at"],
                job["last_error"],
            )
            for job in jobs
        ],
    )


def _run_job(name: str) -> None:
    if name not in schedule.registered():
        common.fail(f"Nothing recurs under the name {name}; `flask outbox schedule` lists what does.")
    if not schedule.run_now(name):
        common.fail(f"A worker is running {name} just now.")


def _described_job(name: str, every: float, row: ScheduledJob | None) -> dict[str, Any]:
    now = clock.now()
    return {
        "name": name,
        "every": every,
        "began_at": row and row.began_at,
        "ended_at": row and row.ended_at,
        "succeeded_at": row and row.succeeded_at,
        "milliseconds": row and row.milliseconds,
        "due_at": row and row.due_at,
        "under_way": bool(row and row.leased_until and row.leased_until > now),
        "last_error": row and row.last_error,
    }


def _open_message(message_id: str) -> list[ColumnElement[bool]]:
    """Return the conditions of the message ID that is neither done nor in a worker's hands."""
    if "\x00" in message_id:
        common.fail("That is not the id of a message.")
    free = or_(OutboxMessage.leased_until.is_(None), OutboxMessage.leased_until <= clock.now())
    return [OutboxMessage.id == message_id, OutboxMessage.state != "done", free]


def described(row: OutboxMessage) -> dict[str, Any]:
    """Return what ``--json`` prints about a message; a payload names records and holds no secret."""
    return {
        "id": row.id,
        "topic": row.topic,
        "payload": row.payload,
        "state": row.state,
        "attempts": row.attempts,
        "available_at": row.available_at,
        "leased_until": row.leased_until,
        "created_at": row.created_at,
        "ended_at": row.ended_at,
        "last_error": row.last_error,
        "receipt": row.receipt,
    }


@contextmanager
def _stopped_by_signals() -> Iterator[list[int]]:
    """Collect SIGTERM and SIGINT, so that a message under way is finished before the worker stops."""
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, note) for number in numbers]
    try:
        yield received
    finally:
        for number, former in zip(numbers, before, strict=True):
            signal.signal(number, former)
