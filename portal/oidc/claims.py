"""What the tokens say about a person; it is fixed when the code is minted."""

from typing import Any

from portal.extensions import settings
from portal.models import Journey, User
from portal.oidc import claims_request
from portal.oidc.clients import ClientView
from portal.users import directory
from portal.verifications import registry

#: What the capture proved (``acr``): a face matched; or a face matched and a live person was there.
ACR_FACE = "urn:verification-portal:acr:face"
ACR_FACE_LIVENESS = "urn:verification-portal:acr:face-liveness"
#: RFC 8176: only what happened. No possession is proven, so neither ``hwk`` nor ``mfa`` is claimed.
AMR = ("face",)
CLAIMS_SUPPORTED = (
    "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "amr", "acr", "at_hash",
    "preferred_username", "email", "given_name", "family_name", "verified_claims",
)  # fmt: skip


def id_token_claims(journey: Journey, client: ClientView, user: User, *, face_known: bool) -> dict[str, Any]:
    """Return the ID token's claims that depend on the journey (OpenID Connect Core 2).

    ``face_known`` says whether the face matched one that was the person's before.
    """
    if client.profile.answers_failures:
        return identity_claims(journey, client, user, face_passed=True)
    assert journey.verified_at is not None
    claims: dict[str, Any] = {
        "sub": subject(journey, client, user),
        # Set back as far as ``iat`` will be, so that nobody seems to sign in after their token was issued.
        "auth_time": int(journey.verified_at.timestamp()) - settings().id_token_backdate,
        "amr": list(AMR),
        "acr": acr_of(journey.verification_id),
    }
    if nonce := journey.parameters.get("nonce"):
        claims["nonce"] = nonce
    claims |= released_claims(journey, client, user, "id_token", face_known=face_known)
    application: dict[str, str] = journey.parameters["application"]
    return claims | application


def userinfo_claims(journey: Journey, client: ClientView, user: User, *, face_known: bool) -> dict[str, Any]:
    """Return the claims of the userinfo answer (OpenID Connect Core 5.3.2): those of the ID token.

    ``face_known`` as for :func:`id_token_claims`.
    """
    who = {"sub": subject(journey, client, user)}
    if client.profile.answers_failures:
        return who
    return who | released_claims(journey, client, user, "userinfo", face_known=face_known)


def subject(journey: Journey, client: ClientView, user: User) -> str:
    """Return who the person is towards the client: our own id of them; for identity verification, Okta's."""
    hint: str = journey.parameters.get("login_hint", "")
    return hint if client.profile.answers_failures else user.id


def identity_claims(
    journey: Journey, client: ClientView, user: User | None, *, face_passed: bool
) -> dict[str, Any]:
    """Return what an identity verification answers Okta: ``sub``, ``nonce``, ``verified_claims``, no more.

    ``sub`` is the ``login_hint``: Okta's own id of the person it asked about, who is the person whose
    face matched or, where the answer is ``FAILED``, the one who was not verified.
    """
    from portal.oidc import assurance  # only who verifies identities holds its tables

    claims: dict[str, Any] = {
        "sub": journey.parameters["login_hint"],
        "verified_claims": assurance.for_okta(journey, client, user, face_passed=face_passed),
    }
    if nonce := journey.parameters.get("nonce"):
        claims["nonce"] = nonce
    return claims


def released_claims(
    journey: Journey, client: ClientView, user: User, place: str, *, face_known: bool
) -> dict[str, Any]:
    """Return the directory's claims for ``place``: by scope, by the ``claims`` parameter, and by profile.

    Okta reads the login from ``preferred_username`` whatever scopes it was given, and reads userinfo
    instead of the ID token once that address is configured: so both carry the same.
    """
    scopes = set(journey.parameters["scope"].split())
    released = directory.profile_claims(user, scopes)
    if client.profile.name == "oidc" and "profile" not in scopes:
        del released["preferred_username"]
    if asked := claims_request.asked(journey.parameters["claims"], place):
        everything = directory.profile_claims(user, {"email", "profile"})
        released |= {name: value for name, value in everything.items() if name in asked}
    if client.profile.name == "oidc" and place in (journey.parameters.get("verified_claims") or {}):
        from portal.oidc import assurance  # as above

        if assured := assurance.for_anybody(journey, client, user, place, face_known=face_known):
            released["verified_claims"] = assured
    return released


def acr_of(verification_id: str) -> str:
    """Return the authentication context that a pass at the configuration proves."""
    # Also of a configuration that was removed meanwhile: what was proven is proven.
    configuration = registry.remembered(verification_id) or registry.find(verification_id, removed_too=True)
    demands_liveness = configuration is not None and "liveness" in configuration.required_verifiers
    return ACR_FACE_LIVENESS if demands_liveness else ACR_FACE
