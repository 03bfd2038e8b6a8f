"""Redeeming a code (RFC 6749 sections 3.2, 4.1.3 and 5; RFC 7636; RFC 9700)."""

import base64
import hashlib
import io
from contextlib import nullcontext
from threading import Thread
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal import statements
from portal.extensions import db
from portal.models import Client, SigningKey, User
from portal.oidc import registration
from portal.users import holds
from tests.support.moving_clock import MovingClock
from tests.support.sandbox_server import SandboxServer
from tests.support.scenes import Scene, Visit

PATHS = ("/v1/openid/token", "/oauth2/token")


def fields(scene: Scene, visit: Visit, code: str, /, **changes: str | None) -> dict[str, str]:
    values: dict[str, str | None] = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": scene.stage.redirect_uri,
        "code_verifier": visit.request.code_verifier,
        "client_id": scene.stage.client_id,
        "client_secret": scene.stage.client_secret,
        **changes,
    }
    return {name: value for name, value in values.items() if value is not None}


def post(scene: Scene, data: Any, path: str = PATHS[0], **options: Any) -> TestResponse:
    return scene.app.test_client().post(path, data=data, **options)


def refused(answer: TestResponse, error: str, status: int = 400) -> None:
    assert answer.is_json, answer.text
    assert (answer.status_code, answer.json["error"]) == (status, error), answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json.keys() <= {"error", "error_description"}


@pytest.mark.parametrize("path", PATHS)
def test_a_code_is_good_once_and_its_second_presentation_revokes_the_token(scene: Scene, path: str) -> None:
    visit, code = scene.with_code()
    first = post(scene, fields(scene, visit, code), path)
    assert first.status_code == 200
    assert (first.headers["Cache-Control"], first.headers["Pragma"]) == ("no-store", "no-cache")
    token = first.json["access_token"]
    assert scene.okta.userinfo(token).status_code == 200
    refused(post(scene, fields(scene, visit, code), path), "invalid_grant")
    assert scene.okta.userinfo(token).status_code == 401
    assert scene.audited("oidc:code:replayed") == [{"revoked": True}]
    refused(post(scene, fields(scene, visit, code), path), "invalid_grant")


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.settings(database_pool_size=1, database_max_overflow=0)
def test_a_redemption_holds_one_connection_at_a_time(clock: MovingClock, scene: Scene) -> None:
    visit, code = scene.with_code()
    clock.advance(6)  # what is remembered of the client and of the key has to be read again
    assert post(scene, fields(scene, visit, code)).status_code == 200


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
def test_a_plain_redemption_is_one_statement(scene: Scene, method: str) -> None:
    scene.sign_in()  # enrols the person: the codes after it are plain ones
    visit, code = scene.with_code()
    good, headers = fields(scene, visit, code), {}
    if method == "client_secret_basic":
        headers = basic(good["client_id"], good.pop("client_secret"))
    run: list[str] = []
    statements.watch(lambda _dialect, text: nullcontext(run.append(text)))
    try:
        assert post(scene, good, headers=headers).status_code == 200
    finally:
        statements.watch(None)
    assert len(run) == 1, run
    assert len(scene.audited("oidc:journey:redeemed")) == 2


def test_a_second_presentation_after_the_code_s_own_time_revokes_as_well(
    clock: MovingClock, scene: Scene
) -> None:
    visit, code = scene.with_code()
    token = post(scene, fields(scene, visit, code)).json["access_token"]
    clock.advance(120)
    refused(post(scene, fields(scene, visit, code)), "invalid_grant")
    assert scene.okta.userinfo(token).status_code == 401


@pytest.mark.parametrize(("seconds", "status"), [(59, 200), (60, 400), (61, 400), (3600, 400)])
def test_a_code_lives_sixty_seconds(clock: MovingClock, scene: Scene, seconds: int, status: int) -> None:
    visit, code = scene.with_code()
    clock.advance(seconds)
    assert post(scene, fields(scene, visit, code)).status_code == status


def test_plain_http_is_no_way_to_redeem(scene: Scene) -> None:
    """Twice: what was once found to be insecure stays so."""
    visit, code = scene.with_code()
    for _ in range(2):
        answer = post(scene, fields(scene, visit, code), base_url="http://portal.test")
        refused(answer, "invalid_request")
        assert "trusted_proxies" in answer.json["error_description"]
    assert post(scene, fields(scene, visit, code)).status_code == 200


@pytest.mark.parametrize("path", ["/v1/openid/revoke", "/oauth2/par"])
def test_nor_to_revoke_or_to_push(scene: Scene, path: str) -> None:
    said = {"client_id": scene.stage.client_id, "client_secret": scene.stage.client_secret, "token": "any"}
    for form in (said, {"token": "any"}):
        answer = post(scene, form, path, base_url="http://portal.test")
        refused(answer, "invalid_request")
        assert "trusted_proxies" in answer.json["error_description"]


