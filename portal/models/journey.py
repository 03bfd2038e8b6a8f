"""One pending authorization or enrolment from its first request to its end, and its captures."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.extensions import Model


class JourneyPurpose(StrEnum):
    """What a journey is for: a client's request, or an invitation to enrol."""

    AUTHORIZE = "authorize"
    ENROL = "enrol"


class JourneyState(StrEnum):
    """Where a journey stands; ``portal.journey.lifecycle`` holds every legal move."""

    OPEN = "OPEN"
    CAPTURING = "CAPTURING"
    VERIFIED = "VERIFIED"
    REFUSED = "REFUSED"
    ISSUED = "ISSUED"
    REDEEMED = "REDEEMED"
    ENROLLED = "ENROLLED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


_UNFINISHED = text("ended_at IS NULL")
_FINISHED = text("ended_at IS NOT NULL")


class Journey(Model):
    """One pending authorization or enrolment: after the first hop, only what is stored here counts."""

    __tablename__ = "journeys"
    __table_args__ = (
        # Each journey is in one of the two. Those that run are a handful beside those that are kept, and
        # looking for the ones whose time is over must not go through what ended long ago.
        Index("ix_journeys_unfinished", "expires_at", sqlite_where=_UNFINISHED, postgresql_where=_UNFINISHED),
        Index("ix_journeys_finished", "ended_at", sqlite_where=_FINISHED, postgresql_where=_FINISHED),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    #: Short, for people and logs: a name, not a secret.
    reference: Mapped[str] = mapped_column(String(16), unique=True)
    state: Mapped[str] = mapped_column(String(16))
    #: Counts the steps taken; a step link is good for one turn only.
    turn: Mapped[int]
    purpose: Mapped[str] = mapped_column(String(16), server_default=JourneyPurpose.AUTHORIZE.value)
    #: Who asked; nobody did where the journey is for an enrolment.
    client_id: Mapped[str | None] = mapped_column(ForeignKey("clients.id"))
    verification_id: Mapped[str] = mapped_column(ForeignKey("verification_configurations.id"))
    #: The authorization request as it was checked.
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON)
    #: The request's integrity is proven: a signed request object, or pushed.
    integrity_proven: Mapped[bool]
    #: SHA-256 of the browser's cookie.
    browser_digest: Mapped[str] = mapped_column(String(64))
    #: The account as it was hinted or typed, for showing it back to the same person.
    account: Mapped[str | None] = mapped_column(String(320))
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"), index=True)
    #: Captures that came back without a pass, and how many may; links given out to VerifEye.
    attempts: Mapped[int]
    links: Mapped[int]
    attempts_allowed: Mapped[int]
    #: Why the last capture did not count: a member of ``portal.capture.verdict.Reason``.
    refusal: Mapped[str | None] = mapped_column(String(64))
    consent_version: Mapped[str | None] = mapped_column(String(32))
    consented_at: Mapped[datetime | None]
    #: The enrolment that the passed capture made or matched.
    enrolment_id: Mapped[str | None] = mapped_column(String(32))
    verified_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Capture(Model):
    """One attempt at the camera: a link that was given out, and what came back."""

    __tablename__ = "captures"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    journey_id: Mapped[str] = mapped_column(ForeignKey("journeys.id"), index=True)
    #: SHA-256 of the one-time state that VerifEye passes through.
    state_digest: Mapped[str] = mapped_column(String(64), unique=True)
    #: The identifier given to VerifEye, which its result must repeat if it names one.
    external_id: Mapped[str] = mapped_column(String(64))
    enrolment_id: Mapped[str] = mapped_column(String(32))
    #: Whether a pass makes a new enrolment, rather than matching one that was proven before.
    enrols: Mapped[bool]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    #: VerifEye's session, lower-case without dashes; unique, so that no session counts twice.
    session_id: Mapped[str | None] = mapped_column(String(64), unique=True)
    passed: Mapped[bool | None]
    reason: Mapped[str | None] = mapped_column(String(64))
