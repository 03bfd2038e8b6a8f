"""People, and the tie between a person and a face."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.extensions import Model


class UserStatus(StrEnum):
    """Whether a person may use the factor."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    ERASED = "erased"


class HoldReason(StrEnum):
    """Why the factor is held back; each reason is lifted only by what set it.

    ``OPERATOR``: an operator's command. ``OKTA_SUSPENDED`` and ``OKTA_DEACTIVATED``: the person's status in
    Okta. ``LEFT_GROUP``: removed from the Okta group that the factor is for. ``SCIM_INACTIVE``: ``active``
    is false at the SCIM server.
    """

    OPERATOR = "operator"
    OKTA_SUSPENDED = "okta_suspended"
    OKTA_DEACTIVATED = "okta_deactivated"
    LEFT_GROUP = "left_group"
    SCIM_INACTIVE = "scim_inactive"


class EnrolmentState(StrEnum):
    """How far the tie between a person and a face is proven.

    ``CANDIDATE``: an identifier was given out, no capture passed. ``PROVISIONAL``: a capture passed
    inside an authorization whose code is not redeemed yet. ``CONFIRMED``: it counts.
    """

    CANDIDATE = "candidate"
    PROVISIONAL = "provisional"
    CONFIRMED = "confirmed"


class User(Model):
    """A person in the directory."""

    __tablename__ = "users"
    #: Pages of people come in the order of their arrival.
    __table_args__ = (Index("ix_users_created_at_id", "created_at", "id"),)

    #: Random; the ``sub`` of every token about this person.
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    #: As Okta spells it: ``preferred_username`` must equal the Okta login.
    login: Mapped[str] = mapped_column(String(320))
    #: Case-folded, for look-ups: people do not remember capitals.
    login_key: Mapped[str] = mapped_column(String(320), unique=True)
    email: Mapped[str | None] = mapped_column(String(320))
    email_key: Mapped[str | None] = mapped_column(String(320), index=True)
    given_name: Mapped[str | None] = mapped_column(String(200))
    family_name: Mapped[str | None] = mapped_column(String(200))
    middle_name: Mapped[str | None] = mapped_column(String(200))
    #: ``YYYY-MM-DD``.
    birthdate: Mapped[str | None] = mapped_column(String(10))
    #: E.164.
    phone_number: Mapped[str | None] = mapped_column(String(32))
    #: ``street_address``, ``locality``, ``region``, ``postal_code``, ``country``.
    address: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    okta_id: Mapped[str | None] = mapped_column(String(64), unique=True)
    #: ``suspended`` while there is any :class:`UserHold`.
    status: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime] = mapped_column(index=True)


class UserHold(Model):
    """One reason for which a person's factor is held back."""

    __tablename__ = "user_holds"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    #: A :class:`HoldReason`.
    reason: Mapped[str] = mapped_column(String(16), primary_key=True)
    since: Mapped[datetime] = mapped_column(index=True)


class Enrolment(Model):
    """The tie between a user and a face at one verification configuration.

    VerifEye's match modes enrol whoever comes first under an identifier and report ``passed``, so
    this record, not VerifEye's answer, says whether somebody is enrolled.
    """

    __tablename__ = "enrolments"
    __table_args__ = (UniqueConstraint("user_id", "verification_id"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    verification_id: Mapped[str] = mapped_column(ForeignKey("verification_configurations.id"), index=True)
    #: Random lower-case hex; all that VerifEye knows of the person.
    external_id: Mapped[str] = mapped_column(String(64), unique=True)
    state: Mapped[str] = mapped_column(String(16))
    #: The journey whose capture passed, while the enrolment is provisional.
    journey_id: Mapped[str | None] = mapped_column(String(32), index=True)
    #: VerifEye's name for the stored template, needed to delete it.
    face_id: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
