"""A client may live at any address that can be registered: its people see their pages, and get back."""

import pytest
from flask import Flask

from portal.oidc import registration
from tests.support.sandbox_server import SandboxServer
from tests.support.scenes import Scene


@pytest.mark.parametrize("host", ["sign_in.acme.example", "acme.example.", "[2001:db8::7]", "a;b", "*"])
def test_a_person_of_a_client_at_an_unusual_address_may_go_on_and_back(
    app: Flask, sandbox_server: SandboxServer, host: str
) -> None:
    home = f"https://{host}/callback"
    with app.app_context():
        registration.check_redirect_uri(home)
    scene = Scene(app, sandbox_server, redirect_uris=[home])
    visit, back = scene.waiting()
    visit.person.open(back)
    assert visit.person.arrival.address == home
    assert scene.okta.redeem(visit.person.arrival, visit.request).id_token
