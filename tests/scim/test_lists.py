"""Filters, sorting and pages: every operator, by the database and by looking, which must agree."""

import pytest
from sqlalchemy import event

from portal.extensions import db
from portal.scim import person as person_as_shown
from tests.scim.callers import ENTERPRISE, GROUP, group, person
from tests.support import factories

PEOPLE = {
    "Ada@acme.example": {"title": "Engineer", "department": "R&D", "family": "Lovelace"},
    "bob_1%@acme.example": {"title": "engineer II", "department": "Sales", "family": "adams"},
    "cem@other.example": {"title": None, "department": "R&D", "family": "Öz"},
    "dora@acme.example": {"title": "Boss", "department": None, "family": "Brown"},
}


@pytest.fixture
def people(scim, clock):
    made = {}
    for login, about in PEOPLE.items():
        sent = person(
            login,
            title=about["title"] or ...,
            name={"givenName": login[:3], "familyName": about["family"]},
            emails=[
                {"value": login.lower(), "type": "work", "primary": True},
                {"value": f"{login[0]}@home.example", "type": "home"},
            ],
            active=login != "dora@acme.example",
            externalId=f"ext-{login[:3]}",
            **{ENTERPRISE: {"department": about["department"]} if about["department"] else ...},
        )
        made[login] = scim.post("/Users", sent).json
        clock.advance(3600)
    return made


ADA, BOB, CEM, DORA = PEOPLE
FILTERS = [
    ('userName eq "ADA@ACME.EXAMPLE"', [ADA]),
    ('userName ne "ada@acme.example"', [BOB, CEM, DORA]),
    ('userName co "_1%"', [BOB]),
    ('username SW "a"', [ADA]),
    ('userName ew "OTHER.example"', [CEM]),
    ("userName pr", [ADA, BOB, CEM, DORA]),
    ('urn:ietf:params:scim:schemas:core:2.0:User:userName eq "ada@acme.example"', [ADA]),
    ('externalId eq "ext-Ada"', [ADA]),
    ('externalId eq "EXT-ADA"', []),
    ('externalId ne "ext-Ada"', [BOB, CEM, DORA]),
    ("active eq true", [ADA, BOB, CEM]),
    ("active ne true", [DORA]),
    ("not (active eq true)", [DORA]),
    ('title co "ENGINEER"', [ADA, BOB]),
    ("title pr", [ADA, BOB, DORA]),
    ("not (title pr)", [CEM]),
    ('title gt "boss"', [ADA, BOB]),
    ('title ge "boss" and title le "engineer"', [ADA, DORA]),
    ('title lt "c"', [DORA]),
    ('emails eq "ada@acme.example"', [ADA]),
    ('emails.value eq "A@HOME.example"', [ADA]),
    ('emails.value co "home"', [ADA, BOB, CEM, DORA]),
    ('emails[type eq "work" and value co "@other"]', [CEM]),
    ('emails[type eq "home" and value co "@other"]', []),
    ('emails[not (type eq "work") and value sw "d"]', [DORA]),
    (f'{ENTERPRISE}:department eq "r&d"', [ADA, CEM]),
    ('userName sw "a" or (title eq "boss" and active eq false)', [ADA, DORA]),
    ('userName sw "a" or userName sw "c" and active eq false', [ADA]),
    ('(userName sw "a" or userName sw "c") and active eq false', []),
    ('name.familyName eq "öz"', [CEM]),
    ('id eq "nobody"', []),
    ('userName eq "a\\u0000b"', []),
    ('userName eq "\\ud800"', []),
    ('userName eq "x\' OR 1=1 --"', []),
    ('userName eq "\\"quoted\\""', []),
]


@pytest.mark.parametrize(("text", "expected"), FILTERS, ids=[text for text, _ in FILTERS])
def test_a_filter_finds_whom_it_describes(scim, people, text, expected):
    assert scim.logins(text) == expected
    # The same, with every candidate looked at: the database is asked for the other half only.
    looked_at = f"({text}) and name.givenName pr"
    assert scim.logins(looked_at) == expected
    opposite = [login for login in PEOPLE if login not in expected]
    assert scim.logins(f"not ({text})") == opposite


