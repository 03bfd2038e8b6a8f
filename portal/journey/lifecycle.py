"""Every legal move of a journey; each is one ``UPDATE … WHERE state = expected``.

A move returns ``True`` if it happened and ``False`` if somebody was first (or the journey is not where
the move starts). Nothing here commits: the endpoint does, so that a move and what goes with it are
one transaction.

==============  ==========================  ==========================================
move            from                        to
==============  ==========================  ==========================================
identify        OPEN, no user               OPEN, with the user
begin_capture   OPEN, CAPTURING             CAPTURING
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
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, case, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from portal import clock, credentials, metrics
from portal.extensions import db, execute, rows_touched, table_of
from portal.models import Capture, Journey, JourneyPurpose, JourneyState

S = JourneyState

#: States in which nothing more can happen.
ENDED = frozenset({S.REDEEMED, S.ENROLLED, S.CANCELLED, S.EXPIRED})
#: States that a journey which nobody continues leaves by expiring.
RUNNING = (S.OPEN, S.CAPTURING, S.VERIFIED, S.REFUSED, S.ISSUED)
#: The ``refusal`` of a journey while VerifEye cannot be reached: its client is told that it may try again.
UNAVAILABLE = "unavailable"
#: Captures that may be begun for each attempt that may fail: going back and starting again is no failure.
LINKS_PER_ATTEMPT = 4


_T = table_of(Journey)


def redeeming(journey_id: ColumnElement[str]) -> ReturningUpdate[Any]:
    """Return the statement that marks a journey's code as redeemed; bind ``now``. It gives the reference."""
    return (
        update(_T)
        .where(_T.c.id == journey_id, _T.c.state == S.ISSUED.value)
        .values(state=S.REDEEMED.value, ended_at=bindparam("now"))
        .returning(_T.c.reference)
    )


_REDEEM = redeeming(bindparam("journey"))


def open_journey(
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
) -> Journey:
    """Create a journey in ``OPEN`` from checked parameters and return it, flushed.

    ``lifetime`` is in seconds. ``account`` is what was hinted, for showing it to the same person;
    ``user_id`` is whom it resolved to, if anybody.
    """
    now = clock.now()
    journey = Journey(
        id=credentials.random_hex(),
        reference=credentials.reference(),
        state=S.OPEN,
        turn=0,
        purpose=purpose,
        client_id=client_id,
        verification_id=verification_id,
        parameters=parameters,
        integrity_proven=integrity_proven,
        browser_digest=credentials.digest(browser_secret),
        account=account,
        user_id=user_id,
        attempts=0,
        links=0,
        attempts_allowed=attempts_allowed,
        created_at=now,
        expires_at=clock.after(lifetime),
    )
    db.session.add(journey)
    db.session.flush()
    return journey


def identify(journey: Journey, *, user_id: str | None, account: str) -> bool:
    """Say for which account the journey is; ``user_id`` is ``None`` where nobody has it.

    An account once named stays: the person asked for does not change half-way.
    """
    return _move(
        journey, [S.OPEN], Journey.account.is_(None), user_id=user_id, account=account, turn=Journey.turn + 1
    )


def begin_capture(
    journey: Journey, *, state_secret: str, enrolment_id: str, external_id: str, enrols: bool
) -> Capture | None:
    """Count a link and return its capture; ``None`` if no more may be given or the move is not legal.

    ``state_secret`` is the one-time state that VerifEye will pass through; only its digest is kept.
    An earlier capture that is still out stays answerable: the person may finish in either tab, and
    the first result ends the journey's wait. Only a result counts as an attempt, so that somebody
    whose camera would not start has lost nothing; links are limited all the same.
    """
    moved = _move(
        journey,
        [S.OPEN, S.CAPTURING],
        Journey.attempts < Journey.attempts_allowed,
        Journey.links < Journey.attempts_allowed * LINKS_PER_ATTEMPT,
        to=S.CAPTURING,
        links=Journey.links + 1,
        turn=Journey.turn + 1,
        refusal=None,
    )
    if not moved:
        return None
    capture = Capture(
        id=credentials.random_hex(),
        journey_id=journey.id,
        state_digest=credentials.digest(state_secret),
        external_id=external_id,
        enrolment_id=enrolment_id,
        enrols=enrols,
        created_at=clock.now(),
        expires_at=journey.expires_at,
    )
    db.session.add(capture)
    db.session.flush()
    return capture


def forget_what_was_asked(journey: Journey) -> None:
    """Drop the names and dates that were asked about: there is a verdict, or there never will be."""
    if "verified_claims" in journey.parameters:
        journey.parameters = {
            name: kept for name, kept in journey.parameters.items() if name != "verified_claims"
        }
        db.session.flush()


def may_begin(journey: Journey) -> bool:
    """Say whether another link may be given out in this journey."""
    return (
        journey.attempts < journey.attempts_allowed
        and journey.links < journey.attempts_allowed * LINKS_PER_ATTEMPT
    )


def consent(journey: Journey, version: str) -> None:
    """Write down that the person agreed to ``version`` of the text, now; the first time counts."""
    if journey.consented_at is None:
        journey.consent_version, journey.consented_at = version, clock.now()
        db.session.flush()


