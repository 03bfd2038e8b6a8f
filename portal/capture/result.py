"""Where VerifEye sends the browser back: every trust rule, one by one, and a verdict.

A return that breaks a rule changes nothing: the capture it names stays answerable, the rule goes to
the audit log, and the person may start again. Only a result that VerifEye itself vouches for, server to
server, for this journey's own configuration and identifier, counts as a pass or as an attempt.
"""

from typing import Any, NamedTuple

from flask import redirect, request
from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError
from werkzeug.wrappers import Response

from portal import credentials, records
from portal.audit.events import Event
from portal.audit.log import record
from portal.capture import spelling, wording
from portal.extensions import db, table_of
from portal.journey import browser, lifecycle, steps
from portal.journey.errors import JourneyExpired, JourneyOver, WrongBrowser
from portal.models import Capture, Journey, JourneyState, VerificationConfiguration
from portal.statements import Prepared
from portal.users import enrolments
from portal.verifeye.errors import VerifEyeError, VerifEyeRefused
from portal.verifeye.identifiers import canonical
from portal.verifeye.results import Outcome, Refusal, Result, Verifier, acceptable
from portal.verifeye.returns import Returned, ReturnRefused, read_return
from portal.verifications import registry
from portal.web import errors, journeys

#: These say that the result is about something else: it is no attempt of this person.
_NOT_OURS = (
    Refusal.SESSION_DIFFERS,
    Refusal.CONFIGURATION_DIFFERS,
    Refusal.EXTERNAL_ID_DIFFERS,
    Refusal.STATE_DIFFERS,
)

_CAPTURES = table_of(Capture)
_NAMED_BY_STATE = Prepared(select(_CAPTURES).where(_CAPTURES.c.state_digest == bindparam("state")))
_OF_SESSION = Prepared(select(_CAPTURES.c.id).where(_CAPTURES.c.session_id == bindparam("session")))


class Verdict(NamedTuple):
    """What VerifEye says of the session, and why that does not count; ``refusal`` is ``None`` for a pass."""

    result: Result
    refusal: str | None


