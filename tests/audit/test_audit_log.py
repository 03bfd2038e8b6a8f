"""The audit log's only writer."""

import pytest
from sqlalchemy import select

from portal.audit.events import Event
from portal.audit.log import record
from portal.extensions import db
from portal.models import AuditEvent


def test_an_event_is_kept_with_whom_it_concerns_and_exactly_its_fields(context, clock):
    whom = {"reference": "7KXM-2PQR", "client_id": "c", "user_id": "u"}
    record(Event.JOURNEY_OPENED, **whom, profile="oidc", integrity_proven=True)
    db.session.commit()
    row = db.session.scalars(select(AuditEvent)).one()
    assert row.event == "oidc:journey:opened"
    assert {name: getattr(row, name) for name in whom} == whom
    assert row.fields == {"profile": "oidc", "integrity_proven": True}
    assert row.at == clock.now()


INCOMPLETE = [{}, {"profile": "oidc"}, {"profile": "oidc", "integrity_proven": True, "more": 1}]


@pytest.mark.parametrize("fields", INCOMPLETE)
def test_a_missing_or_unknown_field_is_a_mistake_of_ours(context, fields):
    with pytest.raises(ValueError, match="carries"):
        record(Event.JOURNEY_OPENED, **fields)


def test_an_event_of_a_transaction_that_was_rolled_back_never_happened(context):
    record(Event.CLIENT_DISABLED, client_id="c")
    db.session.rollback()
    assert db.session.scalars(select(AuditEvent)).all() == []
