"""Discovery (OpenID Connect Discovery 3, RFC 8414): what it says is what is enforced."""

from typing import Any

from flask.testing import FlaskClient

from tests.oidc.test_authorization_errors import AUTHORIZE, error_at_client, good
from tests.support.scenes import Scene

CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def document(client: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/.well-known/openid-configuration").json
    return found


def test_both_addresses_serve_one_document_as_the_conformance_suite_wants_it(
    scene: Scene, client: FlaskClient
) -> None:
    answer = client.get("/.well-known/openid-configuration")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.data == client.get("/.well-known/oauth-authorization-server").data
    told = document(client)
    assert told["issuer"] == "https://portal.test"
    for name, value in told.items():
        if name.endswith("_endpoint") or name == "jwks_uri":
            assert value.startswith("https://portal.test/"), name
        if name.endswith("_supported") and name not in _SWITCHES:
            assert isinstance(value, list), name
            assert value, name
    assert "code" in told["response_types_supported"]
    assert told["subject_types_supported"] == ["public"]
    assert "RS256" in told["id_token_signing_alg_values_supported"]
    assert "openid" in told["scopes_supported"]
    assert "none" not in str(told["request_object_signing_alg_values_supported"])
    assert "plain" not in told["code_challenge_methods_supported"]
    assert told["authorization_response_iss_parameter_supported"] is True


_SWITCHES = {
    "claims_parameter_supported",
    "request_parameter_supported",
    "request_uri_parameter_supported",
    "authorization_response_iss_parameter_supported",
    "verified_claims_supported",
}


def test_every_endpoint_that_is_told_answers(scene: Scene, client: FlaskClient) -> None:
    for name, value in document(client).items():
        if name.endswith("_endpoint") or name == "jwks_uri":
            path = value.removeprefix("https://portal.test")
            assert client.get(path).status_code not in (404, 500), name
            assert client.post(path).status_code not in (404, 500), name


def test_what_is_told_is_taken_and_nothing_else_is(scene: Scene, client: FlaskClient) -> None:
    told = document(client)

    def taken(**changes: str) -> bool:
        answer = client.get(AUTHORIZE, query_string=good(scene, **changes))
        return bool(answer.headers.get("Location", "").startswith("/v1/openid/"))

    for mode in ("query", "form_post", "fragment", "jwt", "web_message"):
        assert taken(response_mode=mode) == (mode in told["response_modes_supported"]), mode
    for kind in ("code", "token", "id_token", "code token", "none"):
        assert taken(response_type=kind) == (kind in told["response_types_supported"]), kind
    for method in ("S256", "plain", "S512"):
        asked = {"code_challenge": CHALLENGE, "code_challenge_method": method}
        assert taken(**asked) == (method in told["code_challenge_methods_supported"]), method
    for prompt in ("login", "consent", "select_account", "create"):
        assert taken(prompt=prompt) == (prompt in told["prompt_values_supported"]), prompt
    none = error_at_client(client.get(AUTHORIZE, query_string=good(scene, prompt="none")))
    assert none["error"] == "interaction_required"
    for grant in ("authorization_code", "refresh_token", "password"):
        answer = client.post("/v1/openid/token", data={"grant_type": grant})
        offered = answer.json["error"] != "unsupported_grant_type"
        assert offered == (grant in told["grant_types_supported"]), grant


def test_every_claim_that_a_token_holds_is_told(scene: Scene, client: FlaskClient) -> None:
    assert scene.sign_in().claims.keys() <= set(document(client)["claims_supported"])
