"""Logins that move from one person to another in Okta end where Okta says, and never in the wrong hands."""

from itertools import permutations

import pytest
from sqlalchemy import select, update

from portal.extensions import db
from portal.grants import codes
from portal.models import AuditEvent, HoldReason, Journey, OktaFact, OutboxMessage, User
from portal.okta import events_people, logins, reconcile
from portal.okta_api.client import OktaApi
from portal.okta_api.errors import NotFound, NotPermitted
from portal.users import holds, okta_facts
from tests.okta import telling
from tests.okta.registration_scenes import connect
from tests.okta.telling import event
from tests.scim.callers import Caller, new_token
from tests.support import factories
from tests.support.at_once import at_once
from tests.support.small_okta import small_okta

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
GROUP = "00gFACTOR"
NAMES = "abcd"


@pytest.fixture
def okta(context):
    with small_okta() as organisation:
        connect(organisation, group_id=GROUP)
        organisation.groups[GROUP] = {"id": GROUP, "profile": {"name": "Staff"}}
        organisation.members[GROUP] = []
        yield organisation


@pytest.fixture
def people(okta):
    """Four people of the group, each called after the Okta id."""
    for name in NAMES:
        login = f"{name}@acme.example"
        okta.person(f"00u{name}", login, email=login, firstName=name.upper())
        okta.members[GROUP].append(f"00u{name}")
    reconciled()
    return {name: found(name).id for name in NAMES}


def found(name):
    return db.session.scalars(select(User).where(User.okta_id == f"00u{name}")).one()


def moves(okta, **to):
    """Give people other logins in Okta, as ``a="b"``: a has b's now."""
    for name, login in to.items():
        okta.users[f"00u{name}"]["profile"]["login"] = f"{login}@acme.example"


def here():
    """Return whose login is whose, by the people's names."""
    rows = db.session.execute(select(User.okta_id, User.login, User.login_key).order_by(User.okta_id)).all()
    assert all(row.login == row.login_key for row in rows)
    return {row.okta_id[-1]: row.login.partition("@")[0] for row in rows}


def reconciled():
    token = reconcile.begin()
    db.session.commit()
    for _ in reconcile.steps(token):
        db.session.commit()
    telling.work()
    return reconcile.last().report


def hooked(client, *names):
    """Tell of changed profiles by the hook, one after the other."""
    for name in names:
        assert telling.tell(client, event("user.account.update_profile", f"00u{name}")).status_code < 300
        telling.work()


def arrives(client):
    """Tell by the hook of a newcomer in the group, with the login that a had."""
    group = [telling.group_target(GROUP)]
    added = event("group.user_membership.add", "00ue", login="a@acme.example", groups=group)
    assert telling.tell(client, added).status_code < 300
    telling.work()


def states():
    of_okta = OutboxMessage.topic.startswith("okta.")
    return set(db.session.scalars(select(OutboxMessage.state).where(of_okta)))


def conflicts():
    return "okta:person:conflict" in db.session.scalars(select(AuditEvent.event)).all()


RINGS = [
    {"a": "b", "b": "a"},
    {"a": "b", "b": "c", "c": "a"},
    {"a": "d", "d": "c", "c": "b", "b": "a"},
    {"a": "b", "b": "new"},
    {"a": "b", "b": "c", "c": "d", "d": "new"},
    {"a": "b", "b": "a", "c": "d", "d": "c"},
]


@pytest.mark.parametrize("ring", RINGS, ids=str)
def test_logins_that_moved_are_followed_by_hooks_in_any_order(okta, people, client, ring):
    telling.listen()
    before = here()
    for order in list(permutations(ring))[::5]:
        moves(okta, **ring)
        hooked(client, *order)
        assert here() == before | ring, order
        assert {name: found(name).id for name in NAMES} == people
        moves(okta, **{name: name for name in NAMES})
        reconciled()
        assert here() == before
    assert states() == {"done"}


@pytest.mark.parametrize("ring", RINGS, ids=str)
def test_logins_that_moved_are_followed_by_reconciling(okta, people, ring):
    moves(okta, **ring)
    reconciled()
    assert here() == {name: name for name in NAMES} | ring
    assert reconciled()["conflicts"] == []
    assert states() == {"done"}


