"""Every legal move of a journey; each is one ``UPDATE … WHERE state = expected``.

A move returns ``True`` if it happened and ``False`` if somebody was first (or the journey is not where
the move starts). Nothing here commits: the endpoint does, so that a move and what goes with it are
one transaction.

==============  ==========================  ==========================================
move            from                        to
==============  ==========================  ==========================================
identify        OPEN, no user               OPEN, with the user
begin_capture   OPEN, CAPTURING             CAPTURING (``captures``)
accept          CAPTURING                   VERIFIED
decline         CAPTURING                   OPEN (attempts left) or REFUSED
refuse          OPEN, CAPTURING             REFUSED
refuse_all_of   OPEN, CAPTURING, VERIFIED   REFUSED
issue           VERIFIED                    ISSUED
withdraw        VERIFIED                    REFUSED
answer_failure  REFUSED                     ISSUED, with a code that says "not verified"
redeem          ISSUED                      REDEEMED
complete        VERIFIED, for an enrolment  ENROLLED
cancel          OPEN, CAPTURING, REFUSED    CANCELLED
expire          OPEN, CAPTURING, VERIFIED,  EXPIRED (``pruning``)
                REFUSED, ISSUED
==============  ==========================  ==========================================
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Insert, bindparam, case, insert, literal, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from portal import clock, credentials, metrics, records
from portal.extensions import db, execute, rows_touched, table_of
from portal.models import Journey, JourneyPurpose, JourneyState
from portal.statements import Prepared, Row

S = JourneyState

#: States in which nothing more can happen.
ENDED = frozenset({S.REDEEMED, S.ENROLLED, S.CANCELLED, S.EXPIRED})
#: States that a journey which nobody continues leaves by expiring.
RUNNING = (S.OPEN, S.CAPTURING, S.VERIFIED, S.REFUSED, S.ISSUED)
#: The ``refusal`` of a journey while VerifEye cannot be reached: its client is told that it may try again.
UNAVAILABLE = "unavailable"


_T = table_of(Journey)
#: What a journey begins with; the other columns are for what happens to it.
_BEGINNING = (
    "id", "reference", "state", "turn", "purpose", "client_id", "verification_id", "parameters",
    "integrity_proven", "browser_digest", "account", "user_id", "attempts", "links", "attempts_allowed",
    "created_at", "expires_at",
)  # fmt: skip


def opening(source: FromClause | None = None) -> Insert:
    """Return the statement, or a part of one, that writes what :func:`new_journey` gave, which is bound.

    Once, or for each row of ``source``.
    """
    row = select(*(bindparam(name, type_=_T.c[name].type) for name in _BEGINNING))
    return insert(_T).from_select(_BEGINNING, row if source is None else row.select_from(source))


def redeeming(journey_id: ColumnElement[str]) -> ReturningUpdate[Any]:
    """Return the statement that marks a journey's code as redeemed; bind ``now``. It gives the reference."""
    return (
        update(_T)
        .where(_T.c.id == journey_id, _T.c.state == S.ISSUED.value)
        .values(state=S.REDEEMED.value, ended_at=bindparam("now"))
        .returning(_T.c.reference)
    )


_OPEN = Prepared(opening())
_REDEEM = redeeming(bindparam("journey"))
_FIND = Prepared(select(_T).where(_T.c.id == bindparam("journey")))
_BLANK: dict[str, Any] = dict.fromkeys(_T.c.keys())


#: What a move changes or what is told of it, without the request, which is long: for moves made at once.
MOVED = tuple(_T.c[name] for name in (
    "id", "reference", "client_id", "user_id", "state", "turn", "links", "attempts", "refusal",
    "consent_version", "consented_at", "enrolment_id", "verified_at", "expires_at",
))  # fmt: skip


def moving(
    states: Iterable[JourneyState],
    *conditions: ColumnElement[bool],
    to: JourneyState | ColumnElement[str] | None = None,
    given: Iterable[str] = (),
    gives: Iterable[ColumnElement[Any]] = tuple(_T.c),
    **values: Any,
) -> ReturningUpdate[Any]:
    """Return the statement of a move out of one of ``states`` where ``conditions`` hold; it gives ``gives``.

    Bind ``journey``, ``now``, and ``new_…`` for each column of ``given``. An expired journey makes no move.
    """
    values |= {name: bindparam(f"new_{name}", type_=_T.c[name].type) for name in given}
    if to is not None:
        values["state"] = to.value if isinstance(to, JourneyState) else to
    return (
        update(_T)
        .where(
            _T.c.id == bindparam("journey"),
            _T.c.state.in_([literal(state.value, _T.c.state.type) for state in states]),
            _T.c.expires_at > bindparam("now"),
            *conditions,
        )
        .values(**values)
        .returning(*gives)
    )


