"""Beginning a capture: may this person be captured, and if so, where does the link lead."""

from portal import credentials
from portal.audit.events import Event
from portal.audit.log import record
from portal.extensions import db, settings
from portal.journey import lifecycle
from portal.journey.errors import OutOfTurn
from portal.models import (
    Client,
    Enrolment,
    Journey,
    JourneyPurpose,
    UserStatus,
    VerificationConfiguration,
)
from portal.users import directory, enrolments
from portal.verifications import registry

#: The profile whose question is who somebody is: a first face, whoever's, would answer nothing.
_PROVES_IDENTITY = "okta-idv"
#: The reason where somebody went to the camera and came back without a result again and again.
LINKS_USED_UP = "links_used_up"


class NotSetUp(Exception):
    """This account cannot use the face check; the reason is for the log alone."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def begin(journey: Journey, *, consent_version: str) -> str:
    """Count a link for the journey and return VerifEye's address to send the browser to; flushes.

    The link is made before anything is counted, so that a person loses no attempt to a service that
    is away. Raises :class:`NotSetUp`, ``VerifEyeError`` and :class:`OutOfTurn`.
    """
    configuration = registry.find(journey.verification_id)
    if configuration is None:
        raise NotSetUp("configuration_removed")
    if not lifecycle.may_begin(journey):
        raise NotSetUp(LINKS_USED_UP)
    enrolment = enrolment_for(journey)
    state = credentials.random_hex()
    link = registry.client_for(configuration).signed_link(
        configuration.id,
        {"state": state, "reExternalId": enrolment.external_id},
        settings().capture_link_lifetime,
    )
    enrols = not enrolments.is_confirmed(enrolment)
    capture = lifecycle.begin_capture(
        journey,
        state_secret=state,
        enrolment_id=enrolment.id,
        external_id=enrolment.external_id,
        enrols=enrols,
    )
    if capture is None:
        raise OutOfTurn(journey)
    _note(journey, configuration, consent_version, enrols=enrols)
    return link


def enrolment_for(journey: Journey) -> Enrolment:
    """Return the enrolment to match or to make, if the client's policy allows it; flushes.

    VerifEye enrols whoever comes first under an identifier, so the policy decides here: without a
    confirmed enrolment only ``first-use`` goes on, or ``signed`` where the request that named the person
    was proven, or a journey that an invitation began. Raises :class:`NotSetUp`.
    """
    user = directory.find(journey.user_id) if journey.user_id else None
    if user is None:
        raise NotSetUp("unknown_account")
    if user.status != UserStatus.ACTIVE:
        raise NotSetUp("suspended")
    enrolment = enrolments.find(user.id, journey.verification_id)
    if enrolment is not None and enrolments.is_confirmed(enrolment):
        return enrolment
    if _may_enrol(journey):
        return enrolments.find_or_prepare(user.id, journey.verification_id)
    raise NotSetUp("not_enrolled")


def is_first_time(journey: Journey) -> bool:
    """Say whether a capture would make a template; the same for a nobody as for somebody not enrolled."""
    enrolment = enrolments.find(journey.user_id, journey.verification_id) if journey.user_id else None
    return not enrolments.is_confirmed(enrolment) and _may_enrol(journey)


def _may_enrol(journey: Journey) -> bool:
    if journey.purpose == JourneyPurpose.ENROL:
        return True
    client = db.session.get(Client, journey.client_id)
    if client is None or client.profile == _PROVES_IDENTITY:
        return False
    policy = client.enrolment_policy
    return policy == "first-use" or (policy == "signed" and journey.integrity_proven)


def _note(
    journey: Journey, configuration: VerificationConfiguration, consent_version: str, *, enrols: bool
) -> None:
    who = {"reference": journey.reference, "client_id": journey.client_id, "user_id": journey.user_id}
    if journey.consented_at is None:
        lifecycle.consent(journey, consent_version)
        record(Event.CONSENT_GIVEN, version=consent_version, **who)
    record(
        Event.CAPTURE_STARTED,
        attempt=journey.attempts + 1,
        enrols=enrols,
        verification=configuration.id,
        **who,
    )
