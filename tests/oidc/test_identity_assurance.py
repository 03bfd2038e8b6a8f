"""OpenID Connect for Identity Assurance 1.0 for any other client: omit what cannot be said, and never err."""

import json
from typing import Any

import pytest
from flask import Flask

from portal.extensions import db
from portal.models import User
from portal.oidc.registration import VerifiedClaims
from tests.support.moving_clock import MovingClock
from tests.support.pushing import PushingScene
from tests.support.relying_party import Claims, Tokens
from tests.support.sandbox_server import SandboxServer
from tests.support.scenes import Scene

NAME = {"given_name": None}
WANTED = (
    None,
    {},
    {"essential": False},
    {"essential": True},
    {"purpose": "To open an account"},
    {"value": "Amara"},
)


@pytest.fixture
def scene(app: Flask, sandbox_server: SandboxServer) -> PushingScene:
    """A client of profile ``oidc``, and a person whose face is enrolled."""
    return assurance(app, sandbox_server)


def assurance(app: Flask, sandbox: SandboxServer, **options: Any) -> PushingScene:
    scene = PushingScene(app, sandbox, profile="oidc", **options)
    with app.app_context():
        person = db.session.get_one(User, scene.stage.user_id)
        person.birthdate, person.address = "2000-01-31", {"locality": "Lagos", "country": "NG"}
        db.session.commit()
    return scene


def asked(claims: Any = None, verification: Any = None) -> Claims:
    return {
        "verification": {"trust_framework": None} | (verification or {}),
        "claims": NAME if claims is None else claims,
    }


def both(verified_claims: Any) -> Claims:
    return {
        "id_token": {"verified_claims": verified_claims},
        "userinfo": {"verified_claims": verified_claims},
    }


def sign_in(scene: PushingScene, claims: Any, *, way: str = "pushed") -> Tokens:
    """Sign in with ``claims``, pushed or in the query, and return the tokens."""
    if way == "pushed":
        return scene.verify(claims=claims, login_hint=scene.stage.login)
    visit = Scene.arrive(scene, claims=json.dumps(claims))
    _, back = scene.waiting(visit)
    return scene.finish(visit, back)


def answers(scene: PushingScene, claims: Any, *, way: str = "pushed") -> tuple[Any, Any]:
    """Return the ``verified_claims`` of the ID token and of userinfo (absent: ``None``)."""
    tokens = sign_in(scene, claims, way=way)
    said = scene.okta.userinfo(tokens.access_token).json()
    assert said["sub"] == tokens.claims["sub"]
    return tokens.claims.get("verified_claims"), said.get("verified_claims")


def verified(claims: Claims, **verification: Any) -> Claims:
    return {"verification": {"trust_framework": "IDV-DELEGATED"} | verification, "claims": claims}


AMARA = verified({"given_name": "Amara"})


@pytest.mark.parametrize("way", ["pushed", "query"])
def test_a_claim_is_given_in_both_places_however_it_is_asked_for(scene: PushingScene, way: str) -> None:
    for wanted in WANTED:
        assert answers(scene, both(asked({"given_name": wanted})), way=way) == (AMARA, AMARA), wanted


@pytest.mark.parametrize("way", ["pushed", "query"])
def test_what_is_asked_for_in_one_place_is_given_there_alone(scene: PushingScene, way: str) -> None:
    assert answers(scene, {"id_token": {"verified_claims": asked()}}, way=way) == (AMARA, None)
    assert answers(scene, {"userinfo": {"verified_claims": asked()}}, way=way) == (None, AMARA)
    different = {
        "id_token": {"verified_claims": asked()},
        "userinfo": {"verified_claims": asked({"family_name": None})},
    }
    assert answers(scene, different, way=way) == (AMARA, verified({"family_name": "Okafor"}))


def test_an_authorization_in_which_none_was_asked_for_has_none(scene: PushingScene) -> None:
    for claims in (
        None,
        {},
        {"id_token": {"email": None}},
        {"id_token": None},
        {"id_token": {"verified_claims": None}},
    ):
        assert answers(scene, claims) == (None, None), claims


