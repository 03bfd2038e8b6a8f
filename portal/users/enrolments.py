"""The tie between a person and a face, at one verification configuration.

A *candidate* is an identifier for VerifEye and nothing more. A capture that passes inside a sign-in
makes it *provisional*; it becomes *confirmed* when the code of that sign-in is redeemed, for only then
the client has taken the person for verified. A provisional enrolment whose code is never redeemed is
discarded and its face deleted, and the next one gets a fresh identifier: whoever enrolled must not be
matched later.

The identifier of a candidate stays while captures fail. It cannot lead to a wrong pass (a face stored
under it would have to match), and a fresh one would lock honest people out where VerifEye refuses a
face that it stored under the former.
"""

from typing import Any, NamedTuple

from flask import Flask
from sqlalchemy import and_, bindparam, case, delete, or_, select, update
from sqlalchemy.exc import IntegrityError

from portal import clock, credentials, records
from portal.audit.events import Event
from portal.audit.log import record
from portal.extensions import db, settings, table_of
from portal.models import Capture, Enrolment, EnrolmentState, Journey, User
from portal.outbox import enqueue, handles
from portal.statements import Prepared
from portal.users import holds, news

DELETE_FACE = "users.delete_face"
#: What a journey that was given up left behind is discarded later: ``user_id`` and ``journey_id``.
ABANDONED = "users.abandoned"
_EXTERNAL_ID_BITS = 160

_T = table_of(Enrolment)
_USERS = table_of(User)
_FIND = Prepared(
    select(_T).where(_T.c.user_id == bindparam("user"), _T.c.verification_id == bindparam("verification"))
)
_JOURNEYS = table_of(Journey)
_OF_JOURNEY = Prepared(
    select(_JOURNEYS, _USERS.c.status, _T.c.id, _T.c.external_id, _T.c.state)
    .select_from(_JOURNEYS)
    .outerjoin(_USERS, _USERS.c.id == _JOURNEYS.c.user_id)
    .outerjoin(_T, and_(_T.c.user_id == _USERS.c.id, _T.c.verification_id == _JOURNEYS.c.verification_id))
    .where(_JOURNEYS.c.id == bindparam("journey"))
)
_GET = Prepared(select(_T).where(_T.c.id == bindparam("enrolment")))
_IS_CONFIRMED = _T.c.state == EnrolmentState.CONFIRMED.value
_SEEN_FACE = bindparam("face", type_=_T.c.face_id.type)
#: What is not confirmed becomes provisional; what an operator confirmed before any face was seen gets it.
_PASSED = Prepared(
    update(_T)
    .where(
        _T.c.id == bindparam("enrolment"),
        or_(~_IS_CONFIRMED, and_(_T.c.face_id.is_(None), _SEEN_FACE.is_not(None))),
    )
    .values(
        state=case((_IS_CONFIRMED, _T.c.state), else_=EnrolmentState.PROVISIONAL.value),
        journey_id=case(
            (_IS_CONFIRMED, _T.c.journey_id), else_=bindparam("journey", type_=_T.c.journey_id.type)
        ),
        face_id=_SEEN_FACE,
    )
    .returning(_T)
)


class Tie(NamedTuple):
    """An enrolment, and the identifier under which VerifEye knows it."""

    id: str
    external_id: str


class Standing(NamedTuple):
    """A person's ``UserStatus``, and the enrolment of theirs that counts, if there is one."""

    status: str
    confirmed: Tie | None


def init_app(app: Flask) -> None:
    """Handle the topic :data:`ABANDONED` in ``app``."""
    handles(app, ABANDONED, _discard_later)


def find(user_id: str, verification_id: str) -> Enrolment | None:
    """Return the person's enrolment at the configuration, in whatever state."""
    return records.load(Enrolment, _FIND, {"user": user_id, "verification": verification_id})


def of_journey(journey_id: str) -> tuple[Journey, Standing | None] | None:
    """Return the journey as it is now, and how the person it is about stands at its configuration.

    The latter is ``None`` where the journey is about nobody; all of it, where there is no such journey.
    """
    found = records.load_all([Journey], _OF_JOURNEY, {"journey": journey_id})
    if found is None:
        return None
    journey, status, enrolment_id, external_id, state = found
    if status is None:
        return journey, None
    confirmed = state == EnrolmentState.CONFIRMED
    return journey, Standing(status, Tie(enrolment_id, external_id) if confirmed else None)


def get(enrolment_id: str) -> Enrolment | None:
    """Return the enrolment as it is now, if it is still there."""
    return records.load(Enrolment, _GET, {"enrolment": enrolment_id})


