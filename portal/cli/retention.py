"""Removing what is old, as the retention settings say: in batches, each in a transaction of its own."""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from flask import Flask
from sqlalchemy import CursorResult, delete, select

from portal import clock, outbox
from portal.audit import chain
from portal.credentials import UnsealError
from portal.extensions import db, settings
from portal.grants import assertions, codes, pushed
from portal.journey import pruning
from portal.models import Invitation, OktaEvent, OutboxMessage, SessionNotice
from portal.okta import pauses
from portal.users import enrolments, okta_facts

_log = logging.getLogger(__name__)

#: What was removed, and how many.
Step = tuple[str, int]
BATCH = 1000
_DAY = 86_400
#: Somebody who opens a pushed request this long after its time is told that it is too late.
_LATE = 3600


def init_app(app: Flask) -> None:
    """Have the workers of ``app`` end journeys every minute and remove what is old every hour."""
    outbox.every(app, "retention.expire", 60, expiring)
    outbox.every(app, "retention.prune", 3600, pruning_all)


def expire_due() -> int:
    """End every journey whose time is over, with what it left unproven; commits; returns how many."""
    return _total(_committed(expiring())).get("expired", 0)


def prune() -> dict[str, int]:
    """Remove everything that was kept long enough; commits; returns how many of each."""
    return dict.fromkeys(_prunings(), 0) | _total(_committed(pruning_all()))


def expiring() -> Iterator[Step]:
    """End every journey whose time is over, and empty pushed requests that nobody opened in theirs.

    Yields after each batch; the caller commits.
    """
    yield from _batches("expired", _expire)
    yield from _batches("emptied", pushed.forget_unopened)


def pruning_all() -> Iterator[Step]:
    """Remove everything that was kept long enough; yields after each batch, the caller commits."""
    for name, batch in _prunings().items():
        yield from _batches(name, batch)


def _prunings() -> dict[str, Callable[[], int]]:
    """Return how a batch of each kind is removed; each says how many it was."""
    journeys_before = clock.after(-settings().retention_journeys * _DAY)
    audit_before = clock.after(-settings().retention_audit * _DAY)
    # An opened one is what a reload finds its journey by.
    keep_pushed = max(_LATE, settings().journey_lifetime)
    longest_token = max(settings().access_token_lifetime, settings().id_token_lifetime)
    return {
        "grants": lambda: codes.prune(longest_token),
        "journeys": lambda: pruning.remove_older_than(journeys_before),
        "assertions": assertions.prune,
        "pushed_requests": lambda: pushed.prune(keep_pushed),
        "audit_events": lambda: _prune_audit(audit_before),
        "session_notices": lambda: _remove(
            SessionNotice.session_id, SessionNotice.received_at < journeys_before, SessionNotice.received_at
        ),
        "okta_events": lambda: _remove(
            OktaEvent.uuid,
            (OktaEvent.received_at < journeys_before) & OktaEvent.outcome.is_not(None),
            OktaEvent.received_at,
        ),
        "okta_facts": lambda: okta_facts.prune_unknown(journeys_before, BATCH),
        "okta_paused_people": lambda: pauses.prune(journeys_before),
        "okta_pauses": lambda: pauses.prune_ended(audit_before),
        # What a reminder may still renew is not old.
        "invitations": lambda: _remove(
            Invitation.id,
            (Invitation.expires_at < journeys_before) & Invitation.next_reminder_at.is_(None),
            Invitation.expires_at,
        ),
        # Dead letters stay until somebody has dealt with them.
        "outbox_messages": lambda: _remove(
            OutboxMessage.id,
            (OutboxMessage.state == "done") & (OutboxMessage.ended_at < journeys_before),
            OutboxMessage.ended_at,
        ),
    }


def _prune_audit(before: datetime) -> int:
    """Remove old events; where their chain is broken, none, so that it can be looked at."""
    try:
        with db.session.begin_nested():
            return chain.prune(before)
    except (chain.ChainBroken, chain.ChainMoved, UnsealError) as error:
        _log.error("audit events were not removed", extra={"kind": type(error).__name__})
        return 0


def _expire() -> int:
    return pruning.expire_due(lambda journey: enrolments.discard_abandoned(journey.id))


def _batches(name: str, batch: Callable[[], int]) -> Iterator[Step]:
    while count := batch():
        yield name, count


def _committed(steps: Iterator[Step]) -> Iterator[Step]:
    for step in steps:
        db.session.commit()
        yield step
    db.session.commit()


def _total(steps: Iterator[Step]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for name, count in steps:
        totals[name] = totals.get(name, 0) + count
    return totals


def _remove(key: Any, condition: Any, oldest: Any) -> int:
    old = select(key).where(condition).order_by(oldest).limit(BATCH)
    result: CursorResult[Any] = db.session.execute(  # type: ignore[assignment]
        delete(key.class_).where(key.in_(old)).execution_options(synchronize_session=False)
    )
    return result.rowcount