@only_sqlite
def test_a_ring_is_one_transaction(okta, people):
    moves(okta, a="b", b="c", c="a")
    events_people.handle_profile({"okta_id": "00ub", "arrived": False})
    assert here() == {"a": "b", "b": "c", "c": "a", "d": "d"}
    assert found("a").given_name == "A", "names and addresses stay with the person"
    db.session.rollback()
    assert here() == {name: name for name in NAMES}


def test_two_workers_follow_one_swap_at_once(okta, people, app):
    moves(okta, a="b", b="a")
    db.session.remove()

    def work(number):
        with app.app_context():
            try:
                events_people.handle_profile({"okta_id": f"00u{'ab'[number % 2]}", "arrived": False})
                db.session.commit()
            finally:
                db.session.remove()

    at_once(4, work)
    assert here() == {"a": "b", "b": "a", "c": "c", "d": "d"}


def test_by_scim_a_swap_is_refused_until_okta_was_asked(okta, people, app):
    """RFC 7644 section 3.3 and table 9: a userName that another has is a conflict, whoever says so."""
    scim = Caller(app, new_token(app))
    moves(okta, a="b", b="a")
    for name, other in ("ab", "ba"):
        shown = scim.get(f"/Users/{people[name]}").json
        refused = scim.put(f"/Users/{people[name]}", shown | {"userName": f"{other}@acme.example"})
        assert (refused.status_code, refused.json["scimType"]) == (409, "uniqueness")
        assert "reconcil" in refused.json["detail"]
        changed = {"op": "replace", "path": "userName", "value": f"{other}@acme.example"}
        assert scim.patch(f"/Users/{people[name]}", changed).status_code == 409
    assert here() == {name: name for name in NAMES}
    reconciled()
    assert here() == {"a": "b", "b": "a", "c": "c", "d": "d"}
    for name, other in ("ab", "ba"):
        shown = scim.get(f"/Users/{people[name]}").json
        again = scim.put(f"/Users/{people[name]}", shown | {"userName": f"{other}@acme.example"})
        assert again.status_code == 200


@only_sqlite
@pytest.mark.parametrize("why", ["deleted", "has it still", "no Okta id", "another's answer"])
def test_whoever_okta_says_nothing_of_keeps_the_login(okta, people, client, why):
    telling.listen()
    moves(okta, a="b")
    if why == "deleted":
        del okta.users["00ub"]
        okta.members[GROUP].remove("00ub")
    elif why == "no Okta id":
        db.session.execute(update(User).where(User.okta_id == "00ub").values(okta_id=None))
        db.session.execute(db.delete(OktaFact).where(OktaFact.okta_id == "00ub"))
        okta.members[GROUP].remove("00ub")
        db.session.commit()
    elif why == "another's answer":
        okta.users["00ub"] = okta.users["00uc"]
    hooked(client, "a")
    logins_now = dict(db.session.execute(select(User.id, User.login)).all())
    assert logins_now == {user_id: f"{name}@acme.example" for name, user_id in people.items()}
    assert conflicts()
    (dead,) = db.session.scalars(select(OutboxMessage).where(OutboxMessage.state == "dead"))
    assert "flask user change" in dead.last_error
    for _ in range(3):
        assert reconciled()["conflicts"] == ["00ua"]
    assert len(db.session.scalars(select(OutboxMessage).where(OutboxMessage.state == "dead")).all()) == 1
    assert dict(db.session.execute(select(User.id, User.login)).all()) == logins_now


@only_sqlite
def test_a_new_person_gets_the_login_of_somebody_who_was_renamed(okta, people):
    moves(okta, a="new")
    okta.person("00ue", "a@acme.example", email="a@acme.example")
    okta.members[GROUP].insert(0, "00ue")
    okta.members[GROUP].remove("00ua")  # nothing but the conflict leads to whom has the login
    reconciled()
    reconciled()
    assert here() == {"a": "new", "b": "b", "c": "c", "d": "d", "e": "a"}
    assert states() == {"done"}


