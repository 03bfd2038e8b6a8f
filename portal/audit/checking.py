"""Going through the sealed audit log and saying which event is not as it was."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from portal import credentials
from portal.audit import chain
from portal.extensions import db
from portal.models import AuditChain, AuditEvent, AuditLink

_PAGE = 2000


@dataclass(frozen=True)
class Fault:
    """Something that is not as it was sealed: ``kind`` is a stable name, the rest says where."""

    #: ``changed``, ``removed``, ``inserted``, ``link-removed``, ``cut-off``, ``state``, ``expected``.
    kind: str
    #: The place in the chain, ``None`` for an event that has none.
    sequence: int | None
    event_id: int | None
    what: str


@dataclass(frozen=True)
class Extent:
    """What was looked at: where the chain begins and ends, and what is still to be sealed."""

    first: int
    last: int
    head: str
    unsealed: int
    oldest_unsealed: datetime | None


def extent() -> Extent | None:
    """Return how far the chain reaches, ``None`` if nothing was ever sealed."""
    state = chain.current()
    if state is None:
        return None
    count, oldest = db.session.execute(
        select(func.count(), func.min(AuditEvent.at)).where(chain.unsealed(state.settled_id))
    ).one()
    return Extent(state.pruned_sequence + 1, state.head_sequence, state.head_hash, count, oldest)


def faults(expected: tuple[int, str] | None = None) -> Iterator[Fault]:
    """Yield everything that is wrong, in the chain's order; nothing is changed.

    ``expected`` is a place and its hash as a sink or an export has kept them: an attacker who rolled back
    the whole database cannot roll back those. Raises ``UnsealError`` where the chain's key is sealed with an
    encryption key that is not configured.
    """
    state = chain.current()
    if state is None:
        yield from _without_state()
        return
    key = chain.key_of(state)
    if not credentials.same(state.mac, chain.mac_of(key, state)):
        yield Fault("state", None, None, "Where the chain begins and ends was changed.")
    last, before = state.pruned_sequence, state.pruned_hash
    head = (state.head_sequence, state.head_hash)
    settled = state.settled_id
    for row in _links(last, head[0]):
        for missing in _gap(last, row.sequence):
            yield Fault("link-removed", missing, None, "The place is empty: event and hash were removed.")
        fault = _fault_of(row, key, before)
        if fault is not None:
            yield fault
        last, before = row.sequence, row.hash
    if (last, before) != head:
        yield Fault("cut-off", last + 1, None, f"The chain ended at place {head[0]} and now ends at {last}.")
    yield from _beyond(head[0])
    yield from _inserted(settled)
    if expected is not None:
        yield from _unexpected(*expected, state)


def _without_state() -> Iterator[Fault]:
    if db.session.scalar(select(AuditLink.sequence).limit(1)) is not None:
        yield Fault("state", None, None, "Where the chain begins and ends was removed.")


def _links(after: int, up_to: int) -> Iterator[Any]:
    """Yield the links with their events, page by page: a page is one statement and holds nothing back."""
    while True:
        page = db.session.execute(
            select(AuditLink.sequence, AuditLink.event_id, AuditLink.hash, *chain.columns())
            .outerjoin(AuditEvent, AuditEvent.id == AuditLink.event_id)
            .where(AuditLink.sequence > after, AuditLink.sequence <= up_to)
            .order_by(AuditLink.sequence)
            .limit(_PAGE)
        ).all()
        db.session.rollback()
        if not page:
            return
        yield from page
        after = page[-1].sequence


def _gap(last: int, sequence: int) -> range:
    """Return the places that are missing, but for those that were pruned while we looked."""
    if sequence == last + 1:
        return range(0)
    state = chain.current()
    pruned = state.pruned_sequence if state else 0
    return range(max(last, pruned) + 1, sequence)


def _fault_of(row: Any, key: bytes, before: str) -> Fault | None:
    if row.id is None:
        return Fault("removed", row.sequence, row.event_id, "The event was removed.")
    if credentials.same(row.hash, chain.hash_of(key, before, row.sequence, row)):
        return None
    return Fault("changed", row.sequence, row.event_id, "The event, its place or its hash was changed.")


def _beyond(head: int) -> Iterator[Fault]:
    """Yield links after the end of the chain; what was sealed meanwhile has moved the end."""
    state = chain.current()
    end = max(head, state.head_sequence if state else 0)
    for row in db.session.execute(
        select(AuditLink.sequence, AuditLink.event_id)
        .where(AuditLink.sequence > end)
        .order_by(AuditLink.sequence)
    ):
        yield Fault("inserted", row.sequence, row.event_id, "The link stands after the end of the chain.")


def _inserted(settled: int) -> Iterator[Fault]:
    """Yield events among the sealed ones that were never sealed."""
    linked = select(AuditLink.event_id).where(AuditLink.event_id == AuditEvent.id).exists()
    for row in db.session.execute(
        select(AuditEvent.id).where(AuditEvent.id <= settled, ~linked).order_by(AuditEvent.id)
    ):
        yield Fault("inserted", None, row.id, "The event was put among sealed ones, and is not sealed.")


def _unexpected(sequence: int, known: str, state: AuditChain) -> Iterator[Fault]:
    if sequence == state.pruned_sequence:
        found: str | None = state.pruned_hash
    else:
        found = db.session.scalar(select(AuditLink.hash).where(AuditLink.sequence == sequence))
    if found is None or not credentials.same(found, known):
        what = "is gone" if found is None else "has another hash"
        yield Fault("expected", sequence, None, f"The place that was noted elsewhere {what}.")
