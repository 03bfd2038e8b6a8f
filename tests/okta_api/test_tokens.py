"""A service app's access token: made with a key, kept while it is good, replaced once when it is not."""

import json

import pytest
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

from portal.http import GuardedOutbound
from portal.okta_api.client import OktaApi
from portal.okta_api.errors import BadCredential, NotPermitted, OktaUnavailable, RateLimited
from portal.okta_api.limits import RateLimits
from portal.okta_api.tokens import ServiceApp, private_jwk
from tests.support.at_once import at_once
from tests.support.small_okta import small_okta

SCOPES = ["okta.users.read", "okta.users.manage"]
RSA = RSAKey.generate_key(2048, parameters={"kid": "of the tests"})
EC = ECKey.generate_key("P-256", parameters={"kid": "elliptic"})


@pytest.fixture
def okta():
    with small_okta() as organisation:
        organisation.person("00u1")
        organisation.app_keys = KeySet([RSA, EC])
        organisation.granted = set(SCOPES)
        yield organisation


def app(okta, key=RSA, scopes=SCOPES):
    outbound = GuardedOutbound(allow_loopback=True, retries=0)
    credential = ServiceApp(okta.origin, "0oa1", json.dumps(key.as_dict(private=True)), scopes, outbound)
    return OktaApi(okta.origin, credential, outbound, RateLimits())


@pytest.mark.parametrize("key", [RSA, EC], ids=["RSA", "EC"])
def test_a_token_is_asked_for_with_a_signed_assertion_and_kept(okta, key):
    api = app(okta, key)
    api.user("00u1")
    api.user("00u1")
    assert len(okta.token_requests) == 1
    request = okta.token_requests[0]
    assert request["grant_type"] == "client_credentials"
    assert request["scope"].split() == SCOPES
    assert "client_id" not in request
    assert okta.authorizations == ["Bearer access-1"] * 2


def test_a_token_is_replaced_shortly_before_it_expires(okta, clock):
    api = app(okta)
    api.user("00u1")
    clock.advance(3600 - 61)
    api.user("00u1")
    assert len(okta.token_requests) == 1
    clock.advance(2)
    api.user("00u1")
    assert len(okta.token_requests) == 2


def test_a_token_that_okta_forgot_is_replaced_once(okta):
    api = app(okta)
    api.user("00u1")
    okta.tokens.clear()
    assert api.user("00u1").id == "00u1"
    assert len(okta.token_requests) == 2


def test_a_second_401_is_the_end_of_it(okta):
    api = app(okta)
    unauthorized = (401, {"errorCode": "E0000011"}, {})
    api.user("00u1")
    okta.instead = [unauthorized]
    okta.tokens.clear()
    okta.granted = set()
    with pytest.raises(NotPermitted, match="Okta API Scopes"):
        api.user("00u1")


def test_threads_that_need_a_token_at_once_ask_for_one(okta):
    api = app(okta)
    at_once(6, lambda _: api.user("00u1"))
    assert len(okta.token_requests) == 1


def test_an_okta_that_gives_no_tokens_is_left_alone_as_one_that_does_not_answer(okta):
    api = app(okta)
    okta.down = True
    for _ in range(8):
        with pytest.raises(OktaUnavailable):
            api.user("00u1")
    assert len(okta.calls) == 5, "nobody waits for it any more"


@pytest.mark.parametrize("lifetime", [10**15, 2**62])
def test_a_token_is_kept_for_a_day_whatever_its_lifetime(okta, clock, lifetime):
    okta.token_lifetime = lifetime
    api = app(okta)
    api.user("00u1")
    clock.advance(86_401)
    api.user("00u1")
    assert len(okta.token_requests) == 2


def test_a_scope_that_is_missing_is_said_by_the_api_too(okta):
    with pytest.raises(NotPermitted, match="scopes"):
        app(okta, scopes=["okta.users.read"]).update_profile("00u1", {"byndidRegistered": True})


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ((401, {"error": "invalid_client"}, {}), BadCredential, "public half"),
        ((400, {"error": "invalid_dpop_proof"}, {}), BadCredential, "Proof of Possession"),
        ((200, {"access_token": "t", "token_type": "DPoP", "expires_in": 60}, {}), BadCredential, "DPoP"),
        ((400, {"error": "invalid_scope"}, {}), NotPermitted, "okta.users.read"),
        ((429, {}, {}), RateLimited, "limit"),
        ((500, {}, {}), OktaUnavailable, "500"),
        ((200, {"access_token": "two words", "expires_in": 60}, {}), OktaUnavailable, "usable"),
        ((200, {"access_token": "t", "expires_in": "soon"}, {}), OktaUnavailable, "usable"),
        ((200, [], {}), OktaUnavailable, "JSON object"),
        ((400, {"error": "invalid_request"}, {}), BadCredential, "invalid_request"),
        ((400, "no", {}), OktaUnavailable, "400"),
        ((403, "<html>", {}), OktaUnavailable, "proxy"),
    ],
)
def test_every_way_not_to_get_a_token_is_a_sentence(okta, answer, kind, words):
    okta.instead = [answer]
    with pytest.raises(kind) as raised:
        app(okta).user("00u1")
    assert words in raised.value.sentence


@pytest.mark.parametrize("key", [RSA, EC], ids=["RSA", "EC"])
def test_a_key_is_read_from_pem_and_from_a_jwk_with_its_kid(key):
    assert json.loads(private_jwk(key.as_pem(private=True).decode()))["kty"] == key.as_dict()["kty"]
    found = json.loads(private_jwk(json.dumps(key.as_dict(private=True))))
    assert found["kid"] == key.kid
    assert "d" in found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "{",
        "[" * 5000,
        "-----BEGIN PRIVATE KEY-----\nno\n-----END PRIVATE KEY-----",
        json.dumps(OctKey.generate_key(256).as_dict(private=True)),
        json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=True)),
        json.dumps(RSA.as_dict(private=False)),
        RSA.as_pem(private=False).decode(),
        '{"kty": "RSA", "n": 5, "e": null}',
        '{"kty": ["RSA"]}',
    ],
    # Keys are new in each process; the names of tests must not be.
    ids=[
        "nothing", "no members", "half an object", "deep", "broken PEM", "symmetric", "Ed25519", "public JWK",
        "public PEM", "odd members", "odd type",
    ],
)  # fmt: skip
def test_what_is_no_key_that_okta_takes_is_refused_with_a_sentence(text):
    with pytest.raises(BadCredential) as raised:
        private_jwk(text)
    assert "key" in raised.value.sentence
