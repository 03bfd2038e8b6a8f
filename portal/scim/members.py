"""Who is in which group: one row a member, so that one more costs the same in a group of any size.

A client may name somebody who is not here yet (Okta pushes groups before people, and does not repeat what
was refused). Such a member is kept as it was sent; when a person arrives to whose id, external id or login
it belongs, they take its place.
"""

from collections.abc import Iterable, Iterator, Sequence

from scim2_models import InvalidValueException
from sqlalchemy import delete, func, insert, or_, select, update

from portal import clock
from portal.extensions import db, rows_touched
from portal.models import ScimGroup, ScimMember, ScimUser, User, UserStatus
from portal.users import details, directory

LONGEST = 255
#: Values in one statement: SQLite takes 32,766, older ones 999.
_CHUNK = 400


def of(group_id: str) -> Sequence[tuple[str, bool]]:
    """Return a group's members in a stable order: what names each, and whether that is a person here."""
    rows = db.session.execute(
        select(ScimMember.member, ScimMember.user_id)
        .where(ScimMember.group_id == group_id)
        .order_by(ScimMember.member)
    )
    return [(member, user_id is not None) for member, user_id in rows]


def count(group_id: str) -> int:
    """Return how many members a group has."""
    return db.session.scalar(select(func.count()).where(ScimMember.group_id == group_id)) or 0


def add(group_id: str, named: Iterable[str]) -> int:
    """Add the members that ``named`` names to a group, locked; returns how many are new."""
    wanted = _resolved(_checked(named))
    present: set[str] = set()
    for some in _chunks(list(wanted)):
        there = select(ScimMember.member).where(ScimMember.group_id == group_id, ScimMember.member.in_(some))
        present.update(db.session.scalars(there))
    rows = [
        {"group_id": group_id, "member": member, "user_id": user_id}
        for member, user_id in wanted.items()
        if member not in present
    ]
    if rows:
        db.session.execute(insert(ScimMember), rows)
    return len(rows)


def remove(group_id: str, named: Iterable[str]) -> int:
    """Remove the members that ``named`` names from a group, locked; returns how many there were."""
    texts = _checked(named)
    # Also as they were sent: somebody may have arrived while another client wrote the group.
    wanted = list(dict.fromkeys([*_resolved(texts), *texts]))
    removed = 0
    for some in _chunks(wanted):
        result = db.session.execute(
            delete(ScimMember).where(ScimMember.group_id == group_id, ScimMember.member.in_(some))
        )
        removed += rows_touched(result)
    return removed


def remove_all(group_id: str) -> int:
    """Remove every member of a group, locked; returns how many there were."""
    return rows_touched(db.session.execute(delete(ScimMember).where(ScimMember.group_id == group_id)))


def replace(group_id: str, named: Iterable[str]) -> tuple[int, int]:
    """Make ``named`` the members of a group, locked; writes only what differs; returns added and removed."""
    wanted = _resolved(_checked(named))
    present = set(db.session.scalars(select(ScimMember.member).where(ScimMember.group_id == group_id)))
    removed = remove(group_id, present - wanted.keys())
    return add(group_id, wanted.keys() - present), removed


def arrived(user: User, external_id: str | None) -> None:
    """Put a person in the place of whatever named them in groups before they were here; flushes."""
    names = {user.login, user.login_key, user.okta_id, external_id} - {None}
    waiting = select(ScimMember.group_id, ScimMember.member).where(
        ScimMember.member.in_(names), ScimMember.user_id.is_(None)
    )
    found = db.session.execute(waiting.order_by(ScimMember.group_id)).all()
    for group_id in dict.fromkeys(row.group_id for row in found):
        touch(group_id)
        remove_as_sent(group_id, [row.member for row in found if row.group_id == group_id])
        add(group_id, [user.id])


def remove_as_sent(group_id: str, texts: list[str]) -> None:
    """Remove rows by exactly what stands in them."""
    db.session.execute(
        delete(ScimMember).where(ScimMember.group_id == group_id, ScimMember.member.in_(texts))
    )


def forget(user_id: str) -> None:
    """Remove what clients said about a person who is being erased, and every membership."""
    groups = select(ScimMember.group_id).where(ScimMember.user_id == user_id).order_by(ScimMember.group_id)
    for group_id in db.session.scalars(groups).all():
        touch(group_id)
    db.session.execute(delete(ScimMember).where(ScimMember.user_id == user_id))
    db.session.execute(delete(ScimUser).where(ScimUser.user_id == user_id))


def touch(group_id: str) -> None:
    """Say that a group is another now; the others who change it wait."""
    db.session.execute(
        update(ScimGroup)
        .where(ScimGroup.id == group_id)
        .values(version=ScimGroup.version + 1, updated_at=clock.now())
    )


def _checked(named: Iterable[str]) -> list[str]:
    kept = list(dict.fromkeys(named))
    if not all(details.is_plain(text, LONGEST) for text in kept):
        raise InvalidValueException(
            detail=f"The value of a member has 1 to {LONGEST} characters and no control characters."
        )
    return kept


def _resolved(named: Sequence[str]) -> dict[str, str | None]:
    """Return what to keep for each name: a person's id with itself, or the name with ``None``."""
    people: dict[str, str] = {}
    for some in _chunks(named):
        people.update({user_id: user_id for user_id in _ids_among(some)})
        if others := [text for text in some if text not in people]:
            people.update(_others_among(others))
    return {people.get(text, text): people.get(text) for text in named}


def _ids_among(texts: Sequence[str]) -> Iterable[str]:
    return db.session.scalars(select(User.id).where(User.id.in_(texts), User.status != UserStatus.ERASED))


def _others_among(texts: Sequence[str]) -> dict[str, str]:
    """Return who is meant by texts that are no ids: whoever has one as external id, Okta id or login."""
    keys = {directory.account_key(text): text for text in texts}
    rows = db.session.execute(
        select(User.id, User.login_key, User.okta_id, ScimUser.external_id)
        .join(ScimUser, ScimUser.user_id == User.id, isouter=True)
        .where(
            or_(ScimUser.external_id.in_(texts), User.okta_id.in_(texts), User.login_key.in_(list(keys))),
            User.status != UserStatus.ERASED,
        )
        .order_by(User.created_at.desc(), User.id.desc())
    )
    found: dict[str, str] = {}
    for user_id, login_key, okta_id, external_id in rows:
        for text in (external_id, okta_id, keys.get(login_key)):
            if text is not None:
                found[text] = user_id
    return {text: found[text] for text in texts if text in found}


def _chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(texts), _CHUNK):
        yield texts[start : start + _CHUNK]
