"""Whose login is whose, where logins move from one person in Okta to another.

The rule: a login is whose Okta says it is, told under Okta's own id of a person, which never changes, and
never under a login. Two people may have swapped theirs, or several may have moved up by one; whoever's news
comes first then finds the login in somebody else's record. So that person is read from Okta too, and whoever
is in *their* way, until a login is free or the ring closes, and all of them take theirs in one transaction:
nobody ever sees a login in two hands, or in the wrong one.

Nobody is renamed by what is said of somebody else. Where Okta does not know who is in the way, says that they
have the login still, or where their record has no Okta id, nothing is changed: an operator has to look.

What was under way for somebody under the former login ends (:func:`portal.users.directory.change`), and a
reading that is older than what the directory follows renames nobody.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select

from portal.extensions import db
from portal.models import User, UserStatus
from portal.okta_api.client import OktaApi
from portal.okta_api.errors import NotFound, NotPermitted
from portal.okta_api.reading import OktaUser
from portal.users import directory
from portal.users.directory import UserExists

HOW = "okta"
#: Read from Okta for one message; nobody moves more logins than that in one ring.
MOST_TOGETHER = 10


class Conflict(Exception):
    """The directory has somebody else under the person's login; the message is a sentence for operators.

    ``reread`` is the Okta id of somebody whose profile, once read anew, may put an end to it.
    """

    def __init__(self, sentence: str, *, reread: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.reread = reread


def read(api: OktaApi, okta_id: str) -> list[OktaUser]:
    """Return a person as Okta has them now, and after them whoever is in the way of the one before.

    Nothing stays open in the database while Okta is asked. Raises what ``api`` raises, a refusal only where
    it is about the person themselves.
    """
    people = [api.user(okta_id)]
    if people[0].id != okta_id:
        raise NotFound("Nothing in Okta has such an id.")  # it took the id for somebody's login
    while len(people) < MOST_TOGETHER:
        owner = owner_of(people[-1].login, but=people[-1].id)
        db.session.rollback()
        if owner is None or owner in {person.id for person in people}:
            break
        try:
            found = api.user(owner)
        except (NotFound, NotPermitted):
            break  # deleted there, or outside of what the credential may see
        if found.id != owner:
            break  # Okta took the id for somebody's login
        people.append(found)
    return people


def owner_of(login: str, *, but: str) -> str | None:
    """Return the Okta id of the record that has ``login``, if it is another than ``but`` and has one."""
    named = User.login_key == directory.account_key(login)
    owner = db.session.scalar(select(User.okta_id).where(named, User.okta_id.is_not(None)))
    return None if owner == but else owner


def rename(user: User, login: str | None, profile: Mapping[str, Any]) -> list[str]:
    """Take over the login and the details that Okta has, flush, and return what is different now.

    Raises :class:`Conflict` for a login in use; what was flushed until then is the caller's to undo.
    """
    if user.status == UserStatus.ERASED:
        return []
    try:
        return directory.change(user, how=HOW, login=login, **profile)
    except UserExists as error:
        owner = owner_of(login, but=user.okta_id) if login and user.okta_id else None
        raise Conflict(
            "Somebody else in the directory has the login that Okta gives to this person. Give that record "
            "another login (`flask user change`) or erase it, then retry this message.",
            reread=user.okta_id if owner else None,
        ) from error
    except ValueError as error:
        raise Conflict("The person's login in Okta cannot be kept: it is too long, or no text.") from error


def rename_together(renamed: Sequence[tuple[User, str, Mapping[str, Any]]]) -> list[str]:
    """Rename several people, each to the login and the details beside them, in whatever order it takes.

    Returns what is different now about the first. The caller has locked them all. Raises :class:`Conflict`,
    after which everything that was flushed is the caller's to undo.
    """
    if len(renamed) == 1:
        return rename(*renamed[0])
    changes: dict[str, list[str]] = {}
    waiting, stepped_aside = list(renamed), False
    while waiting:
        blocked = []
        for user, login, profile in waiting:
            try:
                changes[user.id] = rename(user, login, profile)
            except Conflict:
                blocked.append((user, login, profile))
        if len(blocked) == len(waiting):
            if stepped_aside or len(waiting) == 1:
                return rename(*waiting[0])  # raises what is wrong
            # A ring: somebody has to let go first. Nobody sees this login, for it is given up before the end.
            directory.change(waiting[0][0], how=HOW, login=f"moving:{waiting[0][0].id}")
            stepped_aside = True
        waiting = blocked
    return changes[renamed[0][0].id]
