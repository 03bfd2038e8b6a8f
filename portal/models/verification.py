"""VerifEye verifications that this portal uses."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from portal.extensions import Model


class MatchMode(StrEnum):
    """The face-recognition mode set at VerifEye, which the portal cannot read and must be told."""

    #: One face, one identifier (UniqueMatchVerification).
    UNIQUE = "unique"
    #: The same face may be known under several identifiers (MatchVerification).
    MATCH = "match"


class VerificationConfiguration(Model):
    """One VerifEye verification: where it is, its key, and what must have passed."""

    __tablename__ = "verification_configurations"

    #: VerifEye's configuration id, lower-case with dashes.
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    #: ``eu``, ``us`` or ``custom``.
    region: Mapped[str] = mapped_column(String(8))
    service_url: Mapped[str] = mapped_column(String(2048))
    api_url: Mapped[str] = mapped_column(String(2048))
    api_key_sealed: Mapped[str] = mapped_column(Text)
    match_mode: Mapped[str] = mapped_column(String(8))
    #: Besides the face: ``liveness``, ``age``, ``gender`` — each must be exactly ``passed``.
    required_verifiers: Mapped[list[str]] = mapped_column(JSON)
    #: Sign links here instead of through VerifEye's ``signature/create``.
    sign_locally: Mapped[bool]
    #: The order of the parameters in VerifEye's return, learnt from the first result it vouched for:
    #: its signature does not cover the order, and a shuffled return is not its own.
    result_order: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    #: Another order that returns came in lately, and in which sessions in a row.
    order_candidate: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    #: A face that matched was seen to keep its id: from then on another id is another face.
    face_ids_stable: Mapped[bool] = mapped_column(server_default=false())
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
