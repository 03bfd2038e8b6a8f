"""The main job: a person is sent by Okta, shows their face at VerifEye, and Okta gets an ID token."""

from flask import Flask
from flask.testing import FlaskClient

from tests.support import factories
from tests.support.person import Person
from tests.support.relying_party import RelyingParty
from tests.support.sandbox_server import SandboxServer


def relying_party(app: Flask, stage: factories.Stage, **options: str) -> RelyingParty:
    return RelyingParty(
        app.test_client(),
        client_id=stage.client_id,
        client_secret=stage.client_secret,
        redirect_uri=stage.redirect_uri,
        **options,
    )


def test_an_enrolled_person_is_verified_and_okta_gets_an_id_token(
    app: Flask, client: FlaskClient, sandbox_server: SandboxServer
) -> None:
    with app.app_context():
        stage = factories.stage(sandbox_server, enrolled=True, enrolment="invited")
    okta = relying_party(app, stage)
    person = Person(client, sandbox_server.origin)
    request = okta.authorization(login_hint=stage.login)

    person.open(request.url)
    assert person.page.heading == "Confirm it’s you"
    assert stage.login in person.page.text

    person.press("Start camera check")
    person.press()
    tokens = okta.redeem(person.arrival, request)

    assert tokens.claims["sub"] == stage.user_id
    assert tokens.claims["preferred_username"] == stage.login
    assert tokens.claims["amr"] == ["face"]
    assert okta.userinfo(tokens.access_token).json()["sub"] == stage.user_id
