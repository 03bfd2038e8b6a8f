"""Beginning a capture: may this person be captured, and if so, where does the link lead."""

from collections.abc import Mapping
from typing import NamedTuple

from portal import credentials, records
from portal.capture import at_once
from portal.extensions import db, settings
from portal.journey import captures, steps
from portal.journey.errors import JourneyExpired, OutOfTurn
from portal.journey.steps import Link, Step
from portal.models import Client, Journey, JourneyPurpose, UserStatus
from portal.users import enrolments
from portal.users.enrolments import Standing, Tie
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


class Arrived(NamedTuple):
    """Somebody at the start page: the link that brought them, and how the person it is about stands."""

    link: Link
    person: Standing | None

    @property
    def journey(self) -> Journey:
        """The journey of the link."""
        return self.link.journey


def who_arrived(arguments: Mapping[str, str]) -> Arrived:
    """Return who is at the start page by the link in ``arguments``; raises as ``steps.read_link``.

    Whether this browser may go on with it, the caller asks.
    """
    journey_id, turn = steps.named_by(arguments, Step.CAPTURE)
    found = enrolments.of_journey(journey_id)
    if found is None:
        raise JourneyExpired
    journey, person = found
    return Arrived(Link(journey, turn), person)


def begin(arrived: Arrived, *, consent_version: str) -> str:
    """Count a link for the journey, with the consent, and return VerifEye's address for the browser; commits.

    The link is made before anything is counted, so that a person loses no attempt to a service that
    is away. Raises :class:`NotSetUp`, ``VerifEyeError`` and :class:`OutOfTurn`.
    """
    journey = arrived.journey
    configuration = registry.remembered(journey.verification_id)
    if configuration is None:
        raise NotSetUp("configuration_removed")
    if not captures.may_begin(journey):
        raise NotSetUp(LINKS_USED_UP)
    tie, enrols = tie_for(arrived)
    if not configuration.sign_locally and enrols:
        # An identifier that nobody was given is harmless, and the turn that was read has to stay that one.
        records.commit_and_let_go()
    elif not configuration.sign_locally:
        records.let_go()
    state = credentials.random_hex()
    link = registry.client_for(configuration).signed_link(
        configuration.id,
        {"state": state, "reExternalId": tie.external_id},
        settings().capture_link_lifetime,
    )
    begun = at_once.begin(
        journey,
        state_secret=state,
        enrolment_id=tie.id,
        external_id=tie.external_id,
        enrols=enrols,
        consent_version=consent_version,
    )
    if not begun:
        raise OutOfTurn(journey)
    return link


def tie_for(arrived: Arrived) -> tuple[Tie, bool]:
    """Return the enrolment to match, or to make and ``True``, if the client's policy allows it; flushes.

    VerifEye enrols whoever comes first under an identifier, so the policy decides here: without a
    confirmed enrolment only ``first-use`` goes on, or ``signed`` where the request that named the person
    was proven, or a journey that an invitation began. Raises :class:`NotSetUp`.
    """
    journey, person = arrived.journey, arrived.person
    if person is None:
        raise NotSetUp("unknown_account")
    if person.status != UserStatus.ACTIVE:
        raise NotSetUp("suspended")
    if person.confirmed is not None:
        return person.confirmed, False
    if journey.user_id is None or not _may_enrol(journey):
        raise NotSetUp("not_enrolled")
    prepared = enrolments.find_or_prepare(journey.user_id, journey.verification_id)
    # Whoever was confirmed in this moment is matched and not enrolled.
    return Tie(prepared.id, prepared.external_id), not enrolments.is_confirmed(prepared)


def is_first_time(arrived: Arrived) -> bool:
    """Say whether a capture would make a template; the same for a nobody as for somebody not enrolled."""
    person = arrived.person
    return (person is None or person.confirmed is None) and _may_enrol(arrived.journey)


def _may_enrol(journey: Journey) -> bool:
    if journey.purpose == JourneyPurpose.ENROL:
        return True
    client = db.session.get(Client, journey.client_id)
    if client is None or client.profile == _PROVES_IDENTITY:
        return False
    policy = client.enrolment_policy
    return policy == "first-use" or (policy == "signed" and journey.integrity_proven)
