"""Erasing somebody: nothing personal is left in any table, and what must still happen is not forgotten."""

import pytest
from sqlalchemy import insert, select

from portal import clock as portal_clock
from portal.extensions import db
from portal.grants import codes, pushed
from portal.models import (
    AuditEvent,
    HoldReason,
    Invitation,
    Journey,
    OktaEvent,
    OktaFact,
    OktaPausedPerson,
    OktaReading,
    OktaRegistration,
    OutboxMessage,
    ScimGroup,
    ScimMember,
    ScimUser,
    User,
)
from portal.outbox import enqueue, handles, run_due
from portal.outbox.messages import handlers
from portal.scim import members
from portal.users import directory, erasure, export, holds
from tests.support import factories

OKTA_ID = "00uAbC1234567890abcd"
#: Everything by which somebody would know her.
TRACES = (
    OKTA_ID, "amara", "Amara", "Okafor", "1990-07-31", "+442079460018", "12 High Street", "Amara's laptop",
)  # fmt: skip


@pytest.fixture
def amara(context, clock):
    """Somebody of whom every table knows something."""
    person = factories.user(
        "amara.okafor@acme.example",
        email="amara@mail.example",
        given_name="Amara",
        family_name="Okafor",
        birthdate="1990-07-31",
        phone_number="+44 20 7946 0018",
        address={"street_address": "12 High Street"},
        okta_id=OKTA_ID,
    )
    configuration = factories.verification_configuration()
    factories.enrolment(person, configuration)
    client = factories.oidc_client(configuration)[0]
    journey = factories.journey(client, person)
    journey.parameters = journey.parameters | {"login_hint": person.login}
    mint(journey, person)
    holds.hold(person, HoldReason.LEFT_GROUP, how="test")
    pushed.keep(client.id, {"login_hint": "AMARA@mail.example"}, lifetime=90)
    pushed.keep(client.id, {"login_hint": OKTA_ID}, lifetime=90)
    now = portal_clock.now()
    group = {"id": "g" * 32, "display_name": "Staff", "display_key": "staff", "version": 1}
    rows = (
        (Invitation, {"id": "i" * 32, "user_id": person.id, "verification_id": configuration.id,
                      "how": "scim", "expires_at": now, "reminders": 0}),
        (ScimUser, {"user_id": person.id, "external_id": OKTA_ID, "attributes": {"title": "Amara's laptop"}}),
        (ScimGroup, group),
        (ScimMember, {"group_id": "g" * 32, "member": OKTA_ID, "user_id": person.id}),
        (OktaFact, {"okta_id": OKTA_ID, "kind": "suspended", "value": True, "published": now,
                    "applied": True, "login": person.login}),
        (OktaEvent, {"uuid": "e", "okta_id": OKTA_ID, "batch": "b", "source": "hook", "event_type": "t",
                     "published": now, "login": person.login, "groups": [], "succeeded": True,
                     "received_at": now}),
        (OktaRegistration, {"okta_id": OKTA_ID, "value": True, "known_at": now}),
        (OktaPausedPerson, {"pause_id": "p", "okta_id": OKTA_ID}),
        (OktaReading, {"okta_id": OKTA_ID, "status": "ACTIVE", "details": {"given_name": "Amara"},
                       "read_at": now}),
    )  # fmt: skip
    for model, values in rows:
        timed = {name: now for name in ("created_at", "updated_at") if name in model.__table__.columns}
        db.session.execute(insert(model).values(timed | values))
    db.session.commit()
    return person


def mint(journey, person):
    return codes.mint(
        journey_id=journey.id,
        client_id=journey.client_id,
        user_id=person.id,
        redirect_uri="https://client.example/callback",
        scope="openid",
        code_challenge=None,
        id_token_claims={"sub": person.id, "preferred_username": person.login},
        userinfo_claims={"given_name": "Amara"},
        confirms_enrolment=None,
        lifetime=60,
    )


def everything():
    """Return every row of every table as text, by table."""
    db.session.expire_all()
    return {
        table.name: [str(tuple(row)) for row in db.session.execute(select(table))]
        for table in db.metadata.sorted_tables
    }


def traces():
    return {name for name, rows in everything().items() for row in rows if any(t in row for t in TRACES)}


def test_nothing_personal_is_left_but_what_makes_okta_forget_too(app, amara):
    assert len(traces()) > 10, "the test itself must leave traces"
    user_id = amara.id
    directory.erase(amara, how="test")
    db.session.commit()
    assert traces() == {"outbox_messages"}
    for message in db.session.scalars(select(OutboxMessage)):
        left = str(message.payload)
        assert message.topic == "okta.registration" or not any(trace in left for trace in TRACES)
    handlers().clear()
    for topic in ("users.delete_face", "okta.registration"):
        handles(app, topic, lambda payload: "done")  # VerifEye and Okta have done as they were asked
    run_due()
    assert traces() == set()
    assert [row for row in everything()["users"] if user_id in row] != [], "the tombstone"


