"""Finding people and keeping their records."""

from typing import Any, NamedTuple

from sqlalchemy import bindparam, case, func, or_, select

from portal import clock, credentials, records
from portal.audit.events import Event
from portal.audit.log import record
from portal.extensions import db, table_of
from portal.grants import codes
from portal.journey import lifecycle
from portal.models import User, UserStatus
from portal.statements import Prepared
from portal.users import details, erasure, holds, invitations, news, personal

LONGEST_ACCOUNT = 320

_T = table_of(User)
_FIND = Prepared(select(_T).where(_T.c.id == bindparam("user")))
_KEY, _TEXT = bindparam("key", type_=User.login_key.type), bindparam("text", type_=User.okta_id.type)
_NAMED = Prepared(
    select(
        _T.c.id,
        _T.c.login,
        _T.c.login_key,
        _T.c.email_key,
        _T.c.okta_id,
        func.count().over().label("how_many"),
    )
    .where(
        or_(_T.c.login_key == _KEY, _T.c.email_key == _KEY, _T.c.okta_id == _TEXT),
        _T.c.status != UserStatus.ERASED.value,
    )
    # Okta's own id is nobody else's name; then whose login it is, however many share it as an address.
    # (A comparison would put somebody with another Okta id before whoever has none: it gives NULL there.)
    .order_by(case((_T.c.okta_id == _TEXT, 0), (_T.c.login_key == _KEY, 1), else_=2))
    .limit(1)
)


class Named(NamedTuple):
    """The one person whom a hint names, with the names that the person has."""

    id: str
    login: str
    login_key: str
    email_key: str | None


class UserExists(Exception):
    """Somebody has this login or this Okta id already."""


def account_key(text: str) -> str:
    """Return the form in which logins and addresses are compared: NFKC, case folded, no outer spaces."""
    return details.key_of(text)


def is_account(text: str) -> bool:
    """Say whether ``text`` could be a login or an address: 1 to 320 characters, no control characters."""
    return details.is_plain(text, LONGEST_ACCOUNT)


def named(hint: str | None) -> Named | None:
    """Return the one person whom ``hint`` names: a login, an e-mail address or an Okta id.

    ``None`` where nobody or more than one is meant: a hint that two people answer to names neither.
    One statement whoever is asked for, so that the time tells nothing.
    """
    text = (hint or "").strip()
    if not is_account(text):
        return None
    key = account_key(text)
    first = records.first(_NAMED, {"key": key, "text": text})
    if first is None or (first["how_many"] > 1 and first["okta_id"] != text and first["login_key"] != key):
        return None
    return Named(first["id"], first["login"], first["login_key"], first["email_key"])


def resolve(hint: str | None) -> User | None:
    """Return the record of the person whom ``hint`` names, as :func:`named` does."""
    person = named(hint)
    return find(person.id) if person is not None else None


def find(user_id: str) -> User | None:
    """Return the person with this id as the record is now, erased or not."""
    return records.load(User, _FIND, {"user": user_id})


def shown_as(user: Named | User, hint: str | None) -> str:
    """Return the name under which to show ``user`` to whoever sent ``hint``.

    A login or address is shown as it was given, so that a hint never turns one name into another; an
    Okta id means nothing to a person and nobody guesses it, so the login is shown instead.
    """
    text = (hint or "").strip()
    return text if account_key(text) in (user.login_key, user.email_key) else user.login


def add(login: str, *, how: str, **given: Any) -> User:
    """Add a person with ``given`` details and return the record, flushed.

    The details are those of :data:`portal.users.details.NAMES`. Raises :class:`UserExists` or ``ValueError``.
    """
    login = login.strip()
    details.check("A login", login, User.login)
    kept = details.cleaned(given)
    _require_free(login, kept.get("okta_id"))
    user = User(
        id=credentials.random_hex(),
        login=login,
        login_key=account_key(login),
        status=UserStatus.ACTIVE,
        created_at=clock.now(),
        updated_at=clock.now(),
    )
    _keep(user, kept)
    db.session.add(user)
    db.session.flush()
    record(Event.USER_ADDED, user_id=user.id, how=how)
    return user


