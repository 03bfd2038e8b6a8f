"""What no event told is found and put right, in steps, carefully, and by one at a time."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from portal import clock as portal_clock
from portal.extensions import db
from portal.models import (
    AuditEvent,
    HoldReason,
    Invitation,
    OktaEvent,
    OktaFact,
    OktaReading,
    OktaReconciliation,
    OutboxMessage,
    User,
    UserStatus,
)
from portal.okta import reconcile, reconcile_steps
from portal.outbox import OutboxFailure, schedule
from portal.users import enrolments, holds, okta_facts
from portal.users.okta_facts import Fact, Kind
from tests.okta import telling
from tests.okta.registration_scenes import connect
from tests.okta.telling import event
from tests.support import factories
from tests.support.small_okta import rate_limited, refusal, small_okta

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
GROUP = "00gFACTOR"


@pytest.fixture
def okta(context):
    with small_okta() as organisation:
        connect(organisation)
        organisation.groups[GROUP] = {"id": GROUP, "profile": {"name": "Verified Staff"}}
        organisation.members[GROUP] = []
        db.session.execute(db.text(f"UPDATE okta_connections SET group_id = '{GROUP}'"))
        db.session.commit()
        yield organisation


def okta_id(number):
    return f"00u{number:05d}"


def member(okta, number, **profile):
    """Add a member of the group in Okta."""
    given = {"email": f"p{number}@acme.example", "firstName": "Ada", "lastName": f"Nr {number}"}
    okta.person(okta_id(number), f"p{number}@acme.example", **given | profile)
    okta.members[GROUP].append(okta_id(number))


def run(**options):
    """Reconcile to the end, as the command does, and return the report."""
    token = reconcile.begin(**options)
    db.session.commit()
    for _ in reconcile.steps(token):
        db.session.commit()
    return reconcile.last().report


def person(number):
    return db.session.scalars(select(User).where(User.okta_id == okta_id(number))).one()


def reasons(number):
    return set(holds.reasons(person(number).id))


def state_of_the_database():
    """Return everything that is stored, but for the line of a scheduled job."""
    return {
        table.name: db.session.execute(select(table)).all()
        for table in db.metadata.sorted_tables
        if table.name != "scheduled_jobs"
    }


def test_whoever_is_missing_is_added_with_their_details_and_invited(okta):
    factories.verification_configuration()
    member(okta, 1, middleName="Mary", primaryPhone="+44 20 7946 0018", city="London", zipCode="N1")
    member(okta, 2, firstName="Zoë", primaryPhone="no number")
    counts = run()["counts"]
    assert (counts["members"], counts["missing"]) == (2, 2)
    first = person(1)
    assert (first.login, first.email, first.family_name, first.middle_name) == (
        "p1@acme.example",
        "p1@acme.example",
        "Nr 1",
        "Mary",
    )
    assert first.phone_number == "+442079460018"
    assert first.address == {"locality": "London", "postal_code": "N1"}
    assert (person(2).given_name, person(2).phone_number) == ("Zoë", None)
    assert db.session.scalar(select(func.count(Invitation.id))) == 2
    assert db.session.scalar(select(func.count(OktaReading.okta_id))) == 0
    again = run()["counts"]
    assert {name: number for name, number in again.items() if number} == {"members": 2}


def test_statuses_and_membership_are_put_right(okta):
    for number in range(1, 8):
        member(okta, number)
    run()
    okta.users[okta_id(1)]["status"] = "SUSPENDED"
    okta.users[okta_id(2)]["status"] = "DEPROVISIONED"
    okta.members[GROUP].remove(okta_id(3))
    holds.hold(person(4), HoldReason.OKTA_SUSPENDED, how="test")
    db.session.commit()
    counts = run()["counts"]
    assert (counts["held"], counts["left"], counts["released"]) == (2, 1, 1)
    assert [reasons(number) for number in range(1, 6)] == [
        {HoldReason.OKTA_SUSPENDED},
        {HoldReason.OKTA_DEACTIVATED},
        {HoldReason.LEFT_GROUP},
        set(),
        set(),
    ]
    okta.users[okta_id(1)]["status"] = okta.users[okta_id(2)]["status"] = "ACTIVE"
    okta.members[GROUP].append(okta_id(3))
    portal_clock_moves_on()
    assert run()["counts"]["released"] == 3
    assert [reasons(number) for number in (1, 2, 3)] == [set()] * 3


def portal_clock_moves_on():
    """Let every word of Okta's be a few minutes old."""
    db.session.execute(update(OktaFact).values(published=OktaFact.published))
    facts = db.session.scalars(select(OktaFact)).all()
    for fact in facts:
        fact.published -= timedelta(minutes=5)
    db.session.commit()


