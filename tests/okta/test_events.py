"""What Okta's events do to people here, in whatever order, number and condition they come."""

from datetime import timedelta
from itertools import permutations, product

import pytest
from sqlalchemy import delete, func, select

from portal import clock as portal_clock
from portal.cli import retention
from portal.extensions import db
from portal.models import AuditEvent, HoldReason, Invitation, OktaEvent, OktaFact, OutboxMessage, User
from portal.okta import events, events_reading, keeping
from portal.outbox import schedule
from portal.users import holds, okta_facts
from tests.okta import telling
from tests.okta.telling import event, joins, leaves
from tests.support import factories

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
ID, LOGIN = "00u1abcdefGHIJKL0017", "Jane.Doe@acme.example"


def told(*entries):
    """Keep events as a hook does, and let the worker do the rest, but for what needs Okta or mail."""
    found, unreadable = events_reading.many(list(entries))
    assert unreadable == 0
    keeping.keep(found, keeping.HOOK)
    db.session.commit()
    telling.work()


def person():
    return db.session.scalars(select(User).where(User.okta_id == ID)).first()


def reasons():
    return set(holds.reasons(person().id))


@pytest.fixture
def jane(context):
    return factories.user(LOGIN, okta_id=ID, email=LOGIN)


def test_suspend_and_unsuspend(jane):
    told(event("user.lifecycle.suspend", ID))
    assert reasons() == {HoldReason.OKTA_SUSPENDED}
    told(event("user.lifecycle.unsuspend", ID, after=1))
    assert reasons() == set()


@only_sqlite
@pytest.mark.parametrize("back", ["activate", "reactivate"])
def test_deactivate_and_back(jane, back):
    told(event("user.lifecycle.suspend", ID), event("user.lifecycle.deactivate", ID, after=1))
    assert reasons() == {HoldReason.OKTA_SUSPENDED, HoldReason.OKTA_DEACTIVATED}
    told(event(f"user.lifecycle.{back}", ID, after=2))
    assert reasons() == set()


def invited():
    return db.session.scalars(select(Invitation.user_id)).all()


@pytest.mark.parametrize("held", ["suspend", "deactivate"])
def test_who_came_while_held_back_is_invited_once_they_are_not(context, held):
    factories.verification_configuration()
    telling.connect()
    jane = factories.user(LOGIN, okta_id=ID, email=LOGIN)
    told(event(f"user.lifecycle.{held}", ID), joins(ID, after=1))
    assert invited() == []
    told(event("user.lifecycle.unsuspend" if held == "suspend" else "user.lifecycle.activate", ID, after=2))
    assert invited() == [jane.id]


@pytest.mark.settings(verifeye_face_deletion=False)
def test_who_was_away_until_their_face_was_deleted_is_invited_anew(jane, clock):
    factories.enrolment(jane, factories.verification_configuration())
    telling.connect()
    told(joins(ID), event("user.lifecycle.deactivate", ID, after=1))
    clock.advance(31 * 86_400)
    schedule.run_now("users.faces_of_removed")
    told(event("user.lifecycle.reactivate", ID))
    assert reasons() == set()
    assert invited() == [jane.id]


@only_sqlite
def test_who_is_enrolled_is_not_invited_for_having_been_suspended(jane):
    factories.enrolment(jane, factories.verification_configuration())
    told(event("user.lifecycle.suspend", ID), event("user.lifecycle.unsuspend", ID, after=1))
    assert (reasons(), invited()) == (set(), [])


@only_sqlite
def test_who_is_deleted_in_okta_is_held_and_stays(jane):
    told(event("user.lifecycle.delete.initiated", ID))
    assert reasons() == {HoldReason.OKTA_DEACTIVATED}


@only_sqlite
def test_leaving_the_group_and_coming_back(jane):
    telling.connect()
    told(leaves(ID))
    assert reasons() == {HoldReason.LEFT_GROUP}
    told(joins(ID, after=1))
    assert reasons() == set()


@only_sqlite
@pytest.mark.parametrize(
    "group", [telling.group_target("00gOTHER", "Verified Staff"), telling.group_target("00gOTHER", "Other")]
)
def test_another_group_says_nothing(jane, group):
    telling.connect()
    told(event("group.user_membership.remove", ID, groups=[group]))
    assert reasons() == set()


