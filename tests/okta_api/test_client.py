"""The client against a real server: what it sends, what it makes of answers, and what it never does."""

import logging
from datetime import UTC, datetime

import pytest

from portal.http import GuardedOutbound
from portal.okta_api.client import OktaApi
from portal.okta_api.errors import (
    BadCredential,
    MappedAndPushed,
    MasteredElsewhere,
    NotEditable,
    NotFound,
    NotPermitted,
    OktaRefused,
    OktaUnavailable,
    RateLimited,
    UnknownAttribute,
)
from portal.okta_api.limits import RateLimits
from portal.okta_api.tokens import ApiToken
from tests.support.small_okta import ATTRIBUTE, TOKEN, rate_limited, refusal, small_okta


@pytest.fixture
def okta():
    with small_okta() as organisation:
        organisation.person("00u1", "amara@acme.example", firstName="Amara", department="Ops")
        yield organisation


def client(okta, *, token=TOKEN, share=0.5, patience=0, **options):
    outbound = GuardedOutbound(allow_loopback=True, retries=0, **options)
    return OktaApi(okta.origin, ApiToken(token), outbound, RateLimits(share), patience=patience)


def test_a_profile_is_updated_in_part_by_post_and_the_rest_stays(okta):
    person = client(okta).update_profile("00u1", {ATTRIBUTE: True})
    assert person.profile[ATTRIBUTE] is True
    assert okta.users["00u1"]["profile"]["department"] == "Ops"
    assert okta.calls == [("POST", "/api/v1/users/00u1")]
    assert okta.writes == [("00u1", {ATTRIBUTE: True})]


def test_a_person_is_found_by_id(okta):
    assert client(okta).user("00u1").login == "amara@acme.example"
    with pytest.raises(NotFound):
        client(okta).user("00u-nobody")


@pytest.mark.parametrize("name", ["", ".", "..", "../groups", "00u1/lifecycle/suspend", "..\\groups"])
def test_an_id_cannot_lead_to_another_address(okta, name):
    api = client(okta)
    for call in (api.user, api.group, api.group_members, lambda name: api.update_profile(name, {})):
        with pytest.raises(NotFound):
            call(name)
    assert okta.calls == []


def test_letters_that_mean_something_in_an_address_do_not_in_an_id(okta):
    okta.person("00u?x=1#%2e")
    assert client(okta).user("00u?x=1#%2e").id == "00u?x=1#%2e"


def test_members_come_page_by_page_from_our_own_address_whatever_the_links_say(okta):
    okta.groups["00g1"] = {"id": "00g1", "profile": {"name": "Staff"}}
    for number in range(25):
        okta.person(f"00um{number:02}")
    okta.members["00g1"] = [f"00um{number:02}" for number in range(25)]
    okta.page_size = 10
    found = [person.id for person in client(okta).every_member("00g1")]
    assert found == okta.members["00g1"]
    assert [query.get("after") for query in okta.queries] == [None, "c10", "c20"]


@pytest.mark.parametrize(
    "parameters", ['rel="next"', "rel=next", 'REL = "NEXT"', 'rel="self next"', 'title="more"; rel="next"']
)
def test_a_next_page_is_one_however_its_link_is_written(okta, parameters):
    okta.groups["00g1"] = {"id": "00g1", "profile": {"name": "Staff"}}
    link = f'<https://a.example/x?limit=1>; rel="self", <https://evil.example/y?after=c1>; {parameters}'
    okta.instead = [(200, [], {"Link": link})]
    assert client(okta).group_members("00g1").after == "c1"


@pytest.mark.parametrize(
    "link",
    [
        f'<https://a.example/x?after={"c" * 9000}>; rel="next"',
        '<https://a.example/x?after=c%00>; rel="next"',
        '<https://a.example/x?after=c1; rel="next"',
        '<https://a.example/x?after=c1>; title="<more>"; rel="next"',
    ],
)
def test_a_link_that_cannot_be_read_is_not_taken_for_the_end_of_a_list(okta, link):
    okta.instead = [(200, [], {"Link": link})]
    with pytest.raises(OktaUnavailable, match="list"):
        client(okta).group_members("00g1")


