"""Okta's own test of a SCIM 2.0 server, and what its two kinds of application send, over a real port."""

import json

import pytest
import urllib3
from sqlalchemy import select

from portal.extensions import db
from portal.models import HoldReason, User
from portal.users import holds
from tests.scim.callers import BASE, ERROR, HEADERS, LIST, USER, new_token, patch, person
from tests.support import factories

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


class Okta:
    """Calls over HTTP, as Okta's specification test does."""

    def __init__(self, portal):
        self.base = portal.origin + BASE
        self.token = new_token(portal.app)
        self.pool = urllib3.PoolManager()

    def call(self, method, path, sent=None, authorization=None):
        headers = HEADERS | {"User-Agent": "OKTA SCIM Integration"}
        headers["Authorization"] = authorization or f"Bearer {self.token}"
        headers["Content-Type"] = "application/json" if method == "POST" else "application/scim+json"
        answer = self.pool.request(
            method, self.base + path, body=sent and json.dumps(sent), headers=headers, retries=False
        )
        return answer.status, answer.json() if answer.data else None

    def look_up(self, login):
        status, told = self.call("GET", f'/Users?filter=userName%20eq%20"{login}"&startIndex=1&count=100')
        assert status == 200
        return told


@pytest.fixture
def okta(live_portal):
    caller = Okta(live_portal)
    yield caller
    caller.pool.clear()


def _is_a_user(shown):
    assert shown["id"]
    assert shown["userName"]
    assert shown["name"]["givenName"]
    assert shown["name"]["familyName"]
    assert shown["emails"][0]["value"]
    assert type(shown["active"]) is bool


def _is_an_error(told, status):
    assert told["schemas"] == [ERROR]
    assert told["detail"]
    assert told["status"] == str(status)


def test_the_twelve_steps_of_oktas_specification_test(okta, live_portal):
    with live_portal.app.app_context():
        factories.user("seed@acme.example", email="seed@acme.example", given_name="S", family_name="Eed")
    # 1 and 2: somebody is there, and can be read.
    status, told = okta.call("GET", "/Users?count=1&startIndex=1")
    assert (status, told["schemas"]) == (200, [LIST])
    assert [type(told[name]) for name in ("itemsPerPage", "startIndex", "totalResults")] == [int, int, int]
    _is_a_user(told["Resources"][0])
    status, shown = okta.call("GET", f"/Users/{told['Resources'][0]['id']}")
    assert status == 200
    _is_a_user(shown)
    # 3 to 5: nobody is an empty list, and an unknown id an error.
    assert okta.look_up("abcdefgh@atko.com")["totalResults"] == 0
    status, told = okta.call("GET", "/Users/00919288221112222")
    assert status == 404
    _is_an_error(told, 404)
    assert okta.look_up("runscope300abcd@atko.com")["totalResults"] == 0
    # 6 to 9: brought in, read, refused the second time, found in capitals.
    sent = {
        "schemas": [USER],
        "userName": "runscope300@atko.com",
        "name": {"givenName": "Runscope", "familyName": "Three"},
        "emails": [{"primary": True, "value": "runscope300@atko.com", "type": "work"}],
        "displayName": "Runscope Three",
        "active": True,
    }
    status, made = okta.call("POST", "/Users", sent)
    assert status == 201
    assert made["active"] is True
    assert (made["userName"], made["name"]) == (sent["userName"], sent["name"])
    assert USER in made["schemas"]
    assert okta.call("GET", f"/Users/{made['id']}")[1] == made
    status, told = okta.call("POST", "/Users", sent)
    assert status == 409
    _is_an_error(told, 409)
    assert okta.look_up("RUNSCOPE300@ATKO.COM")["totalResults"] == 1
    # 10 to 12: groups, a wrong token, an unknown id.
    assert okta.call("GET", "/Groups")[0] == 200
    status, told = okta.call("GET", "/Users?count=1", authorization="non-token")
    assert status == 401
    _is_an_error(told, 401)
    assert okta.call("GET", "/Users/00919288221112222")[0] == 404