@only_sqlite
def test_an_operators_hold_and_people_who_never_were_members_are_left_alone(okta):
    member(okta, 1)
    run()
    holds.suspend(person(1), how="test")
    stranger = factories.user(okta_id="00uSTRANGER")
    db.session.commit()
    run()
    assert reasons(1) == {HoldReason.OPERATOR}
    assert holds.reasons(stranger.id) == []


@only_sqlite
def test_a_changed_profile_is_taken_over_and_another_records_login_is_not(okta):
    member(okta, 1)
    member(okta, 2)
    run()
    okta.users[okta_id(1)]["profile"].update(login="new@acme.example", lastName="Lovelace", firstName=None)
    other = factories.user("taken@acme.example", okta_id="00uOTHER")
    okta.users[okta_id(2)]["profile"]["login"] = "Taken@acme.example"
    report = run()
    assert (person(1).login, person(1).family_name, person(1).given_name) == (
        "new@acme.example",
        "Lovelace",
        "Ada",
    )
    assert person(2).login == "p2@acme.example"
    assert other.login == "taken@acme.example"
    assert report["conflicts"] == [okta_id(2)]
    assert "okta:person:conflict" in db.session.scalars(select(AuditEvent.event)).all()


@only_sqlite
def test_drift_of_the_registration_attribute_is_written_again(okta):
    configuration = factories.verification_configuration()
    for number in (1, 2, 3):
        member(okta, number)
    run()
    enrolments.enrol_by_operator(person(1), configuration.id)
    db.session.commit()
    telling.work()
    assert okta.value(okta_id(1)) is True
    okta.users[okta_id(1)]["profile"]["byndidRegistered"] = False
    okta.users[okta_id(2)]["profile"]["byndidRegistered"] = True
    portal_clock_of_registrations_moves_on()
    assert run()["counts"]["drifted"] == 2
    telling.work()
    assert [okta.value(okta_id(number)) for number in (1, 2)] == [True, False]


def portal_clock_of_registrations_moves_on():
    db.session.execute(db.text("UPDATE okta_registrations SET known_at = '2020-01-01 00:00:00'"))
    db.session.commit()


@only_sqlite
def test_the_log_is_read_since_last_time_and_each_event_is_kept_once(okta, clock):
    known = factories.user(okta_id=okta_id(9))
    okta.page_size = 2
    okta.events = [
        event("user.lifecycle.suspend", okta_id(9), after=-20),
        event("user.lifecycle.unsuspend", okta_id(9), after=-10),
        event("user.lifecycle.deactivate", okta_id(9), after=-5),
        {"uuid": 7},
    ]
    report = run()
    assert {name: report["counts"][name] for name in ("events_read", "events_new", "unreadable")} == {
        "events_read": 3,
        "events_new": 3,
        "unreadable": 1,
    }
    telling.work()
    assert holds.reasons(known.id) == [HoldReason.OKTA_DEACTIVATED]
    first = [query for query in okta.queries if "sortOrder" in query]
    assert first[0]["sortOrder"] == "ASCENDING"
    assert 'eventType eq "user.lifecycle.suspend"' in first[0]["filter"]
    clock.advance(3600)
    assert run()["counts"]["events_new"] == 0
    second = [query for query in okta.queries if "sortOrder" in query][len(first)]
    # Read again from a while before the end of the former reading: the log may show an event late.
    assert first[0]["since"] <= second["since"] < first[0]["until"] < second["until"]
    assert db.session.scalar(select(func.count(OktaEvent.uuid))) == 3


