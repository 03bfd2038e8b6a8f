"""What may be presented only once, and hints that came from outside."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from portal.extensions import Model


class ClientAssertion(Model):
    """The ``jti`` of a client assertion that was used (RFC 7523 section 3, item 7)."""

    __tablename__ = "client_assertions"

    #: SHA-256 of client id and ``jti``.
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    #: When the assertion itself expires: after that its ``jti`` need not be remembered.
    expires_at: Mapped[datetime] = mapped_column(index=True)


class SessionNotice(Model):
    """VerifEye's webhook said that a session finished: a hint for operators, never a verdict."""

    __tablename__ = "session_notices"

    #: VerifEye's session id, lower-case without dashes.
    session_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    verification_id: Mapped[str] = mapped_column(String(36))
    received_at: Mapped[datetime] = mapped_column(index=True)
