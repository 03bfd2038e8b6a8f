"""The tables, one module per aggregate, and nothing else: no rule, no query, no room is imported here.

Importing this package makes every table known to the metadata that migrations are compared with.
"""

from portal.models.access import ClientAssertion, SessionNotice
from portal.models.audit import AuditChain, AuditEvent, AuditLink, AuditSink
from portal.models.client import Client, ClientSecret, Flow
from portal.models.grant import AuthorizationGrant, PushedRequest
from portal.models.invitation import Invitation, InvitationEnd
from portal.models.journey import Capture, Journey, JourneyPurpose, JourneyState
from portal.models.okta import (
    OktaConnection,
    OktaHookSecret,
    OktaPause,
    OktaPausedPerson,
    OktaRegistration,
    PauseScope,
)
from portal.models.okta_event import OktaEvent, OktaFact, OktaReading, OktaReconciliation
from portal.models.outbox import OutboxMessage, ScheduledJob
from portal.models.scim import ScimGroup, ScimMember, ScimToken, ScimUser
from portal.models.signing_key import SigningKey
from portal.models.user import Enrolment, EnrolmentState, HoldReason, User, UserHold, UserStatus
from portal.models.verification import MatchMode, VerificationConfiguration

__all__ = [
    "AuditChain",
    "AuditEvent",
    "AuditLink",
    "AuditSink",
    "AuthorizationGrant",
    "Capture",
    "Client",
    "ClientAssertion",
    "ClientSecret",
    "Enrolment",
    "EnrolmentState",
    "Flow",
    "HoldReason",
    "Invitation",
    "InvitationEnd",
    "Journey",
    "JourneyPurpose",
    "JourneyState",
    "MatchMode",
    "OktaConnection",
    "OktaEvent",
    "OktaFact",
    "OktaHookSecret",
    "OktaPause",
    "OktaPausedPerson",
    "OktaReading",
    "OktaReconciliation",
    "OktaRegistration",
    "OutboxMessage",
    "PauseScope",
    "PushedRequest",
    "ScheduledJob",
    "ScimGroup",
    "ScimMember",
    "ScimToken",
    "ScimUser",
    "SessionNotice",
    "SigningKey",
    "User",
    "UserHold",
    "UserStatus",
    "VerificationConfiguration",
]