@pytest.mark.parametrize("news_first", [False, True])
def test_a_newcomer_gets_the_login_of_somebody_whose_renaming_nobody_told_of(
    okta, people, client, clock, news_first
):
    """The hook lost the event of the renaming: what Okta says of whoever is in the way tells of it."""
    telling.listen()
    clock.advance(60)  # since the reconciliation that brought them
    moves(okta, a="new")
    okta.person("00ue", "a@acme.example", email="a@acme.example")
    okta.members[GROUP].append("00ue")
    if news_first:
        hooked(client, "a")
    arrives(client)
    for _ in range(10):
        clock.advance(30)
        telling.work()
    assert here() == {"a": "new", "b": "b", "c": "c", "d": "d", "e": "a"}
    assert {name: found(name).id for name in NAMES} == people
    assert states() == {"done"}
    assert conflicts() is not news_first


@pytest.mark.parametrize("why", ["has it still", "deleted", "Okta is away"])
def test_a_newcomer_whose_login_stays_another_s_is_one_dead_letter(okta, people, client, clock, why):
    telling.listen()
    clock.advance(60)  # since the reconciliation that brought them
    okta.person("00ue", "a@acme.example", email="a@acme.example")
    if why == "deleted":
        del okta.users["00ua"]
    elif why == "Okta is away":
        okta.down = True
    arrives(client)
    assert "dead" not in states()
    for _ in range(10):
        clock.advance(30)
        telling.work()
    (dead,) = db.session.scalars(select(OutboxMessage).where(OutboxMessage.state == "dead"))
    assert (dead.topic, "flask user change" in dead.last_error) == (events_people.PERSON, True)
    assert here() == {name: name for name in NAMES}
    assert conflicts()


@pytest.mark.parametrize("how", ["hook", "reconciliation"])
def test_a_suspension_counts_although_the_login_does_not(okta, people, client, how):
    telling.listen()
    factories.user("taken@acme.example", okta_id="00uGONE")
    moves(okta, a="taken")
    okta.users["00ua"]["status"] = "SUSPENDED"
    if how == "hook":
        hooked(client, "a")
    else:
        reconciled()
    assert found("a").login == "a@acme.example"
    assert holds.reasons(people["a"]) == [HoldReason.OKTA_SUSPENDED]


def test_what_was_under_way_under_the_former_login_ends(okta, people):
    """A code says that a face is a login's: that login is somebody else's once it is redeemed."""
    journeys = {name: factories.journey(person=found(name)) for name in "abc"}
    minted = {
        name: codes.mint(
            journey_id=journey.id, client_id=journey.client_id, user_id=journey.user_id,
            redirect_uri=factories.RP_REDIRECT_URI, scope="openid", code_challenge="c" * 43,
            id_token_claims={"sub": journey.user_id, "preferred_username": f"{name}@acme.example"},
            userinfo_claims={"sub": journey.user_id}, confirms_enrolment=None, lifetime=60,
        )
        for name, journey in journeys.items()
    }  # fmt: skip
    db.session.commit()
    running = {name: factories.journey(person=found(name)).id for name in "abc"}
    db.session.commit()
    moves(okta, a="b", b="a", c="C")
    reconciled()
    assert (found("a").login, found("c").login) == ("b@acme.example", "C@acme.example")
    for name in "ab":
        assert codes.find(minted[name]).revoked_at is not None
        assert db.session.get_one(Journey, running[name]).refusal == "renamed"
    assert codes.find(minted["c"]).revoked_at is None, "other capitals are the same login"
    assert db.session.get_one(Journey, running["c"]).refusal is None


@only_sqlite
def test_a_ring_longer_than_anybody_makes_is_left_to_an_operator(okta, people, monkeypatch):
    monkeypatch.setattr(logins, "MOST_TOGETHER", 3)
    moves(okta, a="b", b="c", c="d", d="a")
    reconciled()
    assert here() == {name: name for name in NAMES}


