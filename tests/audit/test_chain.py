"""Sealing the audit log, and finding what was done to it."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import OperationalError

from portal import clock as portal_clock
from portal.audit import chain, checking, export
from portal.audit.events import Event
from portal.audit.log import record
from portal.cli import retention
from portal.extensions import db
from portal.models import AuditChain, AuditEvent, AuditLink, AuditSink
from tests.cli.commands import document, done, refused, run
from tests.support.at_once import at_once


def happen(count=5):
    for number in range(count):
        record(Event.CLIENT_DISABLED, client_id=f"c{number}")
    db.session.commit()


def seal():
    sealed, _last = chain.seal()
    db.session.commit()
    return sealed


@pytest.fixture
def ids(context, clock):
    """The ids of six sealed events: the chain's own first, and five clients that were disabled."""
    happen()
    assert seal() == 6
    found = list(db.session.scalars(select(AuditEvent.id).order_by(AuditEvent.id)))
    db.session.rollback()
    return found


def place_of(event_id):
    return db.session.scalar(select(AuditLink.sequence).where(AuditLink.event_id == event_id))


def found():
    return [(fault.kind, fault.event_id) for fault in checking.faults()]


def do(statement):
    db.session.execute(statement.execution_options(synchronize_session=False))
    db.session.commit()
    db.session.expire_all()


def test_what_nobody_touched_is_intact_and_every_event_has_its_place(ids):
    assert list(checking.faults()) == []
    assert [place_of(each) for each in ids] != [None] * 6
    assert sorted(place_of(each) for each in ids) == [1, 2, 3, 4, 5, 6]
    happen(3)
    assert checking.extent().unsealed == 3
    assert seal() == 3
    assert seal() == 0
    assert checking.extent().unsealed == 0
    assert list(checking.faults()) == []


def test_a_changed_event_is_named_whatever_was_changed(ids):
    changes = (
        {"event": "cli:client:enabled"}, {"client_id": "another"}, {"user_id": "somebody"},
        {"reference": "7KXM-2PQR"}, {"fields": {"more": 1}}, {"at": portal_clock.after(-1)},
    )  # fmt: skip
    for event_id, values in zip(ids, changes, strict=True):
        do(update(AuditEvent).where(AuditEvent.id == event_id).values(**values))
    assert sorted(found()) == [("changed", event_id) for event_id in ids]


def test_a_removed_event_is_named(ids):
    do(delete(AuditEvent).where(AuditEvent.id == ids[2]))
    assert found() == [("removed", ids[2])]


def test_an_event_removed_with_its_link_leaves_an_empty_place(ids):
    place = place_of(ids[2])
    do(delete(AuditEvent).where(AuditEvent.id == ids[2]))
    do(delete(AuditLink).where(AuditLink.event_id == ids[2]))
    faults = list(checking.faults())
    assert (faults[0].kind, faults[0].sequence) == ("link-removed", place)
    assert len(faults) == 2, "the event after it no longer follows on what it followed on"


def test_an_inserted_event_is_named(ids, clock):
    do(delete(AuditEvent).where(AuditEvent.id == ids[2]))
    do(delete(AuditLink).where(AuditLink.event_id == ids[2]))
    settle(clock)
    do(sa.insert(AuditEvent).values(id=ids[2], at=portal_clock.now(), event="cli:client:enabled", fields={}))
    assert ("inserted", ids[2]) in found()


def settle(clock):
    """Have the chain know that no event is still to come before the newest."""
    for _ in range(2):
        db.session.execute(update(AuditChain).values(candidate_at=portal_clock.after(-3600)))
        db.session.commit()
        try:
            seal()
        except chain.ChainBroken:
            db.session.rollback()
    db.session.expire_all()


def test_two_events_that_changed_places_are_named(ids):
    first, second = place_of(ids[1]), place_of(ids[4])
    for event_id, place in ((ids[1], -1), (ids[4], first), (ids[1], second)):
        do(update(AuditLink).where(AuditLink.event_id == event_id).values(sequence=place))
    assert {("changed", ids[1]), ("changed", ids[4])} <= set(found())


def test_a_chain_that_was_cut_off_is_found_out_and_not_covered_up_by_what_comes_after(ids):
    place = max(place_of(each) for each in ids)
    victim = db.session.scalar(select(AuditLink.event_id).where(AuditLink.sequence == place))
    do(delete(AuditLink).where(AuditLink.sequence == place))
    do(delete(AuditEvent).where(AuditEvent.id == victim))
    assert [(fault.kind, fault.sequence) for fault in checking.faults()] == [("cut-off", place)]
    happen(1)
    with pytest.raises(chain.ChainBroken, match="cut off"):
        chain.seal()
    db.session.rollback()
    chain.accept()
    db.session.commit()
    assert seal() == 1
    assert [(fault.kind, fault.sequence) for fault in checking.faults()] == [("link-removed", place)]


