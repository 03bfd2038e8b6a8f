"""Captures of a journey: how many may be begun, and the statements that give one out and close it.

A capture is begun and accepted together with other things, in one statement (``portal/capture/at_once.py``).
"""

from typing import Any

from sqlalchemy import Insert, Update, bindparam, insert, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from portal import clock, metrics, records
from portal.extensions import table_of
from portal.journey import lifecycle
from portal.models import Capture, Journey, JourneyState
from portal.statements import Found, Prepared

#: Captures that may be begun for each attempt that may fail: going back and starting again is no failure.
LINKS_PER_ATTEMPT = 4

_T = table_of(Capture)
_JOURNEYS = table_of(Journey)
_MAY_BEGIN = (
    _JOURNEYS.c.attempts < _JOURNEYS.c.attempts_allowed,
    _JOURNEYS.c.links < _JOURNEYS.c.attempts_allowed * LINKS_PER_ATTEMPT,
)
_CAN_BE_CLOSED = (
    _T.c.id == bindparam("capture"),
    _T.c.ended_at.is_(None),
    _T.c.expires_at > bindparam("now"),
)
_CLOSING = (
    update(_T)
    .where(*_CAN_BE_CLOSED)
    .values(
        ended_at=bindparam("now"),
        session_id=bindparam("session"),
        passed=bindparam("outcome"),
        reason=bindparam("why"),
    )
)
_CLOSE = Prepared(_CLOSING)


def may_begin(journey: Journey) -> bool:
    """Say whether another link may be given out in this journey."""
    return (
        journey.attempts < journey.attempts_allowed
        and journey.links < journey.attempts_allowed * LINKS_PER_ATTEMPT
    )


def beginning(*, consents: bool) -> ReturningUpdate[Any]:
    """Return the move ``begin_capture`` from the turn that was read, with the first consent or without.

    Only a result counts as an attempt, so that somebody whose camera would not start has lost nothing; links
    are limited all the same. Bind ``journey``, ``now``, ``read_turn`` and, with ``consents``, ``consent``.
    """
    consent = bindparam("consent", type_=_JOURNEYS.c.consent_version.type)
    agreed = {"consent_version": consent, "consented_at": bindparam("now")} if consents else {}
    return lifecycle.moving(
        [JourneyState.OPEN, JourneyState.CAPTURING],
        *_MAY_BEGIN,
        _JOURNEYS.c.turn == bindparam("read_turn"),
        to=JourneyState.CAPTURING,
        gives=lifecycle.MOVED,
        links=_JOURNEYS.c.links + 1,
        refusal=None,
        **agreed,
        **lifecycle.ON,
    )


def giving_link(begun: Found) -> Insert:
    """Return the statement that keeps the capture of a journey that has ``begun`` one.

    An earlier capture that is still out stays answerable: the person may finish in either tab, and the first
    result ends the journey's wait. Bind ``now`` and ``link_…``.
    """
    given = ("id", "state_digest", "external_id", "enrolment_id", "enrols")
    values: dict[str, Any] = {name: bindparam(f"link_{name}", type_=_T.c[name].type) for name in given}
    values["created_at"] = bindparam("now", type_=_T.c.created_at.type)
    values |= {"journey_id": begun("id"), "expires_at": begun("expires_at")}
    return insert(_T).from_select(list(values), select(*values.values()))


def accepting() -> ReturningUpdate[Any]:
    """Return the move ``accept`` of a journey whose capture can be closed; it gives what moved.

    Until the end both stay locked, in the order in which the longer way writes them too. Bind ``capture`` and
    what the move needs.
    """
    both = _T.join(_JOURNEYS, _JOURNEYS.c.id == _T.c.journey_id)
    waiting = select(_JOURNEYS.c.id).select_from(both).where(*_CAN_BE_CLOSED).with_for_update().cte("waiting")
    return lifecycle.accepting(_JOURNEYS.c.id == waiting.c.id, gives=lifecycle.MOVED)


def closing(accepted: Found) -> Update:
    """Return the statement that closes the capture of the ``accepted`` journey.

    Bind ``capture``, ``now``, ``session``, ``outcome`` and ``why``.
    """
    return _CLOSING.where(_T.c.journey_id == accepted("id"))


def close(capture: Capture, *, session_id: str, passed: bool, reason: str | None) -> bool:
    """Consume the capture: its state counts once, and so does VerifEye's session.

    Raises ``IntegrityError`` at this statement if the session was used by any capture before.
    """
    values = {
        "capture": capture.id,
        "now": clock.now(),
        "session": session_id,
        "outcome": passed,
        "why": reason,
    }
    closed = records.touch(_CLOSE, values) == 1
    if closed:
        count_ended(capture, passed=passed)
    return closed


def count_ended(capture: Capture, *, passed: bool) -> None:
    """Count a capture that was closed just now, for the metrics."""
    metrics.capture_ended(passed=passed, seconds=(clock.now() - capture.created_at).total_seconds())
