"""What SCIM does to people: bring them in, take them over, change them, hold their factor back, erase them.

Services: they flush, the endpoint commits. Whoever is not erased can be seen and changed, however they came.
"""

import json
import logging
import re
from typing import Any

from scim2_models import InvalidValueException, MutabilityException, NotFoundException
from sqlalchemy import or_, select, update

from portal import clock
from portal.audit.events import Event
from portal.audit.log import record
from portal.extensions import db
from portal.models import HoldReason, ScimUser, User, UserStatus
from portal.scim import amounts, members, paths, person
from portal.scim.errors import Taken
from portal.users import details, directory, holds, invitations, okta_facts

_log = logging.getLogger(__name__)

_HOW = "scim"
#: Okta's ids of users, as it sends them in ``externalId``.
_OKTA_ID = re.compile(r"00u[A-Za-z0-9]{1,60}")
_LONGEST_EXTERNAL_ID = 255
_LARGEST_DESCRIPTION = 131_072


def find(user_id: str) -> User:
    """Return a person who is not erased; raises ``NotFoundException``."""
    wanted = select(User).where(User.id == user_id, User.status != UserStatus.ERASED)
    found = db.session.scalars(wanted).one_or_none() if details.is_plain(user_id, 32) else None
    if found is None:
        raise NotFoundException(detail="There is no user with this id.")
    return found


def lock(user_id: str, external_id: str | None = None) -> User:
    """Return a person whom nobody else changes until the transaction ends; raises ``NotFoundException``.

    Two clients that change one person do so one after the other, and the second sees what the first did.
    ``external_id`` is the one that they are about to have. What Okta said about a person is locked before
    the person, as everybody does, so that nobody waits for each other.
    """
    user = find(user_id)
    _lock_facts(user.okta_id, _plausible(external_id))
    # A write, because SQLite takes its lock only with one.
    db.session.execute(update(User).where(User.id == user_id).values(status=User.status))
    db.session.refresh(user)
    return find(user_id)


def create(shown: Any) -> User:
    """Bring a new person in. Raises :class:`Taken` if the directory knows the login already.

    That is also so for somebody whom no client has described yet: Okta then looks them up and sends a PUT,
    which takes them over.
    """
    external_id = _external_id_of(shown)
    _lock_facts(_plausible(external_id))
    okta_id = _okta_id(external_id, of=None)
    try:
        user = directory.add(shown.user_name or "", how=_HOW, okta_id=okta_id, **person.details_of(shown))
    except directory.UserExists as error:
        raise Taken(
            detail="There is a user with this userName already. Look it up with a filter, then update it."
        ) from error
    except ValueError as error:
        raise InvalidValueException(detail=str(error)) from error
    _describe(user, shown, external_id)
    if shown.active is False:
        holds.hold(user, HoldReason.SCIM_INACTIVE, how=_HOW)
    _welcome(user, external_id)
    # Bringing somebody in is no change of them (RFC 7643 section 3.1).
    user.updated_at = user.created_at
    db.session.flush()
    return user


def replace(user: User, shown: Any, *, unsaid: bool | None = None) -> None:
    """Make a person, locked, what ``shown`` says; ``active`` only if it says so (Okta often does not).

    ``unsaid`` tells whether ``active`` is to be shown no more; without it, that stays as it is. Raises
    :class:`Taken` or ``InvalidValueException``.

    A login that another has is refused (409: RFC 7643 section 4.1.1, RFC 7644 section 3.12), also where two
    people have swapped theirs: a request speaks of one person, and what it says is no proof about the other.
    Whose it is says Okta by its own ids. The reconciliation, or an event of a changed profile, asks it about
    both (:mod:`portal.okta.logins`), and the client's next try finds it so.
    """
    told = db.session.get(ScimUser, user.id)
    external_id = _external_id_of(shown)
    given = person.details_of(shown)
    if (okta_id := _okta_id(external_id, of=user)) is not None:
        given["okta_id"] = okta_id
    changed = _change_directory(user, shown.user_name or "", given)
    arrives = told is None or told.external_id != external_id or "okta_id" in changed
    if unsaid is None:
        unsaid = shown.active is None and person.is_unsaid(told)
    described = _describe(user, shown, external_id, told, unsaid=unsaid)
    released = _set_active(user, shown.active, external_id)
    if arrives or released:
        _welcome(user, external_id)
    if described and not changed:
        user.updated_at = clock.now()
        record(Event.USER_CHANGED, user_id=user.id, how=_HOW, details=["description"])
    db.session.flush()