def test_no_event_takes_the_place_of_one_that_was_cut_off_and_that_receivers_have(ids):
    do(delete(AuditLink).where(AuditLink.event_id.in_(ids[4:])))
    do(delete(AuditEvent).where(AuditEvent.id.in_(ids[4:])))
    chain.accept()
    db.session.commit()
    happen(1)
    seal()
    told = [(event["sequence"], event["event"]) for event in export.after(len(ids), 100)]
    assert told == [(7, "audit:chain:accepted"), (8, "cli:client:disabled")]


def test_what_was_accepted_is_seen_until_it_is_old_enough_and_stops_no_pruning(ids, clock):
    do(delete(AuditEvent).where(AuditEvent.id == ids[1]))
    do(delete(AuditLink).where(AuditLink.event_id == ids[3]))
    do(delete(AuditEvent).where(AuditEvent.id == ids[3]))
    clock.advance(100)
    chain.accept()
    db.session.commit()
    assert {fault.kind for fault in checking.faults()} == {"removed", "link-removed", "changed"}
    assert chain.prune(portal_clock.after(-200)) == 0
    assert chain.prune(portal_clock.after(-50)) == 5, "the links that are left of six events"
    db.session.commit()
    assert list(checking.faults()) == []
    assert db.session.scalars(select(AuditEvent.event)).all() == ["audit:chain:accepted"]
    # What goes missing afterwards was not accepted.
    happen(3)
    seal()
    do(delete(AuditEvent).where(AuditEvent.id == db.session.scalar(select(func.max(AuditEvent.id)))))
    clock.advance(100)
    with pytest.raises(chain.ChainBroken, match="missing"):
        chain.prune(portal_clock.now())
    db.session.rollback()


def test_the_end_of_the_chain_cannot_be_written_without_its_key(ids):
    do(update(AuditChain).values(head_sequence=4))
    assert "state" in {fault.kind for fault in checking.faults()}
    with pytest.raises(chain.ChainBroken, match="state was changed"):
        chain.seal()
    db.session.rollback()


def test_a_chain_without_its_state_is_not_begun_anew(ids):
    do(delete(AuditChain))
    assert [fault.kind for fault in checking.faults()] == ["state"]
    with pytest.raises(chain.ChainBroken, match="removed"):
        chain.seal()
    db.session.rollback()


def test_whoever_rolled_back_everything_is_found_out_by_what_was_noted_elsewhere(ids):
    reach = checking.extent()
    assert list(checking.faults((reach.last, reach.head))) == []
    assert [fault.kind for fault in checking.faults((reach.last + 1, reach.head))] == ["expected"]
    assert [fault.kind for fault in checking.faults((reach.last - 1, reach.head))] == ["expected"]


def test_pruning_removes_the_oldest_and_leaves_a_chain_that_can_be_verified(ids, clock):
    clock.advance(100)
    happen(4)
    seal()
    assert chain.prune(portal_clock.after(-50)) == 6
    db.session.commit()
    assert checking.extent().first == 7
    assert list(checking.faults()) == []
    assert db.session.scalar(select(func.count()).select_from(AuditEvent)) == 4
    clock.advance(100)
    assert chain.prune(portal_clock.now()) == 4
    db.session.commit()
    happen(2)
    assert seal() == 2, "where ids are given out anew, no event is missed"
    assert list(checking.faults()) == []


def test_what_a_sink_has_still_to_send_is_not_pruned(ids, clock):
    db.session.add(AuditSink(name="webhook", sequence=2))
    db.session.commit()
    clock.advance(100)
    assert chain.prune(portal_clock.now()) == 2


def test_a_broken_chain_keeps_its_events_and_stops_no_other_pruning(ids, clock):
    do(delete(AuditEvent).where(AuditEvent.id == ids[0]))
    clock.advance(401 * 86_400)
    removed = retention.prune()
    assert removed["audit_events"] == 0
    assert "outbox_messages" in removed
    assert db.session.scalar(select(func.count()).select_from(AuditEvent)) == 5


def test_a_pruned_place_cannot_be_claimed_for_what_was_taken_away(ids):
    first = db.session.scalars(select(AuditLink).order_by(AuditLink.sequence)).first()
    event_id, values = first.event_id, {"pruned_sequence": first.sequence, "pruned_hash": first.hash}
    do(delete(AuditEvent).where(AuditEvent.id == event_id))
    do(delete(AuditLink).where(AuditLink.event_id == event_id))
    do(update(AuditChain).values(**values))
    assert [fault.kind for fault in checking.faults()] == ["state"]


