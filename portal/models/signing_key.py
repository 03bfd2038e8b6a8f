"""The keys that sign ID tokens."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from portal.extensions import Model


class SigningKey(Model):
    """A key pair: published from its making until ``published_until``, signing from ``active_from``."""

    __tablename__ = "signing_keys"

    kid: Mapped[str] = mapped_column(String(64), primary_key=True)
    alg: Mapped[str] = mapped_column(String(8), index=True)
    #: The private JWK, sealed by the vault.
    private_sealed: Mapped[str] = mapped_column(Text)
    public_jwk: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    active_from: Mapped[datetime]
    #: Set when a newer key took over and every token this one signed will have expired.
    published_until: Mapped[datetime | None]