@pytest.mark.parametrize("profile", ["okta-factor", "okta-sso"])
def test_a_client_of_oktas_other_profiles_has_none_though_it_asks(
    app: Flask, sandbox_server: SandboxServer, profile: str
) -> None:
    scene = PushingScene(app, sandbox_server, profile=profile)
    assert answers(scene, both(asked())) == (None, None)


def test_unknown_claims_are_left_out_whatever_their_names(scene: PushingScene) -> None:
    odd = {
        "nationalities": None, "unknown": {"essential": True}, "": None, "given_name ": None,
        "GIVEN_NAME": None,
        "given\u0000name": None, "<script>": {"value": "x"}, "💥": None, "a.b.c": {}, "given_name#ja": None,
        "..": None, "x" * 500: None, "sub": None, "okta_id": None, "login": None, "__proto__": {"value": "x"},
    }  # fmt: skip
    assert answers(scene, both(asked(NAME | odd))) == (AMARA, AMARA)
    assert answers(scene, both(asked(odd))) == (None, None)


def test_a_claim_that_the_record_lacks_is_left_out(scene: PushingScene) -> None:
    assert answers(scene, both(asked(NAME | {"phone_number": {"essential": True}}))) == (AMARA, AMARA)
    assert answers(scene, both(asked({"phone_number": {"essential": True}}))) == (None, None)


def test_a_value_that_differs_leaves_the_claim_out_and_an_empty_answer_is_none(scene: PushingScene) -> None:
    random = {"value": "f3b2c1", "essential": True}
    assert answers(scene, both(asked({"given_name": random}))) == (None, None)
    assert (
        answers(scene, both(asked({"given_name": random, "birthdate": None})))
        == (verified({"birthdate": "2000-01-31"}),) * 2
    )
    assert answers(scene, both(asked({"given_name": {"values": ["Wilhelmina", "Amara"]}}))) == (AMARA, AMARA)
    assert answers(scene, both(asked({"given_name": {"values": []}}))) == (None, None)
    assert answers(scene, both(asked({"given_name": {"value": "Amarra", "fuzzy": True}}))) == (None, None)


