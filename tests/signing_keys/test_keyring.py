"""Signing keys: made by command, sealed at rest, rotated and retired without one token failing."""

import json

import pytest
from cryptography.fernet import Fernet
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from portal.credentials import UnsealError
from portal.extensions import db, vault
from portal.models import SigningKey
from portal.signing_keys import keyring
from tests.support import factories, portal_app


def verifies(token):
    """Say whether a token verifies against what is published now, as a client would check it."""
    try:
        jwt.decode(token, KeySet.import_key_set(keyring.jwks()), algorithms=list(keyring.ALGORITHMS))
    except (JoseError, ValueError):
        return False
    return True


@pytest.mark.parametrize("alg", keyring.ALGORITHMS)
def test_a_token_of_each_algorithm_verifies_against_the_published_keys(context, alg):
    row = keyring.create(alg)
    token = keyring.signer(alg).sign({"sub": "somebody"})
    header = jwt.decode(token, KeySet.import_key_set(keyring.jwks()), algorithms=[alg]).header
    assert (header["alg"], header["kid"]) == (alg, row.kid)
    assert verifies(token)


def test_no_key_is_ever_made_silently(context):
    with pytest.raises(keyring.NoSigningKey):
        keyring.signer("RS256")
    assert keyring.jwks() == {"keys": []}


def test_only_algorithms_that_are_offered_can_be_made(context):
    for alg in ("HS256", "none", "", "RS1"):
        with pytest.raises(ValueError, match="must be one of"):
            keyring.create(alg)


def test_the_private_half_is_sealed_and_never_published(context):
    row = keyring.create("ES256")
    private = json.loads(vault().unseal(row.private_sealed))
    assert private["d"] not in row.private_sealed
    published = json.dumps(keyring.jwks())
    assert '"d"' not in published
    assert private["d"] not in published
    assert {"kid", "alg", "use", "kty"} <= set(keyring.jwks()["keys"][0])


def test_the_first_key_signs_at_once(context, clock):
    row = keyring.create("ES256")
    assert keyring.signer("ES256").kid == row.kid


@pytest.mark.settings(key_publish_ahead=3600)
def test_a_successor_is_published_ahead_and_signs_when_its_time_has_come(context, clock):
    first = keyring.create("ES256")
    clock.advance(60)
    second = keyring.create("ES256")
    assert [key["kid"] for key in keyring.jwks()["keys"]] == [second.kid, first.kid]
    clock.advance(3599)
    assert keyring.signer("ES256").kid == first.kid
    clock.advance(1 + keyring.REFRESH_SECONDS)
    assert keyring.signer("ES256").kid == second.kid


@pytest.mark.settings(key_publish_ahead=0)
def test_even_without_a_lead_every_process_has_time_to_see_the_successor(context, clock):
    keyring.create("ES256")
    successor = keyring.create("ES256")
    lead = (successor.active_from - successor.created_at).total_seconds()
    assert lead >= keyring.SHORTEST_PUBLISH_AHEAD


def test_a_key_of_another_algorithm_is_no_predecessor(context, clock):
    keyring.create("ES256")
    assert keyring.create("EdDSA").active_from == keyring.create("PS256").active_from


def test_a_key_that_signs_or_will_sign_cannot_be_retired(context, clock):
    first = keyring.create("ES256")
    with pytest.raises(keyring.KeyInUse, match="signs at present"):
        keyring.retire(first.kid)
    second = keyring.create("ES256")
    with pytest.raises(keyring.KeyInUse, match="not signed yet"):
        keyring.retire(second.kid)
    with pytest.raises(LookupError):
        keyring.retire("no such key")


def test_a_rotation_fails_no_token(context, clock):
    """Every token verifies for as long as it lives, whenever it was signed."""
    tokens = []

    def sign():
        tokens.append((keyring.signer("ES256").sign({"n": len(tokens)}), clock.now()))

    first = keyring.create("ES256")
    sign()
    successor = keyring.create("ES256")
    for _ in range(30):
        clock.advance(1)
        sign()
    assert keyring.signer("ES256").kid == successor.kid
    keyring.retire(first.kid)
    lifetime = 3600
    for _ in range(80):
        clock.advance(60)
        sign()
        for token, signed_at in tokens:
            if (clock.now() - signed_at).total_seconds() <= lifetime:
                assert verifies(token)
    assert first.kid not in {key["kid"] for key in keyring.jwks()["keys"]}
    assert not verifies(tokens[0][0])


def test_retiring_twice_changes_nothing(context, clock):
    first = keyring.create("ES256")
    keyring.create("ES256")
    clock.advance(3600)
    until = keyring.retire(first.kid).published_until
    clock.advance(60)
    assert keyring.retire(first.kid).published_until == until


def test_the_private_key_is_imported_once_and_not_for_every_signature(context, clock, monkeypatch):
    keyring.create("ES256")
    imported = []
    real = keyring._import
    monkeypatch.setattr(keyring, "_import", lambda *a: imported.append(a) or real(*a))
    for _ in range(50):
        keyring.signer("ES256").sign({})
        clock.advance(1)
    assert len(imported) == 1


def test_keys_sealed_with_an_older_encryption_key_can_be_used_while_that_key_is_listed(database):
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    apps = {
        name: portal_app.make_app(database, encryption_key=keys)
        for name, keys in {"old": [old], "both": [new, old], "new": [new]}.items()
    }
    with apps["old"].app_context():
        kid = keyring.create("ES256").kid
        db.session.commit()
    with apps["both"].app_context():
        assert keyring.signer("ES256").kid == kid
    with apps["new"].app_context(), pytest.raises(UnsealError):
        keyring.signer("ES256")
    with apps["both"].app_context():
        row = db.session.get_one(SigningKey, kid)
        row.private_sealed = vault().reseal(row.private_sealed)
        db.session.commit()
    with apps["new"].app_context():
        assert keyring.signer("ES256").kid == kid
    for app in apps.values():
        portal_app.close(app)


@pytest.mark.parametrize("step", [-3600, -1])
def test_a_clock_that_is_set_back_makes_no_signer_last(app, database, clock, step):
    other = portal_app.make_app(database)
    with app.app_context():
        factories.signing_key("ES256")
    clock.advance(7200)
    with app.app_context():
        first = keyring.signer("ES256").kid
        clock.advance(step)
    with other.app_context():
        successor = keyring.create("ES256")
        successor.active_from = clock.now()  # nobody waits here for what is published ahead
        kid = successor.kid
        db.session.commit()
    with app.app_context():
        assert keyring.signer("ES256").kid == kid != first
    portal_app.close(other)


def test_another_process_sees_a_successor_within_the_refresh_time(app, database, clock):
    """The ring of one process is told of nothing; it looks again."""
    other = portal_app.make_app(database)
    with app.app_context():
        factories.signing_key("ES256")
        first = keyring.signer("ES256").kid
    with other.app_context():
        successor = keyring.create("ES256")
        db.session.commit()
        lead = successor.active_from
        kid = successor.kid
    with app.app_context():
        assert keyring.signer("ES256").kid == first
        clock.set(lead)
        clock.advance(keyring.REFRESH_SECONDS)
        assert keyring.signer("ES256").kid == kid
    portal_app.close(other)
