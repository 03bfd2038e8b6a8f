"""A pause sends a group, or everybody, back to Okta's own factors, and gives them back what they had."""

import pytest
from sqlalchemy import func, insert, select, update

from portal import clock as portal_clock
from portal.cli import retention
from portal.extensions import db
from portal.models import (
    OktaPause,
    OktaPausedPerson,
    OktaRegistration,
    OutboxMessage,
    PauseScope,
    ScimGroup,
    ScimMember,
    User,
)
from portal.okta import pauses, registration
from portal.outbox import OutboxFailure, run_due
from portal.users import directory, holds
from tests.okta.registration_scenes import connect, messages, person, waiting, work_off
from tests.support import factories
from tests.support.small_okta import small_okta

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def okta(context):
    with small_okta() as organisation:
        connect(organisation)
        yield organisation


@pytest.fixture
def people(okta):
    """Four people, all enrolled but the last; the attribute is written."""
    configuration = factories.verification_configuration()
    made = [person(okta, number, enrolled=number < 3, configuration=configuration) for number in range(4)]
    work_off()
    return made


def values(okta):
    return [okta.value(f"00u{number:05}") for number in range(4)]


def pause(scope, **options):
    made = pauses.begin(scope, reason="VerifEye is being moved", **options)
    db.session.commit()
    return made


def resume(made):
    pauses.end(made)
    db.session.commit()


def pushed_group(*members):
    group = ScimGroup(
        id="a" * 32, display_name="Ops", display_key="ops", version=1,
        created_at=portal_clock.now(), updated_at=portal_clock.now(),
    )  # fmt: skip
    db.session.add(group)
    db.session.flush()
    for user in members:
        db.session.add(ScimMember(group_id=group.id, member=user.id, user_id=user.id))
    db.session.add(ScimMember(group_id=group.id, member="not here yet"))
    db.session.commit()
    return group


def test_everybody_falls_back_and_comes_back(okta, people):
    made = pause(PauseScope.ALL)
    work_off()
    assert values(okta) == [False, False, False, None]
    newcomer = person(okta, 9, enrolled=True, configuration=factories.verification_configuration())
    work_off()
    assert okta.value(newcomer.okta_id) is not True, "a pause of everybody holds for newcomers too"
    resume(made)
    work_off()
    assert values(okta) == [True, True, True, None]
    assert okta.value(newcomer.okta_id) is True


@pytest.mark.settings(verifeye_face_deletion=False)
def test_erasing_somebody_half_way_through_a_pause_does_not_cut_it_off(okta, people, monkeypatch):
    monkeypatch.setattr(pauses, "BATCH", 2)
    pause(PauseScope.ALL)
    assert run_due(1) == 1
    (rest,) = [message for message in waiting() if message.topic == pauses.SPREAD]
    assert rest.payload["after"] == people[1].okta_id
    directory.erase(people[1], how="test")
    db.session.commit()
    work_off()
    assert values(okta)[:3] == [False] * 3


def test_whoever_was_suspended_meanwhile_stays_away_after_the_pause(okta, people):
    made = pause(PauseScope.ALL)
    holds.suspend(people[1], how="test")
    db.session.commit()
    work_off()
    resume(made)
    work_off()
    assert values(okta) == [True, False, True, None]


def test_a_group_pushed_by_scim_falls_back_and_nobody_else(okta, people):
    group = pushed_group(people[0], people[3])
    made = pause(PauseScope.SCIM_GROUP, group_id=group.id, group_name="Ops")
    work_off()
    assert values(okta) == [False, True, True, None]
    resume(made)
    work_off()
    assert values(okta) == [True, True, True, None]
    assert db.session.scalar(select(func.count()).select_from(OktaPausedPerson)) == 0


def test_a_group_of_oktas_is_read_from_okta_page_by_page(okta, people, monkeypatch):
    monkeypatch.setattr(pauses, "BATCH", 1)
    okta.groups["00g1"] = {"id": "00g1", "profile": {"name": "Ops"}}
    okta.members["00g1"] = ["00u00000", "00u00002"]
    made = pause(PauseScope.OKTA_GROUP, group_id="00g1", group_name="Ops")
    work_off()
    assert values(okta) == [False, True, False, None]
    okta.down = True  # ending a pause needs nothing of Okta but the writing itself
    resume(made)
    work_off()
    okta.down = False
    db.session.execute(
        OutboxMessage.__table__.update()
        .where(OutboxMessage.state == "waiting")
        .values(available_at=portal_clock.now())
    )
    db.session.commit()
    work_off()
    assert values(okta) == [True, True, True, None]