def exists(enrolment_id: str) -> bool:
    """Say whether the enrolment is still there, in whatever state."""
    return db.session.scalar(select(Enrolment.id).where(Enrolment.id == enrolment_id)) is not None


def is_confirmed(enrolment: Enrolment | None) -> bool:
    """Say whether ``enrolment`` counts."""
    return enrolment is not None and enrolment.state == EnrolmentState.CONFIRMED


def find_or_prepare(user_id: str, verification_id: str) -> Enrolment:
    """Return the person's enrolment, or a new candidate if there is none; flushes.

    What an abandoned sign-in enrolled is discarded here too, so that nobody waits for the next cleaning.
    """
    found = find(user_id, verification_id)
    if found is not None and not _is_abandoned(found):
        return found
    if found is not None and found.journey_id is not None:
        discard_provisional(found.journey_id)
    try:
        with db.session.begin_nested():
            return _add(user_id, verification_id, EnrolmentState.CANDIDATE)
    except IntegrityError:
        # Two tabs began at once; the first one's identifier serves both.
        return db.session.scalars(
            select(Enrolment).where(
                Enrolment.user_id == user_id, Enrolment.verification_id == verification_id
            )
        ).one()


def enrol_by_operator(user: User, verification_id: str) -> Enrolment:
    """Record a confirmed enrolment on an operator's word: VerifEye stores the next face that passes.

    An identifier that was given out before and not confirmed is dropped with whatever face it holds:
    somebody who only knew the login may have shown theirs, and must not be matched on this word.
    """
    _discard(
        Enrolment.user_id == user.id,
        Enrolment.verification_id == verification_id,
        Enrolment.state != EnrolmentState.CONFIRMED,
        reason="enrolled_by_operator",
    )
    enrolment = find(user.id, verification_id)
    if enrolment is None:
        enrolment = _add(user.id, verification_id, EnrolmentState.CONFIRMED)
    enrolment.confirmed_at = clock.now()
    db.session.flush()
    record(Event.ENROLMENT_CONFIRMED, user_id=user.id, verification=verification_id, how="operator")
    news.registration_may_differ(user.id)
    return enrolment


def passed(enrolment_id: str, *, journey_id: str, reference: str, face_id: str | None) -> None:
    """Note that a capture passed: what is not confirmed yet becomes provisional, tied to the journey.

    The latest journey whose face passed holds it: one that was given up before must not take the
    enrolment with it when it expires.
    """
    moved = records.first(_PASSED, {"enrolment": enrolment_id, "journey": journey_id, "face": face_id})
    if moved is None:
        return
    enrolment = records.adopt(Enrolment, moved)
    if enrolment.state == EnrolmentState.PROVISIONAL:
        record(
            Event.ENROLMENT_PROVISIONAL,
            reference=reference,
            user_id=enrolment.user_id,
            verification=enrolment.verification_id,
        )


def confirm(enrolment_id: str, *, how: str) -> bool:
    """Make an enrolment count; ``False`` if it is gone (discarded in the meantime) or counted already."""
    moved = db.session.execute(
        update(Enrolment)
        .where(Enrolment.id == enrolment_id, Enrolment.state != EnrolmentState.CONFIRMED)
        .values(state=EnrolmentState.CONFIRMED, confirmed_at=clock.now(), journey_id=None)
        .returning(Enrolment.user_id, Enrolment.verification_id)
    ).first()
    if moved is None:
        return False
    record(Event.ENROLMENT_CONFIRMED, user_id=moved.user_id, verification=moved.verification_id, how=how)
    news.registration_may_differ(moved.user_id)
    return True


def discard_provisional(journey_id: str) -> None:
    """Discard what ``journey_id`` enrolled, if its code was never redeemed, and have the face deleted."""
    _discard(
        Enrolment.journey_id == journey_id, Enrolment.state == EnrolmentState.PROVISIONAL, reason="abandoned"
    )


def discard_abandoned(journey_id: str) -> None:
    """Discard what an expired journey left: a provisional enrolment, and a candidate nobody answered for.

    A capture that passed at VerifEye and never came back leaves a face under the candidate's identifier,
    whoever's it is; the next person must not have to match it. Where faces cannot be deleted the candidate
    stays: a fresh identifier would only meet a face that VerifEye already knows under the former.
    """
    discard_provisional(journey_id)
    if not settings().verifeye_face_deletion:
        return
    unanswered = select(Capture.enrolment_id).where(
        Capture.journey_id == journey_id, Capture.enrols, Capture.ended_at.is_(None)
    )
    _discard(Enrolment.id.in_(unanswered), Enrolment.state == EnrolmentState.CANDIDATE, reason="unanswered")


