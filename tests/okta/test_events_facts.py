"""What Okta said about people, in whatever order it came."""

from datetime import timedelta
from itertools import permutations
from threading import Thread

import pytest

from portal import clock
from portal.extensions import db
from portal.models import HoldReason, OktaFact
from portal.okta import events_people
from portal.users import directory, holds, okta_facts
from portal.users.okta_facts import Fact, Kind
from tests.support import factories

ID = "00u1abcdefGHIJKL0017"


def at(seconds):
    return clock.now() + timedelta(seconds=seconds)


def kept(kind):
    fact = db.session.get(OktaFact, (ID, kind.value))
    db.session.refresh(fact)
    return fact.value, fact.published


def test_an_older_word_never_replaces_a_newer_one(context, clock):
    now = clock.now()
    assert okta_facts.remember(ID, Kind.SUSPENDED, True, now)
    assert not okta_facts.remember(ID, Kind.SUSPENDED, False, now - timedelta(milliseconds=1))
    assert kept(Kind.SUSPENDED) == (True, now)
    later = now + timedelta(milliseconds=1)
    assert okta_facts.remember(ID, Kind.SUSPENDED, False, later)
    assert kept(Kind.SUSPENDED) == (False, later)


@pytest.mark.parametrize(("kind", "careful"), [(Kind.SUSPENDED, True), (Kind.MEMBER, False)])
def test_of_two_words_of_one_moment_the_careful_one_stays(context, clock, kind, careful):
    for order in permutations([True, False]):
        for value in order:
            okta_facts.remember(ID, kind, value, clock.now())
        assert kept(kind) == (careful, clock.now())
        okta_facts.forget(ID)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_many_words_at_once_are_kept_as_one_after_the_other(context, clock):
    words = [Fact(ID, Kind.MEMBER, number % 3 == 0, at(number % 7)) for number in range(60)]
    okta_facts.remember_all(words)
    together = kept(Kind.MEMBER)
    okta_facts.forget(ID)
    for word in reversed(words):
        okta_facts.remember_all([word])
    assert kept(Kind.MEMBER) == together


def test_who_arrives_later_is_held_as_okta_said_before(context, clock):
    okta_facts.remember(ID, Kind.SUSPENDED, True, at(-50))
    okta_facts.remember(ID, Kind.DEACTIVATED, False, at(-40))
    okta_facts.remember(ID, Kind.MEMBER, False, at(-30))
    person = factories.user(okta_id=ID)
    okta_facts.apply_remembered(person, how="scim")
    okta_facts.apply_remembered(person, how="scim")
    assert set(holds.reasons(person.id)) == {HoldReason.OKTA_SUSPENDED, HoldReason.LEFT_GROUP}
    assert all(fact.applied for fact in okta_facts.of(ID))
    okta_facts.remember(ID, Kind.SUSPENDED, False, at(1))
    okta_facts.remember(ID, Kind.MEMBER, True, at(1))
    okta_facts.apply_remembered(person, how="okta")
    assert holds.reasons(person.id) == []


def test_what_okta_says_lifts_no_hold_of_somebody_else(context, clock):
    person = factories.user(okta_id=ID)
    holds.suspend(person, how="test")
    okta_facts.remember(ID, Kind.SUSPENDED, False, at(1))
    okta_facts.apply_remembered(person, how="okta")
    assert holds.reasons(person.id) == [HoldReason.OPERATOR]


def test_without_an_okta_id_nothing_is_applied(context):
    person = factories.user()
    okta_facts.apply_remembered(person, how="scim")
    assert holds.reasons(person.id) == []


def test_a_suspension_that_comes_in_the_moment_of_arrival_is_not_lost(app):
    """Whoever is second waits: the person is here and not committed yet when the word is followed."""

    def be_told():
        with app.app_context():
            okta_facts.remember(ID, Kind.SUSPENDED, True, clock.now())
            events_people.settle(ID)
            db.session.commit()

    teller = Thread(target=be_told)
    with app.app_context():
        person = directory.add("arriving@acme.example", how="scim", okta_id=ID)
        okta_facts.apply_remembered(person, how="scim")
        teller.start()
        teller.join(0.5)
        assert teller.is_alive()
        db.session.commit()
        teller.join(20)
        assert holds.reasons(person.id) == [HoldReason.OKTA_SUSPENDED]


def test_words_about_strangers_are_forgotten_one_day(context, clock):
    okta_facts.remember(ID, Kind.SUSPENDED, True, at(-100))
    okta_facts.remember("00uKNOWN", Kind.SUSPENDED, True, at(-100))
    factories.user(okta_id="00uKNOWN")
    assert okta_facts.prune_unknown(at(-50), 10) == 1
    assert okta_facts.of(ID) == []
    assert len(okta_facts.of("00uKNOWN")) == 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_who_is_given_an_okta_id_by_an_operator_is_held_as_okta_said(context, runner):
    okta_facts.remember(ID, Kind.SUSPENDED, True, at(0))
    okta_facts.remember("00uOTHER", Kind.DEACTIVATED, True, at(0))
    db.session.commit()
    runner.invoke(args=["user", "add", "one@acme.example", "--okta-id", ID])
    runner.invoke(args=["user", "add", "two@acme.example"])
    runner.invoke(args=["user", "change", "two@acme.example", "--okta-id", "00uOTHER"])
    one, two = directory.resolve("one@acme.example"), directory.resolve("two@acme.example")
    assert holds.reasons(one.id) == [HoldReason.OKTA_SUSPENDED]
    assert holds.reasons(two.id) == [HoldReason.OKTA_DEACTIVATED]
