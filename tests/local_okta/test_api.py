"""The management API behaves as Okta documents it, where the portal depends on it."""

import json

import pytest

from portal.sandbox.okta import LocalOktaWarning
from tests.local_okta.conftest import CHIDI, ELIF, Org
from tests.support.moving_clock import MovingClock


def test_a_partial_update_changes_what_it_names_and_nothing_else(org: Org) -> None:
    before = org.get(f"/users/{ELIF}")
    answer = org.call("POST", f"/users/{before['id']}", json={"profile": {"byndidRegistered": True}})
    assert answer.status_code == 200
    assert answer.json["profile"] == before["profile"] | {"byndidRegistered": True}
    assert org.events()[-1] == "user.account.update_profile"


def test_put_drops_what_it_does_not_name(org: Org) -> None:
    org.call("POST", f"/users/{ELIF}", json={"profile": {"byndidRegistered": True, "title": "Chemist"}})
    profile = {
        name: org.get(f"/users/{ELIF}")["profile"][name]
        for name in ("login", "email", "firstName", "lastName")
    }
    answer = org.call("PUT", f"/users/{ELIF}", json={"profile": profile})
    assert answer.json["profile"] == profile


@pytest.mark.parametrize(
    ("profile", "cause"),
    [
        ({"nobodyDefinedThis": True}, "nobodyDefinedThis"),
        ({"byndidRegistered": "true"}, "boolean"),
        ({"firstName": 1}, "string"),
        ({"login": CHIDI}, "already exists"),
    ],
    ids=["unknown", "wrong-type", "number", "login-taken"],
)
def test_a_profile_that_okta_would_not_take_is_refused_whole(
    org: Org, profile: dict[str, object], cause: str
) -> None:
    before = org.get(f"/users/{ELIF}")
    answer = org.call("POST", f"/users/{ELIF}", json={"profile": {"title": "Chemist", **profile}})
    assert answer.status_code == 400
    assert answer.json["errorCode"] == "E0000001"
    assert cause in json.dumps(answer.json["errorCauses"])
    assert org.get(f"/users/{ELIF}") == before


def test_statuses_move_as_okta_lets_them_and_each_step_is_an_event(org: Org) -> None:
    steps = [
        ("suspend", 200),
        ("suspend", 400),
        ("activate", 403),
        ("unsuspend", 200),
        ("unsuspend", 400),
        ("deactivate", 200),
        ("deactivate", 404),
        ("suspend", 400),
        ("activate", 200),
        ("reactivate", 403),
    ]
    statuses = [org.call("POST", f"/users/{ELIF}/lifecycle/{step}").status_code for step, _ in steps]
    assert statuses == [status for _, status in steps]
    assert org.events()[-4:] == [
        f"user.lifecycle.{step}" for step in ("suspend", "unsuspend", "deactivate", "reactivate")
    ]


def test_a_deactivated_person_cannot_be_edited_is_in_no_list_and_can_be_deleted(org: Org) -> None:
    org.call("PUT", f"/groups/{org.group}/users/{ELIF}")
    org.call("POST", f"/users/{ELIF}/lifecycle/deactivate")
    assert org.call("POST", f"/users/{ELIF}", json={"profile": {"title": "x"}}).status_code == 404
    assert [one["profile"]["login"] for one in org.get("/users")] == [CHIDI]
    assert org.get(f"/groups/{org.group}/users") == []
    assert org.call("DELETE", f"/users/{ELIF}").status_code == 204
    assert org.call("GET", f"/users/{ELIF}").json["errorCode"] == "E0000007"
    assert "user.lifecycle.delete.initiated" in org.events()


