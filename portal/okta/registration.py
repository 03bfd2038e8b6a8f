"""The registration attribute: a boolean of Okta's user profile by which its rules route people to the factor.

It should hold whether the person can use the factor now: enrolled, not held back, not paused. Messages only
say that this may have changed; the present state is read when they are worked off. What is written is
serialised for each person by a lease (a conditional UPDATE), so whoever writes last has read last:

* the value counts as unknown from the moment a lease is taken until its holder has finished;
* a holder that comes back after its lease was taken over has its message done again;
* after a takeover the value stays unknown, so that the former holder's message, which is still waiting,
  writes once more instead of trusting what it may have overwritten itself.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from flask import Flask
from sqlalchemy import ColumnElement, and_, delete, exists, insert, not_, or_, select, update
from sqlalchemy.exc import IntegrityError

from portal import clock, credentials, outbox
from portal.audit.events import Event
from portal.audit.log import record
from portal.connections import registry
from portal.extensions import db, rows_touched, settings
from portal.models import (
    Enrolment,
    EnrolmentState,
    OktaPause,
    OktaPausedPerson,
    OktaRegistration,
    PauseScope,
    User,
    UserStatus,
    VerificationConfiguration,
)
from portal.okta.events_reading import AHEAD
from portal.okta.failures import told_to_the_outbox
from portal.okta_api.client import OktaApi
from portal.okta_api.errors import NotEditable, NotFound
from portal.outbox import OutboxFailure
from portal.users.news import REGISTRATION

#: Longer than the slowest write: a token and an update, each tried twice, at the longest time-outs.
LEASE_SECONDS = 120
_BUSY_SECONDS = 5.0
_CHUNK = 500
#: Writes in a row because the person's state changed meanwhile; then others get their turn.
_MOST_WRITES = 4


def init_app(app: Flask) -> None:
    """Handle the topic in ``app``."""
    outbox.handles(app, REGISTRATION, handle)


def desired(user_ids: Iterable[str]) -> dict[str, bool]:
    """Return for each of these people whether they can use the factor now."""
    return _states(User.id, list(user_ids))


def desired_in_okta(okta_ids: Iterable[str]) -> dict[str, bool]:
    """Return what the attribute should hold for each of these Okta ids; false for whom nobody knows."""
    wanted = list(okta_ids)
    return dict.fromkeys(wanted, False) | _states(User.okta_id, wanted)


def note_seen(okta_id: str, value: bool | None, *, read_at: datetime) -> bool:
    """Note what Okta was seen to hold, and say whether that is not what it should.

    ``value`` is what the profile has (absent counts as false); ``read_at`` the moment before Okta was asked:
    what was written or begun since then is newer, and is not overwritten. Flushes; where the answer is yes,
    the caller tells the news (``users.news.registration_may_differ``).
    """
    _ensure_row(okta_id, read_at)
    noted = db.session.execute(
        update(OktaRegistration)
        .where(OktaRegistration.okta_id == okta_id, OktaRegistration.lease_token.is_(None))
        # What is yet to come was noted by a clock that was ahead.
        .where(or_(OktaRegistration.known_at <= read_at, OktaRegistration.known_at > clock.now() + AHEAD))
        .values(value=value is True, known_at=read_at)
    )
    return rows_touched(noted) == 1 and desired_in_okta([okta_id])[okta_id] is not (value is True)


def forget_what_is_known() -> None:
    """Trust nothing that was written before: another organisation or attribute is connected. Flushes.

    Whoever is writing at this moment loses the lease, and writes again.
    """
    db.session.execute(
        update(OktaRegistration).values(value=None, known_at=clock.now(), lease_token=None, lease_until=None)
    )


def handle(payload: dict[str, Any]) -> str:
    """Make Okta hold what it should about the person whom ``payload`` names, and return a receipt.

    Commits in between, because a lease must be seen by others before Okta is called and no transaction may
    stay open meanwhile. Raises ``OutboxFailure``.
    """
    connection = registry.current()
    if connection is None:
        return "Okta is not connected; nothing was written."
    okta_id, attribute = str(payload["okta_id"]), connection.attribute
    if _known(okta_id) is desired_in_okta([okta_id])[okta_id]:
        return f"Okta holds what it should in {attribute}."
    with told_to_the_outbox():
        api = registry.api_for(connection)
    held = _Lease.take(okta_id)
    try:
        with told_to_the_outbox():
            return _write(api, attribute, held, str(payload["user_id"]))
    except BaseException:
        db.session.rollback()
        held.give_back()
        db.session.commit()
        raise


def _write(api: OktaApi, attribute: str, held: "_Lease", user_id: str) -> str:
    for _ in range(_MOST_WRITES):
        wanted = desired_in_okta([held.okta_id])[held.okta_id]
        db.session.commit()  # nothing stays open in the database while Okta is asked
        try:
            person = api.update_profile(held.okta_id, {attribute: wanted})
        except NotFound:
            held.forget()
            return "Okta knows nobody under this id."
        except NotEditable:
            held.give_back()
            return "The person is deactivated in Okta, where such profiles are not edited: nobody to route."
        if person.profile.get(attribute) is not wanted:
            raise OutboxFailure(
                f"Okta accepted the value and did not keep it: its user profile has no boolean {attribute}. "
                "`flask okta attribute create` makes it.",
                final=True,
            )
        if desired_in_okta([held.okta_id])[held.okta_id] is wanted:
            return _written(held, attribute, wanted, user_id)
    raise OutboxFailure("The person's state changed while it was being written.", retry_after=_BUSY_SECONDS)


def _written(held: "_Lease", attribute: str, value: bool, user_id: str) -> str:
    if not held.finish(value):
        raise OutboxFailure("Another worker wrote meanwhile.", retry_after=_BUSY_SECONDS)
    record(Event.OKTA_REGISTRATION_WRITTEN, user_id=user_id, value=value)
    if not _is_somebodys(held.okta_id):
        held.forget()
    return f"Set {attribute} to {str(value).lower()}."


class _Lease:
    """The right to write about one person, until it ends or somebody takes it over."""

    def __init__(self, okta_id: str, token: str, *, taken_over: bool) -> None:
        self.okta_id = okta_id
        self._taken_over = taken_over
        self._mine = and_(OktaRegistration.okta_id == okta_id, OktaRegistration.lease_token == token)

    @classmethod
    def take(cls, okta_id: str) -> "_Lease":
        """Take the lease and commit; raises ``OutboxFailure`` while somebody else has it."""
        token, now = credentials.random_hex(), clock.now()
        _ensure_row(okta_id, now)
        values = {
            "lease_token": token,
            "lease_until": clock.after(LEASE_SECONDS),
            "value": None,
            "known_at": now,
        }
        of_person = update(OktaRegistration).where(OktaRegistration.okta_id == okta_id).values(values)
        free = db.session.execute(of_person.where(OktaRegistration.lease_token.is_(None)))
        taken_over = rows_touched(free) == 0
        if taken_over:
            until = OktaRegistration.lease_until
            # No lease is that long, two clocks allowed for: it was taken by one that has been set back since.
            is_over = or_(until <= now, until > clock.after(2 * LEASE_SECONDS))
            ended = db.session.execute(of_person.where(is_over))
            if rows_touched(ended) == 0:
                raise OutboxFailure("Another worker is writing about this person.", retry_after=_BUSY_SECONDS)
        db.session.commit()
        return cls(okta_id, token, taken_over=taken_over)

    def finish(self, value: bool) -> bool:
        """Give the lease back with what Okta holds now; ``False`` if somebody has taken it over."""
        values = {"lease_token": None, "lease_until": None, "known_at": clock.now()}
        kept = {} if self._taken_over else {"value": value}
        return self._change(update(OktaRegistration).values(values | kept))

    def forget(self) -> None:
        """Remove the row of somebody whom nobody knows any more."""
        db.session.execute(
            delete(OktaRegistration).where(
                OktaRegistration.okta_id == self.okta_id,
                or_(OktaRegistration.lease_token.is_(None), self._mine),
            )
        )

    def give_back(self) -> None:
        """Give the lease back with the value unknown; does nothing if somebody has taken it over."""
        self._change(
            update(OktaRegistration).values(lease_token=None, lease_until=None, known_at=clock.now())
        )

    def _change(self, statement: Any) -> bool:
        return rows_touched(db.session.execute(statement.where(self._mine))) == 1


def _known(okta_id: str) -> bool | None:
    return db.session.scalar(select(OktaRegistration.value).where(OktaRegistration.okta_id == okta_id))


def _is_somebodys(okta_id: str) -> bool:
    return bool(db.session.scalar(select(exists().where(User.okta_id == okta_id))))


def _ensure_row(okta_id: str, known_at: datetime) -> None:
    if db.session.scalar(select(exists().where(OktaRegistration.okta_id == okta_id))):
        return
    try:
        with db.session.begin_nested():
            db.session.execute(insert(OktaRegistration).values(okta_id=okta_id, known_at=known_at))
    except IntegrityError:
        return  # somebody else was first, and either row will do


def _states(column: Any, values: list[str]) -> dict[str, bool]:
    """Return for each person whom ``column`` names whether they can use the factor."""
    found: dict[str, bool] = {}
    for start in range(0, len(values), _CHUNK):
        rows = db.session.execute(
            select(column, and_(User.status == UserStatus.ACTIVE, _is_enrolled(), not_(_is_paused()))).where(
                column.in_(values[start : start + _CHUNK])
            )
        )
        found |= {name: bool(able) for name, able in rows}
    return found


def _is_enrolled() -> ColumnElement[bool]:
    """Whether the person is enrolled where the workforce enrols; anywhere, if no setting says where.

    A configuration that was removed is nowhere: its enrolments stay, and nobody can use them.
    """
    confirmed = exists().where(
        Enrolment.user_id == User.id,
        Enrolment.state == EnrolmentState.CONFIRMED,
        VerificationConfiguration.id == Enrolment.verification_id,
        VerificationConfiguration.removed_at.is_(None),
    )
    where = settings().workforce_verification.strip().lower()
    return confirmed.where(Enrolment.verification_id == where) if where else confirmed


def _is_paused() -> ColumnElement[bool]:
    """Whether a pause that has not ended holds for everybody, or for a group that the person was in."""
    everybody = exists().where(OktaPause.ended_at.is_(None), OktaPause.scope == PauseScope.ALL)
    in_group = exists().where(
        OktaPausedPerson.okta_id == User.okta_id,
        OktaPause.id == OktaPausedPerson.pause_id,
        OktaPause.ended_at.is_(None),
    )
    return or_(everybody, in_group)
