"""What the directory, and the rooms below it, forget about a person and tell about one.

The rooms below (journeys, grants, the outbox) do not know people; so the directory does it for them.
"""

from collections.abc import Callable
from typing import Any

from flask import Flask
from sqlalchemy import select

from portal import outbox
from portal.extensions import db
from portal.grants import codes, pushed
from portal.journey import pruning
from portal.models import (
    AuditEvent,
    AuthorizationGrant,
    Capture,
    Enrolment,
    Invitation,
    Journey,
    OktaFact,
    OutboxMessage,
    PushedRequest,
    User,
    UserHold,
)
from portal.users import details, enrolments, erasure, export, holds, invitations, okta_facts

#: Columns that are a secret's digest, or that somebody else's record is found by: they tell nothing.
_UNTOLD = frozenset({"user_id", "browser_digest", "state_digest", "code_digest", "access_digest"})


def init_app(app: Flask) -> None:
    """Say in ``app`` what is forgotten about a person, and what is told about one."""
    erasure.registers(app, holds.forget, tables=(UserHold,))
    erasure.registers(app, _discard_enrolments, tables=(Enrolment,))
    erasure.registers(app, codes.forget, tables=(AuthorizationGrant,))
    erasure.registers(app, pruning.forget, tables=(Journey,))
    erasure.registers(app, _forget_pushed_requests, tables=(PushedRequest,))
    erasure.registers(app, invitations.forget, tables=(Invitation,))
    erasure.registers(app, _forget_facts, tables=(OktaFact,))
    for name, model, query in _PARTS:
        export.registers(app, name, _rows_of(model, query), tables=(model,))


def forget_messages(user: User) -> None:
    """Clear the outbox of what speaks of a person, but for faces that are still to be deleted."""
    outbox.forget(user.id, user.okta_id, keep=(enrolments.DELETE_FACE,))


def _discard_enrolments(user_id: str) -> None:
    enrolments.discard_all(user_id, reason="erased")


def _forget_pushed_requests(user_id: str) -> None:
    """Empty requests about the person that were pushed and that nobody has opened yet."""
    user = db.session.get_one(User, user_id)
    keys = {user.login_key, user.email_key}
    pushed.forget(lambda hint: details.key_of(hint) in keys or hint.strip() == user.okta_id)


def _forget_facts(user_id: str) -> None:
    okta_id = db.session.get_one(User, user_id).okta_id
    if okta_id:
        okta_facts.forget(okta_id)


def _by_user(model: Any) -> Callable[[str], Any]:
    return lambda user_id: model.user_id == user_id


def _captures(user_id: str) -> Any:
    return Capture.journey_id.in_(select(Journey.id).where(Journey.user_id == user_id))


def _facts(user_id: str) -> Any:
    return OktaFact.okta_id == select(User.okta_id).where(User.id == user_id).scalar_subquery()


#: The name in the document, the table, and which of its rows are about a person.
_PARTS: tuple[tuple[str, Any, Callable[[str], Any]], ...] = (
    ("person", User, lambda user_id: User.id == user_id),
    ("holds", UserHold, _by_user(UserHold)),
    ("enrolments", Enrolment, _by_user(Enrolment)),
    ("invitations", Invitation, _by_user(Invitation)),
    ("journeys", Journey, _by_user(Journey)),
    ("captures", Capture, _captures),
    ("grants", AuthorizationGrant, _by_user(AuthorizationGrant)),
    ("okta_facts", OktaFact, _facts),
    ("outbox", OutboxMessage, _by_user(OutboxMessage)),
    ("audit", AuditEvent, _by_user(AuditEvent)),
)


def _rows_of(model: Any, about: Callable[[str], Any]) -> export.Rows:
    table = model.__table__
    told = [column for column in table.columns if column.name not in _UNTOLD]

    def rows(user_id: str) -> list[dict[str, Any]]:
        query = select(*told).where(about(user_id)).order_by(*table.primary_key.columns)
        return [dict(row._mapping) for row in db.session.execute(query)]

    return rows
