import pytest

from portal.verifeye import signing
from tests.sandbox.conftest import API_KEY


@pytest.fixture
def page(host):
    return host()


def create(page, query="k1=v1&k2=v2", **document):
    return page.api("POST", "signature/create", json={"queryString": query, **document})


def test_everything_is_added_in_the_documented_order(page, clock):
    settings = {"enableNonce": True, "expirationEnabled": True, "expirationInSeconds": 900}
    answer = create(page, securitySettings=settings).json()
    assert answer["expiration"] == int(clock.now().timestamp()) + 900
    assert answer["signedQueryString"] == (
        f"k1=v1&k2=v2&reExpiration={answer['expiration']}&reNonce={answer['nonce']}&reSignature={answer['signature']}"
    )
    assert signing.verify(answer["signedQueryString"], API_KEY)


def test_without_settings_a_link_lives_a_day(page, clock):
    answer = create(page).json()
    assert answer["expiration"] == int(clock.now().timestamp()) + 86_400
    assert "nonce" not in answer


def test_expiration_can_be_given_up(page):
    answer = create(page, securitySettings={"expirationEnabled": False}).json()
    assert answer["signedQueryString"] == f"k1=v1&k2=v2&reSignature={answer['signature']}"


@pytest.mark.parametrize(
    "settings",
    [
        {"enableNonce": True, "expirationEnabled": False},
        {"expirationInSeconds": 59},
        {"expirationInSeconds": 604_801},
        {"expirationInSeconds": 10**400},
        {"expirationInSeconds": "900"},
        {"expirationInSeconds": 90.5},
        {"expirationInSeconds": True},
        {"enableNonce": "true"},
        {"expirationEnabled": 1},
        [],
        "x",
    ],
)
def test_settings_against_the_rules_are_refused(page, settings):
    assert create(page, securitySettings=settings).status == 400


@pytest.mark.parametrize("query", ["", "?", None, 7, [], "a=1&reSignature=x", "a=1&RENONCE=x", "x" * 9000])
def test_a_query_that_cannot_be_signed_is_refused(page, query):
    assert create(page, query).status == 400


def test_a_leading_question_mark_is_accepted(page):
    signed = create(page, "?a=1").json()["signedQueryString"]
    assert signed.startswith("a=1&")
    assert page.api("POST", "signature/validate", json={"queryString": "?" + signed}).json() == {
        "result": "Valid"
    }


def test_validation_looks_at_the_signature_only(page, clock):
    signed = create(page, securitySettings={"expirationInSeconds": 60}).json()["signedQueryString"]
    clock.advance(3600)
    for _ in range(2):
        assert page.api("POST", "signature/validate", json={"queryString": signed}).json() == {
            "result": "Valid"
        }
    changed = signed.replace("k1=v1", "k1=v2")
    assert page.api("POST", "signature/validate", json={"queryString": changed}).json() == {
        "result": "Invalid"
    }


@pytest.mark.parametrize("path", ["signature/create", "signature/validate"])
@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("", 401),
        ("ApiKey", 401),
        ("ApiKey wrong", 401),
        ("Basic eA==", 403),
        ("Bearer x", 403),
        ("ApiKey k\u00e9y", 401),
    ],
)
def test_only_a_known_key_may_ask(page, path, authorization, status):
    headers = {"Authorization": authorization.encode("latin-1")}
    assert page.api("POST", path, json={"queryString": "a=1"}, headers=headers).status == status


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b'"x"', b"{", b"\xff", b"[" * 60_000, b'{"queryString": "\\ud800"}', b"x" * 70_000],
)
def test_a_body_that_cannot_be_read_is_refused(page, body):
    assert page.api("POST", "signature/create", body=body).status in {400, 413}


def test_a_wrong_method_or_path_is_answered_in_json(page):
    assert page.api("GET", "signature/create").status == 405
    missing = page.api("GET", "nothing/here")
    assert missing.status == 404
    assert missing.json() == {"error": "Not Found"}
