"""Named flows of a client: which verification, what is demanded, what is returned, what people read.

Okta chooses one with the scope ``idv_flow_<name>``; what a flow leaves out is the client's own.
"""

import re
from collections.abc import Sequence

from sqlalchemy import select

from portal import clock
from portal.extensions import db
from portal.models import Client, Flow
from portal.oidc.profiles import CLAIM_RETURNS
from portal.verifeye.results import Verifier
from portal.verifications import registry

SCOPE_PREFIX = "idv_flow_"
#: What a flow is for, and how the start page completes "so that you can …".
PURPOSES = {
    "sign-in": "sign in",
    "enrol": "add a way to sign in",
    "recover": "get back into your account",
    "unlock": "unlock your account",
    "verify": "confirm your identity",
}
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class FlowExists(ValueError):
    """The client has a flow of this name already; the message is a sentence."""


def of_scope(client_id: str, scopes: Sequence[str]) -> Flow | None:
    """Return the flow that the scopes name, or ``None`` if they name none.

    Raises ``LookupError`` if they name one that the client does not have, or more than one.
    """
    named = {scope.removeprefix(SCOPE_PREFIX) for scope in scopes if scope.startswith(SCOPE_PREFIX)}
    if not named:
        return None
    flow = find(client_id, named.pop())
    if flow is None or named:
        raise LookupError("flow")
    return flow


def find(client_id: str, name: str) -> Flow | None:
    """Return the client's flow of that name."""
    return db.session.get(Flow, (client_id, name)) if _NAME.fullmatch(name) else None


def every(client_id: str) -> list[Flow]:
    """Return the client's flows by name."""
    return list(db.session.scalars(select(Flow).where(Flow.client_id == client_id).order_by(Flow.name)))


def add(
    client: Client,
    name: str,
    *,
    purpose: str,
    verification_id: str | None = None,
    required: Sequence[Verifier] = (),
    returns: str | None = None,
    name_threshold: float | None = None,
) -> Flow:
    """Add a flow and return it, flushed; raises ``ValueError`` with a sentence for the operator."""
    if not _NAME.fullmatch(name):
        raise ValueError("A flow's name has 1 to 64 letters, digits, dashes and underscores.")
    if purpose not in PURPOSES:
        raise ValueError(f"A flow's purpose is one of {', '.join(PURPOSES)}.")
    if returns is not None and returns not in CLAIM_RETURNS:
        raise ValueError("A flow returns MATCHED or values.")
    if name_threshold is not None and not 0 < name_threshold <= 1:
        raise ValueError("The threshold for names lies above 0 and is at most 1.")
    if verification_id is not None and registry.find(verification_id) is None:
        raise ValueError(f"There is no verification configuration {verification_id}; add it first.")
    if find(client.id, name) is not None:
        raise FlowExists(f"The client has a flow {name} already.")
    flow = Flow(
        client_id=client.id,
        name=name,
        verification_id=verification_id,
        required_verifiers=sorted({verifier.value for verifier in required}),
        claim_returns=returns,
        name_threshold=name_threshold,
        purpose=purpose,
        created_at=clock.now(),
    )
    db.session.add(flow)
    db.session.flush()
    return flow


def remove(flow: Flow) -> None:
    """Remove a flow; journeys that chose it keep what they stored. Flushes."""
    db.session.delete(flow)
    db.session.flush()
