from uuid import UUID

import html5lib
import pytest

from portal.sandbox.people import FACES
from portal.sandbox.scenarios import GROUPS, Scenario
from portal.verifeye import signing
from tests.sandbox.conftest import API_KEY, RESULT_URL, returned


def text(page):
    return page.data.decode()


def test_the_page_offers_every_face_and_every_outcome_without_a_script(host):
    page = host()
    shown = text(page.get(page.link()))
    for face in FACES:
        assert f'name="face" value="{face}"' in shown
    for scenario in Scenario:
        assert f'value="{scenario.value}"' in shown
    assert {choice.scenario for group in GROUPS for choice in group.choices} == set(Scenario)


@pytest.mark.parametrize("path", ["link", "bare", "unknown", "index"])
def test_every_page_is_valid_html_and_says_loudly_that_it_verifies_nobody(host, path):
    page = host()
    url = {
        "link": page.link(),
        "bare": page.url,
        "unknown": f"{page.sandbox.origin}/verification/nothing",
        "index": f"{page.sandbox.origin}/sandbox/",
    }[path]
    answer = page.get(url)
    shown = text(answer)
    html5lib.HTMLParser(strict=True).parse(shown)
    assert "this page verifies nobody" in shown
    assert shown.count("<h1") == 1
    assert "<style" not in shown
    assert " style=" not in shown
    assert "onclick" not in shown
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_no_key_is_ever_shown(host):
    page = host()
    assert API_KEY not in text(page.get(f"{page.sandbox.origin}/sandbox/")) + text(page.get(page.link()))


def test_a_link_opens_with_or_without_dashes_in_the_configurations_id(host):
    page = host()
    dashed = str(UUID(page.configuration_id))
    assert page.get(page.link().replace(page.configuration_id, dashed)).status == 200


def test_an_unknown_configuration_is_not_found(host):
    page = host()
    for other in ("0" * 32, "x", "..%2f", "%00", "a" * 5000):
        assert page.get(page.link().replace(page.configuration_id, other)).status == 404


def test_a_missing_or_wrong_signature_is_refused(host):
    page = host()
    link = page.link()
    for bad in (page.url, link[:-1], link[:-1] + "!", link.replace("state=", "state=0"), link + "&x=1"):
        assert page.get(bad).status == 400


def test_only_a_configuration_that_says_so_takes_an_unsigned_link(host):
    page = host(force_signed_input=False)
    assert page.get(f"{page.url}?reExternalId={'1' * 32}").status == 200
    assert page.get(f"{page.url}?reExternalId={'1' * 32}&reSignature=wrong").status == 400


def test_an_expired_link_is_gone(host, clock):
    page = host()
    link = page.link(lifetime=60)
    assert page.get(link).status == 200
    clock.advance(60)
    assert page.get(link).status == 410


def test_a_used_link_is_gone(host):
    page = host()
    link = page.link()
    assert page.choose(page.get(link)).status == 303
    assert page.get(link).status == 410


def test_by_default_opening_a_link_does_not_use_it(host):
    page = host()
    link = page.link()
    assert page.get(link).status == page.get(link).status == 200


def test_a_configuration_can_use_links_up_when_they_are_opened(host):
    page = host(burn="open")
    link = page.link()
    opened = page.get(link)
    assert page.get(link).status == 410
    assert page.choose(opened).status == 303


def test_two_sessions_of_one_link_end_once(host):
    page = host()
    link = page.link()
    first, second = page.get(link), page.get(link)
    assert page.choose(first).status == 303
    assert page.choose(second).status == 410


def test_a_session_ends_once(host):
    page = host()
    opened = page.get(page.link())
    assert page.choose(opened).status == 303
    assert page.choose(opened).status == 410


def test_a_session_does_not_wait_for_ever(host, clock):
    page = host()
    opened = page.get(page.link(lifetime=7200))
    clock.advance(1801)
    assert page.choose(opened).status == 410


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({"reExpiration": "-"}, 400),
        ({"reExpiration": "soon"}, 400),
        ({"reExpiration": "9" * 50}, 400),
        ({"reExpiration": "1"}, 410),
        ({"reExternalId": ""}, 400),
    ],
)
def test_a_link_against_the_rules_is_refused_although_signed(host, parameters, status):
    page = host()
    assert page.get(page.link(**parameters)).status == status


def test_a_reserved_parameter_twice_is_refused_although_signed(host):
    page = host()
    query = f"reExternalId=1&REEXTERNALID=2&state={'0' * 32}"
    assert page.get(f"{page.url}?{query}&reSignature={signing.sign(query, API_KEY)}").status == 400


@pytest.mark.parametrize("query", [b"%", b"%ff=%00", b"\xff=1", b"a" * 9000, b"&&&", b"=", b"state"])
def test_no_query_is_too_odd_to_be_answered(host, query):
    page = host()
    assert page.get(page.url + "?" + query.decode("latin-1")).status == 400


@pytest.mark.parametrize(
    "fields",
    [
        {"face": "nobody"},
        {"outcome": "nothing"},
        {"leave": "nowhere"},
        {"face": "\x00"},
        {"face": "ü" * 500},
        {"outcome": ""},
    ],
)
def test_a_choice_that_does_not_exist_is_refused(host, fields):
    page = host()
    assert page.choose(page.get(page.link()), **fields).status == 400


@pytest.mark.parametrize("session", ["", "x", "0" * 32, "\x00", "é"])
def test_a_session_nobody_opened_is_over(host, session):
    page = host()
    answer = page.request("POST", page.url, fields={"session": session}, encode_multipart=False)
    assert answer.status == 410


def test_a_session_of_another_configuration_is_over(host):
    page, other = host(), host()
    opened = page.get(page.link())
    page.configuration_id = other.configuration_id
    assert page.choose(opened).status == 410


def test_cancel_is_a_button_of_its_own(host):
    page = host(failed_url="https://portal.example/failed")
    answer = page.choose(page.get(page.link()), outcome="pass", leave="cancel")
    assert answer.headers["Location"].startswith("https://portal.example/failed?")
    assert returned(answer)["reFailedReason"] == "sandbox_cancelled"


def test_a_target_with_its_own_query_keeps_it(host):
    page = host(passed_url=f"{RESULT_URL}?own=1")
    assert page.end().headers["Location"].startswith(f"{RESULT_URL}?own=1&state=")
