"""Identity verification, end to end: Okta's side against a portal on a port of its own, over the sandbox."""

import pytest

from portal.oidc.registration import VerifiedClaims
from portal.okta.simulator import IdvRequest, Result, State, Walker, simulate_idv
from tests.okta.scenes import Scene, scene
from tests.support.browsers import LivePortal

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.usefixtures("_verified_claims"),
]

NAMES = {"given_name": "Amara", "family_name": "Okafor"}
#: On this machine the portal is plain http; nothing else may be remarked upon.
REMARKED = {"iss"}


@pytest.fixture
def _verified_claims(live_portal: LivePortal) -> None:
    """Leave these tests out while the portal does not announce that it can do this."""
    metadata = live_portal.app.test_client().get("/.well-known/openid-configuration").get_json()
    if not metadata.get("verified_claims_supported"):
        pytest.skip("the portal's metadata does not announce verified_claims_supported")


def remarked(result: Result) -> set[str]:
    return {check.rule for check in result.with_state(State.WARNING)}


def verify(at: Scene, walker: Walker | None = None, **changes: object) -> Result:
    options: dict[str, object] = {"login_hint": at.okta_id, "attributes": NAMES} | changes
    return simulate_idv(IdvRequest(at.connection, **options), walker or Walker())  # type: ignore[arg-type]


@pytest.mark.parametrize("body", ["form", "json"])
@pytest.mark.parametrize("encoding", ["object", "plain"])
def test_okta_accepts_a_person_who_is_verified(live_portal: LivePortal, body: str, encoding: str) -> None:
    at = scene(live_portal, "okta-idv", **answering(encoding))

    result = verify(at, body=body, encoding=encoding)

    assert result.with_state(State.BROKEN) == []
    assert (result.outcome.result, result.outcome.reason) == ("ALLOW", "CLAIMS_VERIFIED"), result.checks
    assert remarked(result) <= REMARKED
    assert result.outcome.idv_reference_id


def test_another_spelling_is_accepted_and_another_name_is_denied_by_its_own_reason(
    live_portal: LivePortal,
) -> None:
    at = scene(live_portal, "okta-idv")

    near = verify(at, attributes={"given_name": "AMARA", "family_name": "Okáfor"})
    far = verify(at, attributes={"given_name": "Wilhelmina", "family_name": "Okafor"})

    assert near.outcome.reason == "CLAIMS_VERIFIED"
    assert (far.outcome.result, far.outcome.reason) == ("DENY", "CLAIM_GIVEN_NAME_NOT_VERIFIED")
    assert far.conformant
    assert far.outcome.idv_reference_id


def test_a_face_that_fails_is_denied_by_a_token_and_not_by_an_error(live_portal: LivePortal) -> None:
    at = scene(live_portal, "okta-idv")

    result = verify(at, Walker(outcome="liveness_fails"))

    assert result.claims is not None
    assert result.claims["verified_claims"][0]["verification"]["assurance_level"] == "FAILED"
    assert result.conformant, result.with_state(State.BROKEN)
    assert result.outcome.result == "DENY"


def test_a_claim_that_the_directory_lacks_is_null_and_the_rest_is_right(live_portal: LivePortal) -> None:
    at = scene(live_portal, "okta-idv")

    result = verify(at, attributes=NAMES | {"birthdate": "2000-01-31", "address.locality": "Lagos"})

    assert result.outcome.result == "DENY"
    assert result.conformant, result.with_state(State.BROKEN)
    assert {check.rule for check in result.with_state(State.DENIED)} >= {"birthdate", "address.locality"}


def test_a_face_that_is_not_enrolled_is_denied(live_portal: LivePortal) -> None:
    at = scene(live_portal, "okta-idv", enrolled=False, enrolment="invited")

    assert verify(at).outcome.result in ("DENY", None)


def test_an_unknown_flow_is_refused_when_it_is_pushed(live_portal: LivePortal) -> None:
    at = scene(live_portal, "okta-idv")

    result = verify(at, flow="unheard-of")

    assert result.outcome.reason == "RESPONSE_PROCESSING_ERROR_PAR"
    assert "invalid_scope" in result.with_state(State.BROKEN)[0].sentence


def answering(encoding: str) -> dict[str, object]:
    """Return the client's options for answering in that encoding."""
    return {"verified_claims": VerifiedClaims(encoding=encoding)}
