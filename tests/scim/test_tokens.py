"""The tokens of SCIM clients: made by the command line, several at once, with an end."""

import base64
import json

import pytest
from sqlalchemy import select

from portal.extensions import db
from portal.models import AuditEvent, ScimToken
from tests.scim.callers import Caller, new_token
from tests.support import portal_app

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def _run(runner, *words, code=0):
    result = runner.invoke(args=["scim", "token", *words])
    assert result.exit_code == code, result.output
    return result


def test_a_token_is_printed_once_and_kept_as_a_digest(app, runner, client):
    made = json.loads(_run(runner, "add", "okta", "--json").stdout)
    assert Caller(app, made["token"]).get("/Users").status_code == 200
    with app.app_context():
        kept = db.session.scalars(select(ScimToken)).one()
        everything = str([vars(kept), [vars(row) for row in db.session.scalars(select(AuditEvent))]])
    assert made["token"] not in everything
    assert made["token"].startswith(kept.prefix)
    for words in (("list",), ("list", "--json")):
        assert made["token"] not in _run(runner, *words).stdout
    assert "okta" in _run(runner, "list").stdout


def test_two_tokens_are_good_while_they_are_changed(app, runner):
    old, new = (json.loads(_run(runner, "add", name, "--json").stdout)["token"] for name in ("old", "new"))
    assert [Caller(app, secret).get("/Users").status_code for secret in (old, new)] == [200, 200]
    _run(runner, "revoke", "old", "--yes")
    assert [Caller(app, secret).get("/Users").status_code for secret in (old, new)] == [401, 200]
    assert _run(runner, "revoke", "old", "--yes", code=1).stdout == ""
    assert _run(runner, "add", "new", code=1)
    assert _run(runner, "add", "a:b", code=1)
    assert _run(runner, "add", "x", "--expires", "0", code=2)


def test_a_token_ends_when_its_time_is_over(app, runner, clock):
    made = json.loads(_run(runner, "add", "okta", "--expires", "30", "--json").stdout)
    caller = Caller(app, made["token"])
    clock.advance(30 * 86_400 - 1)
    assert caller.get("/Users").status_code == 200
    clock.advance(1)
    refused = caller.get("/Users")
    assert refused.status_code == 401
    assert "expired" in refused.json["detail"]
    assert "expired" in _run(runner, "list").stdout


def test_the_last_use_is_known_to_the_minute(app, clock):
    caller = Caller(app, new_token(app))

    def used():
        with app.app_context():
            return db.session.scalars(select(ScimToken.last_used_at)).one()

    assert used() is None
    caller.get("/Users")
    first = used()
    assert first == clock.now()
    clock.advance(59)
    caller.get("/Users")
    assert used() == first
    clock.advance(1)
    caller.get("/Users")
    assert used() == clock.now()


def test_basic_and_a_bare_token_are_taken_too(app):
    secret = new_token(app, "okta")
    nobody = Caller(app)

    def basic(name, password):
        return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()

    for header in (basic("okta", secret), secret, f"bearer {secret}"):
        assert nobody.get("/Users", Authorization=header).status_code == 200, header
    for header in (
        basic("other", secret), basic("okta", "wrong"), basic("okta", ""), "Basic %%%", "Basic", "Bearer",
        "Bearer ", f"Bearer {secret}x", f"Bearer x {secret}", f"Digest {secret}", "Bearer \xff", "non-token",
    ):  # fmt: skip
        refused = nobody.get("/Users", Authorization=header)
        assert refused.status_code == 401, header
        assert "Bearer" in refused.headers["WWW-Authenticate"]


def test_what_the_server_can_do_is_told_to_anybody_and_nothing_else_is(app):
    nobody = Caller(app)
    assert nobody.get("/ServiceProviderConfig").json["patch"] == {"supported": True}
    for path in (
        "/Users",
        "/Users/x",
        "/Groups",
        "/Groups/x",
        "/Schemas",
        "/ResourceTypes",
        "/ResourceTypes/User",
    ):
        assert nobody.get(path).status_code == 401, path
    assert nobody.post("/Users/.search", {}).status_code == 401


def test_guessing_is_slowed_down_with_a_time_to_wait(database):
    app = portal_app.make_app(database, rate_limit_secret_failures="50 per hour; 2 per minute")
    good = Caller(app, new_token(app))
    bad = Caller(app, "vps_guess")
    assert [bad.get("/Users").status_code for _ in range(2)] == [401, 401]
    refused = bad.get("/Users")
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 61
    form = {"grant_type": "authorization_code", "code": "c", "client_id": "a", "client_secret": "b" * 32}
    guess = app.test_client().post("/oauth2/token", data=form)
    assert guess.status_code == 429, "they are counted together"
    with app.app_context():
        noted = db.session.scalars(select(AuditEvent.event)).all()
    assert "oidc:client:authentication-failed" not in noted, "and no longer fill the audit log"
    assert guess.json["error"], "and refused as each address refuses"
    # All of Okta's customers call from the same addresses: a guesser there must lock nobody out.
    assert good.get("/Users").status_code == 200
    portal_app.close(app)


@pytest.mark.parametrize("fractions", [(0.0, 0.0), (0.9, 1.2), (0.1, 0.8), (0.999, 59.9)])
def test_whoever_waits_as_long_as_was_said_may_guess_again(database, clock, fractions):
    app = portal_app.make_app(database, rate_limit_secret_failures="1 per minute")
    bad = Caller(app, "vps_guess")
    begins, later = fractions
    clock.advance(begins)
    assert bad.get("/Users").status_code == 401
    clock.advance(later)
    refused = bad.get("/Users")
    assert refused.status_code == 429
    clock.advance(int(refused.headers["Retry-After"]))
    assert bad.get("/Users").status_code == 401
    portal_app.close(app)


def test_good_calls_are_not_counted_as_guesses(database):
    app = portal_app.make_app(database, rate_limit_secret_failures="2 per minute")
    good = Caller(app, new_token(app))
    assert [good.get("/Users").status_code for _ in range(4)] == [200] * 4
    portal_app.close(app)
