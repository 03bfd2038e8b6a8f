"""The code of somebody enrolled is minted in one statement, which believes nothing that was read before."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import delete, func, select, update

from portal.extensions import db
from portal.journey import lifecycle
from portal.journey.errors import JourneyOver
from portal.models import AuditEvent, AuthorizationGrant, Enrolment, Journey, JourneyState, User
from portal.oidc import clients, issuing
from portal.oidc.clients import ClientView
from portal.oidc.issuing import Waiting
from tests.support import factories
from tests.support.moving_clock import MovingClock


@pytest.fixture
def client(context: Flask) -> ClientView:
    found = clients.find(factories.stage(enrolled=True).client_id)
    assert found is not None
    return found


@pytest.fixture
def waiting(client: ClientView) -> Waiting:
    """A verified journey as it was read."""
    person = db.session.scalars(select(User)).one()
    enrolment = db.session.scalars(select(Enrolment)).one()
    journey = factories.journey(db.session.get_one(factories.Client, client.id), person)
    factories.capture(journey)
    assert lifecycle.accept(journey, enrolment_id=enrolment.id)
    db.session.commit()
    found = issuing.find(journey.id)
    assert found is not None
    return found


def codes() -> int:
    return db.session.scalar(select(func.count()).select_from(AuthorizationGrant)) or 0


def elsewhere(statement: object) -> None:
    """Change a row as another process does it: the records that were read stay as they are."""
    db.session.execute(statement, execution_options={"synchronize_session": False})  # type: ignore[call-overload]
    db.session.connection().commit()


def test_the_code_its_journey_and_the_record_of_it_are_there_together(
    client: ClientView, waiting: Waiting
) -> None:
    assert issuing.issue(waiting, client).startswith("vpc_")
    db.session.rollback()  # takes nothing of it back
    journey = db.session.get_one(Journey, waiting.journey.id, populate_existing=True)
    grant = db.session.scalars(select(AuthorizationGrant)).one()
    assert (journey.state, grant.journey_id, grant.user_id) == (
        JourneyState.ISSUED,
        journey.id,
        journey.user_id,
    )
    assert journey.expires_at > grant.expires_at
    recorded = db.session.scalars(
        select(AuditEvent).where(AuditEvent.reference == journey.reference).order_by(AuditEvent.id.desc())
    ).first()
    assert recorded is not None
    assert (recorded.event, recorded.fields, recorded.client_id, recorded.user_id) == (
        "oidc:journey:issued",
        {"enrols": False},
        client.id,
        journey.user_id,
    )


_GONE: dict[str, Callable[[Journey], object]] = {
    "suspended": lambda journey: update(User).where(User.id == journey.user_id).values(status="suspended"),
    "no longer enrolled": lambda journey: delete(Enrolment).where(Enrolment.id == journey.enrolment_id),
}


@pytest.mark.parametrize("gone", _GONE.values(), ids=_GONE.keys())
def test_whoever_may_not_be_spoken_of_any_more_gets_no_code(
    client: ClientView, waiting: Waiting, gone: Callable[[Journey], object]
) -> None:
    elsewhere(gone(waiting.journey))
    with pytest.raises(issuing.PersonRefused):
        issuing.issue(waiting, client)
    assert codes() == 0


def test_a_journey_that_was_refused_meanwhile_gets_no_code(client: ClientView, waiting: Waiting) -> None:
    elsewhere(update(Journey).where(Journey.id == waiting.journey.id).values(state="REFUSED"))
    with pytest.raises(JourneyOver):
        issuing.issue(waiting, client)
    assert codes() == 0


def test_a_journey_whose_time_is_over_gets_no_code(
    client: ClientView, waiting: Waiting, clock: MovingClock
) -> None:
    clock.set(waiting.journey.expires_at)
    with pytest.raises(JourneyOver):
        issuing.issue(waiting, client)
    assert codes() == 0


def test_what_was_read_is_minted_once(client: ClientView, waiting: Waiting) -> None:
    issuing.issue(waiting, client)
    with pytest.raises(JourneyOver):
        issuing.issue(waiting, client)
    assert codes() == 1
