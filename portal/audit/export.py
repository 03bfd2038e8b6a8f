"""The audit log as JSON lines, in a stable order, page by page."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import select, tuple_

from portal.audit import chain
from portal.extensions import db
from portal.models import AuditEvent, AuditLink

_PAGE = 2000


def document(row: Any) -> dict[str, Any]:
    """Return one event as programs read it; ``sequence`` and ``hash`` are absent until it is sealed."""
    told = {
        "id": row.id,
        "at": row.at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "event": row.event,
        "reference": row.reference,
        "client_id": row.client_id,
        "user_id": row.user_id,
        "fields": row.fields,
    }
    if row.sequence is not None:
        told |= {"sequence": row.sequence, "hash": row.hash}
    return told


def between(start: datetime | None, end: datetime | None) -> Iterator[dict[str, Any]]:
    """Yield every event from ``start`` (included) to ``end`` (not included), oldest first.

    Ordered by time and then by id, so that two exports of the same hours are the same, byte for byte, but
    for events that were sealed in between. Nothing is held open between pages.
    """
    query = (
        select(*chain.columns(), AuditLink.sequence, AuditLink.hash)
        .outerjoin(AuditLink, AuditLink.event_id == AuditEvent.id)
        .order_by(AuditEvent.at, AuditEvent.id)
        .limit(_PAGE)
    )
    if end is not None:
        query = query.where(AuditEvent.at < end)
    page = query if start is None else query.where(AuditEvent.at >= start)
    while rows := db.session.execute(page).all():
        db.session.rollback()
        yield from (document(row) for row in rows)
        last = rows[-1]
        page = query.where(
            # The first condition says nothing new, and is the one that the index on `at` can answer.
            AuditEvent.at >= last.at,
            tuple_(AuditEvent.at, AuditEvent.id) > (last.at, last.id),
        )


def after(sequence: int, most: int) -> list[dict[str, Any]]:
    """Return up to ``most`` sealed events that follow ``sequence`` in the chain."""
    rows = db.session.execute(
        select(*chain.columns(), AuditLink.sequence, AuditLink.hash)
        .join(AuditLink, AuditLink.event_id == AuditEvent.id)
        .where(AuditLink.sequence > sequence)
        .order_by(AuditLink.sequence)
        .limit(most)
    ).all()
    return [document(row) for row in rows]
