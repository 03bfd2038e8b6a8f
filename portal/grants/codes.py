"""Authorization codes and access tokens."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Insert,
    Select,
    Update,
    bindparam,
    delete,
    exists,
    insert,
    or_,
    select,
    update,
)

from portal import clock, credentials, records
from portal.extensions import db, execute, rows_touched, table_of
from portal.models import AuthorizationGrant, Journey, User, UserStatus
from portal.statements import Prepared, Row

CODE_PREFIX = "vpc_"
TOKEN_PREFIX = "vpa_"  # noqa: S105 - a prefix that makes a leak recognisable
_LONGEST_PRESENTED = 128
BATCH = 1000
#: How long a grant is kept beyond its token: for a late replay, and for whoever looks at yesterday.
_KEPT_SECONDS = 86_400


@dataclass(frozen=True)
class Grant:
    """What a code stands for, as it was stored when the code was minted."""

    code_digest: str = field(repr=False)
    journey_id: str
    client_id: str
    user_id: str | None
    redirect_uri: str
    scope: str
    code_challenge: str | None
    id_token_claims: dict[str, Any] = field(repr=False)
    confirms_enrolment: str | None
    expires_at: datetime
    redeemed_at: datetime | None
    revoked_at: datetime | None

    def get_redirect_uri(self) -> str:
        """Return the redirect_uri of the authorization request (Authlib asks by this name)."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """Return the granted scope (Authlib asks by this name)."""
        return self.scope


@dataclass(frozen=True)
class AccessToken:
    """A live access token."""

    client_id: str
    user_id: str | None
    scope: str
    userinfo_claims: dict[str, Any] = field(repr=False)


_T = table_of(AuthorizationGrant)
#: What is known of a code when it is minted.
_MINTED = (
    "code_digest", "journey_id", "client_id", "user_id", "redirect_uri", "scope", "code_challenge",
    "id_token_claims", "userinfo_claims", "confirms_enrolment", "created_at", "expires_at",
)  # fmt: skip


def minting(source: FromClause | None = None) -> Insert:
    """Return the statement, or a part of one, that stores what :func:`new_code` gave, which is bound.

    Once, or for each row of ``source``.
    """
    row = select(*(bindparam(name, type_=_T.c[name].type) for name in _MINTED))
    return insert(_T).from_select(_MINTED, row if source is None else row.select_from(source))


_MINT = Prepared(minting())
_GRANT_COLUMNS = [_T.c[name] for name in Grant.__dataclass_fields__]
_USERS, _JOURNEYS = table_of(User), table_of(Journey)
#: What a token needs of the code that was spent for it, beside what ends and records its journey.
TOLD = ("user_id", "scope", "id_token_claims")
#: What spending a code writes; ``now``, ``token`` and ``until`` are bound.
_SPENT = {
    "redeemed_at": bindparam("now"),
    "access_digest": bindparam("token"),
    "access_expires_at": bindparam("until"),
    # The token is about to be signed from what was read; a copy of its claims serves nobody.
    "id_token_claims": {},
}
_FIND = select(*_GRANT_COLUMNS).where(_T.c.code_digest == bindparam("presented"))
_SPEND = (
    update(_T)
    .where(
        _T.c.code_digest == bindparam("presented"),
        _T.c.redeemed_at.is_(None),
        _T.c.revoked_at.is_(None),
        _T.c.expires_at > bindparam("now"),
    )
    .values(**_SPENT)
)


def new_code(
    *,
    journey_id: str,
    client_id: str,
    user_id: str | None,
    redirect_uri: str,
    scope: str,
    code_challenge: str | None,
    id_token_claims: dict[str, Any],
    userinfo_claims: dict[str, Any],
    confirms_enrolment: str | None,
    lifetime: int,
) -> tuple[str, Row]:
    """Return a new code, good for ``lifetime`` seconds, and what is to be stored of it: its digest alone.

    Nothing is written.
    """
    code = credentials.random_token(CODE_PREFIX)
    now = clock.now()
    return code, {
        "code_digest": credentials.digest(code),
        "journey_id": journey_id,
        "client_id": client_id,
        "user_id": user_id,
        "redirect_uri": redirect_uri,
        "scope": scope,
        "code_challenge": code_challenge,
        "id_token_claims": id_token_claims,
        "userinfo_claims": userinfo_claims,
        "confirms_enrolment": confirms_enrolment,
        "created_at": now,
        "expires_at": now + timedelta(seconds=lifetime),
    }


def mint(**given: Any) -> str:
    """Store a new code and return it; takes what :func:`new_code` takes."""
    code, row = new_code(**given)
    records.touch(_MINT, row)
    return code


def find(code: str) -> Grant | None:
    """Return what ``code`` stands for, spent or not; ``None`` if there never was such a code."""
    return find_by_digest(credentials.digest(code)) if may_be_one(code) else None


def may_be_one(code: str) -> bool:
    """Say whether ``code`` has the form of a code of ours."""
    return code.startswith(CODE_PREFIX) and len(code) <= _LONGEST_PRESENTED


def find_by_digest(code_digest: str) -> Grant | None:
    """Return what the code with this digest stands for, as it is now."""
    row = execute(_FIND, {"presented": code_digest}).first()
    return Grant(**row._mapping) if row is not None else None


def redeem(grant: Grant, *, access_token: str, access_lifetime: int) -> bool:
    """Spend the code: ``True`` once, ``False`` for everybody after, or when it has expired.

    The access token (good for ``access_lifetime`` seconds) is written by the same statement, so a
    code that was spent always has exactly one token to revoke.
    """
    values = {
        "presented": grant.code_digest,
        "now": clock.now(),
        "token": credentials.digest(access_token),
        "until": clock.after(access_lifetime),
    }
    return execute(_SPEND, values).rowcount == 1


def is_vouched_for(grant: Grant) -> bool:
    """Say whether its person may use the factor now, or the code says that they were not verified.

    For a code that was not found by :func:`acceptable`. Whoever takes the factor away revokes the codes that
    are there; one that came before the end of that transaction was not.
    """
    may = exists().where(_USERS.c.id == grant.user_id, _USERS.c.status == UserStatus.ACTIVE.value)
    denies = exists().where(_JOURNEYS.c.id == grant.journey_id, _JOURNEYS.c.verified_at.is_(None))
    return bool(db.session.scalar(select(or_(may, denies))))


def acceptable(
    *, redirect_uri: ColumnElement[str], challenge: ColumnElement[str]
) -> list[ColumnElement[bool]]:
    """Return what must hold for a code to be spent at once by a request that proves everything.

    Bind ``presented`` (the code's digest), ``client`` and ``now``. A code that confirms an enrolment or
    belongs to somebody whose factor is held back is not found so.
    """
    return [
        _T.c.code_digest == bindparam("presented"),
        _T.c.client_id == bindparam("client"),
        _T.c.redirect_uri == redirect_uri,
        _T.c.code_challenge.is_not_distinct_from(challenge),
        _T.c.redeemed_at.is_(None),
        _T.c.revoked_at.is_(None),
        _T.c.expires_at > bindparam("now"),
        _T.c.confirms_enrolment.is_(None),
        exists().where(_USERS.c.id == _T.c.user_id, _USERS.c.status == UserStatus.ACTIVE.value),
    ]


def presenting(conditions: Iterable[ColumnElement[bool]]) -> Select[Any]:
    """Return the statement that finds the code for which ``conditions`` hold: its keys, and :data:`TOLD`."""
    return select(_T.c.code_digest, _T.c.journey_id, _T.c.client_id, *(_T.c[name] for name in TOLD)).where(
        *conditions
    )


def spending(*conditions: ColumnElement[bool]) -> Update:
    """Return the UPDATE that spends the code for which ``conditions`` hold.

    Bind ``now``, ``token`` (the access token's digest) and ``until``. The conditions are those of
    :func:`acceptable`, so that nothing is spent for a request that is refused, or name a row locked by them.
    """
    return update(_T).where(*conditions).values(**_SPENT)


def new_access_token() -> str:
    """Return a fresh opaque access token."""
    return credentials.random_token(TOKEN_PREFIX)


def revoke_produced_by(grant: Grant) -> bool:
    """Revoke whatever the code produced; ``True`` if something live was revoked (RFC 6749 section 4.1.2)."""
    result = db.session.execute(
        update(AuthorizationGrant)
        .where(_T.c.code_digest == grant.code_digest, _T.c.revoked_at.is_(None))
        .values(revoked_at=clock.now())
    )
    return rows_touched(result) == 1


def read_access_token(token: str) -> AccessToken | None:
    """Return what a live ``token`` grants; ``None`` if it is unknown, expired or revoked."""
    if not token.startswith(TOKEN_PREFIX) or len(token) > _LONGEST_PRESENTED:
        return None
    row = db.session.execute(
        select(_T.c.client_id, _T.c.user_id, _T.c.scope, _T.c.userinfo_claims).where(
            _T.c.access_digest == credentials.digest(token),
            _T.c.revoked_at.is_(None),
            _T.c.access_expires_at > clock.now(),
        )
    ).first()
    return AccessToken(**row._mapping) if row is not None else None


def revoke_access_token(token: str, *, client_id: str) -> bool:
    """Revoke ``token`` if it belongs to ``client_id``; ``True`` if something was revoked (RFC 7009)."""
    result = db.session.execute(
        update(AuthorizationGrant)
        .where(
            _T.c.access_digest == credentials.digest(token),
            _T.c.client_id == client_id,
            _T.c.revoked_at.is_(None),
        )
        .values(revoked_at=clock.now())
    )
    return rows_touched(result) == 1


def revoke_all_of(user_id: str) -> int:
    """Revoke every code and token of a person; return how many rows that touched."""
    result = db.session.execute(
        update(AuthorizationGrant)
        .where(_T.c.user_id == user_id, _T.c.revoked_at.is_(None))
        .values(revoked_at=clock.now())
    )
    return rows_touched(result)


def prune(longest_token: int) -> int:
    """Remove a batch of grants whose token, good for ``longest_token`` seconds, ended a day ago; no commit.

    Their keys are random, so that every redemption touches other pages of their indexes: few rows keep
    those in memory. Until then, a code that is presented again still revokes what it gave; afterwards
    there is nothing left to revoke, and the code is unknown.
    """
    old = (
        select(_T.c.code_digest)
        .where(_T.c.expires_at < clock.after(-longest_token - _KEPT_SECONDS))
        .order_by(_T.c.expires_at)
        .limit(BATCH)
    )
    return rows_touched(db.session.execute(delete(_T).where(_T.c.code_digest.in_(old))))


def forget(user_id: str) -> None:
    """Revoke everything of a person and remove the claims that speak of them."""
    revoke_all_of(user_id)
    db.session.execute(
        update(AuthorizationGrant)
        .where(AuthorizationGrant.user_id == user_id)
        .values(id_token_claims={}, userinfo_claims={})
    )
