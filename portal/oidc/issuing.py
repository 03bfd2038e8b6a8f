"""From a verified journey to a code; for identity verification, from a refused one too."""

from typing import Any

from portal import clock
from portal.audit.events import Event
from portal.audit.log import record
from portal.extensions import settings
from portal.grants import codes
from portal.journey import lifecycle
from portal.journey.errors import JourneyOver
from portal.models import Journey, UserStatus
from portal.oidc import claims, claims_request
from portal.oidc.clients import ClientView
from portal.users import directory, enrolments

#: Beyond the code's own life, so that the journey never ends before its code does.
_GRACE_SECONDS = 30


class PersonRefused(Exception):
    """The person verified may not be spoken of: suspended, no longer enrolled, not the one demanded."""


def issue(journey: Journey, client: ClientView) -> str:
    """Mint the journey's code, once, and return it; flushes.

    Raises :class:`JourneyOver` if a code was minted already and :class:`PersonRefused`.
    """
    user = directory.find(journey.user_id) if journey.user_id else None
    if user is None or user.status != UserStatus.ACTIVE:
        raise PersonRefused
    demanded = claims_request.demanded_subject(journey.parameters["claims"])
    if demanded not in (None, claims.subject(journey, client, user)):
        raise PersonRefused
    enrolment = enrolments.get(journey.enrolment_id) if journey.enrolment_id else None
    if enrolment is None:
        raise PersonRefused  # the face that matched was given up meanwhile, and will be deleted
    provisional = not enrolments.is_confirmed(enrolment)
    if provisional and client.profile.answers_failures:
        raise PersonRefused  # a face that came for the first time proves nobody's identity
    lifetime = settings().code_lifetime
    if not lifecycle.issue(journey, redeemable_until=clock.after(lifetime + _GRACE_SECONDS)):
        raise JourneyOver(journey)
    return _mint(
        journey,
        client,
        id_token_claims=claims.id_token_claims(journey, client, user),
        userinfo_claims=claims.userinfo_claims(journey, client, user),
        confirms_enrolment=journey.enrolment_id if provisional else None,
    )


def issue_failure(journey: Journey, client: ClientView) -> str:
    """Mint a code whose ID token says that the person was not verified, once, and return it; flushes.

    Only for clients whose profile is answered so. Raises :class:`JourneyOver`.
    """
    assert client.profile.answers_failures
    lifetime = settings().code_lifetime
    if not lifecycle.answer_failure(journey, redeemable_until=clock.after(lifetime + _GRACE_SECONDS)):
        raise JourneyOver(journey)
    user = directory.find(journey.user_id) if journey.user_id else None
    said = claims.identity_claims(journey, client, user, face_passed=False)
    return _mint(
        journey,
        client,
        id_token_claims=said,
        userinfo_claims={"sub": said["sub"]},
        confirms_enrolment=None,
    )


def _mint(
    journey: Journey,
    client: ClientView,
    *,
    id_token_claims: dict[str, Any],
    userinfo_claims: dict[str, Any],
    confirms_enrolment: str | None,
) -> str:
    code = codes.mint(
        journey_id=journey.id,
        client_id=client.id,
        user_id=journey.user_id,
        redirect_uri=journey.parameters["redirect_uri"],
        scope=journey.parameters["scope"],
        code_challenge=journey.parameters["code_challenge"],
        id_token_claims=id_token_claims,
        userinfo_claims=userinfo_claims,
        confirms_enrolment=confirms_enrolment,
        lifetime=settings().code_lifetime,
    )
    lifecycle.forget_what_was_asked(journey)
    record(
        Event.JOURNEY_ISSUED,
        reference=journey.reference,
        client_id=client.id,
        user_id=journey.user_id,
        enrols=confirms_enrolment is not None,
    )
    return code
