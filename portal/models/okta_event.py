"""What Okta told: its events, what they last said about a person, and the reconciling with what it has."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from portal.extensions import Model


class OktaEvent(Model):
    """One event about one person, reduced to what the portal goes by; whoever is named twice has two rows.

    Where somebody was when they did something, and who did it, is Okta's to keep.
    """

    __tablename__ = "okta_events"

    #: Okta's name for the event: the same event is kept once, however often and by whatever way it comes.
    uuid: Mapped[str] = mapped_column(String(64), primary_key=True)
    #: The ``User`` among the targets; empty where there is none.
    okta_id: Mapped[str] = mapped_column(String(64), primary_key=True, index=True)
    #: What arrived together is worked off together.
    batch: Mapped[str] = mapped_column(String(32), index=True)
    #: ``hook`` or ``log``.
    source: Mapped[str] = mapped_column(String(8))
    event_type: Mapped[str] = mapped_column(String(128))
    published: Mapped[datetime]
    #: The login that the event named, as Okta spells it.
    login: Mapped[str | None] = mapped_column(String(320))
    #: The ``UserGroup`` targets: ``[id, name]`` each.
    groups: Mapped[list[list[str]]] = mapped_column(JSON)
    succeeded: Mapped[bool]
    received_at: Mapped[datetime] = mapped_column(index=True)
    #: What became of it; ``None`` until it is worked off.
    outcome: Mapped[str | None] = mapped_column(String(16))


class OktaFact(Model):
    """The newest word of Okta's on one subject about one person, who need not be known here yet."""

    __tablename__ = "okta_facts"
    __table_args__ = (Index("ix_okta_facts_kind_published", "kind", "published"),)

    okta_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    #: A :class:`portal.users.okta_facts.Kind`.
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    value: Mapped[bool]
    #: When it was so at Okta: an older word never replaces a newer one.
    published: Mapped[datetime]
    #: Whether the directory follows it.
    applied: Mapped[bool]
    #: The login with which somebody who is not known yet can be added.
    login: Mapped[str | None] = mapped_column(String(320))


class OktaReconciliation(Model):
    """The one reconciliation, running or past: where it is, who works on it, what it found."""

    __tablename__ = "okta_reconciliations"

    #: Always ``okta``: the key is what makes it one.
    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    #: Whoever holds the token goes on; somebody else may after the lease.
    token: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None]
    #: ``log``, ``members``, ``plan``, ``apply`` or ``done``.
    phase: Mapped[str] = mapped_column(String(8))
    #: Okta's cursor to the next page, or the last person who was put right.
    after: Mapped[str | None] = mapped_column(Text)
    #: From when to when the System Log is read.
    since: Mapped[datetime]
    until: Mapped[datetime]
    forced: Mapped[bool]
    report: Mapped[dict[str, Any]] = mapped_column(JSON)
    #: Up to when the System Log has been read to the end.
    read_until: Mapped[datetime | None]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class OktaReading(Model):
    """A member of the group as Okta had them, while a reconciliation runs."""

    __tablename__ = "okta_readings"

    okta_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    status: Mapped[str] = mapped_column(String(32))
    #: The details that the directory keeps, by its own names, and the login.
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    #: What the registration attribute holds; ``None`` where it holds nothing.
    registered: Mapped[bool | None]
    read_at: Mapped[datetime]
