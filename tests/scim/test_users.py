"""People through SCIM: what is kept where, versions, conditions, attributes, and erasing."""

import pytest
from sqlalchemy import select

from portal.audit.events import Event
from portal.extensions import db
from portal.models import AuditEvent, HoldReason, ScimMember, ScimUser, User, UserStatus
from portal.users import directory, holds
from tests.scim.callers import ENTERPRISE, USER, group, person
from tests.support import factories

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
pytestmark = only_sqlite


def _user(app, user_id):
    with app.app_context():
        return db.session.get_one(User, user_id)


def test_the_directory_keeps_what_it_knows_and_the_rest_is_kept_beside_it(scim, app):
    sent = person(
        emails=[
            {"value": "private@home.example", "type": "home"},
            {"value": "jane@acme.example", "type": "work", "primary": True},
        ],
        phoneNumbers=[{"value": "+44 20 7946 0018", "type": "work"}],
        addresses=[{"streetAddress": "1 High St", "locality": "Leeds", "country": "GB", "type": "work"}],
        title="Engineer",
        name={"givenName": "Jane", "middleName": "Q", "familyName": "Doe", "honorificPrefix": "Dr"},
    )
    made = scim.post("/Users", sent).json
    for name in ("userName", "name", "emails", "phoneNumbers", "addresses", "title", "locale", "externalId",
                 "displayName", ENTERPRISE):  # fmt: skip
        assert made[name] == sent[name], name
    assert "password" not in made
    user = _user(app, made["id"])
    assert (user.email, user.given_name, user.middle_name) == ("jane@acme.example", "Jane", "Q")
    assert (user.phone_number, user.okta_id) == ("+442079460018", sent["externalId"])
    assert user.address == {"street_address": "1 High St", "locality": "Leeds", "country": "GB"}
    with app.app_context():
        kept = db.session.get_one(ScimUser, user.id).attributes
        assert sent["password"] not in str(kept)


def test_what_the_directory_says_by_now_is_shown(scim, app):
    made = scim.made(phoneNumbers=[{"value": "extension 5", "type": "work"}])
    before = made["meta"]["version"]
    with app.app_context():
        user = db.session.get_one(User, made["id"])
        directory.change(
            user, how="test", email="new@acme.example", family_name=None, phone_number="+44 20 7946 0018"
        )
        db.session.commit()
    shown = scim.get(f"/Users/{made['id']}").json
    assert shown["emails"] == [{"value": "new@acme.example", "type": "work", "primary": True}]
    assert shown["name"] == {"givenName": "Jane"}
    assert shown["phoneNumbers"] == [{"value": "+442079460018", "type": "work"}]
    assert shown["meta"]["version"] != before


def test_holds_of_others_are_not_echoed_to_the_client(scim, app):
    made = scim.made()
    with app.app_context():
        holds.hold(db.session.get_one(User, made["id"]), HoldReason.OKTA_SUSPENDED, how="test")
        db.session.commit()
    shown = scim.get(f"/Users/{made['id']}").json
    assert shown["active"] is True
    assert scim.put(f"/Users/{made['id']}", shown).status_code == 200
    with app.app_context():
        assert holds.reasons(made["id"]) == [HoldReason.OKTA_SUSPENDED], (
            "active: true lifts SCIM's own hold only"
        )


def test_somebody_brought_in_inactive_is_held_from_the_start(scim, app):
    made = scim.made(active=False)
    assert made["active"] is False
    assert _user(app, made["id"]).status == UserStatus.SUSPENDED


def test_an_erased_person_is_gone_and_the_login_is_free(scim, app):
    first = scim.made()
    pushed = scim.post("/Groups", group("Staff", first["id"])).json
    assert scim.delete(f"/Users/{first['id']}").status_code == 204
    for answer in (scim.get(f"/Users/{first['id']}"), scim.delete(f"/Users/{first['id']}")):
        assert answer.status_code == 404
    assert scim.logins() == []
    assert "members" not in scim.get(f"/Groups/{pushed['id']}").json
    with app.app_context():
        assert db.session.get_one(User, first["id"]).status == UserStatus.ERASED
        assert db.session.scalars(select(ScimUser)).all() == []
        assert db.session.scalars(select(ScimMember)).all() == []
    assert scim.made()["id"] != first["id"]