def test_an_event_that_is_newer_than_the_reading_wins(okta):
    """Somebody is taken out of the group, suspended and brought back while the list is being read."""
    for number in range(1, 5):
        member(okta, number)
    run()
    now = portal_clock.now()
    okta_facts.remember_all(
        [
            Fact(okta_id(1), Kind.MEMBER, False, now),
            Fact(okta_id(2), Kind.SUSPENDED, True, now),
            Fact(okta_id(3), Kind.MEMBER, True, now),
        ]
    )
    for number in (1, 2, 3):
        okta_facts.apply_remembered(person(number), how="okta")
    okta.members[GROUP].remove(okta_id(3))
    db.session.commit()
    counts = run()["counts"]
    assert (counts["released"], counts["held"], counts["left"]) == (0, 0, 0)
    assert [reasons(number) for number in (1, 2, 3)] == [
        {HoldReason.LEFT_GROUP},
        {HoldReason.OKTA_SUSPENDED},
        set(),
    ]


@only_sqlite
@pytest.mark.parametrize(
    ("people", "gone", "stops"), [(40, 9, True), (60, 12, False), (60, 13, True), (4, 4, True)]
)
def test_too_many_at_once_are_not_taken_out_without_force(okta, people, gone, stops):
    for number in range(people):
        member(okta, number)
    run()
    okta.members[GROUP] = okta.members[GROUP][gone:]
    report = run()
    # Fewer than ten are never many, unless they are all.
    stops = stops and (gone >= 10 or gone == people)
    assert bool(report["stopped"]) is stops
    held = select(func.count(User.id)).where(User.status == UserStatus.SUSPENDED)
    assert db.session.scalar(held) == (0 if stops else gone)
    if stops:
        assert "--force" in report["stopped"]
        assert "okta:reconciliation:stopped" in db.session.scalars(select(AuditEvent.event)).all()
        assert run(force=True)["stopped"] is None
        assert db.session.scalar(held) == gone


@only_sqlite
def test_a_wrong_group_adds_nobody_either(okta):
    for number in range(12):
        member(okta, number)
    run()
    okta.members[GROUP] = []
    member(okta, 100)
    assert run()["stopped"]
    assert db.session.scalar(select(func.count(User.id))) == 12


@only_sqlite
def test_so_many_suspended_at_once_stop_it_too(okta):
    for number in range(12):
        member(okta, number)
    run()
    for each in okta.users.values():
        each["status"] = "SUSPENDED"
    assert run()["stopped"]
    assert reasons(0) == set()


def test_what_was_cut_off_goes_on_where_it_was(okta, clock):
    okta.page_size = 100
    for number in range(250):
        member(okta, number)
    steps = reconcile.steps(begin())
    for _ in range(3):  # the log and two of three pages, and then the worker is killed
        next(steps)
        db.session.commit()
    steps.close()
    db.session.rollback()
    with pytest.raises(reconcile.Busy):
        reconcile.begin()
    db.session.rollback()
    clock.advance(reconcile_steps.LEASE_SECONDS + 1)
    asked = len(okta.calls)
    report = run()
    assert report["counts"]["members"] == 250
    assert [path for _, path in okta.calls[asked:] if "logs" in path or "users" in path] == [
        f"/api/v1/groups/{GROUP}/users"
    ]
    assert db.session.scalar(select(func.count(User.id))) == 250


def begin():
    token = reconcile.begin()
    db.session.commit()
    return token


@only_sqlite
def test_whoever_was_taken_over_does_nothing_more(okta, clock):
    member(okta, 1)
    first = reconcile.steps(begin())
    next(first)
    db.session.commit()
    clock.advance(reconcile_steps.LEASE_SECONDS + 1)
    second = begin()
    with pytest.raises(reconcile_steps.LeaseLost):
        next(first)
    db.session.rollback()
    for _ in reconcile.steps(second):
        db.session.commit()
    assert person(1)


@only_sqlite
def test_what_was_begun_long_ago_or_about_another_group_is_begun_anew(okta, clock):
    member(okta, 1)
    steps = reconcile.steps(begin())
    for _ in range(2):
        next(steps)
        db.session.commit()
    assert db.session.scalar(select(func.count(OktaReading.okta_id))) == 1
    clock.advance(7200)
    okta.members[GROUP] = []
    member(okta, 2)
    assert run()["counts"]["missing"] == 1
    assert person(2)


