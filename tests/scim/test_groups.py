"""Groups: members who are not here yet, PATCH in every form, versions, and ten thousand members."""

import io

import pytest
from sqlalchemy import event, func, insert, select

from portal import clock, credentials
from portal.extensions import db
from portal.models import ScimGroup, ScimMember, User
from tests.scim.callers import GROUP, PATCH_OP, group, person

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def _members(scim, made):
    return [member["value"] for member in scim.get(f"/Groups/{made['id']}").json.get("members", [])]


def test_a_group_that_comes_before_its_people_has_them_when_they_come(scim):
    sent = person("late@acme.example")
    made = scim.post("/Groups", group("Staff", sent["externalId"], "LATER@acme.example", "nobody")).json
    assert sorted(_members(scim, made)) == sorted([sent["externalId"], "LATER@acme.example", "nobody"])
    first = scim.post("/Users", sent).json
    second = scim.made(login="LATER@acme.example")
    assert set(_members(scim, made)) == {first["id"], second["id"], "nobody"}
    assert [one["value"] for one in first["groups"]] == [made["id"]]
    assert scim.get(f"/Groups/{made['id']}").json["meta"]["version"] != made["meta"]["version"]


def test_one_unknown_member_does_not_keep_the_others_out(scim):
    here = scim.made()["id"]
    made = scim.post("/Groups", group("Staff", "unknown", here)).json
    shown = {member["value"]: member for member in made["members"]}
    assert shown[here]["$ref"].endswith(f"/Users/{here}")
    assert shown[here]["type"] == "User"
    assert shown["unknown"] == {"value": "unknown"}


@only_sqlite
def test_whoever_takes_a_person_over_brings_them_into_their_groups(scim, app):
    made = scim.made(externalId="first")
    pushed = scim.post("/Groups", group("Staff", "second")).json
    scim.put(f"/Users/{made['id']}", made | {"externalId": "second"})
    assert _members(scim, pushed) == [made["id"]]


PATCHES = [
    ([{"op": "add", "path": "members", "value": [{"value": "c"}]}], "abc"),
    ([{"op": "add", "path": "members", "value": {"value": "c"}}], "abc"),
    ([{"op": "add", "value": {"members": [{"value": "c"}, {"value": "a"}]}}], "abc"),
    ([{"op": "Add", "path": f"{GROUP}:members", "value": [{"value": "c"}]}], "abc"),
    ([{"op": "remove", "path": 'members[value eq "a"]'}], "b"),
    ([{"op": "remove", "path": 'members[value eq "a" or value eq "b"]'}], ""),
    ([{"op": "remove", "path": 'members[not (value eq "a")]'}], "a"),
    ([{"op": "remove", "path": 'members[value sw "a"]'}], "b"),
    ([{"op": "remove", "path": 'members[value eq "nobody"]'}], "ab"),
    ([{"op": "remove", "path": "members", "value": [{"value": "a"}]}], "b"),
    ([{"op": "remove", "path": "members"}], ""),
    ([{"op": "replace", "path": "members", "value": [{"value": "c"}]}], "c"),
    ([{"op": "replace", "path": "members", "value": []}], ""),
    ([{"op": "replace", "path": "members", "value": None}], ""),
    ([{"op": "replace", "value": {"members": [{"value": "b"}], "displayName": "New"}}], "b"),
    ([{"op": "remove", "path": "members"}, {"op": "add", "path": "members", "value": [{"value": "d"}]}], "d"),
    ([{"op": "replace", "path": "displayName", "value": "New"}], "ab"),
    ([{"op": "replace", "path": GROUP, "value": {"displayName": "New", "members": []}}], ""),
    ([{"op": "add", "path": "externalId", "value": "x"}], "ab"),
    ([{"op": "add", "value": {"somethingOfTheirs": 1}}], "ab"),
]


@only_sqlite
@pytest.mark.parametrize(("operations", "left"), PATCHES)
def test_a_patch_of_members(scim, operations, left):
    made = scim.post("/Groups", group("Staff", "a", "b")).json
    answer = scim.patch(f"/Groups/{made['id']}", *operations)
    assert answer.status_code == 204, answer.text
    assert "".join(_members(scim, made)) == left
    if "New" in str(operations):
        assert scim.get(f"/Groups/{made['id']}").json["displayName"] == "New"


@only_sqlite
@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ({"op": "replace", "path": 'members[value eq "a"]', "value": {"value": "z"}}, "mutability"),
        ({"op": "replace", "path": 'members[value eq "nobody"]', "value": {"value": "z"}}, "noTarget"),
        ({"op": "replace", "path": 'members[value eq "a"].display', "value": "z"}, "mutability"),
        ({"op": "replace", "path": "members.value", "value": "z"}, "mutability"),
        ({"op": "add", "path": "members", "value": [{"display": "no value"}]}, "invalidValue"),
        ({"op": "add", "path": "members", "value": [{"value": 7}]}, "invalidValue"),
        ({"op": "add", "path": "members", "value": [{"value": ""}]}, "invalidValue"),
        ({"op": "add", "path": "members", "value": [[]]}, "invalidValue"),
        ({"op": "add", "path": "members", "value": [{"value": "x" * 300}]}, "invalidValue"),
        ({"op": "remove", "path": "displayName"}, "mutability"),
        ({"op": "replace", "path": "displayName", "value": ""}, "invalidValue"),
        ({"op": "replace", "path": "displayName", "value": {"a": 1}}, "invalidValue"),
        ({"op": "replace", "value": {"id": "another"}}, "mutability"),
        ({"op": "replace", "path": "meta.version", "value": "x"}, "mutability"),
        ({"op": "replace", "path": "nonsense", "value": "x"}, "invalidPath"),
        ({"op": "replace", "path": "members[", "value": "x"}, "invalidPath"),
        ({"op": "remove"}, "noTarget"),
        ({"op": "add", "path": "members"}, "invalidValue"),
        ({"op": "add", "value": "x"}, "invalidValue"),
        ({"op": "explode", "path": "members"}, "invalidValue"),
        ({"op": "remove", "path": 'members[nonsense eq "x"]'}, ...),
    ],
)
def test_a_patch_that_cannot_be_done_changes_nothing(scim, operation, kind):
    made = scim.post("/Groups", group("Staff", "a", "b")).json
    answer = scim.patch(
        f"/Groups/{made['id']}", {"op": "replace", "path": "externalId", "value": "half"}, operation
    )
    assert answer.status_code == 400, answer.text
    assert kind is ... or answer.json["scimType"] == kind, answer.text
    assert scim.get(f"/Groups/{made['id']}").json == made