@only_sqlite
def test_a_wizard_application_assigns_changes_deactivates_and_brings_back(okta, live_portal):
    """Lookup, POST; then always GET and a PUT of what it read with its changes, memberships included."""
    assert okta.look_up("jane@acme.example")["totalResults"] == 0
    status, made = okta.call("POST", "/Users", person())
    assert status == 201
    at = f"/Users/{made['id']}"

    def change(**changes):
        read = okta.call("GET", at)[1]
        status, told = okta.call("PUT", at, {n: v for n, v in (read | changes).items() if v is not ...})
        assert status == 200
        return told

    assert change(displayName="Jane D.")["displayName"] == "Jane D."
    assert change(active=False)["active"] is False
    assert change(displayName="Jane", active=...)["active"] is False, (
        "a PUT without active says nothing of it"
    )
    with live_portal.app.app_context():
        assert holds.reasons(made["id"]) == [HoldReason.SCIM_INACTIVE]
    status, _ = okta.call("POST", "/Users", person())
    assert status == 409, "whoever is inactive is still there"
    assert change(active=True)["active"] is True
    with live_portal.app.app_context():
        assert holds.reasons(made["id"]) == []
        assert db.session.get_one(User, made["id"]).okta_id == made["externalId"]


@only_sqlite
def test_a_catalogue_application_patches_without_a_path(okta):
    made = okta.call("POST", "/Users", person())[1]
    for active in (False, True):
        status, told = okta.call(
            "PATCH", f"/Users/{made['id']}", patch({"op": "replace", "value": {"active": active}})
        )
        assert (status, told["active"]) == (200, active)


@only_sqlite
def test_a_catalogue_application_pushes_a_group(okta):
    members = [okta.call("POST", "/Users", person(f"{n}@acme.example"))[1]["id"] for n in "ab"]
    assert okta.call("GET", '/Groups?filter=displayName%20eq%20"Staff"')[1]["totalResults"] == 0
    status, made = okta.call("POST", "/Groups", {"displayName": "Staff", "schemas": [], "members": []})
    assert status == 201
    at = f"/Groups/{made['id']}"

    def do(*operations):
        assert okta.call("PATCH", at, patch(*operations)) == (204, None)
        told = okta.call("GET", at)[1]
        return [member["value"] for member in told.get("members", [])], told["displayName"]

    everybody = [{"value": member, "display": "x"} for member in members]
    assert do({"op": "add", "path": "members", "value": everybody}) == (sorted(members), "Staff")
    gone = {"op": "remove", "path": f'members[value eq "{members[0]}"]'}
    assert do(gone) == ([members[1]], "Staff")
    assert do(gone) == ([members[1]], "Staff"), "who is not there can be removed again"
    renamed = {"op": "replace", "value": {"id": made["id"], "displayName": "Verified"}}
    assert do(renamed) == ([members[1]], "Verified")
    assert do({"op": "replace", "path": "members", "value": everybody[:1]}) == ([members[0]], "Verified")
    assert do({"op": "replace", "path": "members", "value": []}) == ([], "Verified")
    assert okta.call("DELETE", at) == (204, None)
    assert okta.call("GET", at)[0] == 404


@only_sqlite
def test_somebody_whom_the_directory_knows_is_refused_first_and_taken_over_by_a_put(okta, live_portal):
    with live_portal.app.app_context():
        known = factories.user("jane@acme.example", birthdate="1990-01-02").id
    sent = person()
    assert okta.call("POST", "/Users", sent)[0] == 409
    found = okta.look_up("JANE@acme.example")["Resources"][0]
    assert found["id"] == known
    status, told = okta.call("PUT", f"/Users/{known}", found | sent | {"id": known})
    assert (status, told["externalId"]) == (200, sent["externalId"])
    with live_portal.app.app_context():
        user = db.session.scalars(select(User).where(User.id == known)).one()
        assert (user.okta_id, user.given_name) == (sent["externalId"], "Jane")
        assert user.birthdate == "1990-01-02", "SCIM has no date of birth, so it leaves it alone"
