"""``flask okta connect|status|disconnect|attribute|pause|resume|hook-secret`` against a real server."""

import json

import pytest
from joserfc.jwk import KeySet, RSAKey

from portal.connections import hook_secrets, registry
from portal.extensions import db
from portal.models import AuditEvent, OktaConnection, OutboxMessage, ScimGroup
from tests.cli.commands import document, done, refused
from tests.support.small_okta import ATTRIBUTE, READ_ONLY_BOOLEAN, TOKEN, small_okta

KEY = RSAKey.generate_key(2048, parameters={"kid": "of the tests"})
SCOPES = {"okta.users.manage", "okta.users.read", "okta.groups.read", "okta.logs.read", "okta.schemas.read"}
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def okta():
    with small_okta() as organisation:
        organisation.person("00u1")
        organisation.groups["00g1"] = {"id": "00g1", "profile": {"name": "Verified staff"}}
        organisation.app_keys = KeySet([KEY])
        organisation.granted = set(SCOPES)
        yield organisation


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    return str(path)


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "key.json"
    path.write_text(json.dumps(KEY.as_dict(private=True)))
    return str(path)


def connection(app):
    with app.app_context():
        return registry.current()


def test_a_token_connects_and_the_report_says_what_it_may(app, runner, okta, token_file):
    told = document(
        runner, "okta", "connect", okta.origin, "--ssws-token-file", token_file, "--group", "Verified staff"
    )
    assert told["attribute"] == ATTRIBUTE
    assert (told["group_id"], told["group_name"]) == ("00g1", "Verified staff")
    assert {check["name"]: check["passed"] for check in told["checks"]["tried"]} == {
        "users.read": True, "users.manage": True, "groups.read": True, "logs.read": True,
        "schemas.read": True,
    }  # fmt: skip
    assert okta.writes == [], "nobody's profile is changed to find out whether it could be"
    with app.app_context():
        row = db.session.execute(db.select(OktaConnection.__table__)).one()
        assert TOKEN not in str(row)
        topics = db.session.scalars(db.select(OutboxMessage.topic)).all()
        assert topics == ["okta.spread"], "everybody who is enrolled already is looked at"


def test_a_service_app_connects_with_the_scopes_that_it_has(app, runner, okta, key_file):
    okta.granted -= {"okta.logs.read"}
    text = done(
        runner, "okta", "connect", okta.origin, "--client-id", "0oa1", "--private-key-file", key_file,
        "--attribute", "verified", "--sign-in-client-id", "0oa2", "--sign-in-secret-file", key_file,
    )  # fmt: skip
    assert "NO  logs.read" in text
    assert "yes users.read" in text
    found = connection(app)
    assert found.scopes == ["okta.users.manage", "okta.users.read", "okta.groups.read", "okta.schemas.read"]
    assert found.attribute == "verified"
    with app.app_context():
        assert registry.sign_in_issuer(found) == okta.origin
        assert json.loads(registry.sign_in_secret(found))["kid"] == "of the tests"
        assert registry.api_for(found).user("00u1").id == "00u1"
        asked = len(okta.token_requests)
        registry.api_for(registry.current()).user("00u1")
        assert len(okta.token_requests) == asked, "the access token is kept in the process"


