"""``flask keys``."""

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskCliRunner

from portal.credentials import Vault
from portal.extensions import db, vault
from portal.models import SigningKey, VerificationConfiguration
from tests.cli.commands import UUID, add_client, add_verification, document, done, refused, run
from tests.support import portal_app
from tests.support.databases import Database
from tests.support.moving_clock import MovingClock


def states(runner: FlaskCliRunner) -> dict[str, str]:
    return {key["kid"]: key["state"] for key in document(runner, "keys", "list")}


def test_the_life_of_a_key(runner: FlaskCliRunner, clock: MovingClock) -> None:
    assert "no signing key" in done(runner, "keys", "list")
    first = document(runner, "keys", "rotate", "--alg", "ES256")
    assert first["state"] == "signing"
    assert "at present" in refused(runner, "keys", "retire", first["kid"])
    second = document(runner, "keys", "rotate", "--alg", "ES256")
    assert second["state"] == "waiting"
    assert "not signed yet" in refused(runner, "keys", "retire", second["kid"])
    clock.advance(11)
    assert states(runner) == {first["kid"]: "published", second["kid"]: "signing"}
    done(runner, "keys", "retire", first["kid"])
    assert states(runner) == {first["kid"]: "published", second["kid"]: "signing"}
    clock.advance(2 * 3600)
    assert states(runner) == {first["kid"]: "retired", second["kid"]: "signing"}


@pytest.mark.parametrize("kid", ["unknown", "-dash", "--json-like", "-"])
def test_an_unknown_key_is_refused_even_if_it_looks_like_an_option(runner: FlaskCliRunner, kid: str) -> None:
    assert f"no key {kid}" in refused(runner, "keys", "retire", kid)


def test_a_key_whose_id_begins_with_a_dash_can_be_retired(
    app: Flask, runner: FlaskCliRunner, clock: MovingClock
) -> None:
    former = document(runner, "keys", "rotate", "--alg", "EdDSA")["kid"]
    with app.app_context():
        row = db.session.get_one(SigningKey, former)
        row.kid = "-h" + former[2:]
        db.session.commit()
    document(runner, "keys", "rotate", "--alg", "EdDSA")
    clock.advance(11)
    assert document(runner, "keys", "retire", "-h" + former[2:])["published_until"] is not None


def test_the_private_half_is_never_printed(runner: FlaskCliRunner) -> None:
    made = document(runner, "keys", "rotate", "--alg", "ES256")
    assert set(made) == {"kid", "alg", "state", "created_at", "active_from", "published_until"}


def test_an_encryption_key_is_printed_and_nothing_is_stored(runner: FlaskCliRunner) -> None:
    Fernet(done(runner, "keys", "encryption-key").strip())


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_after_resealing_the_older_encryption_key_is_not_needed(app: Flask, runner: FlaskCliRunner) -> None:
    add_verification(runner)
    add_client(runner, "--request-object-alg", "HS256")
    done(runner, "keys", "rotate", "--alg", "ES256")
    done(runner, "audit", "seal")
    older = app.extensions["portal.settings"].encryption_key
    newer = Fernet.generate_key().decode()
    app.extensions["portal.vault"] = Vault([newer, *older])
    counts = document(runner, "keys", "reseal")
    assert counts == {"audit": 1, "api_keys": 1, "client_secrets": 1, "okta": 0, "signing_keys": 1}
    app.extensions["portal.vault"] = Vault([newer])
    done(runner, "audit", "verify")
    with app.app_context():
        vault().unseal(db.session.scalars(db.select(SigningKey)).one().private_sealed)
    app.extensions["portal.vault"] = Vault(older)
    assert "PORTAL_ENCRYPTION_KEY" in refused(runner, "audit", "verify")
    assert "PORTAL_ENCRYPTION_KEY" in refused(runner, "keys", "reseal")


def with_key(app: Flask, *keys: str) -> None:
    """Go on as a process that was started with ``keys``."""
    app.extensions["portal.vault"] = Vault(keys)


def test_a_shell_with_another_encryption_key_makes_no_signing_key_unasked(
    app: Flask, runner: FlaskCliRunner, clock: MovingClock
) -> None:
    first = document(runner, "keys", "rotate")["kid"]
    with_key(app, Fernet.generate_key().decode())
    assert "Nothing was changed" in run(runner, "keys", "rotate", given="n\n").stderr
    assert run(runner, "keys", "rotate").exit_code == 1  # nobody is there to be asked
    assert list(states(runner)) == [first]
    # The key is lost for good: it has to be possible to go on.
    assert document(runner, "keys", "rotate", "--yes")["state"] == "waiting"
    clock.advance(11)
    document(runner, "keys", "rotate")


def test_what_cannot_be_opened_does_not_keep_the_rest_from_being_resealed(
    app: Flask, runner: FlaskCliRunner, clock: MovingClock
) -> None:
    older, newer, lost = (Fernet.generate_key().decode() for _ in range(3))
    with_key(app, lost)
    retired = document(runner, "keys", "rotate")["kid"]
    add_verification(runner)
    with_key(app, older)
    document(runner, "keys", "rotate", "--yes")
    clock.advance(11)
    done(runner, "keys", "retire", retired)
    clock.advance(86_400)
    with_key(app, newer, older)
    result = run(runner, "keys", "reseal")
    assert result.exit_code == 1
    assert "Encrypted 1 stored secrets" in result.stderr
    assert "1 in use cannot be opened" in result.stderr  # VerifEye's; the key that is retired is not in use
    done(runner, "verification", "key", UUID, "--api-key-file", "-", "--unchecked", given="another-key")
    assert document(runner, "keys", "reseal")["signing_keys"] == 1
    with_key(app, newer)
    with app.app_context():
        vault().unseal(db.session.get_one(VerificationConfiguration, UUID).api_key_sealed)


def test_a_secret_that_is_replaced_while_others_are_resealed_stays_the_new_one(
    app: Flask, runner: FlaskCliRunner, database: Database
) -> None:
    add_verification(runner)
    elsewhere = portal_app.make_app(database)

    class Interrupted(Vault):
        """Between reading a secret and writing it sealed anew, somebody replaces it."""

        def reseal(self, sealed: str) -> str:
            done(
                elsewhere.test_cli_runner(),
                "verification", "key", UUID, "--api-key-file", "-", "--unchecked",
                given="the-new-key",
            )  # fmt: skip
            return super().reseal(sealed)

    keys = app.extensions["portal.settings"].encryption_key
    app.extensions["portal.vault"] = Interrupted(keys)
    document(runner, "keys", "reseal")
    portal_app.close(elsewhere)
    with app.app_context():
        sealed = db.session.get_one(VerificationConfiguration, UUID).api_key_sealed
    assert Vault(keys).unseal(sealed) == "the-new-key"