@pytest.mark.parametrize("link", ["", '<https://a.example/next?after=next>; rel="self"; title="next"'])
def test_a_list_without_a_next_page_has_ended(okta, link):
    okta.instead = [(200, [], {"Link": link} if link else {})]
    assert client(okta).group_members("00g1").after is None


def test_a_group_is_found_by_its_exact_name_or_its_id(okta):
    for number, name in enumerate(("Staff", "Staff", 'Quoted "group"'), 1):
        okta.groups[f"00g{number}"] = {"id": f"00g{number}", "profile": {"name": name}}
    api = client(okta)
    assert api.find_group("00g2").name == "Staff"
    assert api.find_group("Nobody") is None
    with pytest.raises(OktaRefused, match="Several groups"):
        api.find_group("Staff")
    api.find_group('Quoted "group"')
    assert okta.queries[-2]["search"] == 'profile.name eq "Quoted \\"group\\""'


def test_the_system_log_is_asked_for_in_order_since_a_moment(okta):
    okta.events = [{"uuid": str(number)} for number in range(3)]
    okta.page_size = 2
    since = datetime(2026, 11, 21, 8, 0, 0, 250_000, tzinfo=UTC)
    page = client(okta).log(since=since, filter='eventType eq "user.lifecycle.suspend"')
    assert [event["uuid"] for event in page.items] == ["0", "1"]
    assert client(okta).log(since=since, after=page.after).items == [{"uuid": "2"}]
    assert okta.queries[0]["since"] == "2026-11-21T08:00:00.250Z"
    assert okta.queries[0]["sortOrder"] == "ASCENDING"


@pytest.mark.parametrize(
    ("status", "code", "kind", "words"),
    [
        (400, "E0000001", UnknownAttribute, "attribute create"),
        (403, "E0000006", NotPermitted, "admin role"),
        (404, "E0000007", NotFound, "knows nothing"),
        (401, "E0000011", BadCredential, "okta connect"),
        (403, "E0000023", MasteredElsewhere, "source"),
        (403, "E0000038", NotEditable, "deactivated"),
        (403, "E0000075", MappedAndPushed, "mapping"),
        (403, "E0009999", NotPermitted, "admin role"),
        (400, "E0000003", OktaRefused, "E0000003"),
        (302, "none", OktaRefused, "admin console"),
        (404, "E0000008", OktaRefused, "address"),
        (500, "E0000009", OktaUnavailable, "500"),
    ],
)
def test_each_refusal_has_a_kind_and_a_sentence_and_quotes_nothing(okta, status, code, kind, words):
    okta.instead = [refusal(status, code)]
    with pytest.raises(kind) as raised:
        client(okta).update_profile("00u1", {ATTRIBUTE: True})
    assert words in raised.value.sentence
    assert TOKEN not in raised.value.sentence


@pytest.mark.parametrize("status", [400, 401, 403, 404, 407])
@pytest.mark.parametrize("body", [{}, [], "<html>", {"errorCode": 7}, {"message": "no such route"}])
def test_what_is_not_in_oktas_words_is_somebody_elses_and_says_nothing_of_anybody(okta, status, body):
    okta.instead = [(status, body, {})]
    with pytest.raises(OktaUnavailable, match=f"{status}.*proxy"):
        client(okta).user("00u1")


def test_a_404_about_the_address_is_no_word_about_a_person(okta):
    okta.instead = [refusal(404, "E0000008")]
    with pytest.raises(OktaRefused) as raised:
        client(okta).user("00u1")
    assert not isinstance(raised.value, NotFound)


def test_a_reading_that_okta_does_not_take_is_not_blamed_on_the_attribute(okta):
    okta.instead = [refusal(400, "E0000001")]
    with pytest.raises(OktaRefused, match="group members") as raised:
        client(okta).group_members("00g1")
    assert not isinstance(raised.value, UnknownAttribute)


