"""Whoever comes by SCIM is invited, and finds what Okta said about them before."""

import pytest
from sqlalchemy import select

from portal import clock
from portal.extensions import db
from portal.models import HoldReason, Invitation, OutboxMessage, User
from portal.users import holds, okta_facts
from tests.scim.callers import person
from tests.support import factories

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def verification(app):
    with app.app_context():
        return factories.verification_configuration().id


def _invited(app):
    with app.app_context():
        return sorted(db.session.scalars(select(User.login).join(Invitation, Invitation.user_id == User.id)))


def test_a_new_active_person_is_invited_once(scim, app, verification):
    made = scim.made()
    scim.put(f"/Users/{made['id']}", made | {"externalId": "00uanother"})
    assert _invited(app) == ["jane@acme.example"]
    with app.app_context():
        topics = db.session.scalars(select(OutboxMessage.topic)).all()
    assert topics.count("enrolment.mail") == 1


def test_an_inactive_person_is_invited_when_they_become_active(scim, app, verification):
    made = scim.made(active=False)
    assert _invited(app) == []
    scim.patch(f"/Users/{made['id']}", {"op": "replace", "value": {"active": True}})
    assert _invited(app) == ["jane@acme.example"]


def test_a_suspension_that_came_before_the_person_holds_from_the_first_moment(scim, app, verification):
    sent = person()
    with app.app_context():
        okta_facts.remember(sent["externalId"], okta_facts.Kind.SUSPENDED, True, clock.now())
        db.session.commit()
    made = scim.post("/Users", sent).json
    assert made["active"] is True
    assert _invited(app) == []
    with app.app_context():
        assert holds.reasons(made["id"]) == [HoldReason.OKTA_SUSPENDED]


def test_okta_is_told_of_a_deactivation_and_of_a_return(scim, app):
    made = scim.made()
    with app.app_context():
        before = len(
            db.session.scalars(select(OutboxMessage).where(OutboxMessage.topic == "okta.registration")).all()
        )
    for active in (False, True):
        scim.patch(f"/Users/{made['id']}", {"op": "replace", "value": {"active": active}})
    with app.app_context():
        rows = db.session.scalars(
            select(OutboxMessage).where(OutboxMessage.topic == "okta.registration")
        ).all()
    assert len(rows) == before + 2
    assert all(row.payload["okta_id"] == made["externalId"] for row in rows)
