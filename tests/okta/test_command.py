"""``flask okta simulate``."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask.testing import FlaskCliRunner

from tests.okta.scenes import Scene, scene
from tests.support.browsers import LivePortal

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

IDV = ("idv", "--login-hint", "00u1", "--given-name", "Amara", "--family-name", "Okafor")


def run(portal: LivePortal, at: Scene, *words: str) -> Result:
    command = [
        "okta",
        "simulate",
        *words,
        "--client-id",
        at.connection.client_id,
        "--client-secret-file",
        "-",
    ]
    return portal.app.test_cli_runner().invoke(args=command, input=f"{at.connection.client_secret}\n")


def refused(runner: FlaskCliRunner, *words: str) -> str:
    result = runner.invoke(args=["okta", "simulate", *words, "--client-secret-file", "-"], input="secret\n")
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_a_factor_is_walked_and_told(live_portal: LivePortal) -> None:
    at = scene(live_portal, "okta-factor", request_algs=["HS256"])

    result = run(live_portal, at, "factor", "--walk", "--login", at.login, "--signed", "--pkce", "--userinfo")

    assert result.exit_code == 0, result.output
    assert "Okta would let the person through." in result.stdout
    assert "user.authentication.auth_via_social" in result.stdout
    assert f"preferred_username is the Okta login {at.login}." in result.stdout
    assert at.connection.client_secret not in result.output


def test_json_has_everything_and_the_exit_code_is_okta_s_answer(live_portal: LivePortal) -> None:
    at = scene(live_portal, "okta-factor")

    result = run(
        live_portal, at, "factor", "--walk", "--login", at.login, "--outcome", "face_fails", "--json"
    )
    document: dict[str, Any] = json.loads(result.stdout)

    assert result.exit_code == 1
    assert document.keys() == {
        "mode", "accepted", "conformant", "outcome", "checks", "id_token", "userinfo", "hops",
    }  # fmt: skip
    assert document["outcome"]["result"] == "FAILURE"
    assert document["id_token"] is None


def test_an_identity_verification_that_is_refused_at_the_start_is_told(live_portal: LivePortal) -> None:
    at = scene(live_portal, "okta-factor")

    result = run(live_portal, at, *IDV, "--walk", "--no-pkce", "--flow", "enrol")

    assert result.exit_code == 1
    assert "DENY MISSING_CODE_CHALLENGE" in result.stdout
    assert "IdvFlowId" in result.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("--issuer", "https://verify.example", "--walk", "--redirect-uri", "https://x.example/c"),
            "be walked",
        ),
        (("--issuer", "http://verify.example", "--redirect-uri", "http://localhost:1/c"), "over https only"),
        (("--issuer", "ftp://verify.example"), "an address such as"),
        (("--issuer", "http://[::1"), "an address such as"),
        (("--redirect-uri", "https://acme.okta.example/callback"), "Nothing can listen"),
        (("--redirect-uri", "http://localhost:8477/c", "--face", "amara"), "are for --walk"),
        ((), "Say with --redirect-uri"),
        (("--redirect-uri", "http://localhost:8477/c", "--claim", "birthdate"), "name=value"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(
    runner: FlaskCliRunner, words: tuple[str, ...], sentence: str
) -> None:
    assert sentence in refused(runner, *IDV, "--client-id", "okta", *words)


def test_the_secret_comes_from_a_file(live_portal: LivePortal, tmp_path: Path) -> None:
    at = scene(live_portal, "okta-factor")
    file = tmp_path / "secret"
    file.write_text("wrong\n")

    result = live_portal.app.test_cli_runner().invoke(
        args=["okta", "simulate", "factor", "--walk", "--login", at.login, "--client-id",
              at.connection.client_id, "--client-secret-file", str(file)]
    )  # fmt: skip

    assert result.exit_code == 1
    assert "invalid_client" in result.stdout


def test_every_command_has_help(runner: FlaskCliRunner) -> None:
    for words in (
        ["okta"],
        ["okta", "simulate"],
        ["okta", "simulate", "factor"],
        ["okta", "simulate", "idv"],
    ):
        told = runner.invoke(args=[*words, "--help"])
        assert told.exit_code == 0
        assert told.output
