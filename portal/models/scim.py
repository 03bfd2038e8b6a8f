"""SCIM: who may call, what clients said about people beyond the directory, and groups."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from portal.extensions import Model


class ScimToken(Model):
    """A secret with which a SCIM client calls; several may be good at once."""

    __tablename__ = "scim_tokens"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    #: What operators call it, and the user name of HTTP Basic.
    name: Mapped[str] = mapped_column(String(100), unique=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    #: The beginning of the token, by which an operator recognises it.
    prefix: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    #: Exact to a minute.
    last_used_at: Mapped[datetime | None]


class ScimUser(Model):
    """What a SCIM client said about a person; there is none for somebody whom no client has taken over."""

    __tablename__ = "scim_users"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    #: The client's own id of the person: Okta's user id, if the client is Okta.
    external_id: Mapped[str | None] = mapped_column(String(255), index=True)
    #: The person as the client described them, as far as the schema knows it; what the directory keeps too
    #: is read from there.
    attributes: Mapped[dict[str, Any]] = mapped_column(JSON)
    #: The further addresses, case-folded, each between line breaks, for look-ups.
    other_emails: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]


class ScimGroup(Model):
    """A group that a SCIM client pushed."""

    __tablename__ = "scim_groups"
    __table_args__ = (Index("ix_scim_groups_created_at_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    display_name: Mapped[str] = mapped_column(String(255))
    #: Case-folded, for look-ups.
    display_key: Mapped[str] = mapped_column(String(255), unique=True)
    external_id: Mapped[str | None] = mapped_column(String(255), index=True)
    #: Counts every change, for entity tags: a group's members are too many to be read for one.
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime] = mapped_column(index=True)


class ScimMember(Model):
    """One member of a group, whether the person has arrived already or not."""

    __tablename__ = "scim_members"

    group_id: Mapped[str] = mapped_column(ForeignKey("scim_groups.id"), primary_key=True)
    #: The id of a person in the directory, or, while nobody answers to it, whatever the client sent.
    member: Mapped[str] = mapped_column(String(255), primary_key=True, index=True)
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"), index=True)