@pytest.mark.parametrize("to", ["new", "b"])
def test_a_worker_that_waited_gives_no_former_login_back(okta, people, monkeypatch, clock, to):
    """Okta renames somebody again while a worker has an answer in its hands that it did not follow yet."""
    reading = logins.read

    def slow(api, okta_id):
        found_then = reading(api, okta_id)
        monkeypatch.setattr(logins, "read", reading)
        clock.advance(1)
        moves(okta, a=to, b="a")
        events_people.handle_profile({"okta_id": "00ua", "arrived": False})
        db.session.commit()
        if to == "new":
            events_people.handle_profile({"okta_id": "00ub", "arrived": False})
            db.session.commit()
        return found_then

    moves(okta, a="b", b="a") if to == "new" else moves(okta, a="middle")
    monkeypatch.setattr(logins, "read", slow)
    events_people.handle_profile({"okta_id": "00ua", "arrived": False})
    db.session.commit()
    assert here() == {"a": to, "b": "a", "c": "c", "d": "d"}
    clock.advance(10)
    telling.work()
    assert here() == {"a": to, "b": "a", "c": "c", "d": "d"}
    assert states() == {"done"}


def test_a_reconciliation_gives_no_former_login_back(okta, people, client, clock):
    """What it read of the members is old when it comes to them; an event was followed in between."""
    telling.listen()
    moves(okta, a="middle")
    clock.advance(7200)
    token = reconcile.begin()
    db.session.commit()
    for run in reconcile.steps(token):
        db.session.commit()
        if run.phase == "plan":
            clock.advance(1)
            moves(okta, a="new")
            hooked(client, "a")
            assert here()["a"] == "new"
    telling.work()
    assert here() == {"a": "new", "b": "b", "c": "c", "d": "d"}
    assert reconciled()["counts"].get("renamed", 0) == 0


@only_sqlite
@pytest.mark.parametrize("hidden", [NotPermitted, NotFound])
def test_whoever_the_credential_may_not_see_keeps_nobody_elses_status_back(okta, people, monkeypatch, hidden):
    moves(okta, a="b")
    okta.users["00ua"]["status"] = "SUSPENDED"
    asked = OktaApi.user

    def user(self, okta_id):
        if okta_id == "00ub":
            raise hidden("No.")
        return asked(self, okta_id)

    monkeypatch.setattr(OktaApi, "user", user)
    events_people.handle_profile({"okta_id": "00ua", "arrived": False})
    db.session.commit()
    assert here() == {name: name for name in NAMES}
    assert holds.reasons(people["a"]) == [HoldReason.OKTA_SUSPENDED]
    assert conflicts()


@only_sqlite
def test_people_are_locked_before_anything_is_remembered_and_in_one_order(okta, people, monkeypatch):
    """Or a reconciliation and a message about one of its people would each wait for what the other has."""
    done = []
    lock, remember_all = okta_facts.lock, okta_facts.remember_all
    monkeypatch.setattr(okta_facts, "lock", lambda okta_id: (done.append(okta_id), lock(okta_id)))
    monkeypatch.setattr(okta_facts, "remember_all", lambda facts: (done.append("facts"), remember_all(facts)))
    moves(okta, c="new", a="b", b="a")
    okta.members[GROUP] = ["00uc", "00ub", "00ua"]  # d leaves
    reconciled()
    assert here() == {"a": "b", "b": "a", "c": "new", "d": "d"}
    told = " ".join(done)
    assert told.startswith("00ua 00ub 00uc facts "), "members"
    assert " 00ud facts " in told, "who left"
    assert " 00ua 00ub facts" in told, "the message about both"


@only_sqlite
@pytest.mark.parametrize("by", ["message", "reconciliation"])
def test_a_reading_by_a_clock_that_was_ahead_does_not_outrank_those_to_come(okta, people, client, clock, by):
    telling.listen()
    clock.advance(3600)
    events_people.handle_profile({"okta_id": "00ua", "arrived": False})
    db.session.commit()
    clock.advance(-1800)
    moves(okta, a="new")
    hooked(client, "a") if by == "message" else reconciled()
    assert here()["a"] == "new"
    assert states() <= {"done"}