@only_sqlite
def test_a_group_whose_id_is_not_known_is_known_by_its_name(jane):
    telling.connect(group_id=None)
    told(event("group.user_membership.remove", ID, groups=[telling.group_target("00gANY", "Verified Staff")]))
    assert reasons() == {HoldReason.LEFT_GROUP}


@only_sqlite
def test_the_actor_is_not_the_member(jane):
    telling.connect()
    told(joins("00uOTHER", login="other@acme.example", actor=telling.user_target(ID)))
    admin_leaves = leaves("00uOTHER", after=1, actor=telling.user_target(ID, LOGIN))
    told(admin_leaves)
    assert reasons() == set()


def test_who_joins_the_group_is_added_with_their_login(context):
    telling.connect()
    told(joins(ID, login=LOGIN))
    assert person().login == LOGIN
    waiting = db.session.scalars(select(OutboxMessage).where(OutboxMessage.state == "waiting")).all()
    # Okta cannot be reached: the wish to read the profile stays, and so does the person.
    assert [(each.topic, each.payload) for each in waiting] == [
        ("okta.profile", {"okta_id": ID, "arrived": True})
    ]


@only_sqlite
def test_somebody_with_that_login_and_no_okta_id_waits_for_okta_s_word(context):
    """``test_adopting`` has what comes of it."""
    telling.connect()
    known = factories.user(LOGIN.upper(), email=LOGIN)
    told(joins(ID, login=LOGIN))
    assert (person(), known.okta_id) == (None, None)
    waiting = db.session.scalars(select(OutboxMessage).where(OutboxMessage.state == "waiting")).all()
    assert [(each.topic, each.payload) for each in waiting] == [
        ("okta.profile", {"okta_id": ID, "unknown": True})
    ]


@only_sqlite
def test_without_a_connection_a_suspension_finds_somebody_who_is_known_by_the_login_only(context):
    known = factories.user(LOGIN)
    told(event("user.lifecycle.suspend", ID, login=LOGIN.lower()))
    assert holds.reasons(known.id) == [HoldReason.OKTA_SUSPENDED]


@only_sqlite
def test_a_login_of_somebody_with_another_okta_id_is_a_dead_letter_with_a_way_out(context, clock):
    telling.connect()
    other = factories.user(LOGIN, okta_id="00uANOTHER")
    told(joins(ID, login=LOGIN), joins("00uFINE", login="fine@acme.example"))
    clock.advance(60)
    telling.work()
    assert person() is None
    assert other.okta_id == "00uANOTHER"
    dead = db.session.scalars(select(OutboxMessage).where(OutboxMessage.state == "dead")).all()
    assert [each.topic for each in dead] == ["okta.person"]
    assert "flask user change" in dead[0].last_error
    assert LOGIN not in dead[0].last_error
    assert "okta:person:conflict" in db.session.scalars(select(AuditEvent.event)).all()
    assert db.session.scalars(select(User.login).where(User.okta_id == "00uFINE")).one()


@only_sqlite
def test_suspended_before_known_is_suspended_on_arrival(context):
    telling.connect()
    told(event("user.lifecycle.suspend", ID, login=LOGIN))
    assert person() is None
    told(joins(ID, login=LOGIN, after=1))
    assert reasons() == {HoldReason.OKTA_SUSPENDED}
    assert db.session.scalar(select(func.count(Invitation.id))) == 0


@only_sqlite
def test_an_operators_hold_stays_whatever_okta_says(jane):
    holds.suspend(jane, how="test")
    told(event("user.lifecycle.suspend", ID), event("user.lifecycle.unsuspend", ID, after=1))
    assert reasons() == {HoldReason.OPERATOR}


@only_sqlite
def test_the_same_event_fifty_times_is_one(jane):
    once = event("user.lifecycle.suspend", ID)
    for _ in range(50):
        told(once)
    held = select(func.count()).where(AuditEvent.event == "users:user:held")
    assert db.session.scalar(held) == 1


#: A short life at Okta: what happens, and at which second.
STORY = [
    ("user.lifecycle.suspend", 1), ("user.lifecycle.unsuspend", 2), ("group.user_membership.remove", 2),
    ("user.lifecycle.deactivate", 4), ("user.lifecycle.reactivate", 5), ("user.lifecycle.suspend", 5),
]  # fmt: skip


