"""Calls to other people's servers: time-outs, pools, careful retries, an address guard and a breaker.

Two doors lead out of the portal. :class:`OperatorsOutbound` calls addresses that an operator configured, such
as the VerifEye Service API, inside their network too, but never where a cloud hands out credentials (and the
plain :class:`Outbound` calls the portal itself, for ``flask doctor``). :class:`GuardedOutbound` calls
addresses that somebody else chose, such as the
``jwks_uri`` of a client, and must never reach the inside of the operator's network (server-side request
forgery): it resolves the name itself, refuses every address that is not public, and connects to exactly
the address it checked, so a name that changes its mind between check and use (DNS rebinding) gains nothing.

None follows redirects, decodes more than a fixed number of bytes, or reads the proxy settings of the
environment. All may be shared between threads, and between processes that are forked afterwards.
"""

from portal.http.answers import (
    Answer,
    OutboundError,
    OutboundRefusedAddress,
    OutboundUnavailable,
    OutboundUnreadable,
)
from portal.http.breaker import Breaker
from portal.http.guarded import GuardedOutbound, OperatorsOutbound, is_public
from portal.http.outbound import Outbound

__all__ = [
    "Answer",
    "Breaker",
    "GuardedOutbound",
    "OperatorsOutbound",
    "Outbound",
    "OutboundError",
    "OutboundRefusedAddress",
    "OutboundUnavailable",
    "OutboundUnreadable",
    "is_public",
]
