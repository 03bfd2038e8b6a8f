"""``flask verification``."""

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import select

from portal import credentials
from portal.extensions import db, vault
from portal.models import AuditEvent, VerificationConfiguration
from portal.verifications import registry
from tests.cli.commands import UUID, add_client, add_verification, document, done, refused, run
from tests.support import factories
from tests.support.sandbox_server import SandboxServer


@pytest.mark.parametrize("spelling", [UUID, UUID.upper(), UUID.replace("-", ""), f" {UUID} "])
def test_a_uuid_is_taken_in_every_spelling(runner: FlaskCliRunner, spelling: str) -> None:
    assert add_verification(runner, uuid=spelling)["id"] == UUID
    assert document(runner, "verification", "show", spelling)["id"] == UUID


@pytest.mark.parametrize("text", ["", "nonsense", UUID[:-1], UUID + "0", UUID.replace("0", "g"), "\0"])
def test_what_is_no_uuid_is_refused(runner: FlaskCliRunner, text: str) -> None:
    assert "UUID" in refused(runner, "verification", "show", text)


def test_without_a_region_it_is_europe_and_the_face_is_always_required(runner: FlaskCliRunner) -> None:
    made = add_verification(runner)
    assert (made["region"], made["require"], made["match"], made["sign_locally"]) == (
        "eu", ["face"], "unique", False,
    )  # fmt: skip
    assert made["api_url"] == "https://verifeye-service-api-eu.realeyes.ai"
    assert made["return_url"] == "https://portal.test/v1/openid/verify-result"


def test_everything_that_can_be_said_is_kept(runner: FlaskCliRunner) -> None:
    add_verification(
        runner, "--region", "us", "--match", "match", "--require", "liveness", "--require", "age",
        "--sign-locally",
    )  # fmt: skip
    shown = document(runner, "verification", "show", UUID)
    assert (shown["region"], shown["match"], shown["require"], shown["sign_locally"]) == (
        "us", "match", ["age", "face", "liveness"], True,
    )  # fmt: skip
    assert document(runner, "verification", "list") == [shown]


def test_addresses_of_ones_own_are_tidied_and_come_in_pairs(runner: FlaskCliRunner) -> None:
    key = ("--api-key-file", "-")
    add = ("verification", "add", UUID)
    pair = ("--service-url", "https://face.acme.example/", "--api-url", "https://api.acme.example/v1/")
    assert "together" in refused(runner, *add, *key, *pair[:2], given="a-key")
    assert "not both" in refused(runner, *add, *key, *pair, "--region", "us", given="a-key")
    assert "https" in refused(
        runner, *add, *key, "--service-url", "ftp://a", "--api-url", "https://b", given="a-key"
    )
    made = document(runner, *add, *key, *pair, given="a-key")
    assert (made["region"], made["service_url"], made["api_url"]) == (
        "custom", "https://face.acme.example", "https://api.acme.example",
    )  # fmt: skip


def test_a_second_one_under_the_same_uuid_is_refused(runner: FlaskCliRunner) -> None:
    add_verification(runner)
    sentence = refused(runner, "verification", "add", UUID, "--api-key-file", "-", given="another-key")
    assert "already" in sentence


def test_the_api_key_is_never_shown(runner: FlaskCliRunner) -> None:
    add_verification(runner)
    for arguments in (("show", UUID), ("show", UUID, "--json"), ("list",), ("list", "--json")):
        assert "an-api-key-for-tests" not in run(runner, "verification", *arguments).output


def test_removing_asks_first_and_a_removed_one_can_come_back(runner: FlaskCliRunner) -> None:
    add_verification(runner)
    declined = run(runner, "verification", "remove", UUID, given="n\n")
    assert declined.exit_code == 1
    assert document(runner, "verification", "list") != []
    done(runner, "verification", "remove", UUID, "--yes")
    assert "no verification configuration" in refused(runner, "verification", "show", UUID)
    assert done(runner, "verification", "list").startswith("There is no")
    add_verification(runner)


def test_one_that_a_client_uses_stays_until_the_client_is_disabled(runner: FlaskCliRunner) -> None:
    add_verification(runner)
    add_client(runner)
    assert UUID in refused(runner, "verification", "remove", UUID, "--yes")
    done(runner, "client", "disable", UUID)
    done(runner, "verification", "remove", UUID, "--yes")


def test_a_key_is_replaced_under_clients_that_use_it_once_verifeye_takes_it(
    app: Flask, runner: FlaskCliRunner, sandbox_server: SandboxServer
) -> None:
    with app.app_context():
        row = factories.verification_configuration(sandbox=sandbox_server)
        factories.oidc_client(row)
        uuid = row.id

    def held() -> str:
        with app.app_context():
            return vault().unseal(db.session.get_one(VerificationConfiguration, uuid).api_key_sealed)

    # The sandbox is shared, and what it asks of a key is that it knows it.
    successor = f"successor-{credentials.random_hex(64)}"
    replace = ("verification", "key", uuid, "--api-key-file", "-")
    assert "does not take" in refused(runner, *replace, given=successor)
    assert "visible ASCII" in refused(runner, *replace, "--unchecked", given="two words")
    assert held() == factories.API_KEY

    with app.app_context():
        sandbox_server.add_configuration(uuid, successor, factories.result_url())
    said = done(runner, *replace, given=f"{successor}\n")
    assert "was replaced" in said
    assert successor not in said
    assert held() == successor
    with app.app_context():
        assert registry.client_for(registry.find(uuid)).check_key()
        written = db.session.scalars(
            select(AuditEvent).where(AuditEvent.event == "cli:verification:key-replaced")
        ).all()
        assert [event.fields for event in written] == [{"verification": uuid, "checked": True}]

    with app.app_context():
        registry.remove(registry.find(uuid))
        db.session.commit()
    assert "no verification configuration" in refused(runner, *replace, "--unchecked", given="a-third")