@only_sqlite
def test_okta_away_or_busy_puts_it_off_and_a_refusal_ends_it(okta):
    job = schedule.registered()["okta.reconcile"].job

    def work():
        for _ in job():
            db.session.commit()

    okta.instead = [rate_limited(30)]
    with pytest.raises(OutboxFailure) as failure:
        work()
    db.session.rollback()
    assert 0 < failure.value.retry_after < 60
    assert reconcile.last().token is None
    assert reconcile.last().phase == "log"


@only_sqlite
def test_a_group_that_is_not_there_ends_it_with_a_sentence(okta, runner):
    member(okta, 1)
    okta.groups.clear()
    result = runner.invoke(args=["okta", "reconcile"])
    assert result.exit_code == 1
    assert "Okta knows nothing" in result.stderr
    assert "Traceback" not in result.stderr
    assert reconcile.last().phase == "done"


@only_sqlite
def test_a_dry_run_changes_nothing_and_says_what_would_be_done(okta, runner):
    for number in range(1, 4):
        member(okta, number)
    run()
    okta.users[okta_id(1)]["status"] = "SUSPENDED"
    okta.members[GROUP].remove(okta_id(2))
    member(okta, 9)
    okta.events = [event("user.lifecycle.suspend", okta_id(1), after=-20)]
    before = state_of_the_database()
    db.session.rollback()
    result = runner.invoke(args=["okta", "reconcile", "--dry-run", "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    people = {name: ids for name, ids in document["people"].items() if ids}
    assert people == {"held": [okta_id(1)], "left": [okta_id(2)], "missing": [okta_id(9)]}
    assert document["counts"]["events_new"] == 1
    assert state_of_the_database() == before
    assert "Nothing was changed" in runner.invoke(args=["okta", "reconcile", "--dry-run"]).output


@only_sqlite
def test_the_run_counts_whom_the_dry_run_named(okta, runner):
    """One who left is suspended already: to be held for that too, though nothing is taken from them."""
    for number in range(4):
        member(okta, number)
    run()
    holds.suspend(person(1), how="test")
    db.session.commit()
    del okta.members[GROUP][:2]
    dry = json.loads(runner.invoke(args=["okta", "reconcile", "--dry-run", "--json"]).stdout)
    wet = json.loads(runner.invoke(args=["okta", "reconcile", "--json"]).stdout)
    assert dry["people"]["left"] == [okta_id(0), okta_id(1)]
    assert dry["counts"].items() <= wet["counts"].items()


@only_sqlite
def test_a_dry_run_asks_for_no_more_of_the_log_than_okta_keeps(okta, clock, runner):
    run()
    clock.advance(100 * 86_400)
    for command in (["--dry-run"], []):
        okta.queries.clear()
        assert runner.invoke(args=["okta", "reconcile", *command]).exit_code == 0
        since = next(query["since"] for query in okta.queries if "since" in query)
        assert since > (portal_clock.now() - timedelta(days=90)).isoformat()


@only_sqlite
@pytest.mark.parametrize(
    "following",
    [
        "https://acme.okta.com/?after=c1",
        "https://acme.okta.com/?limit=2",
        "https://acme.okta.com/?after=a&after=b",
        "https://acme.okta.com/?after=" + "x" * 3000,
    ],
)
def test_a_list_that_goes_on_nowhere_takes_nobody_out(okta, runner, following):
    """Only some of the members can be read: whoever is on the other pages has not left."""
    for number in range(12):
        member(okta, number)
    run()
    several = [okta.users[each] for each in okta.members[GROUP][:10]]
    page = (200, several, {"Link": f'<{following}>; rel="next"'})
    for command in (["--dry-run"], []):
        okta.instead = [(200, [], {}), page, page]
        result = runner.invoke(args=["okta", "reconcile", *command])
        assert result.exit_code == 1, result.output
        assert "Okta’s list" in result.stderr.replace("'", "’")
        db.session.rollback()
        assert set(db.session.scalars(select(User.status))) == {UserStatus.ACTIVE}


@only_sqlite
@pytest.mark.parametrize("events", [0, 7])
@pytest.mark.parametrize("command", [[], ["--dry-run"]])
def test_a_list_that_goes_round_ends_and_takes_nobody_out(okta, runner, command, events):
    """Okta's last page names the first as the next one: of the group's members, or of the log's events."""
    for number in range(12):
        member(okta, number)
    run()
    read_until = reconcile.last().read_until
    okta.events = [event("user.lifecycle.suspend", okta_id(n), after=-20) for n in range(events)]
    okta.members[GROUP] = okta.members[GROUP][:7]
    okta.page_size, okta.goes_round = 2, True
    asked = len(okta.calls)

    def enough():
        if len(okta.calls) - asked > 40:
            okta.down = True

    okta.before_list = enough
    result = runner.invoke(args=["okta", "reconcile", *command])
    assert result.exit_code == 1, result.output
    assert "does not come to an end" in result.stderr
    assert len(okta.calls) - asked <= 4 * 4 + 1
    db.session.rollback()
    assert set(db.session.scalars(select(User.status))) == {UserStatus.ACTIVE}
    if events:
        assert reconcile.last().read_until == read_until, "the log was not read to its end"
    okta.goes_round = False
    assert runner.invoke(args=["okta", "reconcile", *command]).exit_code == 0


@only_sqlite
def test_a_list_that_goes_round_ends_across_killed_workers(okta):
    for number in range(7):
        member(okta, number)
    okta.page_size, okta.goes_round = 2, True

    def one_step_each(workers):
        for _ in range(workers):
            next(reconcile.steps(begin()))
            db.session.execute(update(OktaReconciliation).values(lease_until=portal_clock.now()))
            db.session.commit()

    with pytest.raises(OutboxFailure, match="does not come to an end"):
        one_step_each(40)
    db.session.rollback()
    assert db.session.scalars(select(User)).all() == []


@only_sqlite
def test_the_command_says_what_it_did(okta, runner):
    for number in range(12):
        member(okta, number)
    result = runner.invoke(args=["okta", "reconcile"])
    assert result.exit_code == 0, result.output
    assert "not here yet: added" in result.stdout
    okta.members[GROUP] = []
    result = runner.invoke(args=["okta", "reconcile", "--json"])
    assert result.exit_code == 1
    assert "--force" in json.loads(result.stdout)["stopped"]
    assert runner.invoke(args=["okta", "reconcile", "--force"]).exit_code == 0


@only_sqlite
def test_without_a_group_the_log_alone_is_read(okta, runner):
    db.session.execute(db.text("UPDATE okta_connections SET group_id = NULL, group_name = NULL"))
    db.session.commit()
    result = runner.invoke(args=["okta", "reconcile", "--dry-run"])
    assert "No group is configured" in result.stderr
    assert "No group is configured" in run()["stopped"]


@only_sqlite
def test_a_group_known_by_its_name_is_looked_up(okta):
    db.session.execute(db.text("UPDATE okta_connections SET group_id = NULL, group_name = 'Verified Staff'"))
    db.session.commit()
    member(okta, 1)
    assert run()["counts"]["missing"] == 1


@only_sqlite
@pytest.mark.settings(okta_erase_after_days=30)
def test_whom_okta_deleted_is_erased_after_the_days_of_the_setting(context, clock):
    factories.user("gone@acme.example", okta_id="00uGONE")
    okta_facts.remember("00uGONE", Kind.DELETED, True, portal_clock.now())
    db.session.commit()
    job = schedule.registered()["okta.erase_deleted"].job
    clock.advance(29 * 86_400)
    assert list(job()) == []
    clock.advance(2 * 86_400)
    assert list(job()) == [1]
    assert db.session.scalars(select(User.status)).all() == [UserStatus.ERASED]


@only_sqlite
def test_nothing_is_erased_by_default(context, clock):
    factories.user("gone@acme.example", okta_id="00uGONE")
    okta_facts.remember("00uGONE", Kind.DELETED, True, portal_clock.now())
    clock.advance(9999 * 86_400)
    assert list(schedule.registered()["okta.erase_deleted"].job()) == []


@only_sqlite
def test_a_person_who_cannot_be_found_any_more_is_no_error(okta):
    """The profile of somebody whom Okta has deleted meanwhile."""
    telling.outbox.enqueue("okta.profile", {"okta_id": "00uGONE", "arrived": True})
    db.session.commit()
    telling.work()
    assert set(db.session.scalars(select(OutboxMessage.state))) == {"done"}
    assert refusal(404, "E0000007")[0] == 404
    assert db.session.scalar(select(func.count(OktaReconciliation.id))) == 0
