"""Keeping Okta's events as they arrive, each once, to be worked off by the outbox (``events``).

Apart from what is made of them, which is for workers: whatever takes a hook only has to keep.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite

from portal import clock, credentials, outbox
from portal.extensions import db
from portal.models import OktaEvent
from portal.okta.events_reading import OktaEventRead

#: The payload names a batch of kept events.
EVENTS = "okta.events"
HOOK, LOG = "hook", "log"
_ROWS_AT_ONCE = 500


def keep(events: Iterable[OktaEventRead], source: str) -> int:
    """Keep events that are not known yet, to be worked off by the outbox; returns how many rows are new."""
    batch = credentials.random_hex()
    rows = [row for event in events for row in _rows(event, source, batch)]
    # In one order everywhere, so that a hook and the reading of the log never wait for each other.
    rows.sort(key=lambda row: (row["uuid"], row["okta_id"]))
    new = 0
    for begin in range(0, len(rows), _ROWS_AT_ONCE):
        statement = _insert().values(rows[begin : begin + _ROWS_AT_ONCE]).on_conflict_do_nothing()
        # Counted by what comes back: not every driver says how many rows such a statement added.
        new += len(db.session.execute(statement.returning(OktaEvent.uuid)).all())
    if new:
        outbox.enqueue(EVENTS, {"batch": batch})
    return new


def _rows(event: OktaEventRead, source: str, batch: str) -> list[dict[str, Any]]:
    people = [(person.okta_id, person.login) for person in event.people] or [("", None)]
    return [
        {
            "uuid": event.uuid,
            "okta_id": okta_id,
            "batch": batch,
            "source": source,
            "event_type": event.event_type,
            "published": event.published,
            "login": login,
            "groups": [list(group) for group in event.groups],
            "succeeded": event.succeeded,
            "received_at": clock.now(),
        }
        for okta_id, login in people
    ]


def _insert() -> Any:
    """Return an INSERT in the dialect that knows ON CONFLICT: both databases spell it alike."""
    if db.engine.dialect.name == "postgresql":
        return postgresql.insert(OktaEvent)
    return sqlite.insert(OktaEvent)