def test_what_is_not_given_again_stays(app, runner, okta, token_file):
    done(
        runner,
        "okta",
        "connect",
        okta.origin,
        "--ssws-token-file",
        token_file,
        "--group",
        "00g1",
        "--attribute",
        "a",
    )
    done(
        runner,
        "okta",
        "connect",
        okta.origin + "/",
        "--sign-in-client-id",
        "0oa2",
        "--sign-in-secret-file",
        token_file,
    )
    found = connection(app)
    assert (found.group_id, found.attribute, found.sign_in_client_id) == ("00g1", "a", "0oa2")
    done(runner, "okta", "connect", okta.origin, "--attribute", "b")
    assert connection(app).sign_in_client_id == "0oa2"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--private-key-file"),
        (("--client-id", "0oa1"), "together"),
        (("--ssws-token-file", "FILE", "--client-id", "0oa1", "--private-key-file", "FILE"), "not both"),
        (("--ssws-token-file", "FILE", "--attribute", "not a name"), "attribute's name"),
        (("--ssws-token-file", "FILE", "--group", "Nobody"), "no group"),
        (("--ssws-token-file", "FILE", "--sign-in-issuer", "https://x.example"), "--sign-in-client-id"),
        (("--client-id", "0oa1", "--private-key-file", "FILE"), "PEM"),
        (("--ssws-token-file", "/nowhere"), "cannot be read"),
    ],
)
def test_what_cannot_be_is_a_sentence_and_nothing_is_kept(app, runner, okta, token_file, arguments, words):
    given = [token_file if argument == "FILE" else argument for argument in arguments]
    assert words in refused(runner, "okta", "connect", okta.origin, *given)
    assert connection(app) is None


def test_a_credential_that_okta_refuses_is_not_kept(app, runner, okta, token_file, key_file):
    with open(token_file, "w") as file:
        file.write("another-token")
    assert "does not accept" in refused(
        runner, "okta", "connect", okta.origin, "--ssws-token-file", token_file
    )
    okta.granted = set()
    app_options = ("--client-id", "0oa1", "--private-key-file", key_file)
    assert "grants the service app none" in refused(runner, "okta", "connect", okta.origin, *app_options)
    okta.down = True
    assert "unavailable" in refused(runner, "okta", "connect", okta.origin, "--ssws-token-file", token_file)
    assert connection(app) is None


def test_production_takes_https_only(runner, app, token_file):
    said = refused(runner, "okta", "connect", "http://acme.okta.com", "--ssws-token-file", token_file)
    assert "https://" in said


def connected(runner, okta, token_file):
    done(runner, "okta", "connect", okta.origin, "--ssws-token-file", token_file)


def test_the_attribute_is_created_closed_to_its_owner_and_only_once(app, runner, okta, token_file):
    okta.schema.clear()
    connected(runner, okta, token_file)
    assert "no attribute" in json.dumps(document(runner, "okta", "status"))
    assert document(runner, "okta", "attribute", "create")["created"] is True
    made = okta.schema[ATTRIBUTE]
    assert made["type"] == "boolean"
    assert made["permissions"] == [{"principal": "SELF", "action": "READ_ONLY"}]
    assert made["master"] == {"type": "OKTA"}
    assert made["required"] is False
    again = document(runner, "okta", "attribute", "create")
    assert again == {"attribute": ATTRIBUTE, "created": False, "faults": [], "notes": []}
    with app.app_context():
        events = db.session.scalars(db.select(AuditEvent.event)).all()
        assert events.count("cli:okta:attribute-created") == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"type": "string"}, "not a boolean"),
        ({"permissions": [{"principal": "SELF", "action": "READ_WRITE"}]}, "Read Only"),
        ({"permissions": None}, "Read Only"),
        ({"master": {"type": "OVERRIDE"}}, "Another source"),
        ({"required": True}, "optional"),
    ],
)
def test_an_attribute_that_exists_and_is_wrong_is_said_and_left_alone(
    runner, okta, token_file, change, words
):
    connected(runner, okta, token_file)
    okta.schema[ATTRIBUTE] = READ_ONLY_BOOLEAN | change
    result = runner.invoke(args=["okta", "attribute", "create"])
    assert result.exit_code == 1
    assert words in result.output
    assert okta.schema[ATTRIBUTE] == READ_ONLY_BOOLEAN | change


