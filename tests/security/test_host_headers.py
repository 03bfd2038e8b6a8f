"""Whatever host a request names: what the portal writes is made of its ``issuer``, or has no host."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.scim.callers import BASE, new_token, person
from tests.structure.test_urls import POLICIES, path_of, with_a_key
from tests.support.sandbox_server import SandboxServer
from tests.support.scenes import Scene

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

EVIL = {
    "another": "evil.example",
    "with a port": "portal.test:1337",
    "with a user": "portal.test@evil.example",
    "with a path": "evil.example/a",
    "empty": "",
    "two": "portal.test, evil.example",
    "with markup": 'evil.example"><script>',
}
#: Long enough that no nonce or signature can hold it by chance.
FOREIGN = ("evil.example", ":1337")


@pytest.mark.parametrize("host", EVIL.values(), ids=EVIL)
def test_no_answer_repeats_a_foreign_host(app: Flask, client: FlaskClient, host: str) -> None:
    with_a_key(app)
    for url, policy in POLICIES.items():
        for method in sorted(policy.methods):
            answer = client.open(
                path_of(url), method=method, headers={"Host": host, "X-Forwarded-Host": "evil.example"}
            )
            told = [*answer.headers.values(), answer.text]
            answer.close()
            assert answer.status_code < 500, (method, url)
            assert not any(foreign in text for text in told for foreign in FOREIGN), (method, url)


def test_a_sign_in_under_a_foreign_host_goes_on_at_no_host_of_its_choice(
    app: Flask, sandbox_server: SandboxServer
) -> None:
    browser = app.test_client()
    scene = Scene(app, sandbox_server)
    _, back = scene.waiting(scene.arrive(browser))
    cookie = "; ".join(f"{cookie.key}={cookie.value}" for cookie in browser._cookies.values())
    answer = app.test_client(use_cookies=False).get(back, headers={"Host": "evil.example", "Cookie": cookie})
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/v1/openid/continue?")


def test_what_scim_makes_is_found_at_our_own_address(app: Flask) -> None:
    answer = app.test_client().post(
        f"{BASE}/Users",
        json=person(),
        headers={"Authorization": f"Bearer {new_token(app)}", "Host": "evil.example"},
    )
    assert answer.status_code == 201
    assert "evil" not in answer.text + answer.headers["Location"]


def test_a_doubled_slash_leads_nowhere(client: FlaskClient) -> None:
    """Werkzeug's own answer is a 308 to the host of the request: whoever follows posts a secret there."""
    for url in POLICIES:
        start, slash, rest = path_of(url)[1:].partition("/")
        for method in ("GET", "POST") if slash else ():
            answer = client.open(f"/{start}//{rest}", method=method, headers={"Host": "evil.example"})
            assert (answer.status_code, answer.headers.get("Location")) == (404, None), (method, url)
