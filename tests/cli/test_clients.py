"""``flask client``."""

import json
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from joserfc.jwk import ECKey

from portal import credentials
from portal.extensions import vault
from portal.oidc import registration
from tests.cli.commands import CALLBACK, UUID, add_client, add_verification, document, done, refused, run
from tests.support.moving_clock import MovingClock

ADD = ("client", "add", "Acme", "--verification", UUID, "--redirect-uri", CALLBACK, "--profile")


@pytest.fixture(autouse=True)
def _configuration(runner: FlaskCliRunner) -> None:
    add_verification(runner)


def test_the_client_id_is_the_uuid_and_the_secret_is_printed_once(app: Flask, runner: FlaskCliRunner) -> None:
    made = add_client(runner)
    assert made["client_id"] == UUID
    assert made["client_secret"].startswith("vps_")
    assert "client_secret" not in document(runner, "client", "show", UUID)
    assert made["client_secret"] not in run(runner, "client", "show", UUID).output
    with app.app_context():
        client = registration.find(UUID)
        assert client is not None
        assert client.secrets[0].digest == credentials.digest(made["client_secret"])
        assert client.secrets[0].sealed is not None, "Okta signs its requests under the secret by default"


def test_without_request_objects_the_secret_is_kept_as_a_digest_only(
    app: Flask, runner: FlaskCliRunner
) -> None:
    add_client(runner, "--no-request-objects")
    with app.app_context():
        client = registration.find(UUID)
        assert client is not None
        assert client.request_object_algs == []
        assert client.secrets[0].sealed is None


