"""What a simulation comes to: the checks, the hops, the token, and what Okta's System Log would say."""

from dataclasses import asdict, dataclass, field
from typing import Any

from portal.okta.simulator.checks import Check, Ledger, State
from portal.okta.simulator.exchange import Hop

IDV_STARTED = "user.identity_verification.start"
IDV_ENDED = "user.identity_verification"
#: Okta's documentation names this event for sign-ins through an OpenID Connect identity provider; whether
#: the factor writes the same one is not published.
FACTOR_ENDED = "user.authentication.auth_via_social"
CLAIMS_VERIFIED = "CLAIMS_VERIFIED"
UNMATCHED = "Unable to match the transformed username"
#: What Okta's sign-in page shows a person whose identity provider authenticator failed.
FACTOR_FAILED = "Unable to verify authenticator. Try again."


@dataclass(frozen=True, slots=True)
class Outcome:
    """The System Log's entry: ``event`` with ``result`` and ``reason``.

    ``result`` is ALLOW or DENY for identity verification, SUCCESS or FAILURE for the factor, and ``None`` if
    nobody came back, when Okta has only written that it began. ``page`` is what the person would read at
    Okta, where that is published.
    """

    event: str
    result: str | None
    reason: str | None = None
    idv_reference_id: str | None = None
    idv_flow_id: str | None = None
    page: str | None = None


@dataclass(frozen=True)
class Result:
    """A finished simulation.

    ``claims`` and ``header`` are the ID token's as far as it could be read, whether or not it holds; which of
    the two, ``checks`` say.
    """

    mode: str
    outcome: Outcome
    checks: tuple[Check, ...]
    hops: tuple[Hop, ...]
    header: dict[str, Any] | None = None
    claims: dict[str, Any] | None = None
    userinfo: dict[str, Any] | None = None
    #: The access token, where one was issued: for tests that go on with it. Never shown.
    access_token: str | None = field(default=None, repr=False)

    @property
    def accepted(self) -> bool:
        """Whether Okta would let the person through."""
        return self.outcome.result in ("ALLOW", "SUCCESS")

    @property
    def conformant(self) -> bool:
        """Whether no published rule is broken; a person may be denied within the rules."""
        return not self.with_state(State.BROKEN)

    def with_state(self, state: State) -> list[Check]:
        """Return the checks with that state."""
        return [check for check in self.checks if check.state is state]

    def as_document(self) -> dict[str, Any]:
        """Return everything that may be shown, as JSON knows it."""
        return {
            "mode": self.mode,
            "accepted": self.accepted,
            "conformant": self.conformant,
            "outcome": asdict(self.outcome),
            "checks": [asdict(check) for check in self.checks],
            "id_token": None if self.claims is None else {"header": self.header, "claims": self.claims},
            "userinfo": self.userinfo,
            "hops": [asdict(hop) for hop in self.hops],
        }


def idv_outcome(ledger: Ledger, *, flow: str | None, reference: str | None, came_back: bool) -> Outcome:
    """Return what Okta records about an identity verification (guide: identity verification events)."""
    refusal = ledger.refusal
    if not came_back:
        return Outcome(IDV_STARTED, None, idv_flow_id=flow)
    if refusal is None:
        return Outcome(IDV_ENDED, "ALLOW", CLAIMS_VERIFIED, reference, flow)
    return Outcome(IDV_ENDED, "DENY", refusal.reason or "RESPONSE_PROCESSING_ERROR", reference, flow)


def factor_outcome(ledger: Ledger, *, came_back: bool) -> Outcome:
    """Return what Okta records about a factor. One reason is published, so most failures have none."""
    refusal = ledger.refusal
    if not came_back:
        return Outcome(FACTOR_ENDED, None)
    if refusal is None:
        return Outcome(FACTOR_ENDED, "SUCCESS")
    reason = refusal.reason if refusal.reason == UNMATCHED else None
    return Outcome(FACTOR_ENDED, "FAILURE", reason, page=FACTOR_FAILED)