def patch(user: User, operations: Any) -> None:
    """Apply a PATCH to a person, locked; raises what scim2-models raises, and what :func:`replace` does."""
    shown = person.one(user)
    active, before = shown.active, amounts.of(shown)
    paths.apply(operations, shown)
    amounts.require_few(shown, before)
    unsaid = shown.active is None
    if shown.active == active:
        shown.active = None
    if not shown.user_name:
        raise MutabilityException(detail="A user cannot be without a userName.")
    replace(user, shown, unsaid=unsaid)


def erase(user: User) -> None:
    """Remove a person for good: SCIM's DELETE says that there is nobody of this id any more.

    Okta never sends it for a user. What is personal goes, the faces at VerifEye too, and the login is free.
    """
    directory.erase(user, how=_HOW)


def _change_directory(user: User, login: str, given: dict[str, Any]) -> list[str]:
    try:
        return directory.change(user, how=_HOW, login=login, **given)
    except directory.UserExists as error:
        raise Taken(
            detail="Another user has this userName already. Okta people who swapped theirs are put right by "
            "`flask okta reconcile`; then try again."
        ) from error
    except ValueError as error:
        raise InvalidValueException(detail=str(error)) from error


def _describe(
    user: User, shown: Any, external_id: str | None, told: ScimUser | None = None, *, unsaid: bool = False
) -> bool:
    """Keep what the client said; says whether anything of it is new."""
    attributes = person.description_of(shown) | ({person.UNSAID: True} if unsaid else {})
    if len(json.dumps(attributes)) > _LARGEST_DESCRIPTION:
        raise InvalidValueException(detail="That is more than can be kept about one user.")
    if told is None:
        described = ScimUser(
            user_id=user.id,
            external_id=external_id,
            attributes=attributes,
            other_emails=person.other_emails_of(shown),
            created_at=clock.now(),
        )
        db.session.add(described)
        db.session.flush()
        record(Event.SCIM_USER_DESCRIBED, user_id=user.id)
        return True
    if told.attributes == attributes and told.external_id == external_id:
        return False
    told.attributes, told.external_id = attributes, external_id
    told.other_emails = person.other_emails_of(shown)
    db.session.flush()
    return True


def _set_active(user: User, active: bool | None, external_id: str | None) -> bool:
    """Hold the factor back or release it as SCIM says; says whether it was released.

    Where the record is another Okta person's, who left, and somebody new has got their login, the face that
    is enrolled need not be the newcomer's: it does not come back. An operator says whose record it is.
    """
    if active is None:
        return False
    if active:
        okta_id = _plausible(external_id)
        if okta_id is not None and user.okta_id not in (None, okta_id):
            _log.warning("not released: what SCIM says is of another Okta id", extra={"user_id": user.id})
            return False
        return holds.release(user, HoldReason.SCIM_INACTIVE, how=_HOW)
    holds.hold(user, HoldReason.SCIM_INACTIVE, how=_HOW)
    return False


def _welcome(user: User, external_id: str | None) -> None:
    """Let everything that waited for this person happen, then invite them."""
    members.arrived(user, external_id)
    okta_facts.apply_remembered(user, how=_HOW)
    invitations.invite_on_arrival(user, how=_HOW)


def _external_id_of(shown: Any) -> str | None:
    text: str | None = shown.external_id
    if text and not details.is_plain(text, _LONGEST_EXTERNAL_ID):
        raise InvalidValueException(
            detail=f"An externalId has at most {_LONGEST_EXTERNAL_ID} characters and no control characters."
        )
    return text or None


def _okta_id(external_id: str | None, *, of: User | None) -> str | None:
    """Return ``external_id`` if it is the Okta id of this person: of Okta's form, and nobody else's.

    One that is known is never changed from here: it says who may enrol this person's face, and whose
    suspension holds it. An operator changes it (``flask user change --okta-id``).
    """
    okta_id = _plausible(external_id)
    if okta_id is None or (of is not None and of.okta_id not in (None, okta_id)):
        return None
    taken = or_(User.okta_id == okta_id, User.login_key == directory.account_key(okta_id))
    others = set(db.session.scalars(select(User.id).where(taken).limit(2)))
    return None if others - {of.id if of else None} else okta_id


def _plausible(external_id: str | None) -> str | None:
    return external_id if external_id and _OKTA_ID.fullmatch(external_id) else None


def _lock_facts(*okta_ids: str | None) -> None:
    for okta_id in sorted({one for one in okta_ids if one}):
        okta_facts.lock(okta_id)