def test_a_secret_too_short_for_a_hash_keys_no_request_objects_with_it(
    app: Flask, runner: FlaskCliRunner, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("0123456789-0123456789-0123456789-0123")
    add_client(runner, "--client-secret-file", str(secret))
    with app.app_context():
        client = registration.find(UUID)
        assert client is not None
        assert client.request_object_algs == ["HS256"]


def test_the_table_holds_what_an_okta_administrator_copies(runner: FlaskCliRunner) -> None:
    printed = done(runner, *ADD, "okta-sso")
    for needed in (
        "https://portal.test/v1/openid/authorize",
        "https://portal.test/v1/openid/token",
        "https://portal.test/v1/openid/jwks",
        UUID,
        "vps_",
        CALLBACK,
    ):
        assert needed in printed


def test_the_addresses_it_prints_are_served(app: Flask, runner: FlaskCliRunner) -> None:
    made = add_client(runner)
    served = {rule.rule for rule in app.url_map.iter_rules()}
    issuer = made["provider"].pop("issuer")
    assert {address.removeprefix(issuer) for address in made["provider"].values()} <= served


def test_a_secret_of_ones_own_is_taken_and_not_printed(app: Flask, runner: FlaskCliRunner) -> None:
    made = document(runner, *ADD, "okta-factor", "--client-secret-file", "-", given="the-secret-of-acme-1\n")
    assert made["client_secret"] is None
    with app.app_context():
        client = registration.find(UUID)
        assert client is not None
        assert client.secrets[0].digest == credentials.digest("the-secret-of-acme-1")


def test_a_secret_that_keys_request_objects_is_kept_sealed_as_well(
    app: Flask, runner: FlaskCliRunner
) -> None:
    made = add_client(runner, "--request-object-alg", "HS256", "--request-object-alg", "HS384")
    assert made["request_object_algs"] == ["HS256", "HS384"]
    with app.app_context():
        client = registration.find(UUID)
        assert client is not None
        assert vault().unseal(client.secrets[0].sealed or "") == made["client_secret"]


def test_the_second_client_of_a_verification_needs_an_id_of_its_own(runner: FlaskCliRunner) -> None:
    add_client(runner)
    assert "--client-id" in refused(runner, *ADD, "oidc")
    assert add_client(runner, "--client-id", "acme-portal", profile="oidc")["require_pkce"] is True
    assert [item["client_id"] for item in document(runner, "client", "list")] == [UUID, "acme-portal"]


def test_an_unknown_verification_is_refused(runner: FlaskCliRunner) -> None:
    arguments = ["client", "add", "Acme", "--verification", UUID.replace("0", "1"), "--profile", "oidc"]
    assert "no verification configuration" in refused(runner, *arguments, "--redirect-uri", CALLBACK)


def test_a_word_that_is_no_choice_is_a_usage_error(runner: FlaskCliRunner) -> None:
    result = run(runner, *ADD, "no-such-profile")
    assert result.exit_code == 2
    assert "okta-factor" in result.stderr


def test_public_keys_come_from_a_file(runner: FlaskCliRunner, tmp_path: Path) -> None:
    key = ECKey.generate_key("P-256", private=True)
    keys = tmp_path / "jwks.json"
    algorithm = ("--request-object-alg", "ES256")
    assert "public keys" in refused(runner, *ADD, "oidc", *algorithm)
    keys.write_text("not json")
    assert "not valid JSON" in refused(runner, *ADD, "oidc", *algorithm, "--jwks-file", str(keys))
    keys.write_text(json.dumps({"keys": [key.as_dict(private=True)]}))
    assert "private" in refused(runner, *ADD, "oidc", *algorithm, "--jwks-file", str(keys))
    keys.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    made = document(runner, *ADD, "oidc", *algorithm, "--jwks-file", str(keys))
    assert made["jwks"]["keys"][0]["kty"] == "EC"


def test_standard_input_cannot_be_two_things(runner: FlaskCliRunner) -> None:
    sentence = refused(runner, *ADD, "oidc", "--client-secret-file", "-", "--jwks-file", "-", given="x")
    assert "not both" in sentence


def test_a_client_is_disabled_and_enabled_again(runner: FlaskCliRunner) -> None:
    add_client(runner)
    assert "disabled" in done(runner, "client", "disable", UUID.upper())
    assert "already" in done(runner, "client", "disable", UUID)
    assert document(runner, "client", "show", UUID)["disabled_at"] is not None
    done(runner, "client", "enable", UUID)
    assert document(runner, "client", "show", UUID)["disabled_at"] is None
    assert "no client" in refused(runner, "client", "disable", "somebody")


def test_both_secrets_are_good_during_the_overlap(
    app: Flask, runner: FlaskCliRunner, clock: MovingClock
) -> None:
    add_client(runner)
    second = document(runner, "client", "rotate-secret", UUID, "--overlap", "60")
    assert len(second["secrets"]) == 2
    clock.advance(30)
    document(runner, "client", "rotate-secret", UUID, "--overlap", "3600")
    with app.app_context():
        client = registration.find(UUID)
        assert client is not None
        ends = sorted(secret.expires_at for secret in client.secrets if secret.expires_at)
        # The first rotation's end was not moved by the second.
        assert (ends[0] - clock.now()).total_seconds() == 30
    clock.advance(61)
    assert len(document(runner, "client", "rotate-secret", UUID, "--overlap", "0")["secrets"]) == 1


def test_a_weak_new_secret_changes_nothing(runner: FlaskCliRunner) -> None:
    add_client(runner)
    arguments = ("client", "rotate-secret", UUID, "--client-secret-file", "-")
    assert "16" in refused(runner, *arguments, given="short")
    assert len(document(runner, "client", "show", UUID)["secrets"]) == 1


def test_an_identity_verification_client_is_told_what_okta_asks_a_vendor_for(runner: FlaskCliRunner) -> None:
    arguments = ("client", "add", "Acme", "--verification", UUID, "--redirect-uri", CALLBACK)
    said = done(runner, *arguments, "--profile", "okta-idv", "--client-id", "idv")
    for path in ("/oauth2/par", "/oauth2/idv-authorize", "/v1/openid/jwks", "/terms", "/privacy"):
        assert f"{path}\n" in said
    assert "/v1/openid/authorize" not in said
    factor = done(runner, *arguments, "--profile", "okta-factor")
    assert "/oauth2/par" not in factor
    assert "/v1/openid/userinfo" in factor