def test_a_group_whose_pages_go_round_ends_the_message(okta, people, monkeypatch):
    monkeypatch.setattr(pauses, "BATCH", 1)
    okta.groups["00g1"] = {"id": "00g1", "profile": {"name": "Ops"}}
    okta.members["00g1"] = ["00u00000", "00u00002"]
    okta.goes_round = True
    asked = len(okta.calls)
    okta.before_list = lambda: setattr(okta, "down", len(okta.calls) - asked > 40)
    pause(PauseScope.OKTA_GROUP, group_id="00g1", group_name="Ops")
    work_off()
    assert values(okta) == [False, True, False, None], "whom the pages named is paused"
    (left,) = [message for message in waiting() if message.topic == pauses.SPREAD]
    assert "does not come to an end" in left.last_error
    assert left.attempts == 1, "it is tried again, and is a dead letter in the end"


def test_a_404_of_a_proxy_does_not_end_a_pause_before_it_has_begun(okta, people, clock):
    okta.groups["00g1"] = {"id": "00g1", "profile": {"name": "Ops"}}
    okta.members["00g1"] = ["00u00000", "00u00002"]
    okta.instead = [(404, {"message": "no such route"}, {})]
    pause(PauseScope.OKTA_GROUP, group_id="00g1", group_name="Ops")
    work_off(clock)
    assert values(okta) == [False, True, False, None]


def test_two_pauses_over_one_person_both_have_to_end(okta, people):
    group = pushed_group(people[0])
    everybody = pause(PauseScope.ALL)
    of_group = pause(PauseScope.SCIM_GROUP, group_id=group.id, group_name="Ops")
    work_off()
    resume(everybody)
    work_off()
    assert values(okta) == [False, True, True, None]
    resume(of_group)
    work_off()
    assert values(okta) == [True, True, True, None]


def test_a_pause_that_ended_before_the_worker_came_does_nothing(okta, people):
    group = pushed_group(people[0])
    made = pause(PauseScope.SCIM_GROUP, group_id=group.id, group_name="Ops")
    resume(made)
    writes = len(okta.writes)
    work_off()
    assert len(okta.writes) == writes
    assert registration.desired([people[0].id]) == {people[0].id: True}


def test_the_same_people_are_not_paused_twice_and_an_end_happens_once(okta, people):
    made = pause(PauseScope.ALL)
    with pytest.raises(pauses.PausedAlready):
        pause(PauseScope.ALL)
    assert pauses.end(made) is True
    assert pauses.end(made) is False


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501, "two\nlines", "bell\x07"])
@only_sqlite
def test_a_reason_is_a_line_of_text(okta, reason):
    with pytest.raises(ValueError, match="reason"):
        pauses.begin(PauseScope.ALL, reason=reason)


def _spread_until_put_off():
    while True:
        (message,) = [message for message in waiting() if message.topic == pauses.SPREAD]
        pauses.handle(message.payload)
        db.session.delete(message)
        db.session.commit()


@only_sqlite
def test_a_company_is_gone_through_in_batches_that_leave_room_for_others(okta):
    """Two thousand people: never more than a few hundred messages wait, and a suspension overtakes them."""
    now = portal_clock.now()
    moments = {"status": "active", "created_at": now, "updated_at": now}
    rows = [
        {
            "id": f"{number:032x}",
            "login": f"p{number}",
            "login_key": f"p{number}",
            "okta_id": f"00uX{number:06}",
        }
        | moments
        for number in range(2000)
    ]
    db.session.execute(insert(User), rows)
    known = [{"okta_id": row["okta_id"], "value": True, "known_at": now} for row in rows]
    db.session.execute(insert(OktaRegistration), known)
    db.session.commit()
    pause(PauseScope.ALL)
    with pytest.raises(OutboxFailure) as put_off:
        _spread_until_put_off()
    assert put_off.value.retry_after is not None
    told = [message for message in messages() if message.topic == "okta.registration"]
    assert pauses._ENOUGH_WAITING <= len(told) <= pauses._ENOUGH_WAITING + pauses.BATCH


