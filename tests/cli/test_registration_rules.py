"""What a relying party may be registered with; every refusal is a sentence."""

from typing import Any

import pytest
from joserfc.jwk import OctKey, RSAKey

from portal.oidc import registration
from tests.support import factories

CALLBACK = "https://client.example/callback"
RSA = RSAKey.generate_key(2048, private=True)

pytestmark = [
    pytest.mark.usefixtures("context"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]


def register(**changes: Any) -> tuple[Any, str | None]:
    values: dict[str, Any] = {"profile": "okta-factor", "redirect_uris": [CALLBACK], "name": "Acme"} | changes
    verification = values.pop("verification_id", None) or factories.verification_configuration().id
    return registration.register(values.pop("name"), verification_id=verification, **values)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "callback",
        "/callback",
        "//client.example/callback",
        "https:///callback",
        "https:callback",
        "http://client.example/callback",
        "com.acme.app:/callback",
        "javascript:alert(1)",
        "https://client.example/#",
        "https://client.example/callback#part",
        "https://user@client.example/",
        "https://user:word@client.example/",
        "https://client.example/call back",
        "https://client.example/callback\n",
        "\thttps://client.example/callback",
        "https://client.example\\@evil.example/",
        "https://client.example/\x00",
        "https://clïent.example/",
        "https://client.example:port/",
        "https://client.example:99999/",
        "https://[::1/",
        "https://client.example/" + "a" * 2048,
    ],
)
def test_a_redirect_uri_that_could_mislead_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match=r"URI|address"):
        register(redirect_uris=[uri])


@pytest.mark.parametrize(
    "uri",
    [
        "https://client.example",
        "https://client.example:8443/callback?fixed=1&b=%20",
        "https://[2001:db8::1]/callback",
        "http://localhost:3000/callback",
        "http://127.0.0.1/callback",
        "https://acme.okta.com/oauth2/v1/authorize/callback",
    ],
)
def test_a_plain_redirect_uri_is_kept_to_the_letter(uri: str) -> None:
    assert register(redirect_uris=[uri])[0].redirect_uris == [uri]


@pytest.mark.settings(allow_http_loopback=False)
def test_plain_http_on_loopback_is_for_demo_and_test() -> None:
    with pytest.raises(ValueError, match="https"):
        register(redirect_uris=["http://localhost:3000/callback"])


def test_redirect_uris_are_given_and_each_once() -> None:
    with pytest.raises(ValueError, match="at least one"):
        register(redirect_uris=[])
    with pytest.raises(ValueError, match="twice"):
        register(redirect_uris=[CALLBACK, CALLBACK])


@pytest.mark.parametrize(
    "name", ["", "   ", "a" * 201, "line\nbreak", "bell\a", "turned\u202eround", "\ud800"]
)
def test_a_name_that_people_cannot_read_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        register(name=name)


@pytest.mark.parametrize("client_id", ["", "a" * 129, "a b", 'a"b', "a\\b", "a:b", "é", "a\nb", "\x7f"])
def test_a_client_id_that_http_basic_could_not_carry_is_refused(client_id: str) -> None:
    with pytest.raises(ValueError, match="client id"):
        register(client_id=client_id)


def test_a_client_id_is_taken_once() -> None:
    register(client_id="acme")
    with pytest.raises(registration.ClientExists, match="already"):
        register(client_id="acme")


@pytest.mark.parametrize(
    "secret", ["", "short", "a" * 40, "with space 0123456789", "é" * 20, "a1b2c3d4" * 65]
)
def test_a_weak_or_unusual_secret_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        register(secret=secret)


@pytest.mark.parametrize(("alg", "shortest"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_a_secret_that_keys_request_objects_is_as_long_as_the_hash(alg: str, shortest: int) -> None:
    letters = "0123456789abcdef" * 4
    with pytest.raises(ValueError, match=str(shortest)):
        register(secret=letters[: shortest - 1], request_algs=[alg])
    register(secret=letters[:shortest], request_algs=[alg], client_id="given")
    made = register(request_algs=[alg], client_id="made")[1]
    assert made is not None
    assert len(made) >= shortest


def test_request_algorithms_are_known_and_each_once() -> None:
    for algs in (["none"], ["HS256", "HS256"], ["hs256"]):
        with pytest.raises(ValueError, match="algorithm"):
            register(request_algs=algs)


def test_public_keys_are_needed_where_they_check_request_objects() -> None:
    with pytest.raises(ValueError, match="public keys"):
        register(request_algs=["RS256"])
    register(request_algs=["RS256"], jwks_uri="https://client.example/jwks")
    register(request_algs=["RS256"], jwks={"keys": [RSA.as_dict(private=False)]})


@pytest.mark.parametrize(
    "jwks",
    [
        {},
        {"keys": []},
        {"keys": "text"},
        {"keys": ["text"]},
        {"keys": [{}]},
        {"keys": [{"kty": "RSA"}]},
        {"keys": [{"kty": "unknown"}]},
        {"keys": [{"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA"}]},
        {"keys": [RSA.as_dict(private=True)]},
        {"keys": [RSA.as_dict(private=False), OctKey.generate_key(256).as_dict(private=True)]},
        [],
        "text",
    ],
)
def test_what_is_no_set_of_public_keys_is_refused(jwks: Any) -> None:
    with pytest.raises(ValueError, match=r"JWK Set|symmetric"):
        register(jwks=jwks)


@pytest.mark.parametrize(
    "uri", ["http://client.example/jwks", "https://u:p@client.example/", "file:///etc/passwd"]
)
def test_the_address_of_keys_follows_the_rules_of_redirect_uris(uri: str) -> None:
    with pytest.raises(ValueError, match="address"):
        register(jwks_uri=uri)
    with pytest.raises(ValueError, match="not both"):
        register(jwks_uri=uri, jwks={"keys": [RSA.as_dict(private=False)]})


@pytest.mark.parametrize(
    "wrong",
    [
        {"profile": "okta"},
        {"enrolment": "anybody"},
        {"id_token_alg": "none"},
        {"id_token_alg": "HS256"},
        {"verification_id": "00000000-0000-4000-8000-000000000000"},
    ],
)
def test_words_that_are_no_choice_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"must be one of|no verification"):
        register(**wrong)


def test_the_profile_oidc_always_requires_pkce() -> None:
    assert register(profile="oidc")[0].require_pkce is True
    assert register(profile="okta-sso")[0].require_pkce is False
    assert register(profile="okta-sso", require_pkce=True)[0].require_pkce is True


def test_the_verifeye_key_may_double_as_the_secret() -> None:
    client, made = register(secret="verifeye-key-16c")
    assert made is None
    assert client.secrets[0].sealed is None


def test_an_overlap_is_bounded() -> None:
    client, _ = register()
    for seconds in (-1, registration.LONGEST_OVERLAP + 1):
        with pytest.raises(ValueError, match="overlap"):
            registration.rotate_secret(client, overlap_seconds=seconds)


def test_looking_for_nonsense_finds_nobody() -> None:
    for text in ("", "\x00", "a" * 10_000, "\ud800"):
        assert registration.find(text) is None
