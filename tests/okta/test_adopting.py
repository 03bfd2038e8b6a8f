"""A record without an Okta id is whose Okta says its login is now, and not whose it was in a late event."""

import pytest
from sqlalchemy import select

from portal.extensions import db
from portal.models import Enrolment, HoldReason, Invitation, OutboxMessage, User
from portal.users import holds
from tests.okta import telling
from tests.okta.registration_scenes import connect
from tests.okta.telling import event
from tests.support import factories
from tests.support.small_okta import small_okta

GROUP = "00gFACTOR"
LOGIN = "amara@acme.example"
FORMER, PRESENT = "00uFORMER", "00uPRESENT"


@pytest.fixture
def okta(context):
    """An organisation in which a login has gone over from one person to another."""
    telling.listen()
    with small_okta() as organisation:
        connect(organisation, group_id=GROUP)
        organisation.groups[GROUP] = {"id": GROUP, "profile": {"name": "Staff"}}
        organisation.members[GROUP] = [FORMER, PRESENT]
        organisation.person(FORMER, "amara.old@acme.example", email="amara.old@acme.example")
        organisation.person(PRESENT, LOGIN, email=LOGIN)
        yield organisation


@pytest.fixture
def amara(okta):
    """Somebody whom an operator added and enrolled, without an Okta id."""
    configuration = factories.verification_configuration()
    person = factories.user(LOGIN)
    factories.enrolment(person, configuration)
    return person.id


def told(client, *events):
    assert telling.tell(client, *events).status_code < 300
    telling.work()


def joins(okta_id, after=0.0):
    groups = [telling.group_target(GROUP)]
    return event("group.user_membership.add", okta_id, login=LOGIN, groups=groups, after=after)


def of(okta_id):
    return db.session.scalars(select(User).where(User.okta_id == okta_id)).one_or_none()


def states():
    return set(db.session.scalars(select(OutboxMessage.state).where(OutboxMessage.topic.startswith("okta."))))


@pytest.mark.parametrize("order", [(FORMER, PRESENT), (PRESENT, FORMER)], ids=str)
def test_a_late_event_gives_nobody_the_enrolment_of_whoever_has_the_login_now(
    okta, amara, client, clock, order
):
    written = {FORMER: joins(FORMER, -3600), PRESENT: joins(PRESENT, -60)}
    for okta_id in order:
        told(client, written[okta_id])
    assert of(PRESENT).id == amara
    assert of(PRESENT).login == LOGIN
    assert db.session.scalars(select(Enrolment.user_id)).all() == [amara]
    if order[0] == FORMER:
        assert of(FORMER).login == "amara.old@acme.example"
        assert states() == {"done"}
    else:
        assert of(FORMER) is None


@pytest.mark.parametrize("now", ["another's", "deleted"])
def test_a_late_suspension_or_deletion_holds_nobody_who_has_the_login_now(okta, amara, client, clock, now):
    if now == "deleted":
        del okta.users[FORMER]
        okta.members[GROUP].remove(FORMER)
    told(client, event("user.lifecycle.delete.initiated", FORMER, login=LOGIN, after=-3600))
    told(client, event("user.lifecycle.suspend", FORMER, login=LOGIN, after=-3600))
    assert holds.reasons(amara) == []
    told(client, joins(PRESENT))
    assert (of(PRESENT).id, of(FORMER)) == (amara, None)
    assert holds.reasons(amara) == []


def test_a_suspension_of_whoever_has_the_login_is_followed(okta, amara, client):
    okta.users[PRESENT]["status"] = "SUSPENDED"
    told(client, event("user.lifecycle.suspend", PRESENT, login=LOGIN))
    assert of(PRESENT).id == amara
    assert holds.reasons(amara) == [HoldReason.OKTA_SUSPENDED]


def test_whoever_joins_is_taken_for_the_record_with_details_and_invited(okta, client):
    factories.verification_configuration()
    person = factories.user(LOGIN).id
    told(client, joins(PRESENT))
    assert (of(PRESENT).id, of(PRESENT).email) == (person, LOGIN)
    assert db.session.scalars(select(Invitation.user_id)).all() == [person]


def test_while_okta_is_away_nobody_is_taken_for_anybody(okta, amara, client, clock):
    okta.down = True
    told(client, joins(FORMER, -3600), joins(PRESENT, -60))
    assert (of(PRESENT), of(FORMER)) == (None, None)
    okta.down = False
    for _ in range(10):
        clock.advance(60)
        telling.work()
    assert of(PRESENT).id == amara
    assert of(FORMER).login == "amara.old@acme.example"


@pytest.mark.parametrize("why", ["somebody has it", "somebody has it still"])
def test_a_login_that_another_record_has_by_now_is_a_conflict_and_not_asked_for_ever(
    okta, amara, client, clock, why
):
    """Okta says another login than the event did, and that one is in a record with another Okta id."""
    factories.user("amara.old@acme.example", okta_id="00uOTHER")
    okta.person("00uOTHER", "new@acme.example" if why == "somebody has it" else "amara.old@acme.example")
    told(client, joins(FORMER, -3600))
    for _ in range(10):
        clock.advance(60)
        telling.work()
    assert db.session.get(User, amara).okta_id is None
    if why == "somebody has it":
        assert of(FORMER).login == "amara.old@acme.example"
        assert of("00uOTHER").login == "new@acme.example"
        assert states() == {"done"}
    else:
        assert of(FORMER) is None
        dead = db.session.scalars(select(OutboxMessage).where(OutboxMessage.state == "dead")).all()
        assert ["flask user change" in each.last_error for each in dead] == [True]
    calls = len(okta.calls)
    clock.advance(86_400)
    telling.work()
    assert len(okta.calls) == calls