@pytest.mark.parametrize(
    "answer",
    [[], "text", None, {"id": "00u1"}, {"id": 1, "status": "A", "profile": {}}, {"id": "", "profile": None}],
)
def test_an_answer_that_is_not_what_okta_documents_is_no_answer(okta, answer):
    okta.instead = [(200, answer, {})]
    with pytest.raises(OktaUnavailable):
        client(okta).user("00u1")


def test_a_429_says_how_long_to_wait_by_oktas_own_clock(okta):
    okta.instead = [rate_limited(30)]
    with pytest.raises(RateLimited) as raised:
        client(okta).user("00u1")
    assert 27 <= raised.value.seconds <= 31


def test_a_clock_of_ours_that_is_off_does_not_change_the_wait(okta, clock):
    clock.advance(7200)
    okta.instead = [rate_limited(30)]
    with pytest.raises(RateLimited) as raised:
        client(okta).user("00u1")
    assert 27 <= raised.value.seconds <= 31


def test_too_many_calls_at_once_are_a_matter_of_seconds(okta):
    okta.instead = [rate_limited(3000, limit=0)]
    with pytest.raises(RateLimited) as raised:
        client(okta).user("00u1")
    assert raised.value.seconds <= 5


@pytest.mark.parametrize("text", ["", "soon", "-5", "9" * 40, "1e9"])
def test_nonsense_in_the_headers_is_a_minute(okta, text):
    okta.instead = [(429, {}, {"X-Rate-Limit-Limit": "600", "X-Rate-Limit-Reset": text})]
    with pytest.raises(RateLimited) as raised:
        client(okta).user("00u1")
    assert raised.value.seconds == 60


def headers(okta, *, limit, remaining, seconds=60):
    _, _, found = rate_limited(seconds, limit=limit)
    okta.headers = found | {"X-Rate-Limit-Remaining": str(remaining)}


def test_half_of_each_limit_is_left_to_others_until_okta_counts_anew(okta, clock):
    api = client(okta)
    headers(okta, limit=100, remaining=51)
    api.user("00u1")
    headers(okta, limit=100, remaining=50)
    api.user("00u1")
    with pytest.raises(RateLimited, match="share"):
        api.user("00u1")
    assert len(okta.calls) == 2
    api.update_profile("00u1", {ATTRIBUTE: True})  # another kind of call has a limit of its own
    clock.advance(62)
    api.user("00u1")
    assert len(okta.calls) == 4


def test_a_clock_that_is_set_back_makes_no_limit_last_for_longer(okta, clock):
    api = client(okta)
    headers(okta, limit=100, remaining=0)
    api.user("00u1")
    clock.advance(-86_400)
    assert api.user("00u1").id == "00u1"


def test_a_patient_client_waits_as_long_as_its_patience_goes(okta, clock):
    okta.instead = [rate_limited(20), rate_limited(20)]
    assert client(okta, patience=60).user("00u1").id == "00u1"
    assert len(clock.waits) == 2
    okta.instead = [rate_limited(20), rate_limited(50)]
    with pytest.raises(RateLimited):
        client(okta, patience=60).user("00u1")


def test_nothing_that_is_logged_or_shown_holds_the_token(okta, caplog):
    okta.down = True
    api = client(okta)
    with caplog.at_level(logging.DEBUG), pytest.raises(OktaUnavailable) as raised:
        api.user("00u1")
    assert TOKEN not in caplog.text + repr(api) + str(raised.value)


def test_an_address_inside_the_network_is_not_called(okta):
    outbound = GuardedOutbound()
    api = OktaApi("https://127.0.0.1:1", ApiToken(TOKEN), outbound, RateLimits())
    with pytest.raises(OktaRefused, match="cannot be called"):
        api.user("00u1")


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "x" * 5000, "tökén"])
def test_what_cannot_stand_in_a_header_is_no_token(token):
    with pytest.raises(BadCredential):
        ApiToken(token)