def test_membership_events_name_the_person_and_the_group_and_happen_once(org: Org) -> None:
    for method in ("PUT", "PUT", "DELETE", "DELETE"):
        assert org.call(method, f"/groups/{org.group}/users/{ELIF}").status_code == 204
    found = org.get("/logs", query_string={"filter": 'eventType sw "group.user_membership"'})
    assert [one["eventType"].rpartition(".")[2] for one in found] == ["add", "remove"]
    assert {target["type"]: target["alternateId"] for target in found[0]["target"]} == {
        "User": ELIF, "UserGroup": "unknown",
    }  # fmt: skip
    assert found[0]["actor"]["alternateId"] != ELIF


def test_members_come_in_pages_that_the_link_header_continues(org: Org) -> None:
    people = [
        {"login": f"p{n}@acme.example", "first_name": "P", "last_name": str(n), "groups": ["Verified staff"]}
        for n in range(7)
    ]
    org.order("seed", {"people": people})
    path, seen = f"/groups/{org.group}/users?limit=3", []
    while path:
        answer = org.call("GET", path)
        seen += [one["profile"]["login"] for one in answer.json]
        following = [link for link in answer.headers.getlist("Link") if 'rel="next"' in link]
        path = following[0].partition("/api/v1")[2].partition(">")[0] if following else ""
    assert sorted(seen) == [f"p{n}@acme.example" for n in range(7)]


def test_the_log_is_read_on_from_where_it_was_left(org: Org) -> None:
    first = org.call("GET", "/logs?limit=2")
    following = next(link for link in first.headers.getlist("Link") if 'rel="next"' in link)
    path = following.partition("/api/v1")[2].partition(">")[0].replace("limit=2", "limit=1000")
    uuids = [one["uuid"] for one in first.json]
    rest = org.call("GET", path)
    assert set(uuids).isdisjoint(one["uuid"] for one in rest.json)
    # Without `until` there is always a next page, for polling; what comes later is on it.
    polling = next(link for link in rest.headers.getlist("Link") if 'rel="next"' in link)
    org.call("POST", f"/users/{ELIF}/lifecycle/suspend")
    later = org.get(polling.partition("/api/v1")[2].partition(">")[0])
    assert [one["eventType"] for one in later] == ["user.lifecycle.suspend"]
    assert later[0]["published"] >= first.json[0]["published"]


def test_the_log_is_cut_by_time_and_turned_around(org: Org, clock: MovingClock) -> None:
    clock.advance(3600)
    org.call("POST", f"/users/{ELIF}/lifecycle/suspend")
    since = clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert org.events(since=since) == ["user.lifecycle.suspend"]
    assert "user.lifecycle.suspend" not in org.events(until=since)
    assert org.events(sortOrder="DESCENDING")[0] == "user.lifecycle.suspend"


def test_searches_find_and_nonsense_is_refused(org: Org) -> None:
    found = org.get(
        "/users", query_string={"search": f'profile.login eq "{ELIF.upper()}" and status eq "ACTIVE"'}
    )
    assert [one["profile"]["login"] for one in found] == [ELIF]
    assert org.get("/users", query_string={"q": "Chi"})[0]["profile"]["login"] == CHIDI
    assert org.get("/groups", query_string={"search": 'profile.name eq "nobody"'}) == []
    for nonsense in ("login eq", 'a eq "b" or', '("', 'a xx "b"', "a eq b", "(" * 3000):
        answer = org.call("GET", "/users", query_string={"search": nonsense})
        assert answer.json["errorCode"] == "E0000031", nonsense


def test_the_schema_is_changed_in_part(org: Org) -> None:
    attribute = {
        "title": "Verified",
        "type": "boolean",
        "permissions": [{"principal": "SELF", "action": "HIDE"}],
    }
    document = {
        "definitions": {"custom": {"id": "#custom", "type": "object", "properties": {"verified": attribute}}}
    }
    assert org.call("POST", "/meta/schemas/user/default", json=document).status_code == 200
    custom = org.get("/meta/schemas/user/default")["definitions"]["custom"]["properties"]
    assert set(custom) == {"byndidRegistered", "verified"}
    assert custom["verified"]["permissions"] == attribute["permissions"]
    document["definitions"]["custom"]["properties"] = {"verified": {"type": "string", "title": "x"}}
    assert org.call("POST", "/meta/schemas/user/default", json=document).status_code == 400
    document["definitions"]["custom"]["properties"] = {"verified": None}  # type: ignore[dict-item]
    org.call("POST", "/meta/schemas/user/default", json=document)
    assert "verified" not in org.get("/meta/schemas/user/default")["definitions"]["custom"]["properties"]


