"""Two clients at the same moment: one wins, the other is told, and nothing is lost; on both databases."""

import pytest
from sqlalchemy import event, func, select

from portal.extensions import db
from portal.models import ScimMember, User
from portal.users import okta_facts
from tests.scim.callers import USER, Caller, group, new_token, person
from tests.support.at_once import at_once

HANDS = 4


@pytest.fixture
def callers(app):
    secret = new_token(app)
    callers = [Caller(app, secret) for _ in range(HANDS)]
    callers[0].get("/Users")
    return callers


def _adding(*named):
    return {"op": "add", "path": "members", "value": [{"value": name} for name in named]}


def _statuses(answers):
    return sorted(answer.status_code for answer in answers)


def test_one_person_posted_at_once_is_made_once(app, callers):
    for round_ in range(3):
        answers = at_once(HANDS, lambda n, r=round_: callers[n].post("/Users", person(f"{r}@acme.example")))
        assert _statuses(answers) == [201, 409, 409, 409]
        assert {a.json["scimType"] for a in answers if a.status_code == 409} == {"uniqueness"}
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(User)) == 3


def test_two_people_with_one_okta_id_are_both_made(callers):
    answers = at_once(
        HANDS, lambda n: callers[n].post("/Users", person(f"{n}@acme.example", externalId="00usame"))
    )
    assert set(_statuses(answers)) <= {201, 409}
    assert 201 in _statuses(answers)


def test_changes_of_one_person_at_once_are_all_kept(callers):
    made = callers[0].made()
    names = ("title", "nickName", "userType", "timezone")
    answers = at_once(
        HANDS,
        lambda n: callers[n].patch(f"/Users/{made['id']}", {"op": "add", "path": names[n], "value": f"v{n}"}),
    )
    assert _statuses(answers) == [200] * HANDS
    kept = callers[0].get(f"/Users/{made['id']}").json
    assert [kept[name] for name in names] == ["v0", "v1", "v2", "v3"]


def test_of_changes_to_one_version_one_is_taken(callers):
    made = callers[0].made()
    answers = at_once(
        HANDS,
        lambda n: callers[n].put(
            f"/Users/{made['id']}", made | {"title": str(n)}, If_Match=made["meta"]["version"]
        ),
    )
    assert _statuses(answers) == [200, 412, 412, 412]


def test_somebody_deactivated_changed_and_erased_at_once_is_erased(callers):
    made = callers[0].made()
    at = f"/Users/{made['id']}"
    deeds = (
        lambda caller: caller.patch(at, {"op": "replace", "value": {"active": False}}),
        lambda caller: caller.put(at, made),
        lambda caller: caller.delete(at),
        lambda caller: caller.patch(at, {"op": "replace", "value": {"active": True}}),
    )
    answers = at_once(HANDS, lambda n: deeds[n](callers[n]))
    assert {answer.status_code for answer in answers} <= {200, 204, 404}
    assert callers[0].get(at).status_code == 404


def test_members_added_at_once_are_all_there(app, callers):
    made = callers[0].post("/Groups", group("Staff")).json
    answers = at_once(
        HANDS,
        lambda n: callers[n].patch(
            f"/Groups/{made['id']}",
            {"op": "add", "path": "members", "value": [{"value": "same"}, {"value": f"m{n}"}]},
        ),
    )
    assert _statuses(answers) == [204] * HANDS
    with app.app_context():
        kept = set(db.session.scalars(select(ScimMember.member)))
    assert kept == {"same", "m0", "m1", "m2", "m3"}


def test_a_group_and_its_people_arriving_at_once(callers):
    sent = [person(f"{n}@acme.example") for n in range(HANDS)]
    made = callers[0].post("/Groups", group("Staff", *[one["externalId"] for one in sent])).json
    answers = at_once(HANDS, lambda n: callers[n].post("/Users", sent[n]))
    assert _statuses(answers) == [201] * HANDS
    members = callers[0].get(f"/Groups/{made['id']}").json["members"]
    assert {member["value"] for member in members} == {answer.json["id"] for answer in answers}


def test_one_group_posted_at_once_is_made_once(callers):
    answers = at_once(HANDS, lambda n: callers[n].post("/Groups", group("Staff")))
    assert _statuses(answers) == [201, 409, 409, 409]


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": "externalId", "value": "00uJANE"},
        {"op": "Add", "value": {"ExternalID": "00uJANE"}},
        {"op": "add", "path": f"{USER}:externalId", "value": "00uJANE"},
        {"op": "replace", "value": {USER: {"externalId": "00uJANE"}}},
    ],
    ids=str,
)
def test_a_patch_that_brings_an_okta_id_locks_in_the_order_of_everybody(app, callers, operation, monkeypatch):
    """A worker has what Okta said about somebody and comes to their record next: none waits for the other."""
    made = callers[0].made(externalId="employee-17")
    done = []
    lock = okta_facts.lock

    def noted(connection, cursor, statement, *others):
        if statement.startswith("UPDATE users"):
            done.append("record")

    monkeypatch.setattr(okta_facts, "lock", lambda okta_id: (done.append(okta_id), lock(okta_id)))
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", noted)
        assert callers[0].patch(f"/Users/{made['id']}", operation).status_code == 200
        event.remove(db.engine, "before_cursor_execute", noted)
        assert db.session.get_one(User, made["id"]).okta_id == "00uJANE"
    assert done[:2] == ["00uJANE", "record"]
