"""openid-client, the OpenID Connect client of the Node world, completes the flow with its checks all on."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from tests.support import factories, machine
from tests.support.browsers import LivePortal
from tests.support.person import Arrival
from tests.support.web_person import WebPerson

HERE = Path(__file__).parent
CALLBACK = "https://client.example/callback"
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


class NodeClient:
    """A relying party in a Node process; ``url`` is where it sends the browser."""

    def __init__(self, node: str, **told: Any) -> None:
        self._process = subprocess.Popen(
            [node, "openid_client.mjs"],
            cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.url: str = self._say(told)["url"]

    def complete(self, arrival: Arrival) -> dict[str, Any]:
        """Give it what the browser brought back; return what came of it."""
        return self._say({"url": arrival.url, "parameters": arrival.parameters})

    def end(self) -> None:
        """Let the process go."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def _say(self, document: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(document) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"openid-client ended: {self._process.communicate()[1]}"
        answer: dict[str, Any] = json.loads(line)
        return answer


class Setting:
    """A portal, a client of it and a person, and the relying parties made for it."""

    def __init__(self, portal: LivePortal, node: str) -> None:
        self.portal, self.node = portal, node
        self.key = ECKey.generate_key("P-256", {"kid": "of the interoperability tests", "use": "sig"})
        self.made: list[NodeClient] = []

    def relying_party(self, **choice: Any) -> tuple[NodeClient, factories.Stage]:
        """Register a client and return it, in Node, with the person to sign in."""
        told = {"auth_method": "client_secret_post", "request": "plain", "id_token_alg": "RS256"} | choice
        profile = told.pop("profile", "okta-factor")
        public = {"keys": [self.key.as_dict(private=False)]}
        with self.portal.app.app_context():
            stage = factories.stage(
                self.portal.sandbox,
                enrolled=True,
                enrolment="invited",
                profile=profile,
                redirect_uris=[CALLBACK],
                id_token_alg=told["id_token_alg"],
                jwks=public,
                request_algs=["ES256"],
            )
        node = NodeClient(
            self.node,
            issuer=self.portal.origin,
            client_id=stage.client_id,
            client_secret=stage.client_secret,
            private_jwk=self.key.as_dict(private=True),
            redirect_uri=CALLBACK,
            login_hint=stage.login,
            **told,
        )
        self.made.append(node)
        return node, stage

    def person(self) -> WebPerson:
        """Return somebody with a browser."""
        return WebPerson(self.portal.origin, self.portal.sandbox.origin)


@pytest.fixture
def setting(live_portal: LivePortal) -> Iterator[Setting]:
    node = machine.program("node")
    if node is None:
        machine.missing("there is no Node.js (Debian's package `nodejs`)")
    if not (HERE / "node_modules" / "openid-client").is_dir():
        machine.missing("openid-client is not installed (`npm ci` in tests/interop)")
    made = Setting(live_portal, node)
    yield made
    for relying_party in made.made:
        relying_party.end()


def verify(person: WebPerson, url: str, *, form_post: bool = False) -> Arrival:
    person.open(url)
    person.press("Start camera check")
    person.press("Finish the check")
    if form_post:
        person.press("Continue")
    return person.arrival


@pytest.mark.parametrize("auth_method", ["client_secret_post", "client_secret_basic", "private_key_jwt"])
@pytest.mark.parametrize("request_", ["plain", "signed", "pushed"])
def test_the_flow_for_every_way_to_authenticate_and_to_ask(
    setting: Setting, auth_method: str, request_: str
) -> None:
    node, stage = setting.relying_party(auth_method=auth_method, request=request_)
    done = node.complete(verify(setting.person(), node.url))
    assert done["claims"]["sub"] == stage.user_id, done
    assert done["claims"]["preferred_username"] == stage.login
    assert done["claims"]["amr"] == ["face"]
    assert done["userinfo"]["sub"] == stage.user_id
    assert done["after_revocation"] == "invalid_token"
    assert done["second_redemption"] == "invalid_grant"


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "EdDSA"])
def test_id_tokens_of_every_algorithm_are_verified(setting: Setting, alg: str) -> None:
    node, stage = setting.relying_party(id_token_alg=alg)
    done = node.complete(verify(setting.person(), node.url))
    assert done["claims"]["sub"] == stage.user_id, done


@pytest.mark.parametrize("profile", ["okta-factor", "okta-sso", "oidc"])
def test_every_profile_by_form_post(setting: Setting, profile: str) -> None:
    node, stage = setting.relying_party(profile=profile, form_post=True)
    done = node.complete(verify(setting.person(), node.url, form_post=True))
    assert done["claims"]["sub"] == stage.user_id, done


def test_a_person_who_chooses_another_way_is_reported(setting: Setting) -> None:
    node, _ = setting.relying_party()
    person = setting.person()
    person.open(node.url)
    person.press("Use another way to sign in")
    assert node.complete(person.arrival)["error"] == "access_denied"


def test_an_answer_to_another_request_is_refused_by_the_client(setting: Setting) -> None:
    """The other way round: what openid-client refuses shows that its checks were on."""
    node, _ = setting.relying_party()
    arrival = verify(setting.person(), node.url)
    forged = Arrival(arrival.url.replace("state=", "state=x"), arrival.parameters)
    assert "OAUTH" in node.complete(forged)["error"]
