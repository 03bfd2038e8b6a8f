"""The verdict on ``verified_claims``: the directory's record and the face, brought to the pure room ``idv``.

Imported when somebody's identity is first verified: the tables by which names are compared take 7 MB of each
process, and a sign-in has no use for them.
"""

from typing import Any

from portal import clock
from portal.audit.events import Event
from portal.audit.log import record
from portal.idv.evaluate import Encoding, Evaluation, Returns, evaluate_ida, evaluate_okta
from portal.idv.names import DEFAULT_THRESHOLD
from portal.idv.record import TrustedRecord
from portal.idv.requested import read_claims
from portal.models import Journey, User
from portal.oidc.clients import ClientView
from portal.oidc.verified import trust_frameworks


def for_okta(
    journey: Journey, client: ClientView, user: User | None, *, face_passed: bool
) -> list[dict[str, Any]]:
    """Return the ``verified_claims`` array of Okta's contract and note the verdict."""
    flow = journey.parameters.get("flow", {})
    evaluation = evaluate_okta(
        read_claims(journey.parameters["verified_claims"]).id_token,
        record_of(user),
        face_passed and user is not None,
        time=journey.verified_at or clock.now(),
        now=clock.now(),
        reference=journey.reference,
        encoding=Encoding(client.claim_encoding),
        returns=Returns(flow.get("returns") or client.claim_returns),
        threshold=flow.get("name_threshold") or client.name_threshold or DEFAULT_THRESHOLD,
        trust_frameworks=trust_frameworks(client),
    )
    _note(journey, evaluation)
    answer = evaluation.verified_claims
    assert isinstance(answer, list)
    return answer


def for_anybody(
    journey: Journey, client: ClientView, user: User, place: str, *, face_known: bool
) -> list[dict[str, Any]] | dict[str, Any] | None:
    """Return what OpenID Connect for Identity Assurance 1.0 allows to be said in ``place``.

    A face that came for the first time proves nobody's identity: without ``face_known`` there is nothing.
    """
    assert journey.verified_at is not None
    requested = read_claims(journey.parameters["verified_claims"])
    evaluation = evaluate_ida(
        requested.id_token if place == "id_token" else requested.userinfo,
        record_of(user),
        face_known,
        time=journey.verified_at,
        now=clock.now(),
        reference=journey.reference,
        trust_frameworks=trust_frameworks(client),
    )
    _note(journey, evaluation)
    return evaluation.verified_claims


def record_of(user: User | None) -> TrustedRecord:
    """Return the trusted record: what the directory holds about ``user``; an empty one for nobody."""
    if user is None:
        return TrustedRecord()
    address = user.address or {}
    return TrustedRecord(
        given_name=user.given_name,
        family_name=user.family_name,
        middle_name=user.middle_name,
        email=user.email,
        birthdate=user.birthdate,
        phone_number=user.phone_number,
        **{
            part: address.get(part)
            for part in ("street_address", "locality", "region", "postal_code", "country")
        },
    )


def _note(journey: Journey, evaluation: Evaluation) -> None:
    """Write down what became of each claim; no value is in it."""
    record(
        Event.IDENTITY_EVALUATED,
        reference=journey.reference,
        client_id=journey.client_id,
        user_id=journey.user_id,
        verified=evaluation.verified,
        claims=[f"{finding.claim}:{finding.outcome}" for finding in evaluation.findings],
        refused=list(evaluation.refused),
    )