def state():
    facts = db.session.execute(
        select(OktaFact.kind, OktaFact.value, OktaFact.published)
        .where(OktaFact.okta_id == ID, OktaFact.kind != "person")
        .order_by("kind")
    )
    return frozenset(reasons()), tuple(facts.all())


@only_sqlite
def test_any_order_ends_in_the_same_state(jane, clock):
    """Six events, two pairs of them of one moment."""
    telling.connect()
    story = [
        event(kind, ID, after=after - 100, groups=[telling.group_target()], uuid=f"event-{number}")
        for number, (kind, after) in enumerate(STORY)
    ]
    read = events_reading.many(story)[0]
    told(*story)
    in_order = state()
    assert in_order[0] == {HoldReason.OKTA_SUSPENDED, HoldReason.LEFT_GROUP}
    connection = events.registry.current()
    # One in sixteen of all the orders, one event after the other; together, in every order.
    for order in list(permutations(read))[::16]:
        _start_anew()
        for each in order:
            _follow(each, connection)
        assert state() == in_order
    for order in permutations(read):
        db.session.execute(delete(OktaFact))
        okta_facts.remember_all([fact for each in order for fact in _facts(each, connection)])
        assert state() == in_order


@only_sqlite
def test_any_order_with_repetitions_and_batches_ends_in_the_same_state(jane, clock):
    telling.connect()
    story = [
        event(kind, ID, after=after - 100, groups=[telling.group_target()], uuid=f"event-{number}")
        for number, (kind, after) in enumerate(STORY)
    ]
    told(*story)
    in_order = state()
    for turned, cut in product(range(6), range(1, 6)):
        _start_anew()
        order = [*story[turned:], *story[:turned]]
        told(*reversed(order[cut:]), order[0])
        told(*order[:cut], *order)
        assert state() == in_order


def _start_anew():
    for reason in reasons():
        holds.release(person(), HoldReason(reason), how="test")
    for table in ("okta_facts", "okta_events"):
        db.session.execute(db.text(f"DELETE FROM {table}"))
    db.session.commit()


def _facts(each, connection):
    row = events.OktaEvent(
        okta_id=ID,
        event_type=each.event_type,
        groups=[list(group) for group in each.groups],
        succeeded=True,
    )
    return [
        events.Fact(ID, kind, value, each.published, LOGIN) for kind, value in events.says(row, connection)
    ]


def _follow(each, connection):
    okta_facts.remember_all(_facts(each, connection))
    okta_facts.apply_remembered(person(), how="okta")


@only_sqlite
def test_many_events_about_as_many_people_are_worked_off(context):
    telling.connect()
    entries = [joins(f"00u{number:017d}", login=f"p{number}@acme.example") for number in range(60)]
    told(*entries)
    assert db.session.scalar(select(func.count(User.id))) == 60


@only_sqlite
def test_a_word_from_the_far_future_is_not_believed(context):
    far = portal_clock.now() + timedelta(days=300)
    entry = event("user.lifecycle.suspend", ID) | {"published": far.isoformat()}
    assert events_reading.many([entry]) == ([], 1)


@only_sqlite
def test_old_events_and_old_words_about_strangers_are_removed(jane, clock):
    told(event("user.lifecycle.suspend", ID), event("user.lifecycle.suspend", "00uSTRANGER"))
    clock.advance(91 * 86_400)
    removed = retention.prune()
    assert (removed["okta_events"], removed["okta_facts"]) == (2, 1)
    assert reasons() == {HoldReason.OKTA_SUSPENDED}
    assert okta_facts.of(ID)[0].value is True
    assert okta_facts.of("00uSTRANGER") == []


def test_a_strangers_profile_leaves_no_trace_of_who_it_was(context):
    """Okta tells of everybody, also of people who were erased here: their name is not kept again."""
    told(event("user.account.update_profile", ID, login=LOGIN), event("user.session.start", ID, login=LOGIN))
    assert okta_facts.of(ID) == []
    rows = db.session.execute(select(OktaEvent.outcome, OktaEvent.login)).all()
    assert rows == [("ignored", None)] * 2
