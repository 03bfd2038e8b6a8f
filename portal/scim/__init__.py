"""The SCIM 2.0 server: Okta, or any other client, brings people and groups here (RFC 7643, RFC 7644).

``routes`` is the table of every address, ``entrance`` the token and the body, ``schemas`` what is spoken.
``people`` and ``groups`` are what happens; ``person`` shows a record of the directory as SCIM does,
``members`` keeps who is in which group, and ``group_patch`` changes it a row at a time. ``listing`` filters,
sorts and turns pages, with ``filters`` for what the database can answer. scim2-models reads, judges and
writes the documents; ``amounts`` limits what comes of one person. Everything that goes wrong is answered
as a SCIM error by ``errors``.
"""

from importlib import import_module
from typing import Any

from flask import Flask
from sqlalchemy import select

from portal.extensions import db
from portal.models import ScimGroup, ScimMember, ScimUser
from portal.scim import routes
from portal.users import erasure, export


def init_app(app: Flask) -> None:
    """Wire the room: the addresses, the errors, and what is forgotten and told about a person."""
    routes.init_app(app)
    erasure.registers(app, _forget, tables=(ScimUser, ScimMember))
    export.registers(app, "scim", _told, tables=(ScimUser,))
    export.registers(app, "scim_groups", _groups, tables=(ScimMember,))


def _forget(user_id: str) -> None:
    import_module("portal.scim.members").forget(user_id)


def _told(user_id: str) -> list[dict[str, Any]]:
    """Return what clients said about a person."""
    found = db.session.get(ScimUser, user_id)
    if found is None:
        return []
    return [
        {
            "external_id": found.external_id,
            "attributes": found.attributes,
            "described_at": found.created_at,
        }
    ]


def _groups(user_id: str) -> list[dict[str, Any]]:
    """Return the groups that a person is in."""
    rows = db.session.execute(
        select(ScimGroup.id, ScimGroup.display_name)
        .join(ScimMember, ScimMember.group_id == ScimGroup.id)
        .where(ScimMember.user_id == user_id)
        .order_by(ScimGroup.created_at, ScimGroup.id)
    )
    return [{"group": group_id, "display_name": name} for group_id, name in rows]
