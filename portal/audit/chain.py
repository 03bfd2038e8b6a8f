"""Sealing the audit log: each event's hash covers the one before, so that none can be changed unseen.

Events are written as fast as journeys come and take no lock for it; a worker seals them afterwards, in
batches. The place in the chain is a number of its own, because on PostgreSQL ids become visible out of
order: an event that comes late is sealed late, and nothing is missed. The hashes are keyed, and the key is
sealed with the encryption key of the environment: whoever can write the tables alone cannot make one.

What it cannot tell: an event that was changed in the seconds before it was sealed, and tables that were
rolled back as a whole to what they were once (compare with what a sink or an export holds).
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Row, Text, cast, delete, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from portal import clock, credentials
from portal.audit.events import Event
from portal.audit.log import record
from portal.extensions import db, rows_touched, vault
from portal.models import AuditChain, AuditEvent, AuditLink, AuditSink

BATCH = 1000
_GENESIS = "0" * 64
#: Longer than any statement may take: an id is drawn a moment before its transaction gets a number.
_SETTLING_SECONDS = 60

_IS_ACCEPTANCE = AuditEvent.event == Event.AUDIT_CHAIN_ACCEPTED.label
Sealed = Row[tuple[int, datetime, str, str | None, str | None, str | None, dict[str, Any]]]


class ChainBroken(Exception):
    """The chain is not as it was left; the message is a sentence of ours."""


class ChainMoved(Exception):
    """Somebody else sealed or removed events at the same time; nothing of this attempt may last."""


def columns() -> tuple[Any, ...]:
    """Return the columns of an event that its hash covers, for a ``select``."""
    table = AuditEvent
    return (
        table.id, table.at, table.event, table.reference, table.client_id, table.user_id, table.fields,
    )  # fmt: skip


def current() -> AuditChain | None:
    """Return the chain, ``None`` if nothing was ever sealed."""
    return db.session.get(AuditChain, 1, populate_existing=True)


def _held() -> AuditChain | None:
    """Return the chain, held until the commit: whoever else wants to move it waits."""
    if db.session.get_bind().dialect.name == "sqlite":
        # It knows no row locks: a write, even of nothing, keeps other writers out.
        db.session.execute(update(AuditChain).values(id=1).execution_options(synchronize_session=False))
    return db.session.get(AuditChain, 1, populate_existing=True, with_for_update=True)


def key_of(chain: AuditChain) -> bytes:
    """Return the key of the hashes; raises ``UnsealError`` where the encryption key was changed."""
    return bytes.fromhex(vault().unseal(chain.key_sealed))


def hash_of(key: bytes, before: str, sequence: int, event: Any) -> str:
    """Return the hash of ``event`` (a row with :func:`columns`) at ``sequence`` after ``before``."""
    moment = event.at.astimezone(UTC).isoformat(timespec="microseconds")
    about = [event.reference, event.client_id, event.user_id, event.fields]
    return _hmac(key, [before, sequence, event.id, moment, event.event, *about])


def mac_of(key: bytes, chain: AuditChain) -> str:
    """Return what ``chain.mac`` has to be."""
    return _hmac(
        key,
        [
            chain.head_sequence,
            chain.head_hash,
            chain.pruned_sequence,
            chain.pruned_hash,
            chain.settled_id,
        ],
    )


def _hmac(key: bytes, content: Sequence[Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hmac.new(key, text.encode("ascii"), hashlib.sha256).hexdigest()


def seal(after: int | None = None) -> tuple[int, int | None]:
    """Seal the next batch of events; flushes; return how many there were and the id of the last.

    ``after`` is the id of the last event of the batch before, within one round; a new round begins without
    it and takes up what became visible late. Raises :class:`ChainBroken` and :class:`ChainMoved`.
    """
    chain = _held() or _begin()
    key = _checked(chain)
    settled = after is None and _candidate_is_settled(chain)
    rows = _unsealed(chain.settled_id if after is None else after)
    sequence, head = chain.head_sequence, chain.head_hash
    links = []
    for row in rows:
        sequence, head = sequence + 1, hash_of(key, head, sequence + 1, row)
        links.append({"sequence": sequence, "event_id": row.id, "hash": head})
    if links:
        try:
            db.session.execute(insert(AuditLink), links)
        except IntegrityError as taken:
            raise ChainMoved from taken
    last = rows[-1].id if rows else None
    changes = _settling(chain, settled, last, complete=len(rows) < BATCH)
    if rows or changes:
        _write(chain, key, {"head_sequence": sequence, "head_hash": head} | changes)
    return len(rows), last


def prune(before: datetime) -> int:
    """Remove the oldest sealed events, up to a batch, that are older than ``before``; flushes.

    The chain keeps the hash of the last one removed, from which the next goes on. What is not sealed yet,
    and what a sink has still to send, stays. Returns how many were removed.
    """
    seal()
    chain = _held()
    assert chain is not None
    key = _checked(chain)
    rows = db.session.execute(
        select(AuditLink.sequence, AuditLink.event_id, AuditLink.hash, AuditEvent.at)
        .outerjoin(AuditEvent, AuditEvent.id == AuditLink.event_id)
        .where(AuditLink.sequence > chain.pruned_sequence)
        .order_by(AuditLink.sequence)
        .limit(BATCH)
    ).all()
    undelivered = db.session.scalar(select(func.min(AuditSink.sequence)))
    old: list[Any] = []
    place, accepted = chain.pruned_sequence, None
    for row in rows:
        place += 1
        if row.at is None or row.sequence != place:
            accepted = _accepted_place() if accepted is None else accepted
            if row.sequence > accepted:
                raise ChainBroken(f"The event at place {place} is missing.")
        place = row.sequence
        # One that is missing, and accepted so, is as old as its neighbours.
        young = row.at is not None and row.at >= before
        if young or (undelivered is not None and row.sequence > undelivered):
            break
        old.append(row)
    if not old:
        return 0
    for column, values in (
        (AuditEvent.id, [row.event_id for row in old]),
        (AuditLink.sequence, [row.sequence for row in old]),
    ):
        db.session.execute(
            delete(column.class_).where(column.in_(values)).execution_options(synchronize_session=False)
        )
    changes = {"pruned_sequence": old[-1].sequence, "pruned_hash": old[-1].hash}
    if db.session.scalar(select(func.max(AuditEvent.id))) is None:
        # SQLite gives out the ids of an empty table again.
        changes |= {"settled_id": 0, "candidate_id": None}
    _write(chain, key, changes)
    return len(old)


def accept() -> None:
    """Go on from the last link there is, although the chain is broken; recorded and sealed; flushes.

    For an operator who has looked at what ``verify`` found. What was changed stays visible to it, and a place
    that was cut off stays empty: receivers have an event under it, and would take no other.
    """
    chain = _held()
    if chain is None:
        raise ChainBroken("There is no chain to go on from.")
    key, last = key_of(chain), _last_link()
    kept, before = (last.sequence, last.hash) if last else (chain.pruned_sequence, chain.pruned_hash)
    state_is_ours = credentials.same(chain.mac, mac_of(key, chain))
    place = max(kept, chain.head_sequence if state_is_ours else 0) + 1
    record(Event.AUDIT_CHAIN_ACCEPTED, sequence=kept)
    db.session.flush()
    event = db.session.execute(
        select(*columns()).where(_IS_ACCEPTANCE).order_by(AuditEvent.id.desc()).limit(1)
    ).one()
    head = hash_of(key, before, place, event)
    db.session.execute(insert(AuditLink), [{"sequence": place, "event_id": event.id, "hash": head}])
    _write(chain, key, {"head_sequence": place, "head_hash": head})


def _accepted_place() -> int:
    """Return the place of the newest sealed acceptance, 0 without one.

    What is missing before it does not stop the removal of what is old, also where it went missing since:
    ``verify`` names each until then.
    """
    return (
        db.session.scalar(
            select(func.max(AuditLink.sequence))
            .join(AuditEvent, AuditEvent.id == AuditLink.event_id)
            .where(_IS_ACCEPTANCE)
        )
        or 0
    )


def _begin() -> AuditChain:
    """Make the chain's first state, or take the one that another worker makes at this very moment.

    The process's log tells of it, wherever that is kept.
    """
    if _last_link() is not None:
        if (meanwhile := _held()) is not None:
            return meanwhile
        raise ChainBroken("The chain's state was removed, but not its links.")
    key = credentials.random_hex(256)
    chain = AuditChain(
        id=1,
        key_sealed=vault().seal(key),
        head_sequence=0,
        head_hash=_GENESIS,
        pruned_sequence=0,
        pruned_hash=_GENESIS,
        settled_id=0,
        mac="",
    )
    chain.mac = mac_of(bytes.fromhex(key), chain)
    try:
        with db.session.begin_nested():
            db.session.add(chain)
    except IntegrityError:
        return db.session.get_one(AuditChain, 1, populate_existing=True, with_for_update=True)
    record(Event.AUDIT_CHAIN_BEGUN)
    return chain


def _checked(chain: AuditChain) -> bytes:
    """Return the key, if both ends are as they were left: what is added must not cover up what was done."""
    key = key_of(chain)
    last = _last_link()
    end = (last.sequence, last.hash) if last else (chain.pruned_sequence, chain.pruned_hash)
    if not credentials.same(chain.mac, mac_of(key, chain)):
        raise ChainBroken("The chain's state was changed. `flask audit verify` says more.")
    if end != (chain.head_sequence, chain.head_hash):
        raise ChainBroken("The end of the chain was changed or cut off. `flask audit verify` says more.")
    return key


def _last_link() -> AuditLink | None:
    return db.session.scalars(
        select(AuditLink)
        .order_by(AuditLink.sequence.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    ).first()


def unsealed(after: int) -> Any:
    """Return the condition for events with an id above ``after`` that have no place in the chain."""
    return (AuditEvent.id > after) & ~exists().where(AuditLink.event_id == AuditEvent.id)


def _unsealed(after: int) -> Sequence[Sealed]:
    query = select(*columns()).where(unsealed(after)).order_by(AuditEvent.id).limit(BATCH)
    return db.session.execute(query).all()


def _candidate_is_settled(chain: AuditChain) -> bool:
    """Say whether every transaction that might still bring an id up to the candidate is over."""
    if chain.candidate_id is None or chain.candidate_at is None:
        return False
    if db.session.get_bind().dialect.name != "postgresql":
        return True
    waited = (clock.now() - chain.candidate_at).total_seconds() >= _SETTLING_SECONDS
    return waited and _transaction(func.pg_snapshot_xmin) >= (chain.candidate_xid or 0)


def _settling(chain: AuditChain, settled: bool, last: int | None, *, complete: bool) -> dict[str, Any]:
    """Return how far the search for events that come late may move on."""
    changes: dict[str, Any] = {}
    done_up_to = chain.candidate_id if complete or last is None else last
    if settled and chain.candidate_id is not None and chain.candidate_id <= (done_up_to or 0):
        changes = {"settled_id": chain.candidate_id, "candidate_id": None}
    if last is not None and (changes or chain.candidate_id is None):
        postgresql = db.session.get_bind().dialect.name == "postgresql"
        changes["candidate_id"] = last
        changes["candidate_xid"] = _transaction(func.pg_snapshot_xmax) if postgresql else 0
        changes["candidate_at"] = clock.now()
    return changes


def _transaction(end: Any) -> int:
    number = cast(cast(end(func.pg_current_snapshot()), Text), BigInteger)
    return int(db.session.scalar(select(number)) or 0)


def _write(chain: AuditChain, key: bytes, changes: dict[str, Any]) -> None:
    """Move the chain's state on from what was read, in one UPDATE; raises :class:`ChainMoved`."""
    before = chain.mac
    state = {name: getattr(chain, name) for name in
             ("head_sequence", "head_hash", "pruned_sequence", "pruned_hash", "settled_id")}  # fmt: skip
    changes = {**changes, "mac": mac_of(key, AuditChain(**(state | _known(changes, state))))}
    result = db.session.execute(
        update(AuditChain)
        .where(AuditChain.id == 1, AuditChain.mac == before)
        .values(**changes)
        .execution_options(synchronize_session=False)
    )
    if rows_touched(result) != 1:
        raise ChainMoved
    db.session.expire(chain)


def _known(changes: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in changes.items() if name in state}
