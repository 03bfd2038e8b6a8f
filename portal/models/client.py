"""Relying parties and their secrets."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.extensions import Model


class Client(Model):
    """A relying party: Okta in one of its usages, or any other OpenID Connect client."""

    __tablename__ = "clients"

    #: The ``client_id``; by default the verification configuration's UUID.
    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    #: The name people see: "Acme asks you to …".
    name: Mapped[str] = mapped_column(String(200))
    #: ``okta-factor``, ``okta-sso``, ``okta-idv`` or ``oidc`` (design: profiles of a client).
    profile: Mapped[str] = mapped_column(String(16))
    verification_id: Mapped[str] = mapped_column(ForeignKey("verification_configurations.id"), index=True)
    #: Exactly as registered; compared character by character.
    redirect_uris: Mapped[list[str]] = mapped_column(JSON)
    #: ``invited``, ``signed`` or ``first-use``: who may be enrolled inside a sign-in.
    enrolment_policy: Mapped[str] = mapped_column(String(16))
    require_pkce: Mapped[bool]
    #: ``RS256`` (what Okta is known to accept), ``ES256``, ``PS256`` or ``EdDSA``.
    id_token_alg: Mapped[str] = mapped_column(String(8))
    #: Signature algorithms taken in ``request`` objects; empty: request objects are refused.
    request_object_algs: Mapped[list[str]] = mapped_column(JSON)
    #: The client's public keys, for ``private_key_jwt`` and RS/ES request objects: a JWK Set, or where it is.
    jwks: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    jwks_uri: Mapped[str | None] = mapped_column(String(2048))
    #: Requests must be pushed (RFC 9126 section 5).
    require_par: Mapped[bool] = mapped_column(server_default=false())
    #: How claims are encoded in ``verified_claims`` for Okta: ``object`` (today's contract) or ``plain``.
    claim_encoding: Mapped[str] = mapped_column(String(8), server_default="object")
    #: What stands in the place of a matched value: ``MATCHED`` (no personal data leaves) or ``values``.
    claim_returns: Mapped[str] = mapped_column(String(8), server_default="MATCHED")
    #: From which score two names count as the same (0 to 1); ``None``: the measured default.
    name_threshold: Mapped[float | None]
    #: Trust frameworks that may be asserted beside the profile's own; ``None``: no other.
    trust_frameworks: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]

    secrets: Mapped[list["ClientSecret"]] = relationship(
        order_by="ClientSecret.created_at.desc()", lazy="selectin", cascade="all, delete-orphan"
    )


class ClientSecret(Model):
    """One of a client's secrets; two may live at once while a rotation is under way."""

    __tablename__ = "client_secrets"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("clients.id"), index=True)
    digest: Mapped[str] = mapped_column(String(64))
    #: Only where the secret also keys the client's signed request objects (HS256 …): sealed by the vault.
    sealed: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    #: ``None``: until it is rotated out.
    expires_at: Mapped[datetime | None]


class Flow(Model):
    """A named way of verifying, chosen by the scope ``idv_flow_<name>``; the rest is the client's."""

    __tablename__ = "flows"

    client_id: Mapped[str] = mapped_column(ForeignKey("clients.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    verification_id: Mapped[str | None] = mapped_column(ForeignKey("verification_configurations.id"))
    #: Verifiers that must pass beside those of the configuration.
    required_verifiers: Mapped[list[str]] = mapped_column(JSON)
    claim_returns: Mapped[str | None] = mapped_column(String(8))
    name_threshold: Mapped[float | None]
    #: What the start page says the check is for: ``enrol``, ``recover``, ``unlock`` or ``verify``.
    purpose: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