def test_what_must_still_happen_stays_and_what_must_not_goes(amara):
    face = {"user_id": amara.id, "verification_id": "v", "external_id": "x", "face_id": None}
    for topic, payload, state in (
        ("users.delete_face", face, "dead"),
        ("users.delete_face", face, "waiting"),
        ("enrolment.mail", {"user_id": amara.id}, "waiting"),
        ("okta.registration", {"user_id": amara.id, "okta_id": OKTA_ID}, "dead"),
        ("okta.person", {"okta_id": OKTA_ID}, "waiting"),
        ("okta.person", {"okta_id": "00uSomebodyElse"}, "waiting"),
    ):
        made = enqueue(topic, payload)
        db.session.get_one(OutboxMessage, made).state = state
    db.session.commit()
    directory.erase(amara, how="test")
    db.session.commit()
    rows = db.session.execute(select(OutboxMessage.topic, OutboxMessage.state, OutboxMessage.payload))
    left = [(topic, state, payload.get("okta_id")) for topic, state, payload in rows]
    assert left.count(("users.delete_face", "dead", None)) == 1
    assert left.count(("users.delete_face", "waiting", None)) == 2
    assert set(left) - {("users.delete_face", "dead", None), ("users.delete_face", "waiting", None)} == {
        ("okta.person", "waiting", "00uSomebodyElse"),
        ("okta.registration", "waiting", OKTA_ID),
    }


def test_nobody_else_is_touched(amara):
    other = factories.user("other@acme.example", okta_id="00uOther", email="other@mail.example")
    client = factories.oidc_client()[0]
    uri = pushed.keep(client.id, {"login_hint": "other@mail.example"}, lifetime=90)
    journey = factories.journey(client, other)
    db.session.commit()
    directory.erase(amara, how="test")
    db.session.commit()
    assert pushed.find(uri).is_live
    assert db.session.get_one(Journey, journey.id).state == "OPEN"
    assert db.session.get_one(User, other.id).email == "other@mail.example"


def test_a_pushed_request_about_the_person_keeps_only_the_way_back(amara):
    client = factories.oidc_client()[0]
    asked = {
        "login_hint": amara.login,
        "verified_claims": [{"given_name": "Amara"}],
        "claims": {"id_token": 1},
    }
    uri = pushed.keep(client.id, asked | {"state": "s", "redirect_uri": "https://r"}, lifetime=90)
    directory.erase(amara, how="test")
    db.session.commit()
    found = pushed.find(uri)
    assert found.parameters == {"state": "s", "redirect_uri": "https://r", "claims": {}}
    assert found.is_live


def test_what_is_held_is_told_and_no_secret_is_in_it(app, amara):
    document = export.document(amara.id)
    assert set(export.registered(app)) < set(document)
    empty = {name for name, rows in document.items() if rows == []}
    assert empty <= {"captures"}
    told = str(document)
    for trace in TRACES:
        assert trace in told, trace
    journey = db.session.scalars(select(Journey)).first()
    for secret in (journey.browser_digest, *db.session.scalars(select(codes._T.c.code_digest))):
        assert secret not in told
    assert {row["event"] for row in document["audit"]} >= {"users:user:added", "users:user:held"}


def test_of_an_erased_person_only_the_tombstone_and_the_log_are_told(amara):
    directory.erase(amara, how="test")
    db.session.commit()
    document = export.document(amara.id)
    assert {name for name in ("holds", "enrolments", "invitations", "okta_facts", "okta_events", "scim")
            if document[name]} == set()  # fmt: skip
    assert document["person"][0]["login"] == f"erased:{amara.id}"
    assert "Amara" not in str(document)
    assert db.session.scalars(select(AuditEvent)).first() is not None


def test_every_room_has_its_say(app, amara):
    asked = []
    erasure.registers(
        app, lambda user_id: asked.append((user_id, db.session.get(User, user_id).okta_id)), tables=()
    )
    directory.erase(amara, how="test")
    assert asked == [(amara.id, OKTA_ID)], "while the record still says who it is"
    assert members.of("g" * 32) == []


def test_what_is_to_be_done_about_somebody_with_a_longer_okta_id_stays(amara):
    enqueue("okta.person", {"okta_id": f"{OKTA_ID}x"})
    enqueue("okta.person", {"okta_id": OKTA_ID})
    directory.erase(amara, how="test")
    db.session.commit()
    left = select(OutboxMessage.payload).where(OutboxMessage.topic == "okta.person")
    assert db.session.scalars(left).all() == [{"okta_id": f"{OKTA_ID}x"}]