def test_who_was_paused_is_not_kept_for_ever(okta, people, clock, monkeypatch):
    """The end of a pause removes them; what a dead letter left of them goes when it is old, in batches."""
    monkeypatch.setattr(pauses, "BATCH", 1)
    group = pushed_group(people[0], people[1])
    old = pause(PauseScope.SCIM_GROUP, group_id=group.id, group_name="Ops")
    work_off()
    pauses.end(old)
    db.session.execute(
        update(OutboxMessage).where(OutboxMessage.state == "waiting").values(state="dead", payload={})
    )
    db.session.commit()
    running = pause(PauseScope.SCIM_GROUP, group_id=group.id, group_name="Ops")
    work_off()
    clock.advance(89 * 86_400)
    assert retention.prune()["okta_paused_people"] == 0
    clock.advance(2 * 86_400)
    assert retention.prune()["okta_paused_people"] == 2
    kept = db.session.execute(select(OktaPausedPerson.pause_id, OktaPausedPerson.okta_id)).all()
    assert sorted(kept) == [(running.id, people[0].okta_id), (running.id, people[1].okta_id)]
    work_off()
    assert values(okta) == [False, False, True, None], "another pause holds them"


def test_pauses_that_are_long_over_are_removed_and_those_that_hold_somebody_are_not(
    okta, people, clock, monkeypatch
):
    monkeypatch.setattr(pauses, "BATCH", 1)
    group = pushed_group(people[0])
    running = pause(PauseScope.SCIM_GROUP, group_id=group.id, group_name="Ops").id
    holding = pause(PauseScope.OKTA_GROUP, group_id="00g1", group_name="Held").id
    db.session.add(OktaPausedPerson(pause_id=holding, okta_id="00uHELD"))
    ended = update(OktaPause).where(OktaPause.id == holding).values(ended_at=portal_clock.now())
    db.session.execute(ended)
    for _ in range(2):
        resume(pause(PauseScope.ALL))
    clock.advance(399 * 86_400)
    assert pauses.prune_ended(portal_clock.after(-400 * 86_400)) == 0
    clock.advance(2 * 86_400)
    batches = [pauses.prune_ended(portal_clock.after(-400 * 86_400)) for _ in range(3)]
    assert batches == [1, 1, 0], "the end of one has still to be told of"
    assert set(db.session.scalars(select(OktaPause.id))) == {running, holding}
    db.session.rollback()
    assert retention.prune()["okta_pauses"] == 3, "whom it held is told of before"
    assert db.session.scalars(select(OktaPause.id)).all() == [running]


def test_whom_a_dead_letter_left_paused_gets_back_what_they_had(okta, people, clock, monkeypatch):
    group = pushed_group(people[0], people[3])
    made = pause(PauseScope.SCIM_GROUP, group_id=group.id, group_name="Ops")
    work_off()
    pauses.end(made)
    db.session.execute(
        update(OutboxMessage).where(OutboxMessage.state == "waiting").values(state="dead", payload={})
    )
    db.session.commit()
    assert values(okta) == [False, True, True, None]
    clock.advance(91 * 86_400)
    monkeypatch.setattr(pauses, "_ENOUGH_WAITING", 0)
    assert retention.prune()["okta_paused_people"] == 0, "while many registrations wait, it waits too"
    monkeypatch.undo()
    assert retention.prune()["okta_paused_people"] == 2
    work_off()
    assert values(okta) == [True, True, True, None]
    assert db.session.scalar(select(func.count()).select_from(OktaPausedPerson)) == 0


def test_a_batch_done_twice_changes_nothing(okta, people):
    group = pushed_group(people[0], people[1])
    made = pause(PauseScope.SCIM_GROUP, group_id=group.id, group_name="Ops")
    payload = {"pause_id": made.id, "step": "begin"}
    for _ in range(3):
        pauses.handle(payload)
        db.session.commit()
    work_off()
    assert values(okta) == [False, False, True, None]


def test_connecting_has_everybody_looked_at(okta):
    configuration = factories.verification_configuration()
    person(okta, 0, enrolled=True, configuration=configuration)
    work_off()
    registration.forget_what_is_known()
    okta.users["00u00000"]["profile"].pop("byndidRegistered")
    pauses.review_everybody()
    db.session.commit()
    work_off()
    assert okta.value("00u00000") is True


def test_without_a_connection_a_group_of_oktas_cannot_be_read_and_the_message_says_so(context):
    pause(PauseScope.OKTA_GROUP, group_id="00g1", group_name="Ops")
    work_off()
    assert [message.state for message in messages()] == ["dead"]
