"""What one request may bring about one person: more is refused before it takes long, and changes nothing."""

import pytest

from portal.extensions import db
from portal.models import ScimUser
from portal.scim import amounts
from tests.scim.callers import USER, group, person

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
MOST = amounts.MOST_ENTRIES


def emails(many, first=0):
    return [{"value": f"m{number}@acme.example", "type": "other"} for number in range(first, first + many)]


def others(number, path='emails[type eq "other"].display'):
    return {"op": "replace", "path": path, "value": f"Number {number}"}


def refused(answer, kind="invalidValue"):
    assert (answer.status_code, answer.json["scimType"]) == (400, kind), answer.text
    return answer.json["detail"]


def test_a_person_has_so_many_entries_and_no_more(scim):
    made = scim.made(emails=emails(MOST), phoneNumbers=[{"value": f"tel:+4930{n:04}"} for n in range(MOST)])
    assert len(made["emails"]) == len(made["phoneNumbers"]) == MOST
    at = f"/Users/{made['id']}"
    assert f"emails of a user has at most {MOST}" in refused(
        scim.post("/Users", person("other@acme.example", emails=emails(MOST + 1)))
    )
    refused(scim.put(at, person(photos=[{"value": f"https://x/{n}"} for n in range(MOST + 1)])))
    more = emails(1, MOST)
    for operation in (
        {"op": "add", "path": "emails", "value": more},
        {"op": "add", "path": "emails", "value": more[0]},
        {"op": "add", "value": {"emails": more}},
        {"op": "add", "path": 'emails[type eq "home"].value', "value": "home@acme.example"},
        {"op": "replace", "path": "emails", "value": emails(MOST + 1)},
        {"OP": "replace", "Value": {f"{USER}:Emails": emails(MOST + 1)}},
        {"op": "replace", "value": {USER: {"emails": emails(MOST + 1)}}},
        {"op": "remove", "path": "emails", "value": emails(MOST + 1)},
    ):
        assert f"at most {MOST}" in refused(scim.patch(at, operation)), operation
    assert scim.get(at).json == made
    assert scim.logins() == [made["userName"]]


@only_sqlite
def test_what_the_schema_does_not_know_or_groups_say_is_not_counted(scim):
    many = [{"value": str(number)} for number in range(MOST + 1)]
    made = scim.made(groups=many, favouriteColours=many)
    at = f"/Users/{made['id']}"
    assert scim.put(at, person(groups=many, favouriteColours=many)).status_code == 200
    assert scim.patch(at, {"op": "replace", "value": {"favouriteColours": many}}).status_code == 200


def test_who_was_described_with_more_is_shown_and_may_become_fewer(scim):
    made = scim.made(emails=emails(1))
    at = f"/Users/{made['id']}"
    with scim.app.app_context():
        told = db.session.get_one(ScimUser, made["id"])
        told.attributes = told.attributes | {"emails": emails(1000)}
        db.session.commit()
    assert len(scim.get(at).json["emails"]) == 1000
    assert scim.patch(at, {"op": "replace", "path": "title", "value": "Dr"}).status_code == 200
    refused(scim.patch(at, {"op": "add", "path": "emails", "value": emails(1, 1000)}))
    fewer = scim.patch(at, {"op": "remove", "path": 'emails[value eq "m999@acme.example"]'})
    assert (fewer.status_code, len(fewer.json["emails"])) == (200, 999)
    assert scim.patch(at, {"op": "replace", "path": "emails", "value": emails(2)}).status_code == 200
    assert scim.put(at, person(emails=emails(3))).json["emails"] == emails(3)


def test_operations_times_entries_are_limited(scim):
    made = scim.made(emails=emails(MOST))
    at = f"/Users/{made['id']}"
    allowed = amounts.MOST_COMPARISONS // MOST
    assert "fewer" in refused(scim.patch(at, *map(others, range(allowed + 1))), "tooMany")
    adds = [{"op": "add", "path": f'ims[type eq "{n}"].value', "value": "x"} for n in range(allowed)]
    refused(scim.patch(at, *adds), "tooMany")
    long = 'emails[type eq "other"' + ' OR type eq "x"' * allowed + "].display"
    refused(scim.patch(at, others(1, long)), "tooMany")
    assert scim.get(at).json == made
    changed = scim.patch(at, *map(others, range(allowed))).json
    assert changed["emails"][0]["display"] == f"Number {allowed - 1}"


@only_sqlite
def test_a_filter_that_takes_long_to_read_is_not_read(scim):
    made = scim.made()
    long = 'emails[type eq "x"' + ' or type eq "x"' * amounts.MOST_CONDITIONS + "].display"
    for operation in (others(1, long), {"op": "replace", "value": {long: "x"}}):
        assert "conditions" in refused(scim.patch(f"/Users/{made['id']}", operation))


@only_sqlite
def test_what_a_directory_sends_is_far_below(scim):
    """Every attribute of the schema at once, each as an operation, as Entra does when a person is new."""
    made = scim.made()
    kinds = ("work", "home", "other", "mobile", "fax")
    sent = [
        {"op": "Add", "path": f'{name}[type eq "{kind}"].value', "value": f"{kind}@acme.example"}
        for name in ("emails", "ims", "entitlements", "roles")
        for kind in kinds
    ]
    sent += [{"op": "Replace", "path": "title", "value": str(number)} for number in range(25)]
    answer = scim.patch(f"/Users/{made['id']}", *sent)
    assert answer.status_code == 200, answer.text


