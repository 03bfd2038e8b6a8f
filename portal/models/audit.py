"""The audit log, the chain that seals it, and how far it was sent."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from portal.extensions import Model


class AuditEvent(Model):
    """One thing that happened. Written by ``portal.audit.log`` alone, in the commit of the change."""

    __tablename__ = "audit_events"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    #: ``room:subject:action``, a member of ``portal.audit.events.Event``.
    event: Mapped[str] = mapped_column(String(64))
    #: The journey's short reference, where one is involved.
    reference: Mapped[str | None] = mapped_column(String(16), index=True)
    client_id: Mapped[str | None] = mapped_column(String(128))
    user_id: Mapped[str | None] = mapped_column(String(32), index=True)
    #: The event's declared fields; never a secret, token, code or personal data.
    fields: Mapped[dict[str, Any]] = mapped_column(JSON)


class AuditLink(Model):
    """An event's place in the chain: what was sealed before it is part of its hash."""

    __tablename__ = "audit_links"

    #: Without gaps, in the order in which events were sealed.
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    event_id: Mapped[int] = mapped_column(BigInteger, unique=True)
    #: HMAC-SHA-256 over the hash before, the place and the event, in hex.
    hash: Mapped[str] = mapped_column(String(64))


class AuditChain(Model):
    """Where the chain begins and ends; one row."""

    __tablename__ = "audit_chains"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    #: The key of the hashes, sealed by the vault: who can write the tables alone cannot make a hash.
    key_sealed: Mapped[str] = mapped_column(Text)
    head_sequence: Mapped[int] = mapped_column(BigInteger)
    head_hash: Mapped[str] = mapped_column(String(64))
    #: The last link that was removed because it was old: the next one goes on from it.
    pruned_sequence: Mapped[int] = mapped_column(BigInteger)
    pruned_hash: Mapped[str] = mapped_column(String(64))
    #: No event up to this id is still to come.
    settled_id: Mapped[int] = mapped_column(BigInteger)
    #: The next ``settled_id``, once every transaction before ``candidate_xid`` is over (PostgreSQL).
    candidate_id: Mapped[int | None] = mapped_column(BigInteger)
    candidate_xid: Mapped[int | None] = mapped_column(BigInteger)
    candidate_at: Mapped[datetime | None]
    #: HMAC-SHA-256 over both ends and ``settled_id``.
    mac: Mapped[str] = mapped_column(String(64))


class AuditSink(Model):
    """How far the audit log was sent to a receiver outside."""

    __tablename__ = "audit_sinks"

    #: ``webhook`` or ``syslog``.
    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    #: The last place in the chain that was delivered.
    sequence: Mapped[int] = mapped_column(BigInteger)
    #: The message of the outbox that carries the next batch, ``None`` if none is under way.
    message_id: Mapped[str | None] = mapped_column(String(32))
    delivered_at: Mapped[datetime | None]