def test_another_client_s_redemption_is_refused_and_does_not_burn_the_code(
    app: Flask, sandbox_server: SandboxServer
) -> None:
    scene, other = Scene(app, sandbox_server), Scene(app, sandbox_server)
    visit, code = scene.with_code()
    theirs = {"client_id": other.stage.client_id, "client_secret": other.stage.client_secret}
    refused(post(scene, fields(scene, visit, code, **theirs)), "invalid_grant")
    done = post(scene, fields(scene, visit, code))
    assert done.status_code == 200
    refused(post(scene, fields(scene, visit, code, **theirs)), "invalid_grant")
    assert scene.okta.userinfo(done.json["access_token"]).status_code == 200, "not theirs to revoke"


WRONG: list[tuple[dict[str, str | None], str, int]] = [
    ({"grant_type": None}, "invalid_request", 400),
    ({"grant_type": ""}, "invalid_request", 400),
    ({"grant_type": "refresh_token"}, "unsupported_grant_type", 400),
    ({"grant_type": "client_credentials"}, "unsupported_grant_type", 400),
    ({"code": None}, "invalid_request", 400),
    ({"code": "vpc_unknown"}, "invalid_grant", 400),
    ({"code": "x"}, "invalid_grant", 400),
    ({"redirect_uri": None}, "invalid_grant", 400),
    ({"redirect_uri": "https://client.example/other"}, "invalid_grant", 400),
    ({"redirect_uri": "https://client.example/callback/"}, "invalid_grant", 400),
    ({"code_verifier": None}, "invalid_request", 400),
    ({"code_verifier": "w" * 43}, "invalid_grant", 400),
    ({"code_verifier": "w" * 42}, "invalid_request", 400),
    ({"code_verifier": "w" * 129}, "invalid_request", 400),
    ({"code_verifier": "w" * 43 + "!"}, "invalid_request", 400),
    ({"client_secret": "wrong"}, "invalid_client", 401),
    ({"client_secret": None}, "invalid_client", 401),
    ({"client_id": "unknown"}, "invalid_client", 401),
    ({"client_id": None}, "invalid_client", 401),
]


def test_what_is_wrong_is_refused_and_the_code_stays_good(scene: Scene) -> None:
    visit, code = scene.with_code()
    for changes, error, status in WRONG:
        answer = post(scene, fields(scene, visit, code, **changes))
        assert answer.json["error"] in (error, "invalid_grant" if status == 400 else error), changes
        refused(answer, answer.json["error"], status)
    assert post(scene, fields(scene, visit, code)).status_code == 200


def test_a_verifier_for_a_code_without_challenge_is_refused(scene: Scene) -> None:
    """RFC 9700 section 4.8.2: else somebody could strip the challenge on the way."""
    visit, code = scene.with_code(pkce=False)
    refused(post(scene, fields(scene, visit, code, code_verifier="v" * 43)), "invalid_request")
    assert post(scene, fields(scene, visit, code)).status_code == 200


