"""Writing messages, and saying who handles which topic."""

import threading
from collections.abc import Callable, Collection
from importlib import import_module
from typing import Any, NamedTuple

from flask import Flask, current_app
from sqlalchemy import delete, insert, or_, update

from portal import clock, credentials
from portal.extensions import DATABASE_AWAY, db
from portal.models import OutboxMessage
from portal.models.outbox import DEAD, WAITING

#: Takes the payload, does the work, returns a receipt (or ``None``); raises :class:`OutboxFailure`.
Handler = Callable[[dict[str, Any]], str | None]

NO_DATABASE = "The database could not do it."


def told_by_the_driver(error: Exception) -> tuple[str, str]:
    """Return what the driver says of a database that is away, and the name that it has for its kind.

    Its own words: SQLAlchemy's would carry the statement's parameters into the log, and its name is one for
    a full disk, a deadlock and a server that is away. Of any other error the kind alone: a key that is there
    already is quoted.
    """
    said = getattr(error, "orig", None) or error
    kind = type(said).__name__
    return (str(said) or kind if isinstance(error, DATABASE_AWAY) and said is not error else kind), kind


_NAME = "portal.outbox"
_LEFT = "portal.outbox.left_to_workers"
_wiring = threading.Lock()


class Entry(NamedTuple):
    """A registered handler, and how long it may take if that is longer than usual."""

    handler: Handler
    lease: float | None


class OutboxFailure(Exception):
    """A side effect did not happen; the message is a sentence of ours and may be stored.

    ``final`` says that trying again cannot help, so the message goes to the dead letters at once.
    ``retry_after`` says in how many seconds to try again, because the other side said so (a rate limit):
    the attempt does not count, for nothing went wrong.
    """

    def __init__(self, sentence: str, *, final: bool = False, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.final = final
        self.retry_after = retry_after


def enqueue(topic: str, payload: dict[str, Any], *, delay: float = 0) -> str:
    """Write a message for ``topic`` in the current transaction and return its id.

    ``delay`` is the number of seconds before it may be worked off. The payload must be JSON and hold
    no secret: it names records, it does not carry them.
    """
    message_id = credentials.random_hex()
    db.session.execute(
        insert(OutboxMessage).values(
            id=message_id,
            topic=topic,
            payload=payload,
            user_id=payload.get("user_id"),
            state="waiting",
            attempts=0,
            available_at=clock.after(delay),
            created_at=clock.now(),
        )
    )
    return message_id


def forget(user_id: str, okta_id: str | None, *, keep: Collection[str]) -> None:
    """Clear the outbox of a person who is being erased; flushes.

    What is to be done about them is dropped, but for the topics of ``keep``; of what was done, only that it
    was done stays. ``okta_id`` finds the messages that name nobody else. One that merely goes on from there
    through a list of people is about those who follow.
    """
    about = OutboxMessage.user_id == user_id
    if okta_id:
        about = or_(about, OutboxMessage.payload["okta_id"].as_string() == okta_id)
    for state in (WAITING, DEAD):
        db.session.execute(
            delete(OutboxMessage)
            .where(state, about, OutboxMessage.topic.not_in(list(keep)))
            .execution_options(synchronize_session=False)
        )
    db.session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.user_id == user_id, OutboxMessage.state == "done")
        .values(payload={}, receipt=None)
        .execution_options(synchronize_session=False)
    )


def handles(app: Flask, topic: str, handler: Handler, *, lease: float | None = None) -> None:
    """Register ``handler`` for ``topic`` in ``app``; a topic has one handler, else ``ValueError``.

    A topic is ``outside.what``: messages with the same first word share the limit ``outbox_at_once``. A
    handler that may take longer than two minutes says so with ``lease``, in seconds; when a lease ends, the
    message is done again, and what the slow one wrote is undone.
    """
    entries: dict[str, Entry] = app.extensions.setdefault(_NAME, {})
    if topic in entries:
        raise ValueError(f"the topic {topic} has a handler already")
    entries[topic] = Entry(handler, lease)


def left_to_workers(app: Flask, *modules: str) -> None:
    """Have the ``init_app`` of each of ``modules`` say what it handles, and does on schedule, to a worker.

    They are imported when somebody first asks what there is to do: memory is paid for by every process, and
    one that only answers requests writes messages and works none off.
    """
    app.extensions.setdefault(_LEFT, []).extend(modules)


def wire_what_was_left(app: Flask) -> None:
    """Import what was left to workers, and have it say what it does in ``app``; once."""
    left: list[str] = app.extensions.get(_LEFT, [])
    # Threads of one worker come at once, and each is to find all of it.
    with _wiring:
        while left:
            import_module(left[0]).init_app(app)
            del left[0]


def handlers() -> dict[str, Entry]:
    """Return every handler of the current application by its topic."""
    wire_what_was_left(current_app)
    entries: dict[str, Entry] = current_app.extensions.get(_NAME, {})
    return entries
