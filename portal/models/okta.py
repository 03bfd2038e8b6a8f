"""The connection to an Okta organisation, and what is known of the registration attribute there."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from portal.extensions import Model


class OktaConnection(Model):
    """The one Okta organisation that the portal talks to, and with which credential."""

    __tablename__ = "okta_connections"

    #: Always ``okta``: the key is what makes it one.
    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    org_url: Mapped[str] = mapped_column(String(512))
    #: ``ssws`` (an API token) or ``service_app`` (``private_key_jwt``).
    credential_kind: Mapped[str] = mapped_column(String(16))
    #: The service app's, where there is one.
    client_id: Mapped[str | None] = mapped_column(String(128))
    #: The API token, or the service app's private key as a JWK.
    credential_sealed: Mapped[str] = mapped_column(Text)
    #: The scopes that Okta grants the service app; empty for an API token.
    scopes: Mapped[list[str]] = mapped_column(JSON)
    #: The boolean of Okta's user profile that says whether a person can use the factor.
    attribute: Mapped[str] = mapped_column(String(64))
    #: The Okta group that the factor is for.
    group_id: Mapped[str | None] = mapped_column(String(64))
    group_name: Mapped[str | None] = mapped_column(String(255))
    #: The OpenID client under which people prove at Okta who they are before they enrol.
    sign_in_client_id: Mapped[str | None] = mapped_column(String(128))
    sign_in_secret_sealed: Mapped[str | None] = mapped_column(Text)
    #: Another issuer than the organisation's own authorization server.
    sign_in_issuer: Mapped[str | None] = mapped_column(String(512))
    #: What Okta let this credential do when the connection was checked last.
    checks: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class OktaHookSecret(Model):
    """A secret that Okta sends with event hooks, as a digest; several are valid while one is rotated."""

    __tablename__ = "okta_hook_secrets"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    #: Rounded to a minute or so.
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class OktaRegistration(Model):
    """What Okta's registration attribute holds for a person, and who is writing it."""

    __tablename__ = "okta_registrations"

    okta_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    #: ``None``: not known, because nothing was written yet or a write is under way or was cut off.
    value: Mapped[bool | None]
    #: When it was learnt, or became unknown; what was read from Okta before that is out of date.
    known_at: Mapped[datetime]
    #: Whoever holds the token may write to Okta; nobody else until the lease ends.
    lease_token: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None]


class PauseScope(StrEnum):
    """Whom a pause concerns: everybody, a group that was pushed by SCIM, or a group read from Okta."""

    ALL = "all"
    SCIM_GROUP = "scim_group"
    OKTA_GROUP = "okta_group"


class OktaPause(Model):
    """A time in which a group of people, or all, fall back to Okta without the factor."""

    __tablename__ = "okta_pauses"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    #: A :class:`PauseScope`.
    scope: Mapped[str] = mapped_column(String(16))
    group_id: Mapped[str | None] = mapped_column(String(64))
    group_name: Mapped[str | None] = mapped_column(String(255))
    reason: Mapped[str] = mapped_column(String(500))
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(index=True)


class OktaPausedPerson(Model):
    """Somebody who was in the group when the pause of that group reached them."""

    __tablename__ = "okta_paused_people"

    pause_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    #: Okta's id and not ours: who is paused may be known here only later.
    okta_id: Mapped[str] = mapped_column(String(64), primary_key=True, index=True)