def given_up(journey: Journey) -> None:
    """Have discarded what ``journey``, which the person has just cancelled, leaves behind; flushes.

    When its time would have been over, as if nobody had cancelled it: until then somebody may be at the
    camera, and whoever begins again at once meets their own face under the identifier that it has.
    """
    if journey.links == 0:
        return  # nobody was led to the camera
    unanswered = select(Capture.id).where(
        Capture.journey_id == journey.id, Capture.enrols, Capture.ended_at.is_(None)
    )
    provisional = select(Enrolment.id).where(Enrolment.journey_id == journey.id)
    if db.session.scalar(select(or_(unanswered.exists(), provisional.exists()))):
        delay = (journey.expires_at - clock.now()).total_seconds()
        enqueue(ABANDONED, {"user_id": journey.user_id, "journey_id": journey.id}, delay=delay)


def discard_all(user_id: str, *, reason: str) -> None:
    """Discard every enrolment of a person and have the faces deleted; flushes.

    What they are in the middle of is refused, and every code and token that is out is revoked: it speaks of a
    face that counts no more.
    """
    # Before the enrolments: a code that is being minted was promised by one that its statement still sees,
    # and a redemption comes to them after its code. The other way round, each would wait for the other.
    holds.lock(db.session.get_one(User, user_id))
    holds.end_what_is_under_way(user_id, reason="unenrolled")
    _discard(Enrolment.user_id == user_id, reason=reason)


def _discard_later(payload: dict[str, Any]) -> str:
    discard_abandoned(payload["journey_id"])
    return "discarded whatever was left"


def _is_abandoned(enrolment: Enrolment) -> bool:
    """Say whether the enrolment hangs on a journey whose time is over, and that it never counted."""
    if enrolment.state != EnrolmentState.PROVISIONAL:
        return False
    journey = db.session.get(Journey, enrolment.journey_id)
    return journey is None or journey.expires_at <= clock.now()


def _discard(*conditions: Any, reason: str) -> None:
    gone = db.session.execute(
        delete(Enrolment)
        .where(*conditions)
        .returning(
            Enrolment.id,
            Enrolment.user_id,
            Enrolment.verification_id,
            Enrolment.external_id,
            Enrolment.face_id,
            Enrolment.state,
        )
        .execution_options(synchronize_session=False)
    ).all()
    at_camera = _at_camera({enrolment.user_id for enrolment in gone})
    for enrolment in gone:
        record(
            Event.ENROLMENT_DISCARDED,
            user_id=enrolment.user_id,
            verification=enrolment.verification_id,
            reason=reason,
        )
        _delete_face_later(enrolment)
        if enrolment.id in at_camera:
            # VerifEye may store the face only after the deletion: so once more, when nobody can be there.
            _delete_face_later(
                enrolment, delay=settings().journey_lifetime + settings().capture_link_lifetime
            )
        if enrolment.state == EnrolmentState.CONFIRMED:
            news.registration_may_differ(enrolment.user_id)


def _at_camera(user_ids: set[str]) -> set[str]:
    """Return the enrolments of these people for which somebody may still be in front of the camera."""
    if not user_ids:
        return set()
    out = (
        select(Capture.enrolment_id)
        .join(Journey, Journey.id == Capture.journey_id)
        .where(Journey.user_id.in_(user_ids), Capture.ended_at.is_(None), Capture.expires_at > clock.now())
    )
    return set(db.session.scalars(out))


def _delete_face_later(enrolment: Any, *, delay: float = 0) -> None:
    enqueue(
        DELETE_FACE,
        {
            "user_id": enrolment.user_id,
            "verification_id": enrolment.verification_id,
            "external_id": enrolment.external_id,
            "face_id": enrolment.face_id,
        },
        delay=delay,
    )


def _add(user_id: str, verification_id: str, state: EnrolmentState) -> Enrolment:
    enrolment = Enrolment(
        id=credentials.random_hex(),
        user_id=user_id,
        verification_id=verification_id,
        external_id=credentials.random_hex(_EXTERNAL_ID_BITS),
        state=state,
        created_at=clock.now(),
        confirmed_at=clock.now() if state == EnrolmentState.CONFIRMED else None,
    )
    db.session.add(enrolment)
    db.session.flush()
    return enrolment
