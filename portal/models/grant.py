"""The authorization code and the access token it turns into: one row, so that single use is one UPDATE."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.extensions import Model


class AuthorizationGrant(Model):
    """A code, from being minted to being redeemed, and the access token that redemption produced.

    Everything a token needs is stored when the code is minted; redemption reads nothing else.
    """

    __tablename__ = "authorization_grants"

    code_digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    journey_id: Mapped[str] = mapped_column(ForeignKey("journeys.id"), index=True)
    client_id: Mapped[str] = mapped_column(String(128))
    #: ``None`` where the client is told that somebody unknown was not verified.
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"), index=True)
    redirect_uri: Mapped[str] = mapped_column(String(2048))
    scope: Mapped[str] = mapped_column(String(1024))
    #: S256 of the verifier, or ``None`` where the client sent no challenge.
    code_challenge: Mapped[str | None] = mapped_column(String(128))
    #: The claims of the ID token that depend on the journey: ``sub``, ``nonce``, ``auth_time``, ``amr`` …
    id_token_claims: Mapped[dict[str, Any]] = mapped_column(JSON)
    #: The claims of the userinfo answer.
    userinfo_claims: Mapped[dict[str, Any]] = mapped_column(JSON)
    #: A provisional enrolment that becomes final when this code is redeemed.
    confirms_enrolment: Mapped[str | None] = mapped_column(String(32))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    redeemed_at: Mapped[datetime | None]
    #: The access token: opaque outside, a digest here.
    access_digest: Mapped[str | None] = mapped_column(String(64), unique=True)
    access_expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


_UNOPENED = text("journey_id IS NULL")


class PushedRequest(Model):
    """An authorization request that a client pushed ahead (RFC 9126), until the browser opens it."""

    __tablename__ = "pushed_requests"
    __table_args__ = (
        # Nearly all are opened within a second: what nobody opened is found without going through those.
        Index(
            "ix_pushed_requests_unopened", "expires_at", sqlite_where=_UNOPENED, postgresql_where=_UNOPENED
        ),
    )

    #: SHA-256 of the request_uri.
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    client_id: Mapped[str] = mapped_column(String(128))
    #: The request as it was checked: what the journey will store.
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    #: Until when it may be opened for the first time.
    expires_at: Mapped[datetime] = mapped_column(index=True)
    #: The journey that opened it; set once.
    journey_id: Mapped[str | None] = mapped_column(String(32))