def test_an_external_id_that_is_no_okta_id_or_another_persons_stays_one(scim, app):
    taken = scim.made()["externalId"]
    for login, external_id in (("a@acme.example", "employee-17"), ("b@acme.example", taken)):
        made = scim.made(login=login, externalId=external_id)
        assert made["externalId"] == external_id
        assert _user(app, made["id"]).okta_id is None


def test_a_known_okta_id_is_never_changed_by_scim(scim, app):
    """It says whose sign-in may enrol this person's face, and whose suspension holds it."""
    made = scim.made()
    for change in (
        lambda: scim.put(f"/Users/{made['id']}", made | {"externalId": "00uanother"}),
        lambda: scim.patch(
            f"/Users/{made['id']}", {"op": "replace", "path": "externalId", "value": "00uthird"}
        ),
    ):
        assert change().status_code == 200
        assert _user(app, made["id"]).okta_id == made["externalId"]
    assert scim.get(f"/Users/{made['id']}").json["externalId"] == "00uthird"


def test_somebody_new_with_the_login_of_whoever_left_does_not_bring_their_face_back(scim, app):
    """Okta looks the login up and sends a PUT: a person of the same name, or the same one made anew."""
    left = scim.made()
    at = f"/Users/{left['id']}"
    assert scim.patch(at, {"op": "replace", "value": {"active": False}}).status_code == 200
    newcomer = person(left["userName"], externalId="00uNEWCOMER")
    assert scim.put(at, newcomer).status_code == 200
    assert scim.patch(at, {"op": "replace", "path": "active", "value": True}).status_code == 200
    user = _user(app, left["id"])
    assert (user.okta_id, user.status) == (left["externalId"], UserStatus.SUSPENDED)
    assert scim.get(at).json["active"] is False
    with app.app_context():
        directory.change(db.session.get_one(User, left["id"]), how="test", okta_id="00uNEWCOMER")
        db.session.commit()
    assert scim.put(at, newcomer).json["active"] is True
    assert _user(app, left["id"]).status == UserStatus.ACTIVE


def test_a_version_guards_against_a_change_that_somebody_else_made(scim):
    made = scim.made()
    at, old = f"/Users/{made['id']}", made["meta"]["version"]
    assert old.startswith('W/"')
    assert scim.get(at, If_None_Match=old).status_code == 304
    changed = scim.patch(at, {"op": "replace", "path": "title", "value": "Chief"}, If_Match=old)
    assert changed.status_code == 200
    assert changed.headers["ETag"] == changed.json["meta"]["version"] != old
    assert scim.get(at, If_None_Match=old).status_code == 200
    again = {"op": "replace", "path": "title", "value": "Thief"}
    assert scim.patch(at, again, If_Match=old).status_code == 412
    assert scim.put(at, person(), If_Match=old).status_code == 412
    assert scim.delete(at, If_Match=old).status_code == 412
    assert scim.get(at).json["title"] == "Chief"
    assert scim.patch(at, again, If_Match="*").status_code == 200


def test_a_change_that_changes_nothing_keeps_the_version(scim):
    made = scim.made()
    again = scim.put(f"/Users/{made['id']}", made)
    assert (again.status_code, again.json["meta"]) == (200, made["meta"])


def test_a_replacement_takes_away_what_it_does_not_name(scim, app):
    made = scim.made(title="Engineer", emails=[{"value": "a@acme.example"}, {"value": "b@acme.example"}])
    at = f"/Users/{made['id']}"
    kept = scim.put(at, {"schemas": [USER], "userName": "jane@acme.example"}).json
    assert {"title", "emails", "name", "displayName"} & kept.keys() == set()
    assert kept["active"] is True
    assert _user(app, made["id"]).email is None


