"""Named flows of a client, chosen by the scope ``idv_flow_<name>``."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import Flask

from portal.extensions import db
from portal.models import Client, User, VerificationConfiguration
from portal.oidc import flows
from portal.oidc.profiles import PROFILES
from portal.verifeye.results import Verifier
from portal.verifications import registry
from tests.support import factories
from tests.support.pushing import PushingScene, entry, form, in_id_token, level, only_entry
from tests.support.sandbox_server import SandboxServer

SCOPE = "openid identity_assurance"


@pytest.fixture
def scene(app: Flask, sandbox_server: SandboxServer) -> PushingScene:
    """Okta, as a client of identity verification, and a person whose face is enrolled."""
    return PushingScene(app, sandbox_server)


def add(scene: PushingScene, name: str, **options: Any) -> str:
    """Add a flow to the scene's client and return the scope that chooses it."""
    with scene.app.app_context():
        client = db.session.get_one(Client, scene.stage.client_id)
        flows.add(client, name, **{"purpose": "verify"} | options)
        db.session.commit()
    return f"{SCOPE} idv_flow_{name}"


@pytest.mark.parametrize(
    "scope",
    [
        "openid idv_flow_unheard-of", "openid idv_flow_", "openid idv_flow_One",
        "openid idv_flow_one idv_flow_two",
        "openid idv_flow_one idv_flow_unheard-of", "openid idv_flow_../one", "openid idv_flow_one'--",
        "openid idv_flow_" + "x" * 65,
    ],
)  # fmt: skip
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_flow_that_is_not_one_of_the_clients_is_an_invalid_scope(scene: PushingScene, scope: str) -> None:
    add(scene, "one")
    add(scene, "two")
    for answer in (scene.push(scope=scope), scene.push_json(scope=scope)):
        assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_scope")
    assert scene.pushed() == []


@pytest.mark.parametrize("profile", [name for name in PROFILES if name != "okta-idv"])
def test_in_the_open_an_unknown_flow_is_answered_at_the_client(
    app: Flask, sandbox_server: SandboxServer, profile: str
) -> None:
    scene = PushingScene(app, sandbox_server, profile=profile)
    query = form(scene.parameters(client_secret=None, scope="openid idv_flow_unheard-of"))
    answer = app.test_client().get(f"/v1/openid/authorize?{query}")
    location = answer.headers["Location"]
    assert location.startswith(scene.stage.redirect_uri)
    found = dict(parse_qsl(urlsplit(location).query))
    assert (found["error"], found["state"], found["iss"]) == ("invalid_scope", "a-state", scene.okta.issuer)


def test_the_flow_of_another_client_is_none_of_ours(
    scene: PushingScene, sandbox_server: SandboxServer
) -> None:
    other = PushingScene(scene.app, sandbox_server)
    scope = add(other, "theirs")
    assert other.push(scope=scope).status_code == 201
    assert scene.push(scope=scope).get_json()["error"] == "invalid_scope"


def test_the_same_flow_twice_is_one_flow(scene: PushingScene) -> None:
    scope = add(scene, "one")
    assert scene.push(scope=f"{scope} idv_flow_one").status_code == 201


def test_a_request_without_a_flow_is_verified_as_the_client_is_set_up(scene: PushingScene) -> None:
    add(scene, "one", returns="values", required=[Verifier.AGE])
    assert level(scene.verify()) == "VERIFIED"
    assert "flow" not in scene.journey().parameters


def test_the_flow_is_not_among_the_granted_scopes(scene: PushingScene) -> None:
    tokens = scene.verify(scope=add(scene, "one"))
    assert tokens.answer["scope"] == "openid identity_assurance"


def test_a_flow_can_use_another_verification_and_its_faces(scene: PushingScene) -> None:
    with scene.app.app_context():
        other = factories.verification_configuration(sandbox=scene.sandbox).id
    scope = add(scene, "branch", verification_id=other)
    visit = scene.arrive(scope=scope)
    assert scene.journey().verification_id == other
    visit.person.press("Start camera check")
    visit.person.follow("Go back")
    unknown = scene.okta.redeem(visit.person.arrival, visit.request)
    assert level(unknown) == "FAILED", "a face that is enrolled elsewhere does not count here"
    with scene.app.app_context():
        person = db.session.get_one(User, scene.stage.user_id)
        factories.enrolment(person, db.session.get_one(VerificationConfiguration, other))
    assert level(scene.verify(scope=scope)) == "VERIFIED"
    assert level(scene.verify()) == "VERIFIED", "without the flow it is the client's own as before"


