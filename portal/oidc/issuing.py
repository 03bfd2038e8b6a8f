"""From a verified journey to a code; for identity verification, from a refused one too.

The code of somebody who was enrolled before is minted in one statement: journey moved, grant stored, event
recorded. A first enrolment, an identity verification and whatever turns out to be refused go the long way.
"""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Insert, bindparam, exists, select

from portal import clock, records
from portal.audit import log
from portal.audit.events import Event
from portal.extensions import db, settings, table_of
from portal.grants import codes
from portal.journey import lifecycle
from portal.journey.errors import JourneyOver
from portal.models import Enrolment, EnrolmentState, Journey, User, UserStatus
from portal.oidc import claims, claims_request
from portal.oidc.clients import ClientView
from portal.statements import Found, Prepared, Together
from portal.users import directory, enrolments

#: Beyond the code's own life, so that the journey never ends before its code does.
_GRACE_SECONDS = 30


class PersonRefused(Exception):
    """The person verified may not be spoken of: suspended, no longer enrolled, not the one demanded."""


class Waiting(NamedTuple):
    """A journey, whom it is about, and the state of the enrolment that the face matched, if that is there."""

    journey: Journey
    user: User | None
    enrolment_state: str | None


def find(journey_id: str) -> Waiting | None:
    """Return the journey as it is now, with what its code depends on, if its record is still there."""
    found = records.load_all([Journey, User], _WAITING, {"journey": journey_id})
    return Waiting(*found) if found is not None else None


def issue(waiting: Waiting, client: ClientView) -> str:
    """Mint the journey's code, once, commit, and return it.

    Raises :class:`JourneyOver` if a code was minted already and :class:`PersonRefused`.
    """
    return _issue_at_once(waiting, client) or _issue(waiting.journey, client)


def issue_failure(journey: Journey, client: ClientView) -> str:
    """Mint a code whose ID token says that the person was not verified, once, and return it; flushes.

    Only for clients whose profile is answered so. Raises :class:`JourneyOver`.
    """
    assert client.profile.answers_failures
    if not lifecycle.answer_failure(journey, redeemable_until=_redeemable_until()):
        raise JourneyOver(journey)
    user = directory.find(journey.user_id) if journey.user_id else None
    said = claims.identity_claims(journey, client, user, face_passed=False)
    return _mint(
        journey, client, id_token_claims=said, userinfo_claims={"sub": said["sub"]}, confirms_enrolment=None
    )


def _issue_at_once(waiting: Waiting, client: ClientView) -> str | None:
    """Mint the code in one statement, where nothing is unusual; ``None``: not in this way."""
    journey, user, enrolment_state = waiting
    if (
        user is None
        or enrolment_state != EnrolmentState.CONFIRMED
        or client.profile.answers_failures
        or journey.parameters.get("verified_claims")
        or not _may_be_told(journey, client, user)
    ):
        return None
    code, row = codes.new_code(
        **_of_journey(journey, client),
        id_token_claims=claims.id_token_claims(journey, client, user, face_known=True),
        userinfo_claims=claims.userinfo_claims(journey, client, user, face_known=True),
        confirms_enrolment=None,
    )
    fields: dict[str, Any] = {"enrols": False}
    values = {
        **row,
        "journey": journey.id,
        "now": row["created_at"],
        "new_expires_at": _redeemable_until(),
        "event": Event.JOURNEY_ISSUED.label,
        "fields": fields,
    }
    moved = records.change(_ISSUED, values)
    if moved is None:
        return None  # the journey or the person is not any more what was read
    records.take_over(journey, moved)
    lifecycle.count_moved(journey)
    log.tell(Event.JOURNEY_ISSUED, **_who(journey), **fields)
    return code


