"""Whatever is sent, the answer is SCIM's: never a page, never a 500, and nothing half done."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.scim.callers import ENTERPRISE, GROUP, PATCH_OP, USER, group, patch, person

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

CUSTOM = "urn:okta:custom:1.0"
BODIES = {
    "nothing": (b"", "invalidSyntax"),
    "spaces": (b"  \n", "invalidSyntax"),
    "not json": (b"{", "invalidSyntax"),
    "a form": (b"userName=jane", "invalidSyntax"),
    "an array": (b"[]", "invalidSyntax"),
    "a text": (b'"x"', "invalidSyntax"),
    "null": (b"null", "invalidSyntax"),
    "not utf-8": (b'{"userName": "\xff"}', "invalidSyntax"),
    "utf-16": ('{"userName": "x"}'.encode("utf-16"), "invalidSyntax"),
    "NaN": (b'{"userName": NaN}', "invalidSyntax"),
    "a number without end": (b'{"userName": ' + b"9" * 5000 + b"}", "invalidSyntax"),
    "twice": (b'{"userName": "a", "username": "b"}', "invalidSyntax"),
    "deep": (b'{"a":' * 2000 + b"1" + b"}" * 2000, "invalidSyntax"),
    "deeper": (b"[" * 100_000, "invalidSyntax"),
    "a little deep": (b'{"a":' * 20 + b"1" + b"}" * 20, "invalidSyntax"),
    "NUL": (b'{"schemas": ["%s"], "userName": "a\\u0000b"}' % USER.encode(), "invalidValue"),
    "half a character": (b'{"schemas": ["%s"], "userName": "a\\ud800b"}' % USER.encode(), "invalidValue"),
    "NUL in a name": (b'{"a\\u0000": 1}', "invalidValue"),
    "a huge text": (b'{"title": "' + b"x" * 100_000 + b'"}', "invalidValue"),
}


@pytest.mark.parametrize(
    ("method", "where"), [("POST", "/Users"), ("PUT", "/Users/{}"), ("PATCH", "/Users/{}")]
)
@only_sqlite
def test_a_body_that_is_no_document(scim, method, where):
    made = scim.made()
    for name, (raw, kind) in BODIES.items():
        answer = scim.call(method, where.format(made["id"]), raw=raw)
        assert (answer.status_code, answer.json["scimType"]) == (400, kind), name
    assert scim.get(f"/Users/{made['id']}").json == made


USERS = {
    "another schema": (person(schemas=[GROUP]), "invalidSyntax"),
    "schemas of the wrong kind": (person(schemas=USER), "invalidValue"),
    "no userName": (person(userName=...), "invalidValue"),
    "an empty userName": (person(userName="  "), "invalidValue"),
    "a userName of the wrong kind": (person(userName=["jane"]), "invalidValue"),
    "a long userName": (person(userName="x" * 321), "invalidValue"),
    "a line break in a userName": (person(userName="a\nb"), "invalidValue"),
    "a turned userName": (person(userName="a\u202eb"), "invalidValue"),
    "a name that is a text": (person(name="Jane"), "invalidValue"),
    "a long name": (person(name={"givenName": "x" * 201}), "invalidValue"),
    "emails that are no list": (person(emails={"value": "x"}), "invalidValue"),
    "emails that are texts": (person(emails=["x@y.zz"]), "invalidValue"),
    "a long email": (person(emails=[{"value": "x" * 400}]), "invalidValue"),
    "an active that is a text": (person(active="perhaps"), "invalidValue"),
    "a long externalId": (person(externalId="x" * 300), "invalidValue"),
    "an extension that is a text": (person(**{ENTERPRISE: "x"}), "invalidValue"),
    "more than is kept": (
        person(photos=[{"value": f"https://x/{'y' * 60_000}{n}"} for n in range(3)]),
        "invalidValue",
    ),
}


@only_sqlite
def test_a_user_that_is_none(scim):
    for name, (sent, kind) in USERS.items():
        answer = scim.post("/Users", sent)
        assert answer.status_code == 400, name
        assert answer.json["scimType"] == kind, (name, answer.text)
    assert scim.logins() == []


@only_sqlite
def test_what_the_schema_does_not_know_is_left_out(scim):
    told = scim.post(
        "/Users",
        person(
            schemas=[USER, "urn:okta:custom:1.0"], favouriteColour="red", **{"urn:okta:custom:1.0": {"a": 1}}
        ),
    )
    assert told.status_code == 201
    assert "red" not in told.text
    assert told.json["schemas"] == [USER, ENTERPRISE]


@only_sqlite
def test_an_address_that_is_not_there(scim):
    for path in (
        "/", "/Nobody", "/Users/", "/Users/a/b", "/Bulk", "/Me", "/Users/%00", "/Users/" + "x" * 5000,
        "/Groups/%F0%9F%98%80", "/Users/%ED%A0%80", "/Schemas/x", "/ResourceTypes/x",
    ):  # fmt: skip
        assert scim.get(path).status_code == 404, path
    for path in ("/Users/x", "/Groups/x", "/Users/%00", "/Groups/%00", "/Users/\U0001f600"):
        for method, sent in (
            ("PUT", person()),
            ("PATCH", patch({"op": "remove", "path": "title"})),
            ("DELETE", None),
        ):
            if "Groups" in path and sent:
                sent = group() if method == "PUT" else patch({"op": "remove", "path": "members"})
            assert scim.call(method, path, sent).status_code == 404, (method, path)
    assert scim.call("DELETE", "/Users").headers["Allow"]
    assert scim.call("PUT", "/Schemas", {}).status_code == 405
    assert scim.get("/Schemas?filter=id pr").status_code == 403


@only_sqlite
@pytest.mark.parametrize(
    ("operations", "kind"),
    [
        ([], "invalidValue"), ([1], "invalidValue"), ("x", "invalidValue"), (None, "invalidValue"),
        ({}, "invalidValue"),
        ([{"op": "replace", "path": "nonsense", "value": 1}], "invalidPath"),
        ([{"op": "replace", "path": "urn:x:y:z:foo", "value": 1}], "invalidPath"),
        ([{"op": "replace", "path": "emails[type eq", "value": 1}], "invalidPath"),
        ([{"op": "replace", "path": 'emails[nonsense eq "x"]', "value": 1}], ...),
        ([{"op": "replace", "path": 5, "value": 1}], "invalidValue"),
        ([{"op": "replace", "path": "x" * 50_000, "value": 1}], "invalidPath"),
        ([{"op": "replace", "path": 'emails[type eq "other"].value', "value": "x@y.zz"}], "noTarget"),
        ([{"op": "replace", "path": "id", "value": "x"}], "mutability"),
        ([{"op": "replace", "path": "meta.created", "value": "x"}], "mutability"),
        ([{"op": "add", "path": "groups", "value": [{"value": "x"}]}], "mutability"),
        ([{"op": "remove", "path": "userName"}], "mutability"),
        ([{"op": "replace", "path": "userName", "value": None}], "mutability"),
        ([{"op": "replace", "path": "userName", "value": 7}], "invalidValue"),
        ([{"op": "replace", "path": "active", "value": "perhaps"}], "invalidValue"),
        ([{"op": "remove"}], "noTarget"),
        ([{"op": "add", "path": "title"}], "invalidValue"),
        ([{"op": "replace", "value": "x"}], "invalidValue"),
        ([{"op": "replace", "path": "title", "value": "x"}] * 1001, "invalidValue"),
    ],
)  # fmt: skip
def test_a_patch_that_is_none(scim, operations, kind):
    made = scim.made()
    answer = scim.call("PATCH", f"/Users/{made['id']}", {"schemas": [PATCH_OP], "Operations": operations})
    assert answer.status_code == 400, answer.text
    assert kind is ... or answer.json["scimType"] == kind, answer.text
    assert scim.get(f"/Users/{made['id']}").json == made


ANY_TEXT = st.text(st.characters(codec=None), max_size=12)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["schemas", "userName", "name", "emails", "active", "externalId", "groups", "meta", "id", "password",
     "phoneNumbers", "addresses", "photos", "x509Certificates", "roles", ENTERPRISE, "displayName", "members"]
)  # fmt: skip
ATTRIBUTES = st.dictionaries(NAMES, ANYTHING, max_size=4)
PATHS = st.sampled_from(
    ["members", 'emails[type eq "work"]', "name.givenName", ENTERPRISE, f"{ENTERPRISE}:manager.value",
     "active",
     'members[value eq "x"]', "schemas", "emails", 'emails[type eq "work"].value', "x509Certificates", ""]
) | ANY_TEXT  # fmt: skip
OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "replace", "remove", "Add"])},
    optional={"path": PATHS, "value": ANYTHING | ATTRIBUTES},
)
WHERE = st.sampled_from(["/Users", "/Groups"])
never_500 = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


@never_500
@given(
    attributes=ATTRIBUTES,
    where=WHERE,
    method=st.sampled_from(["POST", "PUT"]),
)
def test_no_document_is_an_accident(scim, attributes, where, method):
    base = person() if where == "/Users" else group("x")
    path = where
    if method == "PUT":
        made = scim.post(where, base | {"userName": "p@x.example", "displayName": "p"})
        path += "/" + (made.json.get("id") or scim.found(where)["Resources"][0]["id"])
    answer = scim.call(method, path, raw=json.dumps(base | attributes).encode())
    assert answer.status_code in (200, 201, 400, 409), answer.text


@never_500
@given(operations=st.lists(OPERATIONS, min_size=1, max_size=3), where=WHERE)
def test_no_patch_is_an_accident(scim, operations, where):
    made = scim.post(where, person("p@x.example") if where == "/Users" else group("p", "x"))
    listed = [made.json] if made.status_code == 201 else scim.found(where)["Resources"]
    sent = json.dumps(patch(*operations)).encode()
    answer = scim.call("PATCH", f"{where}/{listed[0]['id']}", raw=sent)
    assert answer.status_code in (200, 204, 400, 409), answer.text
    assert scim.get(f"{where}/{listed[0]['id']}").status_code == 200


WORDS = st.sampled_from(
    ["userName", "eq", "co", "pr", "and", "or", "not", "(", ")", "[", "]", '"x"', "emails", "emails.type",
     "active", "true", "null", "1", "meta.created", '"2020-01-01T00:00:00Z"', "gt",
     ENTERPRISE + ":department", "members",
     "displayName", "x509Certificates", "externalId", "id", '"\\u0000"', '"\\ud800"', "groups.value", "%"]
)  # fmt: skip


@never_500
@given(
    words=st.lists(WORDS, min_size=1, max_size=8),
    names=st.lists(WORDS, max_size=2),
    where=WHERE,
)
def test_no_filter_is_an_accident(scim, words, names, where):
    scim.post("/Users", person("p@x.example"))
    scim.post("/Groups", group("p", "x"))
    answer = scim.client.get(
        f"/scim/v2{where}",
        query_string={"filter": " ".join(words), "sortBy": "".join(names), "attributes": ",".join(names)},
        headers={"Authorization": scim.authorization},
    )
    assert answer.status_code in (200, 400), answer.text
    assert answer.mimetype == "application/scim+json"
