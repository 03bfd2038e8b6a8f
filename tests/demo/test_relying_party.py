"""The demo relying party believes nothing that it has not checked, and says what went wrong."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from portal import clock
from portal.sandbox.relying_party import create_relying_party
from portal.sandbox.relying_party_client import _at_hash
from portal.sandbox.relying_party_settings import DemoClient, DemoPerson, DemoSettings
from tests.page_checks import check_page
from tests.support import web_server
from tests.support.person import Page
from tests.support.web_person import WebPerson
from tests.support.world import World

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


class Careful(WebPerson):
    """A person whose browser holds the relying party's pages to the house's rules."""

    def __init__(self, home: str, *others: str) -> None:
        super().__init__(home, *others)
        self._home = home

    def _ask(self, method: str, url: str, fields: dict[str, str] | None) -> Page:
        page = super()._ask(method, url, fields)
        if url.startswith(self._home) and page.status not in (302, 303):
            check_page(page.html, page.headers)
        return page


@ONE_DATABASE
class TestWithThePortal:
    @pytest.fixture
    def person(self, world: World) -> Careful:
        portal, sandbox, client = world.origins
        return Careful(client, portal, sandbox)

    def back(self, world: World, person: Careful) -> str:
        """Walk until the portal's answer is at hand, and return it unopened."""
        person._others = world.origins[:2]
        person._portal = world.portal.origin
        home = f"{world.client}/start?login_hint=amara@acme.example"
        first = person._ask("GET", home, None)
        person.open(first.headers["Location"])
        person.press("Start camera check")
        person.press("Finish the check")
        return person.arrival.url

    def test_claims_checks_and_hops_are_shown_without_secrets(self, world: World, person: Careful) -> None:
        person.open(f"{world.client}/")
        person.press("Sign in")
        person.press("Start camera check")
        person.press("Finish the check")
        assert person.page.heading == "Signed in as Amara Okafor"
        text = person.page.text
        for hop in ("Discovery", "Off to the portal", "Back with an answer", "The code is redeemed",
                    "The portal’s public keys", "Userinfo"):  # fmt: skip
            assert hop in text
        for claim in ("sub", "preferred_username", "amr", "at_hash"):
            assert claim in text
        assert not re.search(r"\bvps_[\w-]{20}", person.page.html), "the client's secret is on the page"
        assert "(a secret: not shown)" in text
        code = re.search(r"<dt>code</dt><dd>([^ ]+) \((\d+) characters\)", person.page.html)
        assert code is not None
        assert len(code[1]) < int(code[2]) / 2

    def test_a_result_can_be_reloaded_and_belongs_to_one_browser(self, world: World, person: Careful) -> None:
        client = world.client
        person.open(f"{client}/start?login_hint=amara@acme.example")
        person.press("Start camera check")
        person.press("Finish the check")
        person.reload()
        assert person.page.heading == "Signed in as Amara Okafor"
        other = Careful(client)
        other.open(person.page.url)
        assert other.page.status == 404
        assert "Amara" not in other.page.text

    @pytest.mark.parametrize(
        "change",
        [
            lambda url: re.sub("state=[^&]*", "state=another", url),
            lambda url: re.sub("state=[^&]*&", "", url),
            lambda url: url + "&state=again",
        ],
        ids=["another-state", "no-state", "two-states"],
    )
    def test_an_answer_nobody_waits_for_is_refused(
        self, world: World, person: Careful, change: Callable[[str], str]
    ) -> None:
        url = change(self.back(world, person))
        person._portal = world.client
        person.open(url)
        assert person.page.status == 400
        assert person.page.heading == "This answer is not expected here"

    def test_another_browsers_answer_is_refused(self, world: World, person: Careful) -> None:
        url = self.back(world, person)
        other = Careful(world.client)
        other.open(url)
        assert other.page.status == 400

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            (lambda url: re.sub("iss=[^&]*", "iss=https://else.example", url), "wrong_issuer"),
            (lambda url: re.sub("&iss=[^&]*", "", url), "wrong_issuer"),
            (lambda url: re.sub("code=[^&]*", "code=guessed", url), "invalid_grant"),
            (lambda url: re.sub("code=[^&]*&", "", url), "invalid_response"),
        ],
        ids=["another-issuer", "no-issuer", "another-code", "no-code"],
    )
    def test_a_changed_answer_ends_on_a_page_that_says_why(
        self, world: World, person: Careful, change: Callable[[str], str], error: str
    ) -> None:
        url = change(self.back(world, person))
        person._portal = world.client
        person.open(url)
        assert error in person.page.text
        assert "Try again" in person.page.text

    def test_a_portal_that_is_away_gets_a_page(self, world: World) -> None:
        nowhere = DemoSettings(
            "http://localhost:9", world.client, "http://localhost:9",
            (DemoClient("okta-factor", "Okta", "", "id", "secret"),), (DemoPerson("a@b", "A", ""),),
        )  # fmt: skip
        relying_party = create_relying_party(nowhere)
        with web_server.listening() as (here, origin), web_server.serving(relying_party, here):
            person = Careful(origin)
            person.open(f"{origin}/start?login_hint=a@b")
            assert person.page.heading == "The portal does not answer"