def test_who_begins_the_chain_at_the_same_moment_as_another_goes_on_with_the_others(context, app):
    happen()

    def begin(_number):
        with app.app_context():
            return seal()

    at_once(4, begin)
    assert db.session.scalar(select(func.count()).select_from(AuditChain)) == 1
    assert db.session.scalar(select(func.count()).select_from(AuditLink)) == 6
    assert list(checking.faults()) == []


def test_several_who_seal_at_once_leave_one_chain_with_every_event_in_it(ids, app):
    happen(40)
    db.session.remove()
    start = threading.Barrier(4)

    def work():
        with app.app_context():
            start.wait(20)
            for _ in range(5):
                try:
                    seal()
                except (chain.ChainMoved, OperationalError):
                    db.session.rollback()

    with ThreadPoolExecutor(4) as pool:
        for one in [pool.submit(work) for _ in range(4)]:
            one.result()
    assert list(checking.faults()) == []
    assert checking.extent().last == 46
    assert checking.extent().unsealed == 0


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_an_event_that_becomes_visible_late_is_sealed_late_and_not_missed(ids, database, clock):
    slow = sa.create_engine(database.url, poolclass=sa.NullPool)
    with slow.connect() as late:
        row = {"at": portal_clock.now(), "event": "cli:client:enabled", "fields": {}}
        late_id = late.execute(sa.insert(AuditEvent.__table__).returning(AuditEvent.id), row).scalar()
        happen(3)
        assert late_id < db.session.scalar(select(func.max(AuditEvent.id)))
        assert seal() == 3
        for _ in range(4):
            clock.advance(120)
            happen(1)
            assert seal() == 1
        state = chain.current()
        assert state.settled_id < late_id, "whoever draws the number is still at it"
        late.commit()
    slow.dispose()
    assert seal() == 1
    for _ in range(3):
        clock.advance(120)
        happen(1)
        seal()
    assert chain.current().settled_id > late_id
    assert list(checking.faults()) == []


def test_the_commands_tell_a_person_and_a_program(app, runner):
    assert "Nothing is sealed yet" in done(runner, "audit", "verify")
    with app.app_context():
        happen(3)
    assert done(runner, "audit", "seal") == "Sealed 4 events.\n"
    said = done(runner, "audit", "verify")
    assert said.startswith("Nothing was changed: places 1 to 4; 0 events")
    noted = said.splitlines()[-1]
    assert document(runner, "audit", "verify", "--expect", noted)["intact"] is True
    with app.app_context():
        victim = db.session.scalar(select(AuditEvent.id).where(AuditEvent.client_id == "c1"))
        do(update(AuditEvent).where(AuditEvent.id == victim).values(client_id="c9"))
    result = run(runner, "audit", "verify")
    assert result.exit_code == 1
    assert f"event {victim}. The event, its place or its hash was changed." in result.stdout
    assert json.loads(run(runner, "audit", "verify", "--json").stdout)["faults"][0]["event_id"] == victim
    assert "--expect takes" in refused(runner, "audit", "verify", "--expect", "nonsense")


def test_an_export_gives_every_event_of_its_hours_once_and_in_order(app, runner, clock, tmp_path):
    moments = []
    with app.app_context():
        for _ in range(3):
            moments.append(portal_clock.now())
            happen(2)
            clock.advance(3600)
    lines = [json.loads(line) for line in done(runner, "audit", "export").splitlines()]
    assert len(lines) == 6
    assert [line["id"] for line in lines] == sorted(line["id"] for line in lines)
    assert "hash" not in lines[0]
    done(runner, "audit", "seal")
    hour = done(runner, "audit", "export", "--from", moments[1].isoformat(), "--to", moments[2].isoformat())
    assert [json.loads(line)["id"] for line in hour.splitlines()] == [line["id"] for line in lines[2:4]]
    assert "hash" in json.loads(hour.splitlines()[0])
    target = tmp_path / "audit.jsonl"
    assert "Wrote 2 events" in done(
        runner, "audit", "export", "--from", moments[1].isoformat(), "--to", moments[2].isoformat(),
        "--output", str(target),
    )  # fmt: skip
    assert target.read_text() == hour
    assert target.stat().st_mode & 0o777 == 0o600
    assert "cannot be written" in refused(runner, "audit", "export", "--output", str(tmp_path / "no" / "x"))
    assert run(runner, "audit", "export", "--from", "yesterday").exit_code == 2


def test_pages_of_an_export_neither_repeat_nor_lose_events_of_one_moment(app, runner, monkeypatch, clock):
    monkeypatch.setattr("portal.audit.export._PAGE", 3)
    monkeypatch.setattr("portal.audit.checking._PAGE", 2)
    with app.app_context():
        happen(10)
    ids = [json.loads(line)["id"] for line in done(runner, "audit", "export").splitlines()]
    assert len(ids) == 10
    assert ids == sorted(set(ids))
    done(runner, "audit", "seal")
    assert document(runner, "audit", "verify")["sealed"]["last"] == 11
