"""Ending what nobody continues, and removing what is old: in batches, so that no lock is held for long."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import delete, select, update

from portal import clock
from portal.audit.events import Event
from portal.audit.log import record
from portal.extensions import db, rows_touched
from portal.journey import lifecycle
from portal.models import AuthorizationGrant, Capture, Journey, JourneyState

BATCH = 500


def expire_due(on_expired: Callable[[Journey], None] | None = None) -> int:
    """End every running journey whose time is over and return how many; flushes, the caller commits.

    ``on_expired`` is called for each, in the same transaction: what a journey left behind (a
    provisional enrolment) is cleared by the room that knows it.
    """
    now = clock.now()
    due = db.session.scalars(
        select(Journey)
        # The first condition is what the index of those that run is known by.
        .where(Journey.ended_at.is_(None), Journey.state.in_(lifecycle.RUNNING), Journey.expires_at <= now)
        .order_by(Journey.expires_at)
        .limit(BATCH)
    ).all()
    ended = 0
    for journey in due:
        was = journey.state
        moved = db.session.execute(
            update(Journey)
            .where(Journey.id == journey.id, Journey.state == was)
            .values(state=JourneyState.EXPIRED, ended_at=now)
            .execution_options(synchronize_session=False)
        )
        if rows_touched(moved) != 1:
            continue
        ended += 1
        db.session.refresh(journey)
        lifecycle.forget_what_was_asked(journey)
        record(
            Event.JOURNEY_EXPIRED,
            reference=journey.reference,
            client_id=journey.client_id,
            user_id=journey.user_id,
            state=was,
        )
        if on_expired is not None:
            on_expired(journey)
    db.session.flush()
    return ended


def remove_older_than(moment: datetime) -> int:
    """Remove a batch of journeys that ended before ``moment``, and what hangs on them; the caller commits."""
    old = select(Journey.id).where(Journey.ended_at < moment).order_by(Journey.ended_at).limit(BATCH)
    ids = db.session.scalars(old).all()
    if not ids:
        return 0
    db.session.execute(delete(AuthorizationGrant).where(AuthorizationGrant.journey_id.in_(ids)))
    db.session.execute(delete(Capture).where(Capture.journey_id.in_(ids)))
    return rows_touched(db.session.execute(delete(Journey).where(Journey.id.in_(ids))))


#: What a request may say about the person it asks about.
_PERSONAL = ("login_hint", "claims", "verified_claims")


def forget(user_id: str) -> None:
    """Remove what a person's journeys hold about them: the account, any other hint, and names asked about.

    A journey that still runs goes no further: with nobody named any more it would ask who is there, and
    another account's face must not answer for the one that is gone.
    """
    for journey in db.session.scalars(select(Journey).where(Journey.user_id == user_id)).all():
        lifecycle.refuse(journey, reason="erased")
        journey.account = None
        journey.parameters = {
            name: kept for name, kept in journey.parameters.items() if name not in _PERSONAL
        }
    db.session.flush()
