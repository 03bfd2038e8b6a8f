"""What Okta's event hook calls: who may, what is kept, and that nothing breaks it."""

import json

import pytest
from sqlalchemy import func, select

from portal import outbox
from portal.connections import hook_secrets
from portal.extensions import db
from portal.models import AuditEvent, OktaEvent, OktaHookSecret, OutboxMessage
from portal.okta import events_reading, keeping
from tests.okta import telling
from tests.okta.telling import event, joins
from tests.support.at_once import at_once

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
CHALLENGE = {"x-okta-verification-challenge": "jdhG-Tk_93.x"}
OKTA = {"Authorization": telling.SECRET}


@pytest.fixture
def hook(app):
    """A client of a portal that knows the secret."""
    with app.app_context():
        telling.listen()
    return app.test_client()


def count(app, column):
    with app.app_context():
        return db.session.scalar(select(func.count(column)))


def test_the_verification_gives_the_challenge_back_to_whoever_knows_the_secret(hook):
    answer = hook.get("/okta/events", headers=CHALLENGE | OKTA)
    assert (answer.status_code, answer.json) == (200, {"verification": "jdhG-Tk_93.x"})
    assert hook.get("/okta/events", headers=CHALLENGE).status_code == 401
    assert hook.get("/okta/events", headers=OKTA).status_code == 400
    assert (
        hook.get("/okta/events", headers=OKTA | {"x-okta-verification-challenge": "x" * 2000}).status_code
        == 400
    )


@only_sqlite
@pytest.mark.parametrize(
    "secret", ["", "wrong", telling.SECRET + " x", telling.SECRET[:-1], "\xe4" * 20, "x" * 9000]
)
def test_who_does_not_know_the_secret_is_refused_and_leaves_nothing(app, hook, secret):
    answer = hook.post("/okta/events", json=telling.body(joins("00u1")), headers={"Authorization": secret})
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers
    assert count(app, OktaEvent.uuid) == 0
    with app.app_context():
        assert db.session.scalars(select(AuditEvent.event)).all()[-1] == "okta:hook:refused"


@only_sqlite
def test_while_a_secret_is_rotated_both_are_good_and_then_one(app, hook):
    with app.app_context():
        _, second = hook_secrets.add()
        db.session.commit()
    assert [telling.tell(hook, secret=each).status_code for each in (telling.SECRET, second)] == [204, 204]
    with app.app_context():
        hook_secrets.revoke(
            db.session.scalars(select(OktaHookSecret.id).order_by(OktaHookSecret.created_at)).first()
        )
        db.session.commit()
    assert sorted(telling.tell(hook, secret=each).status_code for each in (telling.SECRET, second)) == [
        204,
        401,
    ]


def test_an_event_is_kept_once_however_often_it_comes(app, hook):
    once = joins("00u1")
    answers = {telling.tell(hook, once, once).status_code for _ in range(50)}
    assert answers == {204}
    assert count(app, OktaEvent.uuid) == 1
    assert count(app, OutboxMessage.id) == 1


def test_the_same_event_by_several_hands_at_once_is_kept_once(app, hook):
    events = [joins(f"00u{number}") for number in range(20)]

    def one(number):
        turned = [*events[5 * number :], *events[: 5 * number]]
        return telling.tell(app.test_client(), *turned).status_code

    assert set(at_once(4, one)) <= {204}
    assert count(app, OktaEvent.uuid) == 20


def test_a_thousand_events_are_acknowledged_at_once(app, hook):
    events = [joins(f"00u{number:017d}") for number in range(1000)]
    content = json.dumps(telling.body(*events))
    answer = hook.post("/okta/events", data=content, content_type="application/json", headers=OKTA)
    assert answer.status_code == 204
    assert answer.data == b""
    assert count(app, OktaEvent.uuid) == 1000


@only_sqlite
def test_what_is_kept_does_not_say_who_did_it_from_where(app, hook):
    telling.tell(hook, joins("00u1", login="Zoë.Ångström@acme.example"))
    with app.app_context():
        row = db.session.execute(select(OktaEvent.__table__)).mappings().one()
        assert row["login"] == "Zoë.Ångström@acme.example"
        assert "00uADMIN" not in str(row)
        assert "192.0.2.1" not in str(row)


@only_sqlite
def test_a_body_over_the_limit_is_refused_and_one_under_it_is_not(app, hook):
    padded = telling.body(joins("00u1") | {"debugContext": "x" * 900_000})
    assert hook.post("/okta/events", json=padded, headers=OKTA).status_code == 204
    padded = telling.body(joins("00u2") | {"debugContext": "x" * 1_100_000})
    answer = hook.post("/okta/events", json=padded, headers=OKTA)
    assert (answer.status_code, answer.is_json) == (413, True)