@only_sqlite
def test_a_group_answers_with_its_attributes_when_they_are_asked_for(scim):
    made = scim.post("/Groups", group("Staff", "a")).json
    rename = {"op": "replace", "path": "displayName", "value": "New"}
    answer = scim.patch(f"/Groups/{made['id']}?attributes=displayName", rename)
    assert (answer.status_code, answer.json["displayName"]) == (200, "New")
    assert "members" not in answer.json


@only_sqlite
def test_a_name_is_one_groups_only_and_versions_are_kept(scim):
    made = scim.post("/Groups", group("Staff")).json
    at, old = f"/Groups/{made['id']}", made["meta"]["version"]
    assert scim.post("/Groups", group(" STAFF ")).json["scimType"] == "uniqueness"
    other = scim.post("/Groups", group("Others")).json
    assert scim.put(f"/Groups/{other['id']}", group("staff")).status_code == 409
    rename = {"op": "replace", "path": "displayName", "value": "staff"}
    assert scim.patch(f"/Groups/{other['id']}", rename).status_code == 409
    assert scim.get(at, If_None_Match=old).status_code == 304
    same = scim.put(at, group("Staff"), If_Match=old)
    assert same.json["meta"] == made["meta"], "nothing changed"
    assert scim.put(at, group("Staff", "a"), If_Match=old).headers["ETag"] != old
    for refused in (scim.put(at, group("Staff"), If_Match=old), scim.delete(at, If_Match=old)):
        assert refused.status_code == 412
    assert scim.patch(at, {"op": "remove", "path": "members"}, If_Match=old).status_code == 412
    assert _members(scim, made) == ["a"]


@pytest.fixture
def crowd(app):
    """Ten thousand people, put there at once."""
    ids = [f"{number:032x}" for number in range(10_000)]
    with app.app_context():
        now = clock.now()
        rows = [
            {"id": one, "login": f"{one}@a.example", "login_key": f"{one}@a.example", "status": "active",
             "created_at": now, "updated_at": now}
            for one in ids
        ]  # fmt: skip
        db.session.execute(insert(User), rows)
        db.session.commit()
    return ids


def test_a_group_of_ten_thousand(scim, app, crowd):
    """Made, replaced and read as a whole; one more and one less touch one row each."""
    made = scim.post("/Groups", group("Everybody", *crowd[:9_000])).json
    assert len(made["members"]) == 9_000
    at = f"/Groups/{made['id']}"
    told = scim.put(at, group("Everybody", *crowd)).json
    assert len(told["members"]) == 10_000
    with app.app_context():
        engine = db.engine
    rows = []

    @event.listens_for(engine, "after_cursor_execute")
    def count(_connection, cursor, *_):
        rows.append(abs(cursor.rowcount))

    one = crowd[5_000]
    scim.patch(at, {"op": "remove", "path": f'members[value eq "{one}"]'})
    scim.patch(at, {"op": "add", "path": "members", "value": [{"value": one}]})
    assert scim.get(f"{at}?excludedAttributes=members").status_code == 200
    assert scim.found("/Groups", {"filter": 'displayName eq "everybody"', "attributes": "displayName"})
    assert sum(rows) < 60, "no statement read or wrote the members"
    assert len(scim.get(at).json["members"]) == 10_000
    assert scim.delete(at).status_code == 204
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(ScimMember)) == 0
        assert db.session.scalar(select(func.count()).select_from(ScimGroup)) == 0


@only_sqlite
def test_a_body_for_groups_may_be_larger_but_not_without_end(scim):
    members = [{"value": credentials.random_hex()} for _ in range(10_000)]
    large = {"schemas": [PATCH_OP], "Operations": [{"op": "add", "path": "members", "value": members}]}
    made = scim.post("/Groups", group("Staff")).json
    assert scim.call("PATCH", f"/Groups/{made['id']}", large).status_code == 204
    for method, path in (("PUT", f"/Groups/{made['id']}"), ("POST", "/Users")):
        refused = scim.call(method, path, raw=b'{"a": "' + b"x" * 10_000_000 + b'"}')
        assert refused.status_code == 413


@only_sqlite
def test_a_body_in_chunks_is_limited_too(scim):
    answer = scim.client.open(
        "/scim/v2/Groups",
        method="POST",
        input_stream=io.BytesIO(b'{"a": "' + b"x" * 10_000_000 + b'"}'),
        headers={"Authorization": scim.authorization, "Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert (answer.status_code, answer.json["status"]) == (413, "413")