def _issue(journey: Journey, client: ClientView) -> str:
    user = directory.find(journey.user_id) if journey.user_id else None
    if user is None or not _may_be_told(journey, client, user):
        raise PersonRefused
    if client.profile.answers_failures and not _is_still_named(journey, user):
        raise PersonRefused
    enrolment = enrolments.get(journey.enrolment_id) if journey.enrolment_id else None
    if enrolment is None:
        raise PersonRefused  # the face that matched was given up meanwhile, and will be deleted
    provisional = not enrolments.is_confirmed(enrolment)
    if provisional and client.profile.answers_failures:
        raise PersonRefused  # a face that came for the first time proves nobody's identity
    if not lifecycle.issue(journey, redeemable_until=_redeemable_until()):
        raise JourneyOver(journey)
    code = _mint(
        journey,
        client,
        id_token_claims=claims.id_token_claims(journey, client, user, face_known=not provisional),
        userinfo_claims=claims.userinfo_claims(journey, client, user, face_known=not provisional),
        confirms_enrolment=journey.enrolment_id if provisional else None,
    )
    db.session.commit()
    return code


def _may_be_told(journey: Journey, client: ClientView, user: User) -> bool:
    """Say whether ``user`` may use the factor, and is who the client demands (OpenID Connect Core 5.5.1)."""
    demanded = claims_request.demanded_subject(journey.parameters["claims"])
    return user.status == UserStatus.ACTIVE and demanded in (None, claims.subject(journey, client, user))


def _is_still_named(journey: Journey, user: User) -> bool:
    """Say whether the name that Okta asked by, which will be the ``sub``, has not become another person's."""
    named = directory.named(journey.parameters.get("login_hint"))
    return named is not None and named.id == user.id


def _redeemable_until() -> datetime:
    return clock.after(settings().code_lifetime + _GRACE_SECONDS)


def _mint(
    journey: Journey,
    client: ClientView,
    *,
    id_token_claims: dict[str, Any],
    userinfo_claims: dict[str, Any],
    confirms_enrolment: str | None,
) -> str:
    code = codes.mint(
        **_of_journey(journey, client),
        id_token_claims=id_token_claims,
        userinfo_claims=userinfo_claims,
        confirms_enrolment=confirms_enrolment,
    )
    lifecycle.forget_what_was_asked(journey)
    log.record(Event.JOURNEY_ISSUED, **_who(journey), enrols=confirms_enrolment is not None)
    return code


def _of_journey(journey: Journey, client: ClientView) -> dict[str, Any]:
    """Return what a code has of its journey's request, whoever it speaks of."""
    asked = journey.parameters
    return {
        "journey_id": journey.id,
        "client_id": client.id,
        "user_id": journey.user_id,
        "redirect_uri": asked["redirect_uri"],
        "scope": asked["scope"],
        "code_challenge": asked["code_challenge"],
        "lifetime": settings().code_lifetime,
    }


def _who(journey: Journey) -> dict[str, Any]:
    return {"reference": journey.reference, "client_id": journey.client_id, "user_id": journey.user_id}


_JOURNEYS, _USERS, _ENROLMENTS = table_of(Journey), table_of(User), table_of(Enrolment)
_WAITING = Prepared(
    select(_JOURNEYS, _USERS, _ENROLMENTS.c.state)
    .select_from(_JOURNEYS)
    .outerjoin(_USERS, _USERS.c.id == _JOURNEYS.c.user_id)
    .outerjoin(_ENROLMENTS, _ENROLMENTS.c.id == _JOURNEYS.c.enrolment_id)
    .where(_JOURNEYS.c.id == bindparam("journey"))
)
_GIVES = tuple(
    _JOURNEYS.c[name] for name in ("reference", "client_id", "user_id", "state", "turn", "expires_at")
)


def _recording(issued: Found) -> Insert:
    return log.recording(
        reference=issued("reference"),
        client_id=issued("client_id"),
        user_id=issued("user_id"),
        source=issued.rows,
    )


#: Whoever takes the factor or an enrolment away refuses the person's journeys first and revokes their codes
#: then (``holds`` and ``enrolments`` in ``portal.users``): the journey is locked from its move until the code
#: is there to be revoked.
_ISSUED = Together(
    lifecycle.issuing(
        exists().where(_USERS.c.id == _JOURNEYS.c.user_id, _USERS.c.status == UserStatus.ACTIVE.value),
        exists().where(
            _ENROLMENTS.c.id == _JOURNEYS.c.enrolment_id,
            _ENROLMENTS.c.state == EnrolmentState.CONFIRMED.value,
        ),
        gives=_GIVES,
    ),
    lambda issued: codes.minting(issued.rows),
    _recording,
)
