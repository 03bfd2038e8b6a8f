"""Where VerifEye sends the browser back: every trust rule, one by one, and a verdict.

A return that breaks a rule changes nothing: the capture it names stays answerable, the rule goes to
the audit log, and the person may start again. Only a result that VerifEye itself vouches for, server to
server, for this journey's own configuration and identifier, counts as a pass or as an attempt.
"""

from typing import Any, NamedTuple

from flask import redirect, request
from sqlalchemy import bindparam, exists, select
from sqlalchemy.exc import IntegrityError
from werkzeug.wrappers import Response

from portal import credentials, records
from portal.audit.events import Event
from portal.audit.log import record
from portal.capture import at_once, spelling, wording
from portal.extensions import db, table_of
from portal.journey import browser, captures, lifecycle, steps
from portal.journey.errors import JourneyExpired, JourneyOver, WrongBrowser
from portal.models import Capture, Enrolment, EnrolmentState, Journey, JourneyState
from portal.statements import Prepared
from portal.users import enrolments
from portal.verifeye.errors import VerifEyeError, VerifEyeRefused
from portal.verifeye.identifiers import canonical
from portal.verifeye.results import Outcome, Refusal, Result, Verifier, acceptable
from portal.verifeye.returns import Returned, ReturnRefused, read_return, same_order
from portal.verifications import registry
from portal.verifications.view import ConfigurationView
from portal.web import errors, journeys

#: These say that the result is about something else: it is no attempt of this person.
_NOT_OURS = (
    Refusal.SESSION_DIFFERS,
    Refusal.CONFIGURATION_DIFFERS,
    Refusal.EXTERNAL_ID_DIFFERS,
    Refusal.STATE_DIFFERS,
)

_CAPTURES, _JOURNEYS, _ENROLMENTS = table_of(Capture), table_of(Journey), table_of(Enrolment)
_SAME_SESSION = _CAPTURES.alias("same_session")
_NAMED_BY_STATE = Prepared(
    select(
        *_CAPTURES.c,
        *_JOURNEYS.c,
        _ENROLMENTS.c.state.label("enrolment_state"),
        _ENROLMENTS.c.face_id,
        exists().where(_SAME_SESSION.c.session_id == bindparam("session")).label("session_used"),
    )
    .select_from(
        _CAPTURES.join(_JOURNEYS, _JOURNEYS.c.id == _CAPTURES.c.journey_id).outerjoin(
            _ENROLMENTS, _ENROLMENTS.c.id == _CAPTURES.c.enrolment_id
        )
    )
    .where(_CAPTURES.c.state_digest == bindparam("state"))
)


class Waiting(NamedTuple):
    """What waits for a return: its capture and journey, and what was known of face and session before."""

    capture: Capture
    journey: Journey
    #: An ``EnrolmentState``, ``None`` where the enrolment was discarded meanwhile.
    enrolment_state: str | None
    #: VerifEye's name for the enrolled face, if it ever told one.
    face_id: str | None
    session_used: bool

    def wants_nothing(self, result: Result) -> bool:
        """Say whether a pass changes nothing about the enrolment: it counts already, with its face's name."""
        is_confirmed = self.enrolment_state == EnrolmentState.CONFIRMED and not self.capture.enrols
        return is_confirmed and (self.face_id is not None or result.face_id is None)


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
        waiting = _waiting_capture(returned)
        verdict = _ask_verifeye(returned, waiting)
        _record(returned, waiting, verdict)
    except ReturnRefused as refused:
        return _reject(Rejected(refused.reason.value))
    except Rejected as rejected:
        return _reject(rejected)
    except VerifEyeError as error:
        return _away(waiting.journey, error)
    return redirect(steps.link(waiting.journey, steps.dispatcher_of(waiting.journey)), 303)


def _waiting_capture(returned: Returned) -> Waiting:
    """Return the capture that the one-time state names, if its journey waits for it in this very browser."""
    values = {"state": credentials.digest(returned.state), "session": returned.session_id}
    found = records.load_all([Capture, Journey], _NAMED_BY_STATE, values)
    if found is None:
        raise Rejected("unknown_state")
    waiting = Waiting(*found)
    journey = waiting.journey
    errors.note_reference(journey.reference)
    try:
        browser.require_same(request, journey)
    except WrongBrowser:
        _note_rejection("wrong_browser", journey)
        raise
    if lifecycle.is_expired(journey):
        _note_rejection("journey_expired", journey)
        raise JourneyExpired(journey)
    if waiting.capture.ended_at is not None or journey.state != JourneyState.CAPTURING:
        _note_rejection("not_waiting", journey)
        raise JourneyOver(journey)
    return waiting