def test_moments_are_compared_as_moments(scim, people, clock):
    second = people[BOB]["meta"]["created"]
    for text, expected in (
        (f'meta.created eq "{second}"', [BOB]),
        (f'meta.created gt "{second}"', [CEM, DORA]),
        (f'meta.lastModified le "{second}"', [ADA, BOB]),
        (
            f'meta.created ge "{second[:-1]}+00:00" and meta.created lt "2999-01-01T00:00:00Z"',
            [BOB, CEM, DORA],
        ),
        ('meta.created gt "0001-01-01T00:00:00+14:00"', list(PEOPLE)),
    ):
        assert scim.logins(text) == expected, text
    scim.patch(f"/Users/{people[ADA]['id']}", {"op": "replace", "path": "title", "value": "New"})
    assert scim.logins(f'meta.lastModified gt "{second}"') == [ADA, CEM, DORA]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("userName", [ADA, BOB, CEM, DORA]),
        ("meta.created", [ADA, BOB, CEM, DORA]),
        ("name.familyName", [BOB, DORA, ADA, CEM]),
        ("emails", [ADA, BOB, CEM, DORA]),
        ("title", [DORA, ADA, BOB, CEM]),
        (f"{ENTERPRISE}:department", [ADA, CEM, BOB, DORA]),
    ],
)
def test_a_list_is_sorted_up_and_down(scim, people, by, expected):
    assert scim.logins({"sortBy": by}) == expected
    down = scim.logins({"sortBy": by, "sortOrder": "descending"})
    if by != f"{ENTERPRISE}:department":
        assert down == expected[::-1]
    assert scim.logins({"sortBy": by, "count": "1", "startIndex": "2"}) == expected[1:2]
    assert scim.logins({"sortBy": by, "filter": "title pr"}) == [one for one in expected if one != CEM]


def test_pages_are_stable_while_people_come(scim, people):
    first = scim.found("/Users", {"startIndex": "1", "count": "2"})
    assert (first["totalResults"], first["startIndex"], first["itemsPerPage"]) == (4, 1, 2)
    scim.made(login="AAA@acme.example")
    second = scim.found("/Users", {"startIndex": "3", "count": "2"})
    logins = [one["userName"] for page in (first, second) for one in page["Resources"]]
    assert logins == list(PEOPLE)


@pytest.mark.parametrize(
    ("query", "start", "items"),
    [
        ({"startIndex": "0"}, 1, 4), ({"startIndex": "-5"}, 1, 4), ({"count": "0"}, 1, 0),
        ({"count": "-1"}, 1, 0), ({"startIndex": "5"}, 5, 0), ({"count": "100000"}, 1, 4),
        ({"startIndex": "99999999999999999999"}, 2_000_000_000, 0), ({"count": "99999999999999999999"}, 1, 4),
        ({"filter": "title pr", "startIndex": "99999999999999999999"}, 2_000_000_000, 0),
        ({"filter": "", "sortBy": ""}, 1, 4),
    ],
)  # fmt: skip
def test_odd_numbers_make_a_page_all_the_same(scim, people, query, start, items):
    told = scim.found("/Users", query)
    assert (told["startIndex"], told["itemsPerPage"]) == (start, items)
    assert told["totalResults"] == (3 if query.get("filter") else 4)


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("count=ten", "invalidValue"), ("startIndex=1.5", "invalidValue"), ("sortOrder=up", "invalidValue"),
        ("sortBy=nonsense", "invalidPath"), ("sortBy=name", "invalidPath"),
        ("sortBy=password", "invalidPath"),
        ("filter=userName", "invalidFilter"), ("filter=userName eq", "invalidFilter"),
        ("filter=userName eq bob", "invalidFilter"), ("filter=nonsense eq 1", "invalidFilter"),
        ('filter=userName xx "a"', "invalidFilter"), ("filter=active gt true", "invalidFilter"),
        ('filter=password sw "a"', "invalidFilter"), ('filter=userName[value eq "a"]', "invalidFilter"),
        ('filter=meta.created gt "yesterday"', "invalidFilter"), ("filter=" + "(" * 3000, "invalidFilter"),
        ("filter=" + "not (" * 200 + "title pr" + ")" * 200, "invalidFilter"),
        ("filter=" + "title pr or " * 500 + "title pr", "invalidFilter"), ("filter=%00", "invalidFilter"),
        ("attributes=a b c", "invalidPath"), ('attributes=emails[type eq "x"]', "invalidPath"),
    ],
)  # fmt: skip
def test_what_cannot_be_searched_for_is_refused_by_its_name(scim, query, kind):
    answer = scim.get(f"/Users?{query}")
    assert (answer.status_code, answer.json["scimType"]) == (400, kind), answer.text


