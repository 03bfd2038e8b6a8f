"""``flask doctor``: every finding says what it means and what to do."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import update

from portal import outbox
from portal.audit import chain
from portal.cli import network_checks
from portal.credentials import Vault
from portal.extensions import db
from portal.http import Answer, Outbound, OutboundUnavailable
from portal.models import AuditChain, Client
from portal.outbox import worker
from portal.verifeye.client import VerifEyeClient
from tests.cli.commands import UUID, add_client, add_verification, done
from tests.support import factories
from tests.support.databases import Database
from tests.support.moving_clock import MovingClock
from tests.support.portal_app import close, make_app
from tests.support.sandbox_server import SandboxServer

DAY = 86_400


def examine(runner: FlaskCliRunner, *more: str) -> dict[tuple[str, str], str]:
    """Return what the doctor says: by subject and state, the finding."""
    result = runner.invoke(args=["doctor", "--json", *more])
    said = json.loads(result.stdout)
    assert result.exit_code == (1 if said["problems"] else 0)
    for finding in said["findings"]:
        assert bool(finding["next_step"]) == (finding["state"] != "ok")
    return {(finding["subject"], finding["state"]): finding["what"] for finding in said["findings"]}


@pytest.fixture
def healthy(runner: FlaskCliRunner) -> None:
    add_verification(runner)
    add_client(runner)
    done(runner, "keys", "rotate")


@pytest.mark.usefixtures("healthy")
def test_a_healthy_portal_has_no_problem(runner: FlaskCliRunner) -> None:
    found = examine(runner, "--offline")
    assert {state for _, state in found} <= {"ok", "warning"}
    assert (f"client {UUID}", "ok") in found
    printed = runner.invoke(args=["doctor", "--offline"])
    assert printed.exit_code == 0
    assert "0 problems" in printed.stdout
    assert "\x1b" not in printed.stdout


def test_an_empty_portal_is_told_what_to_add(runner: FlaskCliRunner) -> None:
    found = examine(runner, "--offline")
    assert ("signing keys", "problem") in found
    assert ("verification configurations", "problem") in found
    assert ("clients", "warning") in found
    printed = runner.invoke(args=["doctor", "--offline"]).stdout
    assert "flask keys rotate --alg RS256" in printed


@pytest.mark.usefixtures("healthy")
def test_every_algorithm_that_a_client_uses_needs_a_key(runner: FlaskCliRunner) -> None:
    add_client(runner, "--client-id", "es", "--id-token-alg", "ES256")
    assert "ES256" in examine(runner, "--offline")["signing keys", "problem"]
    done(runner, "client", "disable", "es")
    assert ("signing keys", "problem") not in examine(runner, "--offline")


@pytest.mark.usefixtures("healthy")
def test_an_old_key_and_a_former_key_without_an_end_are_noticed(
    runner: FlaskCliRunner, clock: MovingClock
) -> None:
    clock.advance(200 * DAY + 60)
    assert "200 days" in examine(runner, "--offline")["signing keys", "warning"]
    done(runner, "keys", "rotate")
    clock.advance(60)
    assert "former" in examine(runner, "--offline")["signing keys", "warning"]


@pytest.mark.usefixtures("healthy")
def test_another_encryption_key_is_a_problem_and_not_a_traceback(app: Flask, runner: FlaskCliRunner) -> None:
    app.extensions["portal.vault"] = Vault([Fernet.generate_key().decode()])
    found = examine(runner, "--offline")
    assert ("signing keys", "problem") in found
    assert ("stored secrets", "problem") in found


@pytest.mark.usefixtures("healthy")
def test_the_audit_chains_key_is_among_the_stored_secrets(app: Flask, runner: FlaskCliRunner) -> None:
    with app.app_context():
        chain.seal()
        db.session.commit()
        assert ("stored secrets", "ok") in examine(runner, "--offline")
        other = Vault([Fernet.generate_key().decode()]).seal("00")
        db.session.execute(update(AuditChain).values(key_sealed=other))
        db.session.commit()
    assert "1 of" in examine(runner, "--offline")["stored secrets", "problem"]


def test_a_secret_that_has_ended_need_not_be_opened_any_more(
    app: Flask, runner: FlaskCliRunner, clock: MovingClock
) -> None:
    add_verification(runner)
    add_client(runner, "--request-object-alg", "HS256")
    key = Fernet.generate_key().decode()
    app.extensions["portal.vault"] = Vault([key])
    done(runner, "verification", "key", UUID, "--api-key-file", "-", "--unchecked", given="another-key")
    done(runner, "client", "rotate-secret", UUID, "--overlap", "60")
    assert "1 of 3" in examine(runner, "--offline")["stored secrets", "problem"]
    clock.advance(61)
    assert examine(runner, "--offline")["stored secrets", "ok"] == "2 can be opened"


@pytest.mark.usefixtures("healthy")
def test_an_okta_client_whose_address_is_not_oktas_is_noticed(app: Flask, runner: FlaskCliRunner) -> None:
    for uris, state in (
        (["https://acme.example/callback"], "warning"),
        (["http://acme.example/"], "problem"),
    ):
        with app.app_context():
            db.session.execute(update(Client).values(redirect_uris=uris))
            db.session.commit()
        assert (f"client {UUID}", state) in examine(runner, "--offline")


@pytest.mark.usefixtures("healthy")
@pytest.mark.parametrize(
    ("profile", "address", "is_right"),
    [
        ("okta-idv", "/idp/identity-verification/callback", True),
        ("okta-idv", "/oauth2/v1/authorize/callback", False),
        ("okta-factor", "/oauth2/v1/authorize/callback", True),
        ("okta-sso", "/idp/identity-verification/callback", False),
        ("oidc", "/callback", True),
    ],
)
def test_each_kind_of_client_has_its_own_address_at_okta(
    app: Flask, runner: FlaskCliRunner, profile: str, address: str, is_right: bool
) -> None:
    with app.app_context():
        uris = [f"https://acme.example{address}"]
        db.session.execute(update(Client).values(redirect_uris=uris, profile=profile))
        db.session.commit()
    said = " ".join(text for (_, state), text in examine(runner, "--offline").items() if state == "warning")
    assert ("does not end in" in said) is not is_right


@pytest.mark.usefixtures("healthy")
def test_work_that_nobody_does_is_noticed(app: Flask, runner: FlaskCliRunner, clock: MovingClock) -> None:
    with app.app_context():
        outbox.enqueue("nobody.handles", {})
        factories.journey()
        db.session.commit()
    clock.advance(3600)
    found = examine(runner, "--offline")
    assert "1 messages" in found["outbox", "problem"]
    assert "1 journeys" in found["retention", "warning"]
    for _ in range(worker.MOST_ATTEMPTS):
        runner.invoke(args=["outbox", "run"])
        clock.advance(worker.LONGEST_RETRY_SECONDS)
    done(runner, "journeys", "expire")
    found = examine(runner, "--offline")
    assert "given up" in found["outbox", "warning"]
    assert ("retention", "ok") in found


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_tables_that_are_not_there_are_a_problem_and_the_rest_is_left(
    app: Flask, runner: FlaskCliRunner, tmp_path: Any, make_other: Callable[[str], FlaskCliRunner]
) -> None:
    found = examine(make_other(f"sqlite:///{tmp_path}/empty.sqlite3"), "--offline")
    assert "newest" in found["migrations", "problem"]
    assert ("clients", "warning") not in found
    found = examine(make_other(f"sqlite:///{tmp_path}/no/such/folder.sqlite3"), "--offline")
    assert ("database", "problem") in found


@pytest.fixture
def make_other(app: Flask) -> Any:
    made: list[Flask] = []

    def make(url: str) -> FlaskCliRunner:
        made.append(make_app(Database("sqlite", url)))
        return made[-1].test_cli_runner()

    yield make
    for portal in made:
        close(portal)


def away(*_: Any, **__: Any) -> Answer:
    raise OutboundUnavailable("no answer")


def test_verifeye_is_asked_for_its_key_and_its_time(
    app: Flask, runner: FlaskCliRunner, sandbox_server: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_checks, "own_address", lambda: iter(()))
    with app.app_context():
        configuration = factories.verification_configuration(sandbox=sandbox_server)
        subject = f"VerifEye {configuration.id}"
    found = examine(runner)
    assert (subject, "ok") in found
    assert ("clock", "ok") in found
    sandbox_server.next_answers(operation="datetime/utc-now", status=401, times=1)
    assert "does not take the API key" in examine(runner)[subject, "problem"]
    monkeypatch.setattr(VerifEyeClient, "check_key", lambda self: "2001-02-03T04:05:06.1234567Z")
    assert ("clock", "problem") in examine(runner)
    monkeypatch.setattr(VerifEyeClient, "check_key", lambda self: "soon")
    assert ("clock", "warning") in examine(runner)
    monkeypatch.setattr(Outbound, "get", away)
    assert "cannot be used" in examine(runner)[subject, "problem"]


@pytest.mark.usefixtures("healthy")
@pytest.mark.parametrize(
    ("ready", "metadata", "headers", "expected"),
    [
        (200, b'{"issuer": "https://portal.test"}', {"strict-transport-security": "x"}, set()),
        (200, b'{"issuer": "https://portal.test"}', {}, {"proxy headers"}),
        (200, b'{"issuer": "https://other.test"}', {"strict-transport-security": "x"}, {"discovery"}),
        (503, b'{"issuer":"https://portal.test"}', {"strict-transport-security": "x"}, {"own address"}),
    ],
)
def test_the_portal_is_called_at_its_own_address(
    runner: FlaskCliRunner,
    monkeypatch: pytest.MonkeyPatch,
    ready: int,
    metadata: bytes,
    headers: dict[str, str],
    expected: set[str],
) -> None:
    def get(self: Outbound, url: str, **_: Any) -> Answer:
        if url == "https://portal.test/readyz":
            return Answer(ready, headers, b"{}")
        if url == "https://portal.test/.well-known/openid-configuration":
            return Answer(200, headers, metadata)
        raise OutboundUnavailable("no answer")

    monkeypatch.setattr(Outbound, "get", get)
    found = examine(runner)
    subjects = ("own address", "discovery", "proxy headers")
    assert {subject for subject, state in found if subject in subjects and state == "problem"} == expected


@pytest.mark.usefixtures("healthy")
def test_an_address_that_cannot_be_reached_is_a_warning(
    runner: FlaskCliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Outbound, "get", away)
    assert ("own address", "warning") in examine(runner)


@pytest.mark.usefixtures("healthy")
def test_offline_asks_nobody(runner: FlaskCliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Outbound, "get", lambda *_, **__: pytest.fail("asked another server"))
    examine(runner, "--offline")