def _ask_verifeye(returned: Returned, waiting: Waiting) -> Verdict:
    """Return the verdict on the session, once signature and identity of the return are proven."""
    capture, journey = waiting.capture, waiting.journey
    configuration = registry.remembered(journey.verification_id)
    if configuration is None:
        raise Rejected("configuration_removed", journey)
    if waiting.session_used:
        raise Rejected("session_replayed", journey)
    records.let_go()
    verifeye = registry.client_for(configuration)
    if not verifeye.is_valid(returned.raw):
        raise Rejected("bad_signature", journey)
    result = verifeye.result(returned.session_id_as_received)
    refusal = _refusal(result, returned, capture, journey, configuration)
    if refusal in _NOT_OURS:
        raise Rejected(refusal, journey)
    if (fault := spelling.contradiction(returned, result, capture, configuration)) is not None:
        raise Rejected(fault, journey)
    if not _is_in_order(returned, configuration):
        raise Rejected("out_of_order", journey)
    return Verdict(result, refusal or _face_refusal(result, waiting, configuration))


def _record(returned: Returned, waiting: Waiting, verdict: Verdict) -> None:
    """Consume the capture and move the journey by the verdict, all of it or nothing; commits."""
    capture, journey, result = waiting.capture, waiting.journey, verdict.result
    try:
        if verdict.refusal is None and waiting.wants_nothing(result):
            recorded = at_once.accept(capture, journey, session_id=returned.session_id)
        else:
            recorded = _record_step_by_step(returned, capture, journey, verdict)
    except IntegrityError:
        db.session.rollback()
        raise Rejected("session_replayed", journey) from None
    if not recorded:
        db.session.rollback()
        raise Rejected("not_waiting", journey)


def _record_step_by_step(returned: Returned, capture: Capture, journey: Journey, verdict: Verdict) -> bool:
    """Make each move by itself: the person was not verified, or the enrolment has to say something new."""
    result, refusal = verdict
    if not captures.close(capture, session_id=returned.session_id, passed=refusal is None, reason=refusal):
        return False
    if refusal is None:
        moved = _pass(capture, journey, result)
    else:
        moved = lifecycle.decline(journey, reason=wording.failure_key(result))
    if not moved:
        return False
    _note_verdict(returned, capture, journey, refusal)
    db.session.commit()
    return True


def _is_in_order(returned: Returned, configuration: ConfigurationView) -> bool:
    """Say whether the parameters stand in VerifEye's order; only where that is in question, learn."""
    learnt = configuration.result_order
    if learnt is not None and not configuration.is_learning and same_order(returned.names, learnt):
        return True
    now = registry.find(configuration.id)
    return now is not None and registry.note_order(now, returned.names, returned.session_id)


def _refusal(
    result: Result,
    returned: Returned,
    capture: Capture,
    journey: Journey,
    configuration: ConfigurationView,
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


def _face_refusal(result: Result, waiting: Waiting, configuration: ConfigurationView) -> str | None:
    """Return why the face that passed is not the enrolled one, as far as VerifEye's names for faces tell.

    The signature of a link covers no configuration: opened at another one of the same account, it would
    enrol whoever is there under our identifier and report a pass. Such a face has another name. Whether
    names last is not documented, so they count from the first time that one was seen to. A link of a first
    enrolment is no exception once the enrolment counts: somebody else's face is there by then.
    """
    if result.face_id is None:
        return None
    known = None if waiting.capture.enrols else waiting.face_id
    known = known or _face_named_meanwhile(waiting.capture)
    if known is None:
        return None
    is_same = canonical(known) == canonical(result.face_id)
    if is_same and configuration.face_ids_stable:
        return None
    # Also where the configuration was removed a moment ago: another face is another face.
    now = registry.find(configuration.id, removed_too=True)
    assert now is not None
    if is_same:
        registry.note_lasting_faces(now)
    return None if is_same or not now.face_ids_stable else "face_differs"


def _face_named_meanwhile(capture: Capture) -> str | None:
    """Return the name that another return gave the enrolled face while VerifEye was asked about this one.

    Of an enrolment that does not count yet, whoever's face passed last has the word.
    """
    enrolment = enrolments.get(capture.enrolment_id)
    return enrolment.face_id if enrolment is not None and enrolments.is_confirmed(enrolment) else None


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