def test_status_tells_limits_pauses_messages_and_problems_and_no_secret(runner, okta, token_file):
    connected(runner, okta, token_file)
    okta.headers = {"X-Rate-Limit-Limit": "600", "X-Rate-Limit-Remaining": "599", "X-Rate-Limit-Reset": "1"}
    done(runner, "okta", "pause", "--all", "--reason", "Moving house")
    told = document(runner, "okta", "status")
    assert told["rate_limits"]["users"]["remaining"] == 599
    assert told["pauses"][0]["reason"] == "Moving house"
    assert told["messages"]["okta.spread"]["waiting"] == 2
    text = done(runner, "okta", "status", "--offline")
    assert "everybody" in text
    assert TOKEN not in text + json.dumps(told)
    okta.down = True
    assert "unavailable" in document(runner, "okta", "status")["problems"][0]


def test_a_pause_is_begun_and_ended_by_command(app, runner, okta, token_file):
    connected(runner, okta, token_file)
    done(runner, "okta", "pause", "--group", "Verified staff", "--reason", "Test")
    assert "already" in refused(runner, "okta", "pause", "--group", "00g1", "--reason", "Again")
    assert "Nobody" in refused(runner, "okta", "resume", "--all")
    ended = document(runner, "okta", "resume", "--group", "verified STAFF")
    assert [each["group_id"] for each in ended] == ["00g1"]
    assert "Neither" in refused(runner, "okta", "pause", "--group", "Unknown", "--reason", "Test")
    assert "--all" in refused(runner, "okta", "pause", "--reason", "Test")


def test_a_group_pushed_by_scim_is_taken_before_oktas(app, runner, okta, token_file, clock):
    connected(runner, okta, token_file)
    with app.app_context():
        now = clock.now()
        db.session.add(
            ScimGroup(
                id="a" * 32, display_name="Verified staff", display_key="verified staff", version=1,
                created_at=now, updated_at=now,
            )
        )  # fmt: skip
        db.session.commit()
    told = document(runner, "okta", "pause", "--group", "Verified staff", "--reason", "Test")
    assert told["scope"] == "scim_group"


def test_disconnecting_forgets_the_credential(app, runner, okta, token_file):
    assert "not connected" in refused(runner, "okta", "status")
    connected(runner, okta, token_file)
    done(runner, "okta", "disconnect", "--yes")
    assert connection(app) is None
    with app.app_context():
        assert db.session.scalars(db.select(AuditEvent.event)).all()[-1] == "cli:okta:disconnected"


def test_a_hook_secret_is_printed_once_and_rotated(app, runner, tmp_path):
    first = document(runner, "okta", "hook-secret", "add")
    with app.app_context():
        assert hook_secrets.is_known(first["secret"])
    chosen = tmp_path / "secret"
    chosen.write_text("a-secret-chosen-outside-0123456789")
    second = document(runner, "okta", "hook-secret", "add", "--secret-file", str(chosen))
    assert second["secret"] is None, "what was chosen outside is known there"
    assert "revoke one first" in refused(runner, "okta", "hook-secret", "add")
    done(runner, "okta", "hook-secret", "revoke", first["id"])
    assert "No secret" in refused(runner, "okta", "hook-secret", "revoke", first["id"])
    listed = document(runner, "okta", "hook-secret", "list")
    assert [bool(row["revoked_at"]) for row in listed] == [True, False]
    assert first["secret"] not in json.dumps(listed)


@pytest.mark.settings(issuer="http://localhost:9")
def test_doctor_sees_what_is_wrong_with_okta(runner, okta, token_file):
    assert "Okta:" not in runner.invoke(args=["doctor", "--offline"]).output
    connected(runner, okta, token_file)
    okta.schema[ATTRIBUTE]["permissions"] = []
    output = runner.invoke(args=["doctor"]).output
    assert "Read Only" in output
    assert "no secret is valid" in output


def test_resealing_takes_the_connections_secrets_along(app, runner, okta, token_file):
    done(
        runner, "okta", "connect", okta.origin, "--ssws-token-file", token_file,
        "--sign-in-client-id", "0oa2", "--sign-in-secret-file", token_file,
    )  # fmt: skip
    before = connection(app).credential_sealed
    assert document(runner, "keys", "reseal")["okta"] == 2
    assert connection(app).credential_sealed != before
