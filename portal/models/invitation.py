"""Invitations to enrol."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.extensions import Model


class InvitationEnd(StrEnum):
    """Why an invitation is good no more, besides its time being over.

    ``USED``: the person enrolled by it. ``REVOKED``: an operator took it back. ``SUPERSEDED``: another one
    took its place. ``ENROLLED``: the person enrolled in another way.
    """

    USED = "used"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"
    ENROLLED = "enrolled"


_OPEN = text("ended_at IS NULL")


class Invitation(Model):
    """One person asked to enrol at one verification. The link that they get is signed and not stored."""

    __tablename__ = "invitations"
    __table_args__ = (
        # Of two that are made at once, one is refused: one person gets one mail.
        Index(
            "uq_invitations_open",
            "user_id",
            "verification_id",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
    )

    #: Random; with the signature around it, what the link carries.
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    verification_id: Mapped[str] = mapped_column(ForeignKey("verification_configurations.id"))
    #: Who wanted it: ``operator``, ``scim``, ``okta``, ``reminder``, ``person``.
    how: Mapped[str] = mapped_column(String(32))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    #: When the last mail went out, and when somebody first began by the link.
    sent_at: Mapped[datetime | None]
    begun_at: Mapped[datetime | None]
    #: When and why it was over before its time; an :class:`InvitationEnd`.
    ended_at: Mapped[datetime | None]
    ended_as: Mapped[str | None] = mapped_column(String(16))
    #: Reminders sent so far, also by the invitations that this one replaced; and when the next is due.
    reminders: Mapped[int]
    next_reminder_at: Mapped[datetime | None] = mapped_column(index=True)
