"""Holding the factor back, and giving it back.

Several parties may hold it at once: an operator, Okta's status, Okta's group, SCIM. Each lifts only its own
hold, and the person may use the factor again when none is left: somebody whom an operator suspended does
not come back because Okta says "unsuspend".
"""

from sqlalchemy import delete, exists, insert, select, update

from portal import clock
from portal.audit.events import Event
from portal.audit.log import record
from portal.extensions import db, rows_touched
from portal.grants import codes
from portal.journey import lifecycle
from portal.models import HoldReason, User, UserHold, UserStatus
from portal.users import news


def hold(user: User, reason: HoldReason, *, how: str) -> bool:
    """Take the factor away from a person for ``reason``; flushes. Says whether that reason is new.

    Every code and token that is out is revoked and every running journey is refused; the rest stays as it
    was, so that :func:`release` brings everything back.
    """
    lock(user)
    if user.status == UserStatus.ERASED or reason in reasons(user.id):
        return False
    db.session.execute(insert(UserHold).values(user_id=user.id, reason=reason.value, since=clock.now()))
    record(Event.USER_HELD, user_id=user.id, how=how, reason=reason.value)
    if user.status == UserStatus.ACTIVE:
        _set_status(user, UserStatus.SUSPENDED)
        record(Event.USER_SUSPENDED, user_id=user.id, how=how)
    end_what_is_under_way(user.id, reason="suspended")
    return True


def release(user: User, reason: HoldReason, *, how: str) -> bool:
    """Lift the hold of ``reason``, flush, and say whether there was one.

    The factor comes back when no hold is left.
    """
    lock(user)
    lifted = db.session.execute(
        delete(UserHold).where(UserHold.user_id == user.id, UserHold.reason == reason.value)
    )
    if rows_touched(lifted) == 0:
        return False
    record(Event.USER_RELEASED, user_id=user.id, how=how, reason=reason.value)
    if user.status == UserStatus.SUSPENDED and not _is_held(user.id):
        _set_status(user, UserStatus.ACTIVE)
        record(Event.USER_RESUMED, user_id=user.id, how=how)
        news.is_back(user.id)
    elif reason is HoldReason.OKTA_DEACTIVATED:
        # While somebody is deactivated in Okta, nothing can be written there: what was refused is due now.
        news.registration_may_differ(user.id)
    return True


def suspend(user: User, *, how: str) -> bool:
    """Hold the factor back on an operator's word; says whether that is new."""
    return hold(user, HoldReason.OPERATOR, how=how)


def resume(user: User, *, how: str) -> bool:
    """Lift an operator's hold; says whether there was one. Other holds stay."""
    return release(user, HoldReason.OPERATOR, how=how)


def reasons(user_id: str) -> list[str]:
    """Return why the factor of a person is held back, in a stable order; empty if it is not."""
    return list(
        db.session.scalars(
            select(UserHold.reason).where(UserHold.user_id == user_id).order_by(UserHold.reason)
        )
    )


def end_what_is_under_way(user_id: str, *, reason: str) -> None:
    """Refuse every running journey of a person, who is locked, and revoke every code and token; flushes.

    In this order: a code that is being minted at this moment keeps its journey locked until it is there, and
    so it is there to be revoked. One that would come later finds its journey refused.
    """
    lifecycle.refuse_all_of(user_id, reason=reason)
    codes.revoke_all_of(user_id)


def forget(user_id: str) -> None:
    """Remove the holds of a person who is being erased."""
    db.session.execute(delete(UserHold).where(UserHold.user_id == user_id))


def lock(user: User) -> None:
    """Make others who change this person's holds wait, and see what they have done.

    Without it two transactions would each count the holds that the other has not committed yet.
    """
    db.session.flush()
    # A write, because SQLite takes its lock only with one.
    db.session.execute(update(User).where(User.id == user.id).values(status=User.status))
    db.session.refresh(user)


def _is_held(user_id: str) -> bool:
    return bool(db.session.scalar(select(exists().where(UserHold.user_id == user_id))))


def _set_status(user: User, status: UserStatus) -> None:
    user.status, user.updated_at = status, clock.now()
    db.session.flush()
    news.registration_may_differ(user.id)
