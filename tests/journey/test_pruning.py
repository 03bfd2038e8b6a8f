"""What nobody continues is ended, and what is old is removed."""

from sqlalchemy import event, func, select

from portal import clock as portal_clock
from portal.extensions import db
from portal.grants import codes, pushed
from portal.journey import lifecycle, pruning
from portal.models import AuditEvent, AuthorizationGrant, Capture, Journey, JourneyState
from tests.support import factories


def count(table):
    return db.session.scalar(select(func.count()).select_from(table))


def test_a_journey_whose_time_is_over_is_ended_once_and_told_of(context, clock):
    journey = factories.journey()
    clock.advance(journey.attempts_allowed + 901)
    seen = []
    assert pruning.expire_due(seen.append) == 1
    assert pruning.expire_due(seen.append) == 0
    db.session.commit()
    assert [one.id for one in seen] == [journey.id]
    assert db.session.get_one(Journey, journey.id).state == JourneyState.EXPIRED
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.event == "journey:journey:expired")).one()
    assert (event.reference, event.fields) == (journey.reference, {"state": "OPEN"})


def test_a_journey_that_runs_or_has_ended_is_left_alone(context, clock):
    running, cancelled = factories.journey(), factories.journey()
    lifecycle.cancel(cancelled)
    clock.advance(899)
    assert pruning.expire_due() == 0
    clock.advance(2)
    assert pruning.expire_due() == 1
    db.session.commit()
    assert db.session.get_one(Journey, cancelled.id).state == JourneyState.CANCELLED
    assert db.session.get_one(Journey, running.id).state == JourneyState.EXPIRED


def test_more_than_a_batch_takes_several_turns(context, clock, monkeypatch):
    monkeypatch.setattr(pruning, "BATCH", 2)
    client, _ = factories.oidc_client()
    for _ in range(5):
        factories.journey(client)
    clock.advance(901)
    assert [pruning.expire_due() for _ in range(4)] == [2, 2, 1, 0]


def test_old_journeys_are_removed_with_what_hangs_on_them(context, clock):
    person = factories.user()
    old, running = factories.journey(person=person), factories.journey(person=person)
    factories.capture(old)
    codes.mint(
        journey_id=old.id, client_id=old.client_id, user_id=person.id, redirect_uri="https://client.example/",
        scope="openid", code_challenge=None, id_token_claims={}, userinfo_claims={}, confirms_enrolment=None,
        lifetime=60,
    )  # fmt: skip
    assert lifecycle.cancel(old)
    clock.advance(100)
    assert pruning.remove_older_than(portal_clock.after(-200)) == 0
    assert pruning.remove_older_than(portal_clock.now()) == 1
    db.session.commit()
    assert [journey.id for journey in db.session.scalars(select(Journey))] == [running.id]
    assert (count(Capture), count(AuthorizationGrant)) == (0, 0)


def test_a_full_table_is_not_gone_through(context, clock):
    """The work of every minute finds its few rows by an index of those alone, on either database."""
    moment = portal_clock.now()
    for work, index in (
        (pruning.expire_due, "ix_journeys_unfinished"),
        (lambda: pruning.remove_older_than(moment), "ix_journeys_finished"),
        (pushed.forget_unopened, "ix_pushed_requests_unopened"),
        (lambda: codes.prune(300), "ix_authorization_grants_expires_at"),
    ):
        assert index in "\n".join(plans_of(work)), index


def plans_of(work):
    """Return how the database answers the first statement of ``work``, were its tables large."""
    seen = []

    def note(_connection, _cursor, statement, parameters, _context, _many):
        seen.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    connection = db.session.connection()
    if connection.dialect.name == "sqlite":
        return [
            row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {seen[0][0]}", seen[0][1])
        ]
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    return list(connection.exec_driver_sql(f"EXPLAIN {seen[0][0]}", seen[0][1]).scalars())