@pytest.mark.parametrize(
    ("verification", "given"),
    [
        ({"trust_framework": {"value": "IDV-DELEGATED"}}, {}),
        ({"trust_framework": {"values": ["eidas", "IDV-DELEGATED"]}}, {}),
        ({"trust_framework": {"value": "eidas"}}, None),
        ({"trust_framework": {"value": "eidas", "essential": False}}, None),
        ({"assurance_level": None}, {"assurance_level": "VERIFIED"}),
        ({"assurance_level": {"value": "VERIFIED"}}, {"assurance_level": "VERIFIED"}),
        ({"assurance_level": {"value": "FAILED"}}, None),
        ({"assurance_level": {"value": "very_high"}}, None),
        ({"evidence": None}, {}),
        ({"evidence": [{"type": {"value": "document"}}]}, None),
        ({"assurance_process": None, "unknown": {"essential": True}}, {}),
        ({"unknown": {"value": "x"}}, None),
        ({"time": {"max_age": -0.0}}, {"time": "the time"}),
        ({"verification_process": {"value": "another"}}, None),
    ],
    ids=str,
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_cannot_be_met_of_the_verification_leaves_everything_out(
    clock: MovingClock, scene: PushingScene, verification: Claims, given: Claims | None
) -> None:
    if given and "time" in given:
        given = given | {"time": clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")}
    expected = None if given is None else verified({"given_name": "Amara"}, **given)
    assert answers(scene, both(asked(verification=verification))) == (expected, expected)


def test_members_of_the_verification_are_given_only_if_asked_for(
    clock: MovingClock, scene: PushingScene
) -> None:
    everything = {"assurance_level": None, "time": None, "verification_process": None}
    found, _ = answers(scene, both(asked(verification=everything)))
    assert found["verification"] == {
        "trust_framework": "IDV-DELEGATED",
        "assurance_level": "VERIFIED",
        "time": clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "verification_process": scene.journey().reference,
    }


def test_the_entries_of_an_array_are_judged_one_by_one(scene: PushingScene) -> None:
    entries = [
        asked(),
        asked({"given_name": {"value": "Wilhelmina"}}),
        asked(verification={"trust_framework": {"value": "eidas"}}),
        asked({"birthdate": None}),
    ]
    assert answers(scene, both(entries)) == ([AMARA, verified({"birthdate": "2000-01-31"})],) * 2
    assert answers(scene, both([asked()])) == ([AMARA],) * 2
    assert answers(scene, both(entries[1:3])) == (None, None)


def test_an_address_is_given_whole_or_in_the_parts_that_were_asked_for(scene: PushingScene) -> None:
    whole = verified({"address": {"locality": "Lagos", "country": "NG"}})
    assert answers(scene, both(asked({"address": None}))) == (whole, whole)
    part = verified({"address": {"country": "NG"}})
    assert answers(scene, both(asked({"address": {"country": None, "postal_code": None}}))) == (part, part)


def test_another_trust_framework_of_the_client_can_be_demanded(
    app: Flask, sandbox_server: SandboxServer
) -> None:
    scene = assurance(app, sandbox_server, verified_claims=VerifiedClaims(trust_frameworks=("eidas",)))
    found, _ = answers(scene, both(asked(verification={"trust_framework": {"value": "eidas"}})))
    assert found["verification"] == {"trust_framework": "eidas"}


@pytest.mark.parametrize("way", ["pushed", "query"])
def test_a_purpose_has_three_to_three_hundred_characters(scene: PushingScene, way: str) -> None:
    for purpose, taken in (
        ("abc", True),
        ("x" * 300, True),
        ("", False),
        ("ab", False),
        ("x" * 301, False),
        (5, False),
    ):
        for place in ("claim", "verification"):
            claims = both(
                asked({"given_name": {"purpose": purpose}})
                if place == "claim"
                else asked(verification={"trust_framework": {"purpose": purpose}})
            )
            if way == "pushed":
                answer = scene.push(claims=claims)
                assert answer.status_code == (201 if taken else 400), (purpose, place)
                assert taken or answer.get_json()["error"] == "invalid_request"
            else:
                person = Scene.arrive(scene, claims=json.dumps(claims)).person
                assert person.has_arrived is not taken, (purpose, place)
                assert taken or person.arrival.parameters["error"] == "invalid_request"


def test_a_purpose_is_never_shown_as_it_came(scene: PushingScene) -> None:
    claims = both(asked({"given_name": {"purpose": "<script>alert(1)</script>"}}))
    page = scene.arrive(claims=claims, login_hint=scene.stage.login).person.page
    assert "alert(1)" not in page.html


def test_somebody_who_is_not_verified_is_no_claim_but_an_error(scene: PushingScene) -> None:
    visit = scene.arrive(claims=both(asked()), login_hint=scene.stage.login)
    scene.use_up(visit)
    visit.person.follow("Go back")
    assert visit.person.arrival.parameters["error"] == "access_denied"
    assert scene.codes() == 0


def test_the_claims_are_those_of_the_face_and_not_of_the_hint(scene: PushingScene) -> None:
    """Whoever types another account has to show that account's face."""
    visit = scene.arrive(claims=both(asked()), login_hint=None)
    visit.person.press(login=scene.stage.login)
    _, back = scene.waiting(visit)
    tokens = scene.finish(visit, back)
    assert (tokens.claims["sub"], tokens.claims["verified_claims"]) == (scene.stage.user_id, AMARA)


def test_the_audit_log_has_a_verdict_for_each_place_and_no_value(scene: PushingScene) -> None:
    answers(scene, both(asked({"given_name": {"value": "Wilhelmina"}, "odd": {"value": "Ruritania"}})))
    written = scene.audited("oidc:identity:evaluated")
    assert [one["claims"] for one in written] == [["given_name:differs", "(other):unsupported"]] * 2
    for value in ("Wilhelmina", "Ruritania", "Amara", "odd"):
        assert value not in json.dumps(written)


def test_a_face_that_comes_for_the_first_time_verifies_nobody_s_names(
    app: Flask, sandbox_server: SandboxServer
) -> None:
    """Whoever only knows the login may be the one who enrols; the next sign-in matches that face."""
    scene = assurance(app, sandbox_server, enrolled=False, enrolment="first-use")
    assert answers(scene, both(asked()), way="query") == (None, None)
    assert scene.audited("oidc:identity:evaluated")[-1]["claims"] == ["given_name:no_face"]
    assert answers(scene, both(asked()), way="query") == (AMARA, AMARA)
