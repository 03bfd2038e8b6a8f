"""mod_auth_openidc, as Debian ships it, guards a page of Apache's with the portal."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support import apache, factories
from tests.support.browsers import LivePortal
from tests.support.web_person import WebPerson

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

#: The request object as mod_auth_openidc makes it: its parameters, signed under the client's secret.
SIGNED = json.dumps(
    {
        "request_object_type": "request",
        "copy_from_request": [
            "response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge",
            "code_challenge_method", "login_hint",
        ],
        "crypto": {"sign_alg": "HS256"},
    }
)  # fmt: skip


def directives(portal: LivePortal, stage: factories.Stage, origin: str, **more: str) -> str:
    lines = {
        "OIDCProviderMetadataURL": f"{portal.origin}/.well-known/openid-configuration",
        "OIDCClientID": stage.client_id,
        "OIDCClientSecret": stage.client_secret,
        "OIDCRedirectURI": f"{origin}/protected/callback",
        "OIDCCryptoPassphrase": "a passphrase for the tests of Apache",
        "OIDCScope": '"openid profile email"',
        "OIDCPKCEMethod": "S256",
        "OIDCRemoteUserClaim": "preferred_username",
        "OIDCPassClaimsAs": "environment",
        "OIDCAuthRequestParams": urlencode({"login_hint": stage.login}),
        "OIDCInfoHook": "id_token userinfo",
        **more,
    }
    return "".join(
        f"{name} {value if value.startswith(chr(34)) or name == 'OIDCInfoHook' else json.dumps(value)}\n"
        for name, value in lines.items()
    )


@pytest.mark.parametrize(
    ("profile", "auth_method", "more"),
    [
        ("okta-factor", "client_secret_post", {}),
        ("okta-factor", "client_secret_basic", {}),
        ("okta-sso", "client_secret_post", {"OIDCRequestObject": SIGNED}),
        ("oidc", "client_secret_basic", {}),
        ("oidc", "client_secret_post", {"OIDCResponseMode": "form_post"}),
    ],
    ids=["factor-post", "factor-basic", "sso-signed-request", "oidc-basic", "oidc-form-post"],
)
def test_apache_lets_in_whom_the_portal_has_verified(
    live_portal: LivePortal, profile: str, auth_method: str, more: dict[str, Any]
) -> None:
    apache.program()
    port = apache.free_port()
    origin = f"http://localhost:{port}"
    with live_portal.app.app_context():
        stage = factories.stage(
            live_portal.sandbox,
            enrolled=True,
            enrolment="invited",
            profile=profile,
            redirect_uris=[f"{origin}/protected/callback"],
            request_algs=["HS256"],
        )
    more = {"OIDCProviderTokenEndpointAuth": auth_method, **more}
    with apache.running(port, directives(live_portal, stage, origin, **more)):
        person = WebPerson(origin, live_portal.origin, live_portal.sandbox.origin)
        person.open(f"{origin}/protected/")
        assert person.page.heading == "Confirm it’s you"
        assert ("request=" in person.visited[1]) == ("OIDCRequestObject" in more)
        person.press("Start camera check")
        person.press("Finish the check")
        if "OIDCResponseMode" in more:
            person.press("Continue")
        assert person.page.heading == "Inside", person.page.text
        assert person.page.headers["X-Signed-In-As"] == stage.login
        assert person.page.headers["X-Subject"] == stage.user_id
        assert person.page.headers["X-Given-Name"] == "Amara"
        person.open(f"{origin}/protected/callback?info=json")
        told = json.loads(person.page.html)
        assert told["id_token"]["amr"] == ["face"]
        assert told["userinfo"]["sub"] == stage.user_id


def test_apache_keeps_out_whom_the_portal_has_not_verified(live_portal: LivePortal) -> None:
    apache.program()
    port = apache.free_port()
    origin = f"http://localhost:{port}"
    with live_portal.app.app_context():
        stage = factories.stage(
            live_portal.sandbox, enrolled=True, redirect_uris=[f"{origin}/protected/callback"]
        )
    with apache.running(port, directives(live_portal, stage, origin)):
        person = WebPerson(origin, live_portal.origin, live_portal.sandbox.origin)
        person.open(f"{origin}/protected/")
        person.press("Use another way to sign in")
        # This release of the module takes the `iss` of RFC 9207 beside an error for another kind of request
        # and shows a page of its own; what counts is that the person is outside, and can begin again.
        assert "X-Signed-In-As" not in person.page.headers
        assert person.page.heading != "Inside"
        person.open(f"{origin}/protected/")
        assert person.page.heading == "Confirm it’s you"