def test_many_comparisons_are_looked_at_and_not_sent_to_the_database(scim, people):
    text = " or ".join(f'userName eq "{n}@x.example"' for n in range(100)) + ' or userName sw "ada"'
    assert scim.logins(text) == [ADA]


def test_a_search_by_post_finds_the_same(scim, people):
    schema = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
    asked = {"schemas": [schema], "filter": 'userName sw "a"', "attributes": ["userName"]}
    told = scim.post("/Users/.search", asked).json
    assert [one["userName"] for one in told["Resources"]] == [ADA]
    scim.post("/Groups", group("Staff"))
    both = scim.post("/.search", {"schemas": [schema], "startIndex": 4, "count": 5}).json
    assert [one["meta"]["resourceType"] for one in both["Resources"]] == ["User", "Group"]
    assert (both["totalResults"], both["itemsPerPage"]) == (5, 2)
    named = scim.post("/.search", {"schemas": [schema], "filter": 'displayName eq "staff"'}).json
    assert [one["schemas"] for one in named["Resources"]] == [[GROUP]]
    assert scim.post("/.search", {"schemas": [schema], "sortBy": "id"}).status_code == 501
    assert scim.post("/Users/.search", {"filter": "userName pr"}).json["scimType"] == "invalidSyntax"


def test_groups_are_found_by_name_and_by_member(scim, people):
    ada = people[ADA]["id"]
    made = scim.post("/Groups", group("Verified Staff", ada, externalId="g1")).json
    scim.post("/Groups", group("Others"))
    for text in (
        'displayName eq "VERIFIED staff"', 'externalId eq "g1"', f'id eq "{made["id"]}"',
        f'members.value eq "{ada}"', f'members[value eq "{ada}"]', 'displayName sw "veri"',
        f'members eq "{ada}" and displayName co "staff"', "members pr",
    ):  # fmt: skip
        told = scim.found("/Groups", text)
        assert [one["displayName"] for one in told["Resources"]] == ["Verified Staff"], text
    assert scim.logins(f'groups.value eq "{made["id"]}"') == [ADA]
    few = scim.found("/Groups", {"excludedAttributes": "members", "sortBy": "displayName"})
    assert [one["displayName"] for one in few["Resources"]] == ["Others", "Verified Staff"]
    assert "members" not in str(few)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_last_page_of_a_directory_costs_what_the_first_does(scim, app, clock):
    """Counted in statements, so that a busy machine does not decide."""
    with app.app_context():
        for number in range(60):
            factories.user(f"p{number}@acme.example")
    statements = []
    scim.found("/Users")
    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    counts = []
    for start in ("1", "51"):
        statements.clear()
        scim.found("/Users", {"startIndex": start, "count": "10"})
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 8


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_entity_tags_are_made_only_for_those_who_are_shown(scim, people, monkeypatch):
    """A tag takes as long as all else about a person, of whom there may be thousands to look at."""
    made = []
    real = person_as_shown._version_of
    monkeypatch.setattr(
        person_as_shown, "_version_of", lambda shown: made.append(shown.user_name) or real(shown)
    )
    (cem,) = scim.found("/Users", {"filter": 'name.familyName eq "öz"'})["Resources"]
    assert made == [CEM]
    assert cem["meta"]["version"] == scim.get(f"/Users/{cem['id']}").headers["ETag"]
    made.clear()
    query = {"filter": 'name.familyName eq "öz"', "attributes": "userName"}
    assert "meta" not in scim.found("/Users", query)["Resources"][0]
    assert made == []
    tag = cem["meta"]["version"].replace('"', '\\"')
    by_tag = scim.found("/Users", {"filter": f'meta.version eq "{tag}"', "attributes": "meta.version"})
    assert [one["meta"]["version"] for one in by_tag["Resources"]] == [cem["meta"]["version"]]
    scim.found("/Users", {"sortBy": "meta.version"})
    assert len(made) == 1 + 3 * len(PEOPLE)