def change(user: User, *, how: str, login: str | None = None, **given: Any) -> list[str]:
    """Change ``given`` details, and the login if there is one, of a person who is not erased; flushes.

    ``None`` removes a detail; what is not given stays. Returns the names of what is different now. Raises
    :class:`UserExists` or ``ValueError``.

    What was under way for somebody under a former login or Okta id ends, whoever says so: a code that was
    minted a moment ago ties this face to a name that may be another person's by now. So may a former address
    be: codes and tokens, which may speak of it, are revoked, and an invitation that went there is put in
    another's place (:func:`portal.users.invitations.readdress`).
    """
    assert user.status != UserStatus.ERASED
    kept = details.cleaned(given)
    if login is not None:
        kept["login"] = login.strip()
        details.check("A login", kept["login"], User.login)
    changed = sorted(name for name, value in kept.items() if getattr(user, name) != value)
    if not changed:
        return []
    _require_free(kept.get("login"), kept.get("okta_id"), but=user.id)
    gives_up_login = "login" in changed and account_key(kept["login"]) != user.login_key
    if gives_up_login or ("okta_id" in changed and user.okta_id is not None):
        # Before the record itself: whoever mints a code has the journey, and may still want the person.
        holds.lock(user)
        holds.end_what_is_under_way(user.id, reason="renamed")
    if "okta_id" in changed:
        news.registration_may_differ(user.id)  # under the former id it belongs to nobody from now on
    former_address = user.email_key
    _keep(user, {name: kept[name] for name in changed})
    user.updated_at = clock.now()
    db.session.flush()
    record(Event.USER_CHANGED, user_id=user.id, how=how, details=changed)
    if former_address and former_address != user.email_key:
        codes.revoke_all_of(user.id)
        invitations.readdress(user, how=how)
    if "okta_id" in changed:
        news.registration_may_differ(user.id)
    return changed


def _require_free(login: str | None, okta_id: str | None, *, but: str | None = None) -> None:
    """Raise :class:`UserExists` if the login or the Okta id names somebody other than ``but`` already.

    Nobody's login may be another's Okta id, or the reverse: a hint has to mean one of them.
    """
    taken = [User.login_key == account_key(login), User.okta_id == login] if login else []
    taken += [User.okta_id == okta_id, User.login_key == account_key(okta_id)] if okta_id else []
    if not taken:
        return
    found = db.session.scalars(select(User.id).where(or_(*taken)).limit(2)).all()
    if any(one != but for one in found):
        raise UserExists(login or okta_id)


def _keep(user: User, kept: dict[str, Any]) -> None:
    for name, value in kept.items():
        setattr(user, name, value)
    if "login" in kept:
        user.login_key = account_key(kept["login"])
    if "email" in kept:
        user.email_key = account_key(kept["email"]) if kept["email"] else None


def erase(user: User, *, how: str) -> None:
    """Remove everything personal, also from journeys and grants, and have the faces deleted at VerifEye.

    What stays is a tombstone with the random id alone, so that the audit log remains whole.
    """
    holds.lock(user)
    if user.status == UserStatus.ERASED:
        return
    # The journeys first: a code that is being minted at this moment is then there to be revoked.
    lifecycle.refuse_all_of(user.id, reason="erased")
    personal.forget_messages(user)
    news.registration_may_differ(user.id)
    erasure.forget_everywhere(user.id)
    user.login = user.login_key = f"erased:{user.id}"
    _keep(user, dict.fromkeys(details.NAMES))
    user.status, user.updated_at = UserStatus.ERASED, clock.now()
    db.session.flush()
    record(Event.USER_ERASED, user_id=user.id, how=how)


def profile_claims(user: User, scopes: set[str]) -> dict[str, Any]:
    """Return the non-empty claims about ``user`` for ``scopes`` (OpenID Connect Core 5.4)."""
    claims: dict[str, Any] = {"preferred_username": user.login}
    if "email" in scopes and user.email:
        claims["email"] = user.email
    if "profile" in scopes:
        names = {"given_name": user.given_name, "family_name": user.family_name}
        claims |= {name: value for name, value in names.items() if value}
    return claims
