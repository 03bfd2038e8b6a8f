"""What everybody's capture writes, at once: the link that is given out, and the pass that is accepted.

Each is one change with what follows from it (``portal.statements.Together``), committed: one round trip to
PostgreSQL. A pass that makes an enrolment and a result that is no pass go the longer way (``result``).
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Insert

from portal import clock, credentials, records
from portal.audit import log
from portal.audit.events import Event
from portal.journey import captures, lifecycle
from portal.models import Capture, Journey
from portal.statements import Found, Row, Together


def begin(
    journey: Journey,
    *,
    state_secret: str,
    enrolment_id: str,
    external_id: str,
    enrols: bool,
    consent_version: str,
) -> bool:
    """Count a link, keep its capture and record it, with the consent where it is the first; commits.

    ``state_secret`` is the one-time state that VerifEye will pass through; only its digest is kept. Returns
    ``False`` if no more links may be given or the journey has moved since; then nothing was written.
    """
    started: dict[str, Any] = {
        "attempt": journey.attempts + 1,
        "enrols": enrols,
        "verification": journey.verification_id,
    }
    consented: dict[str, Any] = {"version": consent_version}
    values = {
        "journey": journey.id,
        "read_turn": journey.turn,
        "now": clock.now(),
        "link_id": credentials.ordered_hex(clock.now()),
        "link_state_digest": credentials.digest(state_secret),
        "link_external_id": external_id,
        "link_enrolment_id": enrolment_id,
        "link_enrols": enrols,
        "event": Event.CAPTURE_STARTED.label,
        "fields": started,
    }
    is_first = journey.consented_at is None
    if is_first:
        values |= {
            "consent": consent_version,
            "event_before": Event.CONSENT_GIVEN.label,
            "fields_before": consented,
        }
    row = records.change(_BEGUN_FIRST if is_first else _BEGUN, values)
    if row is None:
        return False
    _moved(journey, row)
    if is_first:
        log.tell(Event.CONSENT_GIVEN, **_who(row), **consented)
    log.tell(Event.CAPTURE_STARTED, **_who(row), **started)
    return True


def accept(capture: Capture, journey: Journey, *, session_id: str) -> bool:
    """Accept the pass of somebody whose enrolment counts and wants nothing; commits.

    The capture is closed and the session used; ``capture`` itself stays as it was read. Returns ``False`` if
    capture or journey wait no more; then nothing was written. Raises ``IntegrityError`` if the session was
    used before.
    """
    now = clock.now()
    passed: dict[str, Any] = {"session": session_id, "enrols": capture.enrols}
    values = {
        "journey": journey.id,
        "capture": capture.id,
        "now": now,
        "session": session_id,
        "outcome": True,
        "why": None,
        "new_enrolment_id": capture.enrolment_id,
        "new_verified_at": now,
        "event": Event.CAPTURE_PASSED.label,
        "fields": passed,
    }
    row = records.change(_ACCEPTED, values)
    if row is None:
        return False
    _moved(journey, row)
    captures.count_ended(capture, passed=True)
    log.tell(Event.CAPTURE_PASSED, **_who(row), **passed)
    return True


def _moved(journey: Journey, row: Row) -> None:
    records.take_over(journey, row)
    lifecycle.count_moved(journey)


def _who(row: Row) -> dict[str, Any]:
    return {"reference": row["reference"], "client_id": row["client_id"], "user_id": row["user_id"]}


def _recording(events: Sequence[str] = ("",)) -> Callable[[Found], Insert]:
    def recording(moved: Found) -> Insert:
        return log.recording(
            reference=moved("reference"),
            client_id=moved("client_id"),
            user_id=moved("user_id"),
            source=moved.rows,
            events=events,
        )

    return recording


_BEGUN_FIRST = Together(captures.beginning(consents=True), captures.giving_link, _recording(("_before", "")))
_BEGUN = Together(captures.beginning(consents=False), captures.giving_link, _recording())
_ACCEPTED = Together(captures.accepting(), captures.closing, _recording())
