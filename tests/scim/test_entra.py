"""What Microsoft Entra sends where it goes its own way: new entries by a filter, a manager's id alone."""

import pytest
from sqlalchemy import select

from portal.extensions import db
from portal.models import User
from tests.scim.callers import ENTERPRISE, person

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
pytestmark = only_sqlite

MANAGER = f"{ENTERPRISE}:manager"
ID = "2c2f6fb8-254f-492e-b7fe-c09c5a61c8a2"


def _change(scim, made, *operations):
    return scim.patch(f"/Users/{made['id']}", *operations)


def test_an_entry_that_is_not_there_is_added_by_its_filter(scim, app):
    made = scim.made(emails=...)
    told = _change(
        scim,
        made,
        {"op": "Replace", "path": "displayName", "value": "Jane"},
        {"op": "Add", "path": 'emails[type eq "work"].value', "value": "jane@work.example"},
        {"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "+44 20 7946 0018"},
        {"op": "Add", "path": 'addresses[type eq "work"].locality', "value": "Leeds"},
        {"op": "Add", "path": 'addresses[type eq "work"].country', "value": "GB"},
        {"op": "Add", "path": 'roles[primary eq "True"].value', "value": "staff"},
    )
    assert told.status_code == 200, told.text
    assert told.json["emails"] == [{"value": "jane@work.example", "type": "work"}]
    assert told.json["phoneNumbers"] == [{"value": "+44 20 7946 0018", "type": "mobile"}]
    assert told.json["addresses"] == [{"locality": "Leeds", "country": "GB", "type": "work"}]
    assert told.json["roles"] == [{"value": "staff", "primary": True}]
    with app.app_context():
        user = db.session.scalars(select(User).where(User.id == made["id"])).one()
        assert (user.email, user.phone_number) == ("jane@work.example", "+442079460018")


def test_it_stands_beside_the_others_and_the_primary_one_stays(scim, app):
    made = scim.made(emails=[{"value": "jane@home.example", "type": "home", "primary": True}])
    add = {"op": "Add", "path": 'emails[type eq "work"].value', "value": "jane@work.example"}
    again = add | {"value": "new@work.example"}
    for operation, value in ((add, "jane@work.example"), (again, "new@work.example")):
        assert _change(scim, made, operation).json["emails"] == [
            {"value": "jane@home.example", "type": "home", "primary": True},
            {"value": value, "type": "work"},
        ]
    with app.app_context():
        assert db.session.get_one(User, made["id"]).email == "jane@home.example"


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ({"op": "Replace", "path": 'emails[type eq "home"].value', "value": "x@y.example"}, "noTarget"),
        ({"op": "Add", "path": 'emails[value eq "x@y.example"].type', "value": "home"}, "noTarget"),
        ({"op": "Add", "path": 'emails[type ne "work"].value', "value": "x@y.example"}, "noTarget"),
        ({"op": "Add", "path": 'emails[type sw "ho"].value', "value": "x@y.example"}, "noTarget"),
        (
            {"op": "Add", "path": 'emails[type eq "home" or type eq "other"].value', "value": "x@y.example"},
            "noTarget",
        ),
        ({"op": "Add", "path": 'emails[type eq "home"].primary', "value": True}, "noTarget"),
        ({"op": "Add", "path": 'emails[type eq "home"].display', "value": "x"}, "noTarget"),
        ({"op": "Add", "path": 'emails[type eq "home"]', "value": {"value": "x@y.example"}}, "noTarget"),
        ({"op": "Add", "path": 'emails[type eq "home"].nonsense', "value": "x"}, "invalidPath"),
        ({"op": "Add", "path": 'nonsense[type eq "home"].value', "value": "x"}, "invalidPath"),
        ({"op": "Add", "path": 'groups[type eq "direct"].value', "value": "x"}, "mutability"),
        ({"op": "Add", "path": 'emails[type eq "home"].value', "value": 7}, "invalidValue"),
        ({"op": "Add", "path": 'emails[type eq "home"].value', "value": None}, "invalidValue"),
    ],
)
def test_what_describes_no_entry_is_refused_as_a_whole(scim, operation, kind):
    made = scim.made()
    title = {"op": "Add", "path": "title", "value": "Half"}
    phone = {"op": "Add", "path": 'phoneNumbers[type eq "work"].value', "value": "+44 20 7946 0018"}
    told = _change(scim, made, title, phone, operation)
    assert (told.status_code, told.json["scimType"]) == (400, kind), told.text
    assert scim.get(f"/Users/{made['id']}").json == made


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "Add", "path": MANAGER, "value": ID},
        {"op": "Replace", "path": MANAGER, "value": ID},
        {"op": "add", "path": MANAGER, "value": [{"value": ID}]},
        {"op": "add", "path": MANAGER, "value": {"value": ID}},
        {"op": "add", "path": f"{MANAGER}.value", "value": ID},
        {"op": "add", "path": ENTERPRISE, "value": {"manager": ID}},
        {"op": "add", "value": {MANAGER: ID}},
        {"op": "replace", "value": {ENTERPRISE: {"manager": ID}}},
    ],
)
def test_a_managers_id_is_a_manager(scim, operation):
    made = scim.made()
    told = _change(scim, made, operation)
    assert told.status_code == 200, told.text
    assert told.json[ENTERPRISE] == {"department": "Research", "manager": {"value": ID}}
    assert _change(scim, made, {"op": "Remove", "path": MANAGER}).json[ENTERPRISE] == {
        "department": "Research"
    }


def test_who_is_read_with_a_manager_can_be_written_back(scim):
    """Okta puts what it has just read, and knows a manager's id and name only."""
    for manager in (ID, {"value": ID}, {"value": ID, "displayName": "The Boss"}):
        made = scim.made(login=f"{len(str(manager))}@acme.example", **{ENTERPRISE: {"manager": manager}})
        assert made[ENTERPRISE]["manager"] == {"value": ID}
        assert scim.put(f"/Users/{made['id']}", made).status_code == 200


def test_what_is_no_manager_stays_none(scim):
    made = scim.made()
    for value in ("", "  ", 7, True, [], [ID, ID], [[ID]], [7], {"value": 7}, {"value": [ID]}):
        told = _change(scim, made, {"op": "Add", "path": MANAGER, "value": value})
        assert (told.status_code, told.json["scimType"]) == (400, "invalidValue"), value
        sent = person(login="other@acme.example", **{ENTERPRISE: {"manager": value}})
        assert scim.post("/Users", sent).status_code == 400, value
    assert scim.get(f"/Users/{made['id']}").json == made