CODE, ACCESS = "a-code-of-the-liar", "an-access-token-of-the-liar"


class Liar:
    """A provider whose ID token is good but for what a test has changed."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "liar"})
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "liar"}
        self.signing_key: Any = self.key
        self.userinfo: dict[str, Any] = {"sub": "somebody"}
        self.origin = ""
        self.asked: dict[str, str] = {}
        self.app = Flask("liar")
        self.app.add_url_rule("/.well-known/openid-configuration", view_func=self.discovery)
        self.app.add_url_rule("/authorize", view_func=self.authorize)
        self.app.add_url_rule("/token", view_func=self.token, methods=["POST"])
        self.app.add_url_rule("/jwks", view_func=lambda: {"keys": [self.key.as_dict(private=False)]})
        self.app.add_url_rule("/userinfo", view_func=lambda: self.userinfo, endpoint="userinfo")

    def discovery(self) -> Any:
        paths = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
        return jsonify(
            issuer=self.origin,
            jwks_uri=f"{self.origin}/jwks",
            id_token_signing_alg_values_supported=["RS256", "none", "HS256"],
            **{f"{name}_endpoint": f"{self.origin}/{path}" for name, path in paths.items()},
        )

    def authorize(self) -> Any:
        self.asked = dict(request.args)
        state, there = self.asked["state"], self.asked["redirect_uri"]
        return redirect(f"{there}?code={CODE}&state={state}&iss={self.origin}")

    def token(self) -> Any:
        now = clock.epoch()
        claims = {
            "iss": self.origin, "aud": "the-client", "sub": "somebody", "iat": now, "exp": now + 60,
            "nonce": self.asked["nonce"], "at_hash": _at_hash("RS256", ACCESS), **self.claims,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        token = jwt.encode(self.header, claims, self.signing_key, algorithms=[self.header["alg"]])
        return {"access_token": ACCESS, "token_type": "Bearer", "expires_in": 60, "id_token": token}


@pytest.fixture
def liar() -> Liar:
    return Liar()


@pytest.fixture
def person(liar: Liar) -> Iterator[Careful]:
    with (
        web_server.listening() as (there, liar.origin),
        web_server.serving(liar.app, there),
        web_server.listening() as (here, origin),
    ):
        settings = DemoSettings(
            liar.origin, origin, liar.origin,
            (DemoClient("oidc", "A client", "", "the-client", "the-secret-of-the-client-of-the-liar"),),
            (DemoPerson("a@b", "A", ""),),
        )  # fmt: skip
        with web_server.serving(create_relying_party(settings), here):
            yield Careful(origin, liar.origin)


def sign_in(person: Careful) -> str:
    person.open(f"{person._home}/start?request=plain")
    return person.page.heading


def test_what_the_liar_says_when_it_does_not_lie_is_believed(person: Careful) -> None:
    assert sign_in(person) == "Signed in as somebody"


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "of another request"},
        {"nonce": None},
        {"aud": "another-client"},
        {"aud": None},
        {"iss": "https://else.example"},
        {"exp": 1},
        {"exp": None},
        {"sub": None},
        {"at_hash": "of another token"},
        {"at_hash": None},
    ],
    ids=str,
)
def test_an_id_token_with_one_wrong_claim_is_not_believed(
    liar: Liar, person: Careful, claims: dict[str, Any]
) -> None:
    liar.claims = claims
    assert sign_in(person) == "The sign-in did not work"
    assert "invalid_id_token" in person.page.text


def test_an_id_token_signed_by_somebody_else_is_not_believed(liar: Liar, person: Careful) -> None:
    liar.signing_key = RSAKey.generate_key(2048, {"kid": "liar"})
    assert sign_in(person) == "The sign-in did not work"
    assert "invalid_id_token" in person.page.text


def test_an_id_token_under_a_shared_secret_is_not_believed(liar: Liar, person: Careful) -> None:
    liar.header = {"alg": "HS256", "kid": "liar"}
    liar.signing_key = OctKey.import_key("the-secret-of-the-client-of-the-liar")
    assert sign_in(person) == "The sign-in did not work"
    assert "invalid_id_token" in person.page.text


def test_userinfo_about_somebody_else_is_not_believed(liar: Liar, person: Careful) -> None:
    liar.userinfo = {"sub": "somebody else"}
    assert sign_in(person) == "The sign-in did not work"


def test_a_discovery_document_for_another_issuer_is_not_believed(liar: Liar, person: Careful) -> None:
    origin, liar.origin = liar.origin, "https://else.example"
    person.open(f"{person._home}/start?request=plain")
    liar.origin = origin
    assert "wrong_issuer" in person.page.text