def test_the_rate_limit_is_told_used_up_and_given_back(org: Org, clock: MovingClock) -> None:
    org.order("switches", {"api_limit": 3})
    left = [org.call("GET", f"/users/{ELIF}").headers["X-Rate-Limit-Remaining"] for _ in range(3)]
    assert left == ["2", "1", "0"]
    refused = org.call("GET", f"/users/{ELIF}")
    assert (refused.status_code, refused.json["errorCode"]) == (429, "E0000047")
    assert int(refused.headers["X-Rate-Limit-Reset"]) > clock.now().timestamp()
    assert org.call("GET", "/groups").status_code == 200, "another endpoint has a limit of its own"
    clock.advance(61)
    assert org.call("GET", f"/users/{ELIF}").status_code == 200


@pytest.mark.parametrize(
    ("switch", "status", "limit"),
    [("api_storm", 429, "600"), ("api_crowded", 429, "0"), ("api_down", 503, None)],
)
def test_bad_days(org: Org, switch: str, status: int, limit: str | None) -> None:
    org.order("switches", {switch: True})
    answer = org.call("GET", "/users")
    assert answer.status_code == status
    assert answer.headers.get("X-Rate-Limit-Limit") == limit
    org.order("switches")
    assert org.call("GET", "/users").status_code == 200


def test_profiles_mastered_elsewhere_are_not_written(org: Org) -> None:
    org.order("switches", {"profile_mastered_elsewhere": True})
    answer = org.call("POST", f"/users/{ELIF}", json={"profile": {"title": "x"}})
    assert (answer.status_code, answer.json["errorCode"]) == (403, "E0000023")
    assert org.call("POST", f"/users/{ELIF}/lifecycle/suspend").status_code == 200


def test_an_ordered_fault_happens_as_often_as_ordered(org: Org) -> None:
    org.order(
        "faults", {"path": "/api/v1/users/", "method": "POST", "code": "E0000075", "about": "x", "times": 2}
    )
    answers = [
        org.call("POST", f"/users/{ELIF}", json={"profile": {"title": "x"}}).status_code for _ in range(3)
    ]
    assert answers == [403, 403, 200]


@pytest.mark.parametrize(
    "body",
    ["", "[]", "{", '{"profile": []}', '{"profile": {"title": "\\ud800"}}', "[" * 50_000],
    ids=range(6),
)
def test_a_body_that_is_no_document_is_an_error_of_oktas(org: Org, body: str) -> None:
    answer = org.call("POST", f"/users/{ELIF}", data=body)
    assert (answer.status_code, answer.json["errorCode"]) == (400, "E0000003")


def test_unknown_tokens_addresses_and_methods_are_errors_of_oktas(org: Org) -> None:
    assert org.call("GET", "/users", token="SSWS wrong").json["errorCode"] == "E0000011"
    assert org.call("GET", "/users", token="").status_code == 401
    assert org.call("GET", "/nothing").json["errorCode"] == "E0000007"
    assert org.call("PATCH", f"/users/{ELIF}").json["errorCode"] == "E0000022"
    assert org.browser.get("/local/state").json["errorCode"] == "E0000011"


def test_everything_is_there_after_a_restart(org: Org) -> None:
    org.call("POST", f"/users/{ELIF}/lifecycle/suspend")
    with pytest.warns(LocalOktaWarning):
        again = Org(type(org.local)(org.store._path, control_key="x"))
    assert again.get(f"/users/{ELIF}")["status"] == "SUSPENDED"
    assert again.events() == org.events()
