"""What a client's profile demands and permits (design: profiles of a client)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """The rules that differ between Okta's usages and other relying parties."""

    name: str
    #: S256 must be used; without it, PKCE is checked wherever the client sends a challenge.
    requires_pkce: bool
    #: Only pushed requests are taken (RFC 9126).
    requires_par: bool
    #: Okta signs its requests under the client secret unless told otherwise, so that is taken by default.
    takes_secret_signed_requests: bool
    #: Somebody who is not verified is answered about, in the token, and not refused with an error.
    answers_failures: bool
    #: For help texts.
    description: str


#: In the order in which help texts list them.
PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            name="okta-factor",
            requires_pkce=False,
            requires_par=False,
            takes_secret_signed_requests=True,
            answers_failures=False,
            description="Okta, Generic OIDC identity provider, Factor only",
        ),
        Profile(
            name="okta-sso",
            requires_pkce=False,
            requires_par=False,
            takes_secret_signed_requests=True,
            answers_failures=False,
            description="Okta, Generic OIDC identity provider, SSO",
        ),
        Profile(
            name="okta-idv",
            requires_pkce=True,
            requires_par=True,
            takes_secret_signed_requests=False,
            answers_failures=True,
            description="Okta, custom identity verification vendor",
        ),
        Profile(
            name="oidc",
            requires_pkce=True,
            requires_par=False,
            takes_secret_signed_requests=False,
            answers_failures=False,
            description="any other OpenID Connect relying party",
        ),
    )
}

#: Who may be enrolled inside a sign-in (design: trust rules, matching is not enrolling).
ENROLMENT_POLICIES = ("invited", "signed", "first-use")

SYMMETRIC_REQUEST_ALGS = ("HS256", "HS384", "HS512")
ASYMMETRIC_ALGS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA")

#: How claims are encoded in ``verified_claims`` for Okta, and what stands for a matched value.
CLAIM_ENCODINGS = ("object", "plain")
CLAIM_RETURNS = ("MATCHED", "values")