def close_capture(capture: Capture, *, session_id: str, passed: bool, reason: str | None) -> bool:
    """Consume the capture: its state counts once, and so does VerifEye's session.

    Raises ``IntegrityError`` at this statement if the session was used by any capture before.
    """
    result = db.session.execute(
        update(Capture)
        .where(Capture.id == capture.id, Capture.ended_at.is_(None), Capture.expires_at > clock.now())
        .values(ended_at=clock.now(), session_id=session_id, passed=passed, reason=reason)
    )
    closed = rows_touched(result) == 1
    if closed:
        metrics.capture_ended(passed=passed, seconds=(clock.now() - capture.created_at).total_seconds())
    return closed


def accept(journey: Journey, *, enrolment_id: str) -> bool:
    """Record that the face was verified."""
    return _move(
        journey, [S.CAPTURING], to=S.VERIFIED, enrolment_id=enrolment_id, verified_at=clock.now(),
        refusal=None, turn=Journey.turn + 1,
    )  # fmt: skip


def decline(journey: Journey, *, reason: str) -> bool:
    """Record that the face was not verified: back to the start page, or refused when no attempt is left."""
    used_up = Journey.attempts + 1 >= Journey.attempts_allowed
    return _move(
        journey, [S.CAPTURING], to=case((used_up, S.REFUSED.value), else_=S.OPEN.value),
        attempts=Journey.attempts + 1, refusal=reason, turn=Journey.turn + 1,
    )  # fmt: skip


def refuse(journey: Journey, *, reason: str) -> bool:
    """Refuse a journey that may not go on whatever the camera says (nobody of that name, not enrolled)."""
    return _move(journey, [S.OPEN, S.CAPTURING], to=S.REFUSED, refusal=reason, turn=Journey.turn + 1)


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
    return _move(
        journey, [S.VERIFIED], Journey.purpose == JourneyPurpose.ENROL,
        to=S.ENROLLED, ended_at=clock.now(), turn=Journey.turn + 1,
    )  # fmt: skip


def issue(journey: Journey, *, redeemable_until: datetime) -> bool:
    """Mark that the journey's code is minted; it can happen once.

    The journey then lasts exactly as long as its code: what hangs on an unredeemed code (a provisional
    enrolment) is cleared when the journey expires, and not a moment before.
    """
    return _move(journey, [S.VERIFIED], to=S.ISSUED, expires_at=redeemable_until, turn=Journey.turn + 1)


def answer_failure(journey: Journey, *, redeemable_until: datetime) -> bool:
    """Mark that a code is minted which says that the person was *not* verified; it can happen once.

    Only for clients that are answered so (identity verification); ``verified_at`` stays empty.
    """
    return _move(
        journey, [S.REFUSED], Journey.verified_at.is_(None), to=S.ISSUED,
        expires_at=redeemable_until, turn=Journey.turn + 1,
    )  # fmt: skip


def withdraw(journey: Journey, *, reason: str) -> bool:
    """Refuse a verified journey after all: the person was suspended meanwhile, or is not the one demanded."""
    return _move(journey, [S.VERIFIED], to=S.REFUSED, refusal=reason, verified_at=None, turn=Journey.turn + 1)


def note(journey: Journey, *, refusal: str) -> bool:
    """Write down why the person cannot go on just now, without moving the journey."""
    return _move(journey, [S.OPEN, S.CAPTURING], refusal=refusal)


def redeem(journey_id: str) -> str | None:
    """Mark that the journey's code was redeemed and return the journey's reference; ``None``: not so."""
    reference: str | None = execute(_REDEEM, {"journey": journey_id, "now": clock.now()}).scalar()
    return reference


def reference_of(journey_id: str) -> str | None:
    """Return the journey's short reference, for the log."""
    return db.session.scalar(select(Journey.reference).where(Journey.id == journey_id))


def cancel(journey: Journey) -> bool:
    """End the journey because the person chose to go back."""
    return _move(
        journey, [S.OPEN, S.CAPTURING, S.REFUSED], to=S.CANCELLED, ended_at=clock.now(), turn=Journey.turn + 1
    )


def _move(
    journey: Journey,
    states: Iterable[JourneyState],
    *conditions: ColumnElement[bool],
    to: JourneyState | ColumnElement[str] | None = None,
    **values: Any,
) -> bool:
    """Make one conditional write; an expired journey makes no move."""
    if to is not None:
        values["state"] = to
    result = db.session.execute(
        update(Journey)
        .where(
            and_(Journey.id == journey.id, Journey.state.in_(list(states)), Journey.expires_at > clock.now()),
            *conditions,
        )
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    db.session.refresh(journey)
    moved = rows_touched(result) == 1
    if moved and to is not None:
        metrics.journey_moved(journey.state, (clock.now() - journey.created_at).total_seconds())
    return moved


def is_expired(journey: Journey, now: datetime | None = None) -> bool:
    """Say whether the journey's time is over while it had not ended."""
    return journey.state == S.EXPIRED or (
        journey.state not in ENDED and journey.expires_at <= (now or clock.now())
    )