class Rejected(Exception):
    """The return breaks the trust rule ``reason``; ``journey`` is set once its browser is proven."""

    def __init__(self, reason: str, journey: Journey | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.journey = journey


def verify_result() -> Response:
    """Take the browser back from VerifEye (Passed URL and Failed URL alike)."""
    try:
        returned = read_return(request.query_string)
        if (fault := spelling.fault(returned)) is not None:
            raise Rejected(fault)
        capture, journey = _waiting_capture(returned)
        verdict = _ask_verifeye(returned, capture, journey)
        _record(returned, capture, journey, verdict)
    except ReturnRefused as refused:
        return _reject(Rejected(refused.reason.value))
    except Rejected as rejected:
        return _reject(rejected)
    except VerifEyeError as error:
        return _away(journey, error)
    # Made before the commit, after which the record would be read again.
    onward = redirect(steps.link(journey, steps.dispatcher_of(journey)), 303)
    db.session.commit()
    return onward


def _waiting_capture(returned: Returned) -> tuple[Capture, Journey]:
    """Return the capture that the one-time state names, if its journey waits for it in this very browser."""
    capture = records.load(Capture, _NAMED_BY_STATE, {"state": credentials.digest(returned.state)})
    journey = lifecycle.find(capture.journey_id) if capture is not None else None
    if capture is None or journey is None:
        raise Rejected("unknown_state")
    errors.note_reference(journey.reference)
    try:
        browser.require_same(request, journey)
    except WrongBrowser:
        _note_rejection("wrong_browser", journey)
        raise
    if lifecycle.is_expired(journey):
        _note_rejection("journey_expired", journey)
        raise JourneyExpired(journey)
    if capture.ended_at is not None or journey.state != JourneyState.CAPTURING:
        _note_rejection("not_waiting", journey)
        raise JourneyOver(journey)
    return capture, journey


def _ask_verifeye(returned: Returned, capture: Capture, journey: Journey) -> Verdict:
    """Return the verdict on the session, once signature and identity of the return are proven."""
    configuration = registry.find(journey.verification_id)
    if configuration is None:
        raise Rejected("configuration_removed", journey)
    if records.first(_OF_SESSION, {"session": returned.session_id}) is not None:
        raise Rejected("session_replayed", journey)
    verifeye = registry.client_for(configuration)
    if not verifeye.is_valid(returned.raw):
        raise Rejected("bad_signature", journey)
    result = verifeye.result(returned.session_id_as_received)
    refusal = _refusal(result, returned, capture, journey, configuration)
    if refusal in _NOT_OURS:
        raise Rejected(refusal, journey)
    if (fault := spelling.contradiction(returned, result, capture, configuration)) is not None:
        raise Rejected(fault, journey)
    if not registry.note_order(configuration, returned.names, returned.session_id):
        raise Rejected("out_of_order", journey)
    return Verdict(result, refusal or _face_refusal(result, capture, configuration))


def _record(returned: Returned, capture: Capture, journey: Journey, verdict: Verdict) -> None:
    """Consume the capture and move the journey by the verdict; each is one conditional write."""
    result, refusal = verdict
    try:
        closed = lifecycle.close_capture(
            capture, session_id=returned.session_id, passed=refusal is None, reason=refusal
        )
    except IntegrityError:
        db.session.rollback()
        raise Rejected("session_replayed", journey) from None
    if not closed:
        db.session.rollback()
        raise Rejected("not_waiting", journey)
    if refusal is None:
        moved = _pass(capture, journey, result)
    else:
        moved = lifecycle.decline(journey, reason=wording.failure_key(result))
    if not moved:
        db.session.rollback()
        raise Rejected("not_waiting", journey)
    _note_verdict(returned, capture, journey, refusal)


def _refusal(
    result: Result,
    returned: Returned,
    capture: Capture,
    journey: Journey,
    configuration: VerificationConfiguration,
) -> str | None:
    """Return why the result does not count, or ``None`` if everything that was demanded has passed."""
    flow = journey.parameters.get("flow", {})
    demanded = {Verifier(name) for name in flow.get("required_verifiers", ())}
    refusal = acceptable(
        result,
        required=registry.required_verifiers(configuration) | demanded,
        session_id=returned.session_id,
        external_id=capture.external_id,
        configuration_id=configuration.id,
        state=returned.state,
    )
    if refusal is None and returned.claimed not in (None, Outcome.PASSED):
        # The browser brought a signed failure and VerifEye reports a pass: no reading of that is safe.
        return "results_disagree"
    return refusal


def _face_refusal(result: Result, capture: Capture, configuration: VerificationConfiguration) -> str | None:
    """Return why the face that passed is not the enrolled one, as far as VerifEye's names for faces tell.

    The signature of a link covers no configuration: opened at another one of the same account, it would
    enrol whoever is there under our identifier and report a pass. Such a face has another name. Whether
    names last is not documented, so they count from the first time that one was seen to.
    """
    known = None if capture.enrols else enrolments.face_of(capture.enrolment_id)
    if known is None or result.face_id is None:
        return None
    if canonical(known) == canonical(result.face_id):
        registry.note_lasting_faces(configuration)
        return None
    return "face_differs" if configuration.face_ids_stable else None


def _pass(capture: Capture, journey: Journey, result: Result) -> bool:
    if not lifecycle.accept(journey, enrolment_id=capture.enrolment_id):
        return False
    enrolments.passed(
        capture.enrolment_id, journey_id=journey.id, reference=journey.reference, face_id=result.face_id
    )
    return True


def _reject(rejected: Rejected) -> Response:
    _note_rejection(rejected.reason, rejected.journey)
    return journeys.result_rejected(rejected.journey)


def _away(journey: Journey, error: VerifEyeError) -> Response:
    """VerifEye cannot vouch now: nothing was consumed, so the same address can be opened again."""
    db.session.rollback()
    kind = "refused" if isinstance(error, VerifEyeRefused) else type(error).__name__
    lifecycle.note(journey, refusal=lifecycle.UNAVAILABLE)
    record(Event.VERIFEYE_UNAVAILABLE, step="get-session-result", kind=kind, **_who(journey))
    db.session.commit()
    return journeys.away(journey, retry_url=request.full_path)


def _note_rejection(reason: str, journey: Journey | None) -> None:
    who = _who(journey) if journey is not None else {}
    record(Event.RESULT_REJECTED, reason=reason, **who)
    db.session.commit()


def _note_verdict(returned: Returned, capture: Capture, journey: Journey, refusal: str | None) -> None:
    if refusal is None:
        record(Event.CAPTURE_PASSED, session=returned.session_id, enrols=capture.enrols, **_who(journey))
        return
    left = journey.attempts_allowed - journey.attempts
    record(
        Event.CAPTURE_FAILED, session=returned.session_id, reason=refusal, attempts_left=left, **_who(journey)
    )


def _who(journey: Journey) -> dict[str, Any]:
    return {"reference": journey.reference, "client_id": journey.client_id, "user_id": journey.user_id}
