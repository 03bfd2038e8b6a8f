"""Groups that a client pushes: their records, and as SCIM shows them.

Services: they flush, the endpoint commits. Groups inside groups are kept as members like any other and not
followed.
"""

from collections.abc import Sequence
from typing import Any

from scim2_models import InvalidValueException, Meta, NotFoundException
from sqlalchemy import select, update

from portal import clock, credentials
from portal.audit.events import Event
from portal.audit.log import record
from portal.extensions import db, settings
from portal.models import ScimGroup
from portal.scim import answers, members, schemas
from portal.scim.errors import Taken
from portal.users import details

_LONGEST = 255


def find(group_id: str) -> ScimGroup:
    """Return a group; raises ``NotFoundException``."""
    found = db.session.get(ScimGroup, group_id) if details.is_plain(group_id, 32) else None
    if found is None:
        raise NotFoundException(detail="There is no group with this id.")
    return found


def lock(group_id: str) -> ScimGroup:
    """Return a group that nobody else changes until the transaction ends; raises ``NotFoundException``."""
    if details.is_plain(group_id, 32):
        # A write, because SQLite takes its lock only with one.
        db.session.execute(
            update(ScimGroup).where(ScimGroup.id == group_id).values(version=ScimGroup.version)
        )
    group = find(group_id)
    db.session.refresh(group)
    return group


def version_of(group: ScimGroup) -> str:
    """Return the entity tag of a group: its count of changes, because its members may be thousands."""
    return answers.weak(f"{group.id[:8]}-{group.version}")


def create(shown: Any) -> ScimGroup:
    """Add a group with its members, flushed; raises :class:`Taken` or ``InvalidValueException``."""
    now = clock.now()
    group = ScimGroup(id=credentials.random_hex(), version=1, created_at=now, updated_at=now)
    _name(group, shown)
    db.session.add(group)
    db.session.flush()
    added = members.add(group.id, names_in(shown.members))
    record(Event.SCIM_GROUP_ADDED, group=group.id, members=added)
    return group


def replace(group: ScimGroup, shown: Any) -> None:
    """Make a group, locked, what ``shown`` says; writes only the members that differ."""
    renamed = _name(group, shown)
    added, removed = members.replace(group.id, names_in(shown.members))
    note_change(group, renamed=renamed, added=added, removed=removed)


def rename(group: ScimGroup, shown: Any) -> bool:
    """Give a group, locked, the name and external id of ``shown``; says whether that is anything new."""
    return _name(group, shown)


def note_change(group: ScimGroup, *, renamed: bool, added: int, removed: int) -> None:
    """Count a change of a group, if there was one, and flush."""
    if renamed or added or removed:
        db.session.flush()
        members.touch(group.id)
        record(Event.SCIM_GROUP_CHANGED, group=group.id, renamed=renamed, added=added, removed=removed)
        db.session.refresh(group)


def remove(group: ScimGroup) -> None:
    """Remove a group; the people who were in it stay."""
    members.remove_all(group.id)
    db.session.delete(group)
    db.session.flush()
    record(Event.SCIM_GROUP_REMOVED, group=group.id)


def names_in(listed: Sequence[Any] | None) -> list[str]:
    """Return what names each member in a list; raises ``InvalidValueException`` if one has no value."""
    named = [member.value for member in listed or ()]
    if not all(named):
        raise InvalidValueException(detail="Every member needs a value: the id of a user.")
    return named


def shown(group: ScimGroup, *, with_members: bool = True) -> Any:
    """Return a group as SCIM shows it; without its members it costs the same however many they are."""
    base = f"{settings().issuer}{schemas.BASE}"
    return schemas.Group.model_construct(
        schemas=[str(schemas.Group.__schema__)],
        id=group.id,
        external_id=group.external_id,
        display_name=group.display_name,
        members=_shown_members(group, f"{base}/Users/") if with_members else None,
        meta=Meta(
            resource_type="Group",
            created=group.created_at,
            last_modified=group.updated_at,
            location=f"{base}/Groups/{group.id}",
            version=version_of(group),
        ),
    )


def _shown_members(group: ScimGroup, at: str) -> list[Any] | None:
    """Return the members without validating each: rows of ours do not need it, and may be thousands."""
    return [
        schemas.GroupMember.model_construct(
            value=member, ref=at + member if is_here else None, type="User" if is_here else None
        )
        for member, is_here in members.of(group.id)
    ] or None


def _name(group: ScimGroup, shown: Any) -> bool:
    name, external_id = (shown.display_name or "").strip(), shown.external_id or None
    key = details.key_of(name)
    if not details.is_plain(name, _LONGEST, joiners=True) or len(key) > _LONGEST:
        raise InvalidValueException(
            detail=f"A displayName has 1 to {_LONGEST} characters and no control characters."
        )
    if external_id and not details.is_plain(external_id, _LONGEST):
        raise InvalidValueException(
            detail=f"An externalId has at most {_LONGEST} characters and no control characters."
        )
    holder = db.session.scalar(select(ScimGroup.id).where(ScimGroup.display_key == key))
    if holder not in (None, group.id):
        raise Taken(detail="There is a group with this displayName already. Look it up, then update it.")
    before = (group.display_name, group.external_id)
    group.display_name, group.display_key, group.external_id = name, key, external_id
    return before != (name, external_id)