def test_what_a_flow_demands_beyond_the_configuration_fails_when_it_was_not_done(scene: PushingScene) -> None:
    scope = add(scene, "adults", required=[Verifier.AGE])
    visit, back = scene.waiting(scene.arrive(scope=scope))
    visit.person.open(back)
    assert not visit.person.has_arrived
    assert scene.audited("capture:capture:failed")[-1]["reason"] == "verifier_not_passed"
    assert scene.codes() == 0
    assert level(scene.verify()) == "VERIFIED"


def test_what_a_flow_demands_passes_where_it_was_done(app: Flask, sandbox_server: SandboxServer) -> None:
    scene = PushingScene(app, sandbox_server)
    scope = add(scene, "live", required=[Verifier.LIVENESS])
    assert level(scene.verify(scope=scope)) == "VERIFIED"
    visit, back = scene.waiting(scene.arrive(scope=scope), outcome="liveness_fails")
    visit.person.open(back)
    assert not visit.person.has_arrived


def test_a_flow_whose_verification_was_removed_verifies_nobody(scene: PushingScene) -> None:
    with scene.app.app_context():
        other = factories.verification_configuration(sandbox=scene.sandbox)
        factories.enrolment(db.session.get_one(User, scene.stage.user_id), other)
        scope = add(scene, "branch", verification_id=other.id)
        registry.remove(db.session.get_one(VerificationConfiguration, other.id))
        db.session.commit()
    visit = scene.arrive(scope=scope)
    visit.person.follow("Go back")
    assert level(scene.okta.redeem(visit.person.arrival, visit.request)) == "FAILED"


@pytest.mark.parametrize(
    ("returns", "said"), [("values", "Amara"), ("MATCHED", "MATCHED"), (None, "MATCHED")]
)
def test_a_flow_says_what_stands_for_a_match(scene: PushingScene, returns: str | None, said: str) -> None:
    tokens = scene.verify(scope=add(scene, "one", returns=returns))
    assert only_entry(tokens)["claims"]["given_name"] == {"fuzzy": True, "value": said}


def test_a_flow_says_how_much_names_may_differ(scene: PushingScene) -> None:
    claims = in_id_token(entry({"given_name": {"value": "Ámara", "fuzzy": True}}))
    assert level(scene.verify(claims=claims)) == "VERIFIED"
    assert level(scene.verify(claims=claims, scope=add(scene, "strict", name_threshold=1.0))) == "FAILED"


@pytest.mark.parametrize(("purpose", "words"), flows.PURPOSES.items())
def test_the_start_page_says_what_the_flow_is_for(scene: PushingScene, purpose: str, words: str) -> None:
    page = scene.arrive(scope=add(scene, "one", purpose=purpose)).person.page
    assert f"so that you can {words}." in page.text


def test_a_flow_removed_meanwhile_still_ends_the_journeys_that_chose_it(scene: PushingScene) -> None:
    scope = add(scene, "one", returns="values", required=[Verifier.LIVENESS])
    unopened = scene.request_uri(scope=scope)
    with scene.app.app_context():
        found = flows.find(scene.stage.client_id, "one")
        assert found is not None
        flows.remove(found)
        db.session.commit()
    visit, back = scene.waiting(scene.open(unopened))
    assert only_entry(scene.finish(visit, back))["claims"]["given_name"]["value"] == "Amara"
    assert scene.push(scope=scope).get_json()["error"] == "invalid_scope"


@pytest.mark.parametrize("profile", [name for name in PROFILES if name != "okta-idv"])
def test_a_flow_serves_clients_of_any_profile(
    app: Flask, sandbox_server: SandboxServer, profile: str
) -> None:
    scene = PushingScene(app, sandbox_server, profile=profile)
    visit = scene.arrive(scope=add(scene, "back", purpose="recover"), login_hint=scene.stage.login)
    assert "get back into your account" in visit.person.page.text
    _, back = scene.waiting(visit)
    assert scene.finish(visit, back).claims["sub"] == scene.stage.user_id
