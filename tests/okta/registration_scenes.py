"""What the tests of the registration attribute begin with: a connected Okta, and somebody who is enrolled."""

from portal.connections import registry
from portal.extensions import db
from portal.models import OutboxMessage, User
from portal.outbox import run_due
from tests.support import factories
from tests.support.small_okta import ATTRIBUTE, TOKEN, SmallOkta


def connect(okta: SmallOkta, **values):
    """Connect the portal to ``okta`` with an API token."""
    columns = {
        "credential_kind": registry.SSWS, "client_id": None, "scopes": [], "attribute": ATTRIBUTE,
        "group_id": None, "group_name": None, "sign_in_client_id": None, "sign_in_secret_sealed": None,
        "sign_in_issuer": None, "checks": {},
    }  # fmt: skip
    made = registry.save(okta.origin, credential=TOKEN, **columns | values)
    db.session.commit()
    return made


def person(okta: SmallOkta, number: int = 1, *, enrolled: bool = False, configuration=None) -> User:
    """Add somebody to the directory and to Okta under one id."""
    okta_id = f"00u{number:05}"
    okta.person(okta_id)
    made = factories.user(okta_id=okta_id)
    if enrolled:
        factories.enrolment(made, configuration or factories.verification_configuration())
    return made


def work_off(clock=None) -> None:
    """Do what the worker does, until nothing is due; with ``clock``, until nothing waits at all."""
    # Two hours: what failed often rests for up to one, by chance, and then may have to wait for another.
    for _ in range(120):
        while run_due():
            pass
        if clock is None or not waiting():
            return
        clock.advance(60)


def waiting() -> list[OutboxMessage]:
    """Return the messages that wait."""
    return list(db.session.scalars(db.select(OutboxMessage).where(OutboxMessage.state == "waiting")))


def messages() -> list[OutboxMessage]:
    """Return every message about Okta, in the order of their ends."""
    return list(
        db.session.scalars(
            db.select(OutboxMessage)
            .where(OutboxMessage.topic.startswith("okta."))
            .order_by(OutboxMessage.ended_at)
        )
    )