def test_the_verifier_in_clear_is_no_proof_of_an_s256_challenge(scene: Scene) -> None:
    visit, code = scene.with_code()
    digest = hashlib.sha256((visit.request.code_verifier or "").encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    refused(post(scene, fields(scene, visit, code, code_verifier=challenge)), "invalid_grant")


def test_only_a_posted_form_is_taken(scene: Scene) -> None:
    visit, code = scene.with_code()
    good = fields(scene, visit, code)
    for path in PATHS:
        got = scene.app.test_client().get(path, query_string=good)
        assert (got.status_code, got.json["error"], "POST" in got.headers["Allow"]) == (
            405,
            "invalid_request",
            True,
        )
        refused(scene.app.test_client().post(path, json=good), "invalid_request")
        refused(scene.app.test_client().post(path, query_string=good), "invalid_request")
        multipart = {**good, "file": (io.BytesIO(b"x"), "x")}
        refused(post(scene, multipart, path), "invalid_request")
        too_much = post(scene, good | {"scope": "x" * 300_000}, path)
        assert too_much.status_code in (400, 413)
        assert too_much.is_json
    assert post(scene, good).status_code == 200


# -- client authentication --------------------------------------------------------------------------------


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


@pytest.mark.parametrize(
    "encode", [quote_plus, quote, str], ids=["form-encoded", "percent-encoded", "as it stands"]
)
def test_a_secret_with_special_characters_authenticates_by_post_and_basic(
    app: Flask, sandbox_server: SandboxServer, encode: Any
) -> None:
    secret = "p+q%2Br:s/t=u&v%~!*w"
    scene = Scene(app, sandbox_server, secret=secret, client_id="client.one+two", request_algs=[])
    visit, code = scene.with_code()
    assert post(scene, fields(scene, visit, code)).status_code == 200
    visit, code = scene.with_code()
    headers = basic(encode(scene.stage.client_id), encode(secret))
    without = fields(scene, visit, code, client_id=None, client_secret=None)
    assert post(scene, without, headers=headers).status_code == 200


def test_two_methods_at_once_are_refused(scene: Scene) -> None:
    visit, code = scene.with_code()
    headers = basic(scene.stage.client_id, scene.stage.client_secret)
    refused(post(scene, fields(scene, visit, code), headers=headers), "invalid_request")
    asserted = fields(scene, visit, code, client_assertion="a.b.c")
    refused(post(scene, asserted), "invalid_request")


def test_basic_for_one_client_and_the_body_for_another_is_refused(scene: Scene) -> None:
    visit, code = scene.with_code()
    headers = basic(scene.stage.client_id, scene.stage.client_secret)
    other = fields(scene, visit, code, client_id="somebody-else", client_secret=None)
    refused(post(scene, other, headers=headers), "invalid_client", 401)
    same = fields(scene, visit, code, client_secret=None)
    assert post(scene, same, headers=headers).status_code == 200


def test_an_unknown_client_and_a_wrong_secret_look_alike(scene: Scene) -> None:
    visit, code = scene.with_code()
    answers = [
        post(scene, fields(scene, visit, code, client_secret="wrong")),
        post(scene, fields(scene, visit, code, client_id="unknown")),
        post(scene, fields(scene, visit, code, client_secret=scene.stage.client_secret + "x")),
        post(scene, fields(scene, visit, code, client_secret=scene.stage.client_secret.swapcase())),
    ]
    bodies = {(answer.status_code, answer.data, answer.headers["WWW-Authenticate"]) for answer in answers}
    assert len(bodies) == 1
    assert bodies.pop()[0] == 401


def test_both_secrets_are_good_while_a_rotation_is_under_way(clock: MovingClock, scene: Scene) -> None:
    with scene.app.app_context():
        client = db.session.get_one(Client, scene.stage.client_id)
        newer = registration.rotate_secret(client, overlap_seconds=600)
        db.session.commit()
    for secret in (scene.stage.client_secret, newer):
        visit, code = scene.with_code()
        assert post(scene, fields(scene, visit, code, client_secret=secret)).status_code == 200
    clock.advance(601)
    visit, code = scene.with_code()
    refused(post(scene, fields(scene, visit, code)), "invalid_client", 401)
    assert post(scene, fields(scene, visit, code, client_secret=newer)).status_code == 200


@pytest.mark.parametrize("step", ["start page", "result", "continue", "token", "userinfo"])
def test_a_client_that_is_switched_off_gets_nothing_more(scene: Scene, step: str) -> None:
    def switch_off() -> None:
        with scene.app.app_context():
            registration.disable(db.session.get_one(Client, scene.stage.client_id))
            db.session.commit()

    if step in ("start page", "result", "continue"):
        visit = scene.arrive()
        if step == "start page":
            switch_off()
            visit.person.reload()
            visit.person.press("Start camera check")
            visit.person.press()
        else:
            visit, back = scene.waiting(visit)
            if step == "result":
                switch_off()
                visit.person.open(back)
            else:
                on = visit.browser.get(back).headers["Location"]
                switch_off()
                visit.person.open(on)
        assert not visit.person.has_arrived
        assert visit.person.page.heading == "This sign-in is switched off"
        assert scene.codes() == 0
        return
    visit, code = scene.with_code()
    if step == "token":
        switch_off()
        refused(post(scene, fields(scene, visit, code)), "invalid_client", 401)
        return
    token = post(scene, fields(scene, visit, code)).json["access_token"]
    switch_off()
    assert scene.okta.userinfo(token).status_code == 401


def test_a_person_who_was_suspended_after_the_code_gets_no_token(scene: Scene) -> None:
    visit, code = scene.with_code()
    with scene.app.app_context():
        holds.suspend(db.session.get_one(User, scene.stage.user_id), how="test")
        db.session.commit()
    refused(post(scene, fields(scene, visit, code)), "invalid_grant")


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_whole_sign_in_while_somebody_is_being_suspended_gets_no_token(scene: Scene) -> None:
    """What suspends may hold back many people before it commits, and nothing of this was there to end."""
    walked: list[tuple[Visit, str]] = []
    with scene.app.app_context():
        holds.suspend(db.session.get_one(User, scene.stage.user_id), how="test")
        walking = Thread(target=lambda: walked.append(scene.with_code()))
        walking.start()
        walking.join(30)
        db.session.commit()
    visit, code = walked[0]
    refused(post(scene, fields(scene, visit, code)), "invalid_grant")


def test_without_a_signing_key_the_code_is_not_spent(app: Flask, sandbox_server: SandboxServer) -> None:
    scene = Scene(app, sandbox_server, id_token_alg="ES256")
    visit, code = scene.with_code()
    with app.app_context():
        kept = db.session.query(SigningKey).one()
        values = {name: getattr(kept, name) for name in ("kid", "alg", "private_sealed", "public_jwk",
                                                         "created_at", "active_from")}  # fmt: skip
        db.session.delete(kept)
        db.session.commit()
    refused(post(scene, fields(scene, visit, code)), "temporarily_unavailable", 503)
    with app.app_context():
        db.session.add(SigningKey(**values))
        db.session.commit()
    assert post(scene, fields(scene, visit, code)).status_code == 200


# -- the bearer's side ------------------------------------------------------------------------------------


def test_userinfo_takes_the_token_in_the_header_or_the_body_and_nowhere_else(
    scene: Scene, client: FlaskClient
) -> None:
    tokens = scene.sign_in()
    bearer = {"Authorization": f"Bearer {tokens.access_token}"}
    body = {"access_token": tokens.access_token}
    path = "/v1/openid/userinfo"
    good = [
        client.get(path, headers=bearer),
        client.get(path, headers={"Authorization": f"bearer  {tokens.access_token}"}),
        client.post(path, headers=bearer),
        client.post(path, data=body),
    ]
    for answer in good:
        assert (answer.status_code, answer.json["sub"]) == (200, scene.stage.user_id)
        assert answer.headers["Cache-Control"] == "no-store"
    for name, value in good[0].json.items():
        assert tokens.claims[name] == value
    assert good[0].json.keys() == {"sub", "preferred_username", "email", "given_name", "family_name"}

    both = client.post(path, headers=bearer, data=body)
    assert (both.status_code, both.json["error"]) == (400, "invalid_request")
    assert 'error="invalid_request"' in both.headers["WWW-Authenticate"]
    none = client.get(path)
    assert none.status_code == 401
    assert "error=" not in none.headers["WWW-Authenticate"], "RFC 6750 section 3.1: nothing was presented"
    for answer in (client.get(path, query_string=body), client.post(path, json=body)):
        assert answer.status_code == 401
    wrong = client.get(path, headers={"Authorization": "Bearer vpa_wrong"})
    assert (wrong.status_code, wrong.json) == (401, {"error": "invalid_token"})
    assert 'error="invalid_token"' in wrong.headers["WWW-Authenticate"]


def test_an_access_token_ends_with_its_time(clock: MovingClock, scene: Scene) -> None:
    tokens = scene.sign_in()
    clock.advance(tokens.answer["expires_in"] - 1)
    assert scene.okta.userinfo(tokens.access_token).status_code == 200
    clock.advance(1)
    assert scene.okta.userinfo(tokens.access_token).status_code == 401


def test_revocation_ends_one_s_own_token_and_is_silent_about_the_rest(
    app: Flask, sandbox_server: SandboxServer
) -> None:
    """RFC 7009 section 2.2: an unknown token is no error, and another client's is not revoked."""
    scene, other = Scene(app, sandbox_server), Scene(app, sandbox_server)
    tokens = scene.sign_in()
    answers = [
        other.okta.revoke(tokens.access_token),
        scene.okta.revoke("vpa_unknown"),
        scene.okta.revoke("anything"),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert scene.okta.userinfo(tokens.access_token).status_code == 200
    path, auth = (
        "/v1/openid/revoke",
        {"client_id": scene.stage.client_id, "client_secret": scene.stage.client_secret},
    )
    missing = post(scene, auth, path)
    refused(missing, "invalid_request")
    refused(post(scene, {"token": tokens.access_token}, path), "invalid_client", 401)
    wrong = auth | {"client_secret": "wrong", "token": tokens.access_token}
    refused(post(scene, wrong, path), "invalid_client", 401)
    hinted = auth | {"token": tokens.access_token, "token_type_hint": "something_else"}
    assert post(scene, hinted, path).status_code == 200
    assert scene.okta.userinfo(tokens.access_token).status_code == 401
    assert post(scene, hinted, path).status_code == 200
    assert len(scene.audited("oidc:token:revoked")) == 1


@pytest.mark.parametrize("profile", ["oidc", "okta-factor"])
def test_pkce_is_demanded_by_the_profile_or_by_the_operator(
    app: Flask, sandbox_server: SandboxServer, profile: str
) -> None:
    scene = Scene(app, sandbox_server, profile=profile, require_pkce=profile == "okta-factor")
    request = scene.okta.authorization(pkce=False, login_hint=scene.stage.login)
    answer = app.test_client().get(request.url.removeprefix("https://portal.test"))
    assert "error=invalid_request" in answer.headers["Location"]
    assert scene.audited("oidc:request:refused")[-1]["check"] == "pkce"
    assert scene.sign_in().claims["sub"] == scene.stage.user_id
