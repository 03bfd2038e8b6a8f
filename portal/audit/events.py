"""Every event the portal records, with the fields each must carry: a wrong or missing field raises."""

from enum import Enum

NOTHING: set[str] = set()


class Event(Enum):
    """An event: its name is ``room:subject:action``, its fields are exact.

    Names are never reused; a retired event stays here as a comment.
    """

    JOURNEY_OPENED = ("oidc:journey:opened", {"profile", "integrity_proven"})
    JOURNEY_IDENTIFIED = ("oidc:journey:identified", {"how"})
    JOURNEY_ISSUED = ("oidc:journey:issued", {"enrols"})
    #: One entry per claim asked for: its name and what became of it, never its value.
    IDENTITY_EVALUATED = ("oidc:identity:evaluated", {"verified", "claims", "refused"})
    JOURNEY_REDEEMED = ("oidc:journey:redeemed", {"kid"})
    JOURNEY_CANCELLED = ("oidc:journey:cancelled", {"state"})
    JOURNEY_REFUSED = ("oidc:journey:refused", {"reason"})
    JOURNEY_EXPIRED = ("journey:journey:expired", {"state"})
    REQUEST_PUSHED = ("oidc:request:pushed", NOTHING)
    REQUEST_REFUSED = ("oidc:request:refused", {"error", "check"})
    CLIENT_AUTHENTICATION_FAILED = ("oidc:client:authentication-failed", {"method"})
    TOKEN_REFUSED = ("oidc:token:refused", {"error"})
    CODE_REPLAYED = ("oidc:code:replayed", {"revoked"})
    TOKEN_REVOKED = ("oidc:token:revoked", NOTHING)

    CONSENT_GIVEN = ("capture:consent:given", {"version"})
    CAPTURE_STARTED = ("capture:capture:started", {"attempt", "enrols", "verification"})
    CAPTURE_PASSED = ("capture:capture:passed", {"session", "enrols"})
    CAPTURE_FAILED = ("capture:capture:failed", {"session", "reason", "attempts_left"})
    #: A return from VerifEye that broke a trust rule; nothing was changed by it.
    RESULT_REJECTED = ("capture:result:rejected", {"reason"})
    VERIFEYE_UNAVAILABLE = ("capture:verifeye:unavailable", {"step", "kind"})
    WEBHOOK_RECEIVED = ("capture:webhook:received", {"session", "verification", "known"})
    WEBHOOK_REFUSED = ("capture:webhook:refused", {"reason"})

    ENROLMENT_PROVISIONAL = ("users:enrolment:provisional", {"verification"})
    ENROLMENT_CONFIRMED = ("users:enrolment:confirmed", {"verification", "how"})
    ENROLMENT_DISCARDED = ("users:enrolment:discarded", {"verification", "reason"})
    INVITATION_MADE = ("users:invitation:made", {"verification", "how"})
    INVITATION_RESENT = ("users:invitation:resent", {"verification", "how"})
    #: ``reason`` is a member of ``InvitationEnd``.
    INVITATION_ENDED = ("users:invitation:ended", {"verification", "reason"})
    INVITATION_SENT = ("enrolment:invitation:sent", {"kind"})
    #: A link was opened that is good no more; it was not used up by that.
    INVITATION_REFUSED = ("enrolment:invitation:refused", {"reason"})
    #: Somebody with an old link asked for a new one; ``outcome`` is a member of ``users.renewal.Outcome``.
    INVITATION_ASKED = ("enrolment:invitation:asked", {"outcome"})
    #: A journey began; ``signed_in`` says whether Okta vouched for the person.
    INVITATION_BEGUN = ("enrolment:invitation:begun", {"signed_in"})
    #: Okta's answer did not say that the invited person signed in.
    IDENTITY_REFUSED = ("enrolment:identity:refused", {"reason"})
    ENROLMENT_COMPLETED = ("enrolment:journey:completed", {"verification"})
    FACE_DELETED = ("users:face:deleted", {"verification", "receipt"})
    USER_ADDED = ("users:user:added", {"how"})
    #: Which details are different now, never what they are.
    USER_CHANGED = ("users:user:changed", {"how", "details"})
    #: A reason to hold the factor back came or went; suspended and resumed tell what that meant.
    USER_HELD = ("users:user:held", {"how", "reason"})
    USER_RELEASED = ("users:user:released", {"how", "reason"})
    USER_SUSPENDED = ("users:user:suspended", {"how"})
    USER_RESUMED = ("users:user:resumed", {"how"})
    USER_ERASED = ("users:user:erased", {"how"})

    SCIM_TOKEN_ADDED = ("scim:token:added", {"name", "days"})
    SCIM_TOKEN_REVOKED = ("scim:token:revoked", {"name"})
    #: A SCIM client described somebody for the first time, new or known to the directory before.
    SCIM_USER_DESCRIBED = ("scim:user:described", NOTHING)
    #: Groups by their id; how many members came and went, never who or what they are called.
    SCIM_GROUP_ADDED = ("scim:group:added", {"group", "members"})
    SCIM_GROUP_CHANGED = ("scim:group:changed", {"group", "renamed", "added", "removed"})
    SCIM_GROUP_REMOVED = ("scim:group:removed", {"group"})

    CLIENT_ADDED = ("cli:client:added", {"profile", "enrolment"})
    CLIENT_ENABLED = ("cli:client:enabled", NOTHING)
    CLIENT_DISABLED = ("cli:client:disabled", NOTHING)
    CLIENT_SECRET_ROTATED = ("cli:client:secret-rotated", {"overlap_seconds"})
    VERIFICATION_ADDED = ("cli:verification:added", {"verification", "region"})
    VERIFICATION_KEY_REPLACED = ("cli:verification:key-replaced", {"verification", "checked"})
    VERIFICATION_ORDER_LEARNT = ("verifications:verification:order-learnt", {"verification"})
    VERIFICATION_ORDER_FORGOTTEN = ("cli:verification:order-forgotten", {"verification"})
    VERIFICATION_REMOVED = ("cli:verification:removed", {"verification"})
    KEY_CREATED = ("cli:key:created", {"kid", "alg"})
    OKTA_REGISTRATION_WRITTEN = ("okta:registration:written", {"value"})
    OKTA_PAUSED = ("okta:pause:begun", {"pause", "scope"})
    OKTA_RESUMED = ("okta:pause:ended", {"pause", "scope"})
    OKTA_HOOK_REFUSED = ("okta:hook:refused", {"reason"})
    #: ``source`` is ``hook`` or ``log``.
    OKTA_EVENTS_UNREADABLE = ("okta:events:unreadable", {"source", "count"})
    #: Two records stand in each other's way; the message of ``topic`` becomes a dead letter that says how.
    OKTA_CONFLICT = ("okta:person:conflict", {"topic"})
    #: How many of what was found and put right.
    OKTA_RECONCILED = ("okta:reconciliation:done", {"counts", "forced"})
    OKTA_RECONCILE_STOPPED = ("okta:reconciliation:stopped", {"reason", "counts"})
    OKTA_CONNECTED = ("cli:okta:connected", {"credential"})
    OKTA_DISCONNECTED = ("cli:okta:disconnected", NOTHING)
    OKTA_ATTRIBUTE_CREATED = ("cli:okta:attribute-created", {"attribute"})
    #: ``hook`` names the record of a secret, which holds a digest.
    OKTA_HOOK_SECRET_ADDED = ("cli:okta:hook-secret-added", {"hook"})
    OKTA_HOOK_SECRET_REVOKED = ("cli:okta:hook-secret-revoked", {"hook"})
    SECRETS_RESEALED = ("cli:keys:resealed", {"count"})
    KEY_RETIRED = ("cli:key:retired", {"kid"})
    #: Everything that is sealed from now on hangs on this one.
    AUDIT_CHAIN_BEGUN = ("audit:chain:begun", NOTHING)
    #: An operator went on from a chain that was found broken, after the place ``sequence``.
    AUDIT_CHAIN_ACCEPTED = ("audit:chain:accepted", {"sequence"})

    def __init__(self, label: str, fields: set[str]) -> None:
        self.label = label
        self.fields = frozenset(fields)
