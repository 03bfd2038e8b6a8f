"""What an access token opens: userinfo, for as long as the person may sign in, and nothing else."""

import pytest
from flask import Flask

from portal.extensions import db
from portal.models import User
from portal.users import holds
from tests.structure.test_urls import POLICIES
from tests.support.sandbox_server import SandboxServer
from tests.support.scenes import Scene

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def scene(app: Flask, sandbox_server: SandboxServer) -> Scene:
    return Scene(app, sandbox_server)


def test_a_token_is_refused_wherever_another_secret_is_asked_for(scene: Scene) -> None:
    token = scene.sign_in().access_token
    header = {"Authorization": f"Bearer {token}", "X-API-Key": token}
    form = {"client_id": scene.stage.client_id, "client_secret": token, "token": token}
    form |= {"grant_type": "authorization_code", "code": "vpc_x"}
    client = scene.app.test_client()
    opened = set()
    for url, policy in POLICIES.items():
        for method in sorted(policy.methods):
            if policy.guard in ("bearer", "api key"):
                answer = client.open(url, method=method, headers=header)
            elif policy.guard == "client":
                answer = client.open(url, method=method, data=form)
            else:
                continue
            if answer.status_code not in (401, 403):
                opened.add(url)
    assert opened == {"/v1/openid/userinfo"}


def test_the_token_of_somebody_suspended_since_opens_nothing(scene: Scene) -> None:
    tokens = scene.sign_in()
    assert scene.okta.userinfo(tokens.access_token).status_code == 200
    with scene.app.app_context():
        holds.suspend(db.session.get_one(User, scene.stage.user_id), how="test")
        db.session.commit()
    assert scene.okta.userinfo(tokens.access_token).status_code == 401