def test_only_the_attributes_asked_for_are_sent(scim):
    made = scim.made(title="Engineer")
    at = f"/Users/{made['id']}"
    few = scim.get(f"{at}?attributes=userName,name.givenName").json
    assert few.keys() == {"schemas", "id", "userName", "name"}
    assert few["name"] == {"givenName": "Jane"}
    assert scim.get(f"{at}?attributes={ENTERPRISE}:department").json[ENTERPRISE] == {"department": "Research"}
    fewer = scim.get(f"{at}?excludedAttributes=emails,id,title").json
    assert {"emails", "title"} & fewer.keys() == set()
    assert fewer["id"], "what is always returned cannot be excluded"
    listed = scim.found("/Users", {"attributes": "userName"})["Resources"][0]
    assert listed.keys() == {"schemas", "id", "userName"}
    assert scim.get(f"{at}?attributes=title&excludedAttributes=name").json["scimType"] == "invalidValue"


def test_a_patch_reaches_parts_and_extensions(scim):
    made = scim.made(
        emails=[{"value": "w@acme.example", "type": "work"}, {"value": "h@acme.example", "type": "home"}]
    )
    told = scim.patch(
        f"/Users/{made['id']}",
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "x@acme.example"},
        {"op": "add", "path": f"{ENTERPRISE}:costCenter", "value": "42"},
        {"op": "remove", "path": 'emails[type eq "home"]'},
        {"op": "replace", "path": "name.familyName", "value": "Ðø"},
        {"op": "add", "value": {"nickName": "J", "unknownToUs": 1}},
    ).json
    assert told["emails"] == [{"value": "x@acme.example", "type": "work"}]
    assert told[ENTERPRISE] == {"department": "Research", "costCenter": "42"}
    assert (told["name"]["familyName"], told["nickName"]) == ("Ðø", "J")


def test_a_patch_happens_as_a_whole_or_not_at_all(scim):
    made = scim.made()
    refused = scim.patch(
        f"/Users/{made['id']}",
        {"op": "replace", "path": "displayName", "value": "Half"},
        {"op": "replace", "path": "id", "value": "x"},
    )
    assert refused.json["scimType"] == "mutability"
    assert scim.get(f"/Users/{made['id']}").json == made


NAMES = ["Zoë", "Ñandú", "Ольга", "محمد", "明", "ชื่อ", "नेहा", "𝔘𝔫𝔦", "O’Brien-Ó", "علی\u200cرضا", "ක්\u200dෂ"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_any_script_comes_back_as_it_went(scim, name):
    login = name.replace("\u200c", "").replace("\u200d", "")
    made = scim.made(login=f"{login}@acme.example", name={"givenName": name, "familyName": name})
    assert made["name"] == {"givenName": name, "familyName": name}
    assert scim.logins(f'userName eq "{login.upper()}@acme.example"') == [made["userName"]]
    assert scim.logins(f'name.givenName eq "{name}"') == [made["userName"]]


def test_the_log_tells_who_came_by_scim_and_nothing_personal(scim, app):
    made = scim.made()
    scim.patch(f"/Users/{made['id']}", {"op": "replace", "value": {"active": False}})
    scim.delete(f"/Users/{made['id']}")
    with app.app_context():
        rows = db.session.scalars(select(AuditEvent).where(AuditEvent.user_id == made["id"])).all()
    events = [row.event for row in rows]
    for event in (Event.USER_ADDED, Event.SCIM_USER_DESCRIBED, Event.USER_HELD, Event.USER_ERASED):
        assert event.label in events
    assert all(row.fields.get("how", "scim") == "scim" for row in rows)
    assert "jane" not in str([row.fields for row in rows]).lower()


def test_everybody_who_is_not_erased_can_be_seen(scim, app):
    with app.app_context():
        factories.user("by-command@acme.example", okta_id="00ucommand", email="c@acme.example")
    shown = scim.found("/Users", 'externalId eq "00ucommand"')["Resources"][0]
    assert (shown["userName"], shown["emails"][0]["value"]) == ("by-command@acme.example", "c@acme.example")
