"""A person as SCIM shows them: the directory's record, and what the client said beyond it.

The directory decides about what it keeps: the login, the names, and the primary address of each kind. All
of it is also in the client's description, which is shown as it came, except where the directory says
something else by now.

``active`` is false only while SCIM itself has said so. Whoever is suspended in Okta or by an operator stays
active here: Okta reads this back when it updates a profile, and would write it down as its own.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from scim2_models import Context, GroupMembership, Meta, Reference
from sqlalchemy import select

from portal.extensions import db, settings
from portal.models import HoldReason, ScimGroup, ScimMember, ScimUser, User, UserHold
from portal.scim import answers, schemas
from portal.users import details

_ADDRESS_PARTS = details.ADDRESS_PARTS
_VERSION_CHARACTERS = 24
#: Stands in a description for an ``active`` that a client took away. It is not shown then, and what it said
#: last goes on holding: a removal is no word of anybody's return.
UNSAID = "activeUnsaid"


def of(users: Sequence[User], *, with_version: bool = True) -> list[Any]:
    """Return the SCIM users of records, in the same order; four statements however many they are.

    ``with_version`` gives each its entity tag, which takes as long as all the rest.
    """
    ids = [user.id for user in users]
    told = {one.user_id: one for one in db.session.scalars(select(ScimUser).where(ScimUser.user_id.in_(ids)))}
    inactive = set(
        db.session.scalars(
            select(UserHold.user_id).where(
                UserHold.user_id.in_(ids), UserHold.reason == HoldReason.SCIM_INACTIVE.value
            )
        )
    )
    groups = _groups_of(ids)
    shown = [_shown(user, told.get(user.id), user.id in inactive, groups.get(user.id, [])) for user in users]
    if with_version:
        for each in shown:
            each.meta.version = _version_of(each)
    return shown


def one(user: User) -> Any:
    """Return the SCIM user of one record."""
    return of([user])[0]


def details_of(shown: Any) -> dict[str, Any]:
    """Return what the directory keeps of a SCIM user.

    A telephone number or an address that could not be compared is left out: it stays in the description.
    """
    name, address = shown.name, _primary(shown.addresses)
    phone = _primary(shown.phone_numbers)
    parts = {part: getattr(address, part) for part in _ADDRESS_PARTS} if address else {}
    email = _primary(entry for entry in shown.emails or () if entry.value)
    return {
        "given_name": _stripped(name and name.given_name),
        "middle_name": _stripped(name and name.middle_name),
        "family_name": _stripped(name and name.family_name),
        "email": _stripped(email and email.value),
        "phone_number": _comparable("phone_number", phone and phone.value),
        "address": _comparable("address", parts),
    }


def description_of(shown: Any) -> dict[str, Any]:
    """Return what is kept of a SCIM user beside the directory: no ids, state, memberships or secrets."""
    kept: dict[str, Any] = shown.model_dump(
        scim_ctx=Context.DEFAULT,
        exclude={"schemas", "id", "external_id", "meta", "user_name", "active", "password", "groups"},
    )
    return {name: value for name, value in kept.items() if value is not None and value != []}


def other_emails_of(shown: Any) -> str | None:
    """Return the addresses beside the one that the directory keeps, in the form for look-ups."""
    listed = [entry for entry in shown.emails or () if entry.value]
    keys = [details.key_of(entry.value) for entry in listed if entry is not _primary(listed)]
    return "\n" + "\n".join(keys) + "\n" if keys else None


def is_unsaid(told: ScimUser | None) -> bool:
    """Say whether a client took ``active`` away, so that it is not shown."""
    return told is not None and UNSAID in told.attributes


def _shown(user: User, told: ScimUser | None, inactive: bool, groups: list[Any]) -> Any:
    with schemas.POLICY:
        shown = schemas.FullUser.model_validate({**(told.attributes if told else {}), "userName": user.login})
    _correct(shown, user)
    shown.id = user.id
    shown.external_id = told.external_id if told else user.okta_id
    shown.active = None if is_unsaid(told) else not inactive
    shown.groups = groups or None
    shown.meta = Meta(
        resource_type="User",
        created=user.created_at,
        last_modified=user.updated_at,
        location=f"{settings().issuer}{schemas.BASE}/Users/{user.id}",
    )
    return shown


def _correct(shown: Any, user: User) -> None:
    """Put what the directory keeps in the place of what the client said, where they differ."""
    said = details_of(shown)
    for part in ("given_name", "middle_name", "family_name"):
        if said[part] != getattr(user, part):
            shown.name = shown.name or schemas.User.Name()
            setattr(shown.name, part, getattr(user, part))
    if said["email"] != user.email:
        shown.emails = _with_primary(shown.emails, schemas.Email, user.email and {"value": user.email})
    if said["phone_number"] != user.phone_number:
        number = user.phone_number and {"value": user.phone_number}
        shown.phone_numbers = _with_primary(shown.phone_numbers, schemas.User.PhoneNumbers, number)
    if said["address"] != user.address:
        kept = user.address and dict.fromkeys(_ADDRESS_PARTS) | user.address | {"formatted": None}
        shown.addresses = _with_primary(shown.addresses, schemas.User.Addresses, kept)


def _with_primary(entries: list[Any] | None, kind: Any, values: Any) -> list[Any] | None:
    """Return ``entries`` with ``values`` in the primary one, or without it if there are none."""
    primary = _primary(entries)
    others = [entry for entry in entries or () if entry is not primary]
    if not values:
        return others or None
    kept = primary.model_copy(update=values) if primary else kind(primary=True, type="work", **values)
    return [kept, *others]


def _primary(entries: Iterable[Any] | None) -> Any:
    """Return the primary entry of a multi-valued attribute, or else the first (RFC 7644 section 3.4.2.3)."""
    listed = list(entries or ())
    return next((entry for entry in listed if entry.primary), listed[0] if listed else None)


def _stripped(text: str | None) -> str | None:
    return (text or "").strip() or None


def _comparable(name: str, value: Any) -> Any:
    try:
        return details.cleaned({name: value})[name]
    except ValueError:
        return None


def _groups_of(user_ids: list[str]) -> dict[str, list[Any]]:
    rows = db.session.execute(
        select(ScimMember.user_id, ScimGroup.id, ScimGroup.display_name)
        .join(ScimGroup, ScimGroup.id == ScimMember.group_id)
        .where(ScimMember.user_id.in_(user_ids))
        .order_by(ScimGroup.created_at, ScimGroup.id)
    )
    found: dict[str, list[Any]] = {}
    at = f"{settings().issuer}{schemas.BASE}/Groups/"
    for user_id, group_id, name in rows:
        entry = GroupMembership(value=group_id, ref=Reference(at + group_id), display=name, type="direct")
        found.setdefault(str(user_id), []).append(entry)
    return found


def _version_of(shown: Any) -> str:
    """Return the entity tag: of the content, so that it changes whoever changed the person."""
    content = json.dumps(shown.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE), sort_keys=True)
    return answers.weak(hashlib.sha256(content.encode()).hexdigest()[:_VERSION_CHARACTERS])
