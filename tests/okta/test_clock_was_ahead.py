"""A worker's clock that was a day ahead, and is right again, leaves nobody deaf to what Okta says."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal import clock as portal_clock
from portal.extensions import db
from portal.models import HoldReason, OktaEvent, User
from portal.okta import reconcile, registration
from portal.users import holds
from tests.okta import telling
from tests.okta.registration_scenes import connect
from tests.support.small_okta import small_okta

GROUP, ADA = telling.GROUP, "00uADA"
DAY = 86_400


@pytest.fixture
def okta(context, clock):
    with small_okta() as organisation:
        connect(organisation, group_id=GROUP)
        organisation.groups[GROUP] = {"id": GROUP, "profile": {"name": "Verified Staff"}}
        organisation.person(ADA, "ada@acme.example", email="ada@acme.example", firstName="Ada")
        organisation.members[GROUP] = [ADA]
        telling.listen()
        clock.advance(DAY)
        reconciled()
        clock.advance(60 - DAY)
        yield organisation


def reconciled():
    token = reconcile.begin()
    db.session.commit()
    for _ in reconcile.steps(token):
        db.session.commit()


def reasons():
    return set(holds.reasons(db.session.scalars(select(User.id).where(User.okta_id == ADA)).one()))


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (telling.event("user.lifecycle.suspend", ADA), HoldReason.OKTA_SUSPENDED),
        (telling.event("user.lifecycle.deactivate", ADA), HoldReason.OKTA_DEACTIVATED),
        (telling.leaves(ADA), HoldReason.LEFT_GROUP),
    ],
    ids=["suspended", "deactivated", "left the group"],
)
def test_what_an_event_takes_away_is_taken_away(okta, client, clock, happens, reason):
    now = portal_clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert telling.tell(client, happens | {"published": now}).status_code == 204
    telling.work()
    assert reasons() == {reason}


def test_what_a_reconciliation_finds_is_taken_away(okta):
    okta.users[ADA]["status"] = "SUSPENDED"
    reconciled()
    assert reasons() == {HoldReason.OKTA_SUSPENDED}


def test_whoever_a_reconciliation_misses_has_left(okta, clock):
    okta.members[GROUP] = []
    reconciled()
    assert reasons() == {HoldReason.LEFT_GROUP}


def test_what_happened_before_the_clock_was_right_is_read_from_the_log(okta, clock):
    missed = telling.event("user.lifecycle.suspend", ADA, after=-3600)
    okta.events = [missed]
    reconciled()
    since = next(query["since"] for query in reversed(okta.queries) if "since" in query)
    assert since <= (portal_clock.now() - timedelta(hours=12)).isoformat()
    assert db.session.scalars(select(OktaEvent.uuid)).all() == [missed["uuid"]]


def test_a_lease_that_was_taken_by_that_clock_is_over(okta, clock):
    clock.advance(DAY)
    reconcile.begin()
    db.session.commit()
    held = registration._Lease.take(ADA)
    clock.advance(-DAY)
    reconciled()
    assert registration._Lease.take(ADA).okta_id == held.okta_id


def test_what_okta_is_seen_to_hold_counts(okta, clock):
    clock.advance(DAY)
    registration.note_seen(ADA, True, read_at=portal_clock.now())
    clock.advance(-DAY)
    assert registration.note_seen(ADA, True, read_at=portal_clock.now()), "it should be false"