@only_sqlite
@pytest.mark.parametrize(
    "content",
    [
        b"", b"null", b"[]", b"7", b"{", b'"text"', b"\xff\xfe\x00", b"{}", b'{"data":[]}',
        b'{"data":{"events":{}}}', b'{"data":{"events":null}}', b"[" * 100_000,
        b'{"data":{"events":[' + b"[" * 100_000, b"1" * 5000, b'{"data":' * 20_000,
    ],
    ids=range(15),
)  # fmt: skip
def test_what_is_no_list_of_events_is_refused_for_good(app, hook, content):
    answer = hook.post("/okta/events", data=content, headers=OKTA)
    assert (answer.status_code, answer.is_json) == (400, True)  # Okta never repeats what got a 4xx
    assert count(app, OktaEvent.uuid) == 0


HOSTILE = [
    None, True, 7, 1e999, -1, "", "x", "\x00", "\ud800", "\u202e", "x" * 200_000, [], [[]], {}, {"a": {}},
    "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59", "2026-02-30T00:00:00Z", ["User"] * 50,
    [{"id": "00u\x00", "type": "User"}], [{"id": "\ud800", "type": "User"}], [{"type": "User"}],
    [{"id": ["00u1"], "type": ["User"]}], [{"id": "00u1", "type": "User", "alternateId": {"a": 1}}],
    [{"id": "00u1", "type": "User", "alternateId": "\x00\ud800"}], {"result": ["SUCCESS"]},
    [{"id": f"00u{number}", "type": "User"} for number in range(10_000)],
    [{"id": f"00g{number}", "type": "UserGroup", "displayName": "\ud800"} for number in range(10_000)],
    [{"id": "00g1", "type": "UserGroup", "displayName": "\x00"}, {"id": "00u1", "type": "User"}],
]  # fmt: skip


@pytest.mark.parametrize("field", ["uuid", "published", "eventType", "target", "outcome", "actor"])
def test_a_field_of_any_kind_breaks_nothing_and_hides_no_other_event(app, hook, field):
    for value in HOSTILE:
        good = joins("00uGOOD")
        entries = [value, joins("00u1") | {field: value}, good, {**good, "uuid": None, field: value}]
        content = json.dumps(telling.body(*entries))
        if len(content) > 1_000_000:
            entries, content = [good], json.dumps(telling.body(joins("00u1") | {field: value}, good))
        answer = hook.post("/okta/events", data=content, headers=OKTA)
        assert answer.status_code == 204, value
        with app.app_context():
            assert db.session.get(OktaEvent, (good["uuid"], "00uGOOD")) is not None
            telling.work()
    with app.app_context():
        states = set(db.session.scalars(select(OutboxMessage.state)))
        assert states == {"done"}, db.session.scalars(select(OutboxMessage.last_error)).all()


@only_sqlite
def test_okta_is_asked_to_repeat_when_the_database_is_away(app, hook, monkeypatch):
    with app.app_context():
        db.session.execute(db.text("ALTER TABLE okta_events RENAME TO okta_events_away"))
        db.session.commit()
    try:
        answer = telling.tell(hook, joins("00u1"))
        assert (answer.status_code, answer.is_json) == (503, True)
    finally:
        with app.app_context():
            db.session.execute(db.text("ALTER TABLE okta_events_away RENAME TO okta_events"))
            db.session.commit()
    assert telling.tell(hook, joins("00u1")).status_code == 204


def test_events_without_effect_are_kept_and_ignored(app, hook):
    telling.tell(
        hook,
        event("user.session.start", "00u1"),
        event("some.type.of.tomorrow", "00u1"),
        event("user.lifecycle.suspend", "00u1", result="FAILURE"),
        event("user.lifecycle.suspend", "00u1") | {"outcome": None},
        event("user.lifecycle.suspend", "00u1") | {"target": []},
    )
    with app.app_context():
        telling.work()
        assert set(db.session.scalars(select(OktaEvent.outcome))) == {"ignored"}
        topics = set(db.session.scalars(select(OutboxMessage.topic)))
        assert topics == {"okta.events"}
        assert outbox.run_due() == 0


@only_sqlite
@pytest.mark.parametrize(
    "entries",
    [
        [{"target": [{"id": f"{each}", "type": "User"} for each in range(20)]}] * 101,
        [{"published": None}] * 2001,
    ],
    ids=["people", "nothing"],
)
def test_a_body_of_more_people_than_okta_can_mean_is_refused_before_it_takes_long(hook, app, entries):
    """Each is a row to write: a megabyte of them kept a thread for ten seconds."""
    usual = event("user.lifecycle.suspend", "00uJANE")
    made = [usual | {"uuid": f"{number}"} | entry for number, entry in enumerate(entries)]
    with app.app_context():
        answer = telling.tell(hook, *made)
    assert (answer.status_code, count(app, OktaEvent.uuid)) == (400, 0)
    with app.app_context():
        assert telling.tell(hook, *made[:100]).status_code == 204


def test_the_same_events_from_the_hook_and_the_log_at_once_wait_for_each_other_and_no_more(app, hook):
    told, _ = events_reading.many([joins(f"00u{number:05}") for number in range(1500)])
    orders = [told, told[::-1], told[700:] + told[:700]]

    def keep(number):
        with app.app_context():
            new = keeping.keep(orders[number], keeping.HOOK if number else keeping.LOG)
            db.session.commit()
            return new

    assert sum(at_once(3, keep)) == 1500
    assert count(app, OktaEvent.uuid) == 1500
