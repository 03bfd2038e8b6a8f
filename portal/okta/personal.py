"""What the portal forgets, and tells, of what it knows about a person from Okta."""

from collections.abc import Callable
from typing import Any

from flask import Flask
from sqlalchemy import delete, select, update

from portal.extensions import db
from portal.models import (
    OktaEvent,
    OktaPausedPerson,
    OktaReading,
    OktaReconciliation,
    OktaRegistration,
    User,
)
from portal.users import erasure, export

#: By Okta's id of the person; what the directory itself keeps of Okta's words is in ``users.personal``.
_TABLES: tuple[tuple[str, Any], ...] = (
    ("okta_events", OktaEvent),
    ("okta_registration", OktaRegistration),
    ("okta_pauses", OktaPausedPerson),
    ("okta_reading", OktaReading),
)
_UNTOLD = frozenset({"lease_token", "lease_until", "batch"})


def init_app(app: Flask) -> None:
    """Say in ``app`` what is forgotten about a person, and what is told about one."""
    erasure.registers(app, forget, tables=tuple(model for _name, model in _TABLES))
    for name, model in _TABLES:
        export.registers(app, name, _rows_of(model), tables=(model,))


def forget(user_id: str) -> None:
    """Remove everything that is kept under the Okta id of a person who is being erased.

    That the registration attribute becomes false is the business of the outbox message, which names the id.
    """
    okta_id = db.session.scalar(select(User.okta_id).where(User.id == user_id))
    if okta_id:
        for _name, model in _TABLES:
            db.session.execute(
                delete(model).where(model.okta_id == okta_id).execution_options(synchronize_session=False)
            )
        _forget_conflict(okta_id)


def _forget_conflict(okta_id: str) -> None:
    """Take a person out of the last reconciliation's report; one that runs writes another."""
    ended = OktaReconciliation.ended_at.is_not(None)
    report = db.session.scalar(select(OktaReconciliation.report).where(ended))
    if report and okta_id in report.get("conflicts", ()):
        kept = report | {"conflicts": [each for each in report["conflicts"] if each != okta_id]}
        db.session.execute(
            update(OktaReconciliation)
            .where(ended)
            .values(report=kept)
            .execution_options(synchronize_session=False)
        )


def _rows_of(model: Any) -> Callable[[str], list[dict[str, Any]]]:
    table = model.__table__
    told = [column for column in table.columns if column.name not in _UNTOLD]

    def rows(user_id: str) -> list[dict[str, Any]]:
        theirs = select(User.okta_id).where(User.id == user_id).scalar_subquery()
        query = select(*told).where(model.okta_id == theirs).order_by(*table.primary_key.columns)
        return [dict(row._mapping) for row in db.session.execute(query)]

    return rows