@only_sqlite
@pytest.mark.parametrize(
    "path",
    [
        'emails[(type eq "x")' + 'or(type eq "x")' * MOST + "].display",
        'emails[type eq "x"' + 'or type eq "x"' * amounts.MOST_CONDITIONS + "].display",
        "emails["
        + "(" * amounts.MOST_CONDITIONS
        + 'type eq "x"'
        + ")" * amounts.MOST_CONDITIONS
        + "].display",
    ],
    ids=["brackets", "no space", "one in the other"],
)
def test_a_condition_counts_whatever_stands_before_it(scim, path):
    made = scim.made(emails=emails(MOST))
    answer = scim.patch(f"/Users/{made['id']}", others(1, path))
    assert (answer.status_code, answer.json["scimType"]) in ((400, "invalidValue"), (400, "tooMany"))


def test_what_stands_in_a_text_is_no_condition():
    assert amounts.conditions('emails[value eq "and or ( \\" or taylor@acme.example"].type') == 1
    assert amounts.conditions('emails[type eq "a" and primary eq true].value') == 2
    assert amounts.conditions("nickName") == amounts.conditions(None) == 1


@only_sqlite
def test_a_filter_looks_at_so_many_members_and_no_more(scim, monkeypatch):
    monkeypatch.setattr(amounts, "MOST_LOOKS_AT_MEMBERS", 30)
    made = scim.post("/Groups", group("Staff", *(f"u{number}" for number in range(10)))).json
    at = f"/Groups/{made['id']}"
    looking = {"op": "remove", "path": 'members[value eq "nobody" and type pr]'}
    assert scim.patch(at, looking).status_code == 204
    assert "values" in refused(scim.patch(at, looking, looking), "tooMany")
    long = looking | {"path": 'members[display eq "x"' + ' or display eq "y"' * 3 + "]"}
    refused(scim.patch(at, long), "tooMany")
    refused(scim.patch(at, {"op": "replace", "path": long["path"] + ".value", "value": "x"}), "tooMany")
    by_value = [{"op": "remove", "path": f'members[value eq "u{number}"]'} for number in range(9)]
    assert scim.patch(at, *by_value).status_code == 204
    assert [member["value"] for member in scim.get(at).json["members"]] == ["u9"]


@only_sqlite
def test_a_long_filter_of_a_group_is_not_read(scim):
    made = scim.post("/Groups", group("Staff", "u0")).json
    at = f"/Groups/{made['id']}"
    some = ' or value eq "x"' * (amounts.MOST_CONDITIONS_ON_A_GROUP // 2)
    operation = {"op": "remove", "path": f'members[value eq "u0"{some}]'}
    assert "conditions" in refused(scim.patch(at, operation, operation))
    nested = "(" * amounts.MOST_CONDITIONS_ON_A_GROUP
    assert "conditions" in refused(scim.patch(at, {"op": "remove", "path": f"members[{nested}value pr]"}))
    assert scim.patch(at, operation).status_code == 204
    assert "members" not in scim.get(at).json


@only_sqlite
def test_as_many_members_are_removed_one_by_one_as_operations_are_taken(scim):
    made = scim.post("/Groups", group("Staff", *(f"00uFor{number}" for number in range(1000)))).json
    at = f"/Groups/{made['id']}"
    each = [{"op": "remove", "path": f'members[value eq "00uFor{number}"]'} for number in range(1000)]
    assert scim.patch(at, *each).status_code == 204
    assert "members" not in scim.get(at).json


@only_sqlite
@pytest.mark.parametrize(
    "clears",
    [[], [{"op": "remove", "path": "members"}], [{"op": "replace", "value": {"members": []}}]],
    ids=["replaced", "removed and added", "replaced by none"],
)
def test_members_are_not_written_over_and_over(scim, clears):
    made = scim.post("/Groups", group("Everybody")).json
    some = [{"value": f"somebody-{number}"} for number in range(100)]
    again = [{"op": "add" if clears else "replace", "path": "members", "value": some}, *clears]
    assert "too often" in refused(scim.patch(f"/Groups/{made['id']}", *again * 300), "tooMany")
    assert "members" not in scim.get(f"/Groups/{made['id']}").json
    assert scim.patch(f"/Groups/{made['id']}", *again * 20, again[0]).status_code == 204
    assert len(scim.get(f"/Groups/{made['id']}").json["members"]) == 100


@only_sqlite
def test_members_may_be_added_in_as_many_operations_as_somebody_likes(scim):
    made = scim.post("/Groups", group("Everybody")).json
    adds = [
        {"op": "add", "path": "members", "value": [{"value": f"{first}-{number}"} for number in range(100)]}
        for first in range(300)
    ]
    assert scim.patch(f"/Groups/{made['id']}", *adds).status_code == 204


@pytest.mark.parametrize("named", ["attributes", "excludedAttributes"])
def test_no_more_attributes_are_named_than_there_are(scim, named):
    made = scim.made()
    at = f"/Users/{made['id']}"
    names = ["title"] * (amounts.MOST_NAMES + 1)
    search = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]}
    for path in ("/Users/.search", "/Groups/.search", "/.search"):
        assert "attributes" in refused(scim.post(path, search | {named: names}))
        assert scim.post(path, search | {named: names[1:]}).status_code == 200
    assert "attributes" in refused(scim.get(f"{at}?{named}={','.join(names)}"))
    assert scim.get(f"{at}?{named}={','.join(names[1:])}").status_code == 200