def _moving(*states_and_conditions: Any, **values: Any) -> Prepared:
    """Return :func:`moving` as a statement by itself; it gives the whole record."""
    return Prepared(moving(*states_and_conditions, **values))


#: What each step of a journey sets, so that the links of the step before it are used up.
ON = {"turn": _T.c.turn + 1}


def accepting(
    *conditions: ColumnElement[bool], gives: Iterable[ColumnElement[Any]] = tuple(_T.c)
) -> ReturningUpdate[Any]:
    """Return the move ``accept`` where ``conditions`` hold; bind its ``new_…`` values."""
    given = ("enrolment_id", "verified_at")
    return moving([S.CAPTURING], *conditions, to=S.VERIFIED, given=given, gives=gives, refusal=None, **ON)


def issuing(
    *conditions: ColumnElement[bool], gives: Iterable[ColumnElement[Any]] = tuple(_T.c)
) -> ReturningUpdate[Any]:
    """Return the move ``issue`` where ``conditions`` hold, too; bind ``new_expires_at``."""
    return moving([S.VERIFIED], *conditions, to=S.ISSUED, given=("expires_at",), gives=gives, **ON)


_USED_UP = _T.c.attempts + 1 >= _T.c.attempts_allowed
_OPENED = (S.OPEN, S.CAPTURING)
_IDENTIFY = _moving([S.OPEN], _T.c.account.is_(None), given=("user_id", "account"), **ON)
_ACCEPT = Prepared(accepting())
_DECLINE = _moving(
    [S.CAPTURING],
    to=case((_USED_UP, S.REFUSED.value), else_=S.OPEN.value),
    given=("refusal",),
    attempts=_T.c.attempts + 1,
    **ON,
)
_REFUSE = _moving(_OPENED, to=S.REFUSED, given=("refusal",), **ON)
_COMPLETE = _moving(
    [S.VERIFIED], _T.c.purpose == JourneyPurpose.ENROL.value, to=S.ENROLLED, given=("ended_at",), **ON
)
_ISSUE = Prepared(issuing())
_ANSWER_FAILURE = _moving([S.REFUSED], _T.c.verified_at.is_(None), to=S.ISSUED, given=("expires_at",), **ON)
_WITHDRAW = _moving([S.VERIFIED], to=S.REFUSED, given=("refusal",), verified_at=None, **ON)
_NOTE = _moving(_OPENED, given=("refusal",))
#: These write something down and leave the journey where it is.
_STAYING = (_IDENTIFY, _NOTE)
_CANCEL = _moving([*_OPENED, S.REFUSED], to=S.CANCELLED, given=("ended_at",), **ON)


def new_journey(
    *,
    client_id: str | None,
    verification_id: str,
    parameters: dict[str, Any],
    integrity_proven: bool,
    browser_secret: str,
    user_id: str | None,
    account: str | None,
    lifetime: int,
    attempts_allowed: int,
    purpose: JourneyPurpose = JourneyPurpose.AUTHORIZE,
) -> Row:
    """Return every column of a new journey in ``OPEN``, made from checked parameters; nothing is written.

    ``lifetime`` is in seconds. ``account`` is what was hinted, for showing it to the same person;
    ``user_id`` is whom it resolved to, if anybody.
    """
    now = clock.now()
    return {
        **_BLANK,
        "id": credentials.ordered_hex(now),
        "reference": credentials.reference(),
        "state": S.OPEN.value,
        "turn": 0,
        "purpose": purpose.value,
        "client_id": client_id,
        "verification_id": verification_id,
        "parameters": parameters,
        "integrity_proven": integrity_proven,
        "browser_digest": credentials.digest(browser_secret),
        "account": account,
        "user_id": user_id,
        "attempts": 0,
        "links": 0,
        "attempts_allowed": attempts_allowed,
        "created_at": now,
        "expires_at": now + timedelta(seconds=lifetime),
    }


def open_journey(**given: Any) -> Journey:
    """Write a new journey and return it, flushed; takes what :func:`new_journey` takes."""
    return write(new_journey(**given))


def write(row: Row) -> Journey:
    """Write what :func:`new_journey` gave and return the journey, flushed."""
    records.touch(_OPEN, row)
    return records.adopt(Journey, row)


def find(journey_id: str) -> Journey | None:
    """Return the journey as it is now, if its record is still there."""
    return records.load(Journey, _FIND, {"journey": journey_id})


