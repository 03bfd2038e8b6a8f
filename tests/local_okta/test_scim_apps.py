"""Okta's two kinds of SCIM apps: which calls they make, in which order, with which headers."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, jsonify, request

from portal.sandbox.okta import scim_apps
from tests.local_okta.conftest import ELIF, Org
from tests.support import web_server
from tests.support.moving_clock import MovingClock

LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


class Server:
    """A SCIM server that keeps what it is sent, as simply as that can be."""

    def __init__(self) -> None:
        self.resources: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, str]] = []
        self.bodies: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.refusals: list[tuple[int, dict[str, str]]] = []
        self.app = Flask("scim-server")
        self.app.add_url_rule("/scim/<kind>", view_func=self.many, methods=["GET", "POST"])
        self.app.add_url_rule(
            "/scim/<kind>/<one>",
            endpoint="one",
            view_func=self.one,
            methods=["GET", "PUT", "PATCH", "DELETE"],
        )
        self.app.before_request(self.note)

    def note(self) -> Any:
        self.calls.append((request.method, request.full_path.rstrip("?").removeprefix("/scim")))
        self.headers.append(dict(request.headers))
        self.bodies.append(json.loads(request.get_data()) if request.get_data() else None)
        return ("", *self.refusals.pop(0)) if self.refusals else None

    def many(self, kind: str) -> Any:
        if request.method == "POST":
            new = {**self.bodies[-1], "id": f"{kind}-{len(self.resources)}"}
            self.resources[new["id"]] = new
            return jsonify(new), 201
        found = [one for name, one in self.resources.items() if name.startswith(kind)]
        if "filter" in request.args:
            attribute, _, value = request.args["filter"].split(" ", 2)
            found = [one for one in found if one[attribute] == json.loads(value)]
        start = int(request.args["startIndex"])
        page = found[start - 1 : start - 1 + int(request.args["count"])]
        return jsonify(
            schemas=[LIST], totalResults=len(found), startIndex=start, itemsPerPage=len(page), Resources=page
        )

    def one(self, kind: str, one: str) -> Any:
        if request.method == "DELETE":
            del self.resources[one]
            return "", 204
        if request.method == "PUT":
            self.resources[one] = {**self.bodies[-1], "id": one}
        return jsonify(self.resources[one])

    def made(self) -> list[str]:
        """Return the methods and kinds since the last look."""
        made = [f"{method} {path.split('?')[0]}" for method, path in self.calls]
        self.calls.clear()
        return made


@pytest.fixture
def server() -> Iterator[Server]:
    there = Server()
    with web_server.listening() as (listener, origin), web_server.serving(there.app, listener):
        there.origin = origin  # type: ignore[attr-defined]
        yield there


@pytest.fixture(params=["aiw", "oin"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def app_id(org: Org, server: Server, kind: str) -> str:
    base = f"{server.origin}/scim"  # type: ignore[attr-defined]
    org.order("seed", {"scim_apps": [{"label": "App", "base_url": base, "token": "the-token", "kind": kind}]})
    return str(org.state()["scim_apps"][0]["id"])


def do(org: Org, app_id: str, what: str, *ids: str) -> Any:
    answer = org.order(f"scim/{app_id}/{what}", {"ids": list(ids)})
    org.order("flush")
    return answer


def elif_(org: Org) -> str:
    return str(org.get(f"/users/{ELIF}")["id"])


def test_assigning_looks_first_and_creates(org: Org, server: Server, app_id: str) -> None:
    do(org, app_id, "assign", elif_(org))
    assert server.calls == [
        ("GET", "/Users?filter=userName+eq+%22elif%40acme.example%22&startIndex=1&count=100"),
        ("POST", "/Users"),
    ]
    sent, headers = server.bodies[-1], server.headers[-1]
    assert sent["externalId"] == elif_(org)
    assert sent["active"] is True
    assert sent["groups"] == []
    assert sent["password"]
    assert sent["emails"] == [{"primary": True, "value": ELIF, "type": "work"}]
    assert headers["User-Agent"] == "Okta SCIM Client 1.0.0"
    assert headers["Content-Type"] == "application/scim+json; charset=utf-8"
    assert headers["Authorization"] == "Bearer the-token"
    assert "Content-Type" not in server.headers[0]


def test_somebody_who_is_there_is_taken_over(org: Org, server: Server, app_id: str) -> None:
    server.resources["Users-0"] = {"id": "Users-0", "userName": ELIF, "schemas": [], "nickName": "E"}
    do(org, app_id, "assign", elif_(org))
    assert server.made() == ["GET /Users", "GET /Users/Users-0", "PUT /Users/Users-0"]
    assert server.bodies[-1]["nickName"] == "E", "what the app knows beside stays"


def test_changes_suspension_and_the_end_of_an_assignment(
    org: Org, server: Server, app_id: str, kind: str
) -> None:
    do(org, app_id, "assign", elif_(org))
    server.made()
    org.call("POST", f"/users/{ELIF}", json={"profile": {"lastName": "Demir-Kaya"}})
    org.order("flush")
    assert server.made() == ["GET /Users/Users-0", "PUT /Users/Users-0"]
    assert server.bodies[-1]["name"]["familyName"] == "Demir-Kaya"
    org.call("POST", f"/users/{ELIF}", json={"profile": {"byndidRegistered": True}})
    org.call("POST", f"/users/{ELIF}/lifecycle/suspend")
    org.order("flush")
    assert server.made() == [], "neither a custom attribute nor a suspension is told by SCIM"
    org.call("POST", f"/users/{ELIF}/lifecycle/unsuspend")
    org.call("POST", f"/users/{ELIF}/lifecycle/deactivate")
    org.order("flush")
    if kind == "aiw":
        assert server.made() == ["GET /Users/Users-0", "PUT /Users/Users-0"]
        assert server.bodies[-1]["active"] is False
    else:
        assert server.made() == ["PATCH /Users/Users-0"]
        assert server.bodies[-1]["Operations"] == [{"op": "replace", "value": {"active": False}}]


def test_a_group_is_pushed_and_its_members_follow(org: Org, server: Server, app_id: str, kind: str) -> None:
    do(org, app_id, "push", org.group)
    writes = ["PUT /Groups/Groups-0"] if kind == "aiw" else ["PATCH /Groups/Groups-0"] * 2
    assert server.made() == ["GET /Groups", "POST /Groups", "GET /Groups/Groups-0", *writes]
    org.call("PUT", f"/groups/{org.group}/users/{ELIF}")
    do(org, app_id, "assign", elif_(org))
    org.call("DELETE", f"/groups/{org.group}/users/{ELIF}")
    server.bodies.clear()
    org.order("flush")
    if kind == "aiw":
        assert server.bodies[-1]["members"] == []
    else:
        assert server.bodies[-1]["Operations"] == [{"op": "remove", "path": 'members[value eq "Users-1"]'}]
    server.made()
    do(org, app_id, "unlink", org.group)
    assert server.made() == ["DELETE /Groups/Groups-0"]


@pytest.mark.parametrize("kind", ["aiw"], indirect=True)
class TestTrouble:
    def test_a_429_is_waited_out_for_as_long_as_it_says(
        self, org: Org, server: Server, app_id: str, clock: MovingClock
    ) -> None:
        server.refusals = [
            (429, {"Retry-After": "7"}),
            (429, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}),
        ]
        org.order(f"scim/{app_id}/assign", {"ids": [elif_(org)]})
        for wait, calls in ((0, 1), (6, 1), (2, 2), (590, 2), (20, 4)):
            clock.advance(wait)
            scim_apps.work_off(org.store)
            assert len(server.calls) == calls, f"after {wait} more seconds"
        assert org.state()["assignments"][0]["state"] == "provisioned"

    @pytest.mark.parametrize("status", [400, 401, 409, 500])
    def test_a_refusal_is_shown_and_not_repeated(
        self, org: Org, server: Server, app_id: str, status: int
    ) -> None:
        server.refusals = [(status, {})]
        do(org, app_id, "assign", elif_(org))
        (assignment,) = org.state()["assignments"]
        assert (assignment["state"], f"status {status}" in assignment["said"]) == ("failed", True)
        org.order("flush")
        assert len(server.calls) == 1

    def test_an_import_reads_every_page_once(self, org: Org, server: Server, app_id: str) -> None:
        for n in range(205):
            server.resources[f"Users-{n}"] = {"id": f"Users-{n}", "userName": f"{n}", "active": n % 5 > 0}
        assert do(org, app_id, "import")["imported"] == [205, 164]
        pages = [path for _, path in server.calls]
        assert pages == [f"/Users?startIndex={start}&count=100" for start in (1, 101, 201)]

    def test_the_connection_test_asks_for_two_people(self, org: Org, server: Server, app_id: str) -> None:
        assert "works: 0 people" in do(org, app_id, "test")["said"]
        assert server.calls == [("GET", "/Users?startIndex=1&count=2")]
        server.refusals = [(401, {})]
        assert "does not work" in do(org, app_id, "test")["said"]