def identify(journey: Journey, *, user_id: str | None, account: str) -> bool:
    """Say for which account the journey is; ``user_id`` is ``None`` where nobody has it.

    An account once named stays: the person asked for does not change half-way.
    """
    return _move(journey, _IDENTIFY, user_id=user_id, account=account)


def forget_what_was_asked(journey: Journey) -> None:
    """Drop the names and dates that were asked about: there is a verdict, or there never will be."""
    if journey.parameters.get("verified_claims"):
        journey.parameters = {
            name: kept for name, kept in journey.parameters.items() if name != "verified_claims"
        }
        db.session.flush()


def accept(journey: Journey, *, enrolment_id: str) -> bool:
    """Record that the face was verified."""
    return _move(journey, _ACCEPT, enrolment_id=enrolment_id, verified_at=clock.now())


def decline(journey: Journey, *, reason: str) -> bool:
    """Record that the face was not verified: back to the start page, or refused when no attempt is left."""
    return _move(journey, _DECLINE, refusal=reason)


def refuse(journey: Journey, *, reason: str) -> bool:
    """Refuse a journey that may not go on whatever the camera says (nobody of that name, not enrolled)."""
    return _move(journey, _REFUSE, refusal=reason)


def refuse_all_of(user_id: str, *, reason: str) -> int:
    """Refuse every running journey of a person who may not go on, and return how many there were."""
    result = db.session.execute(
        update(Journey)
        .where(
            Journey.user_id == user_id,
            Journey.state.in_([S.OPEN, S.CAPTURING, S.VERIFIED]),
            Journey.expires_at > clock.now(),
        )
        .values(state=S.REFUSED, refusal=reason, verified_at=None, turn=Journey.turn + 1)
        .execution_options(synchronize_session="fetch")
    )
    return rows_touched(result)


def complete(journey: Journey) -> bool:
    """End the journey of an enrolment whose face was verified; it can happen once."""
    return _move(journey, _COMPLETE, ended_at=clock.now())


def issue(journey: Journey, *, redeemable_until: datetime) -> bool:
    """Mark that the journey's code is minted; it can happen once.

    The journey then lasts exactly as long as its code: what hangs on an unredeemed code (a provisional
    enrolment) is cleared when the journey expires, and not a moment before.
    """
    return _move(journey, _ISSUE, expires_at=redeemable_until)


def answer_failure(journey: Journey, *, redeemable_until: datetime) -> bool:
    """Mark that a code is minted which says that the person was *not* verified; it can happen once.

    Only for clients that are answered so (identity verification); ``verified_at`` stays empty.
    """
    return _move(journey, _ANSWER_FAILURE, expires_at=redeemable_until)


def withdraw(journey: Journey, *, reason: str) -> bool:
    """Refuse a verified journey after all: the person was suspended meanwhile, or is not the one demanded."""
    return _move(journey, _WITHDRAW, refusal=reason)


def note(journey: Journey, *, refusal: str) -> bool:
    """Write down why the person cannot go on just now, without moving the journey."""
    return _move(journey, _NOTE, refusal=refusal)


def redeem(journey_id: str) -> str | None:
    """Mark that the journey's code was redeemed and return the journey's reference; ``None``: not so."""
    reference: str | None = execute(_REDEEM, {"journey": journey_id, "now": clock.now()}).scalar()
    return reference


def reference_of(journey_id: str) -> str | None:
    """Return the journey's short reference, for the log."""
    return db.session.scalar(select(Journey.reference).where(Journey.id == journey_id))


def cancel(journey: Journey) -> bool:
    """End the journey because the person chose to go back."""
    return _move(journey, _CANCEL, ended_at=clock.now())


def _move(journey: Journey, move: Prepared, **new: Any) -> bool:
    """Make one conditional write, with ``new`` values, and take over what the record is then."""
    values = {f"new_{name}": value for name, value in new.items()}
    row = records.first(move, {"journey": journey.id, "now": clock.now(), **values})
    if row is None:
        db.session.refresh(journey)
        return False
    records.take_over(journey, row)
    if move not in _STAYING:
        count_moved(journey)
    return True


def count_moved(journey: Journey) -> None:
    """Count, for the metrics, a journey that reached its state just now."""
    metrics.journey_moved(journey.state, (clock.now() - journey.created_at).total_seconds())


def is_expired(journey: Journey, now: datetime | None = None) -> bool:
    """Say whether the journey's time is over while it had not ended."""
    return journey.state == S.EXPIRED or (
        journey.state not in ENDED and journey.expires_at <= (now or clock.now())
    )
