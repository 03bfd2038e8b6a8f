"""Identity verification for Okta: what the token says, to the letter, and who is never called verified."""

import base64
import json
import re
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from authlib.oauth2.base import OAuth2Error
from flask import Flask

from portal.extensions import db
from portal.models import AuditEvent, Client, User
from portal.oidc import flows
from portal.oidc.registration import VerifiedClaims
from portal.users import directory, holds
from tests.support import factories
from tests.support.at_once import at_once
from tests.support.moving_clock import MovingClock
from tests.support.pushing import NAMES, PushingScene, entry, in_id_token, level, only_entry
from tests.support.sandbox_server import SandboxServer

RECORD = {
    "middle_name": "Ngozi",
    "birthdate": "2000-01-31",
    "phone_number": "+2348031234567",
    "address": {
        "street_address": "12 Marina", "locality": "Lagos", "region": "Lagos", "postal_code": "101241",
        "country": "NG",
    },
}  # fmt: skip


@pytest.fixture
def scene(app: Flask, sandbox_server: SandboxServer) -> PushingScene:
    """Okta, as a client of identity verification, and a person whose face is enrolled."""
    return PushingScene(app, sandbox_server)


def answering(app: Flask, sandbox: SandboxServer, **options: Any) -> PushingScene:
    """Return a scene whose client is answered as ``options`` of ``VerifiedClaims`` say."""
    return PushingScene(app, sandbox, verified_claims=VerifiedClaims(**options))


def keep_of_the_person(scene: PushingScene, **details: Any) -> None:
    """Change the directory's record of the scene's person."""
    with scene.app.app_context():
        person = db.session.get_one(User, scene.stage.user_id)
        for name, value in details.items():
            setattr(person, name, value)
        db.session.commit()


def change_status(scene: PushingScene, how: str) -> None:
    with scene.app.app_context():
        person = db.session.get_one(User, scene.stage.user_id)
        (holds.suspend if how == "suspended" else directory.erase)(person, how="test")
        db.session.commit()


def fuzzy(**values: Any) -> dict[str, Any]:
    return {name: {"value": value, "fuzzy": True} for name, value in values.items()}


# -- the token --------------------------------------------------------------------------------------------


def test_the_token_of_a_verified_person_is_exactly_what_okta_documents(
    clock: MovingClock, scene: PushingScene
) -> None:
    tokens = scene.verify()
    now = int(clock.now().timestamp())
    assert tokens.claims == {
        "iss": "https://portal.test",
        "aud": scene.stage.client_id,
        "sub": scene.okta_id,
        "iat": now - 5,
        "exp": now + 3600,
        "nonce": "a-nonce",
        "verified_claims": [
            {
                "verification": {
                    "trust_framework": "IDV-DELEGATED",
                    "assurance_level": "VERIFIED",
                    "time": clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
                    "verification_process": scene.journey().reference,
                },
                "claims": {
                    "given_name": {"fuzzy": True, "value": "MATCHED"},
                    "family_name": {"fuzzy": True, "value": "MATCHED"},
                },
            }
        ],
    }
    assert tokens.header.keys() == {"alg", "kid", "typ"}
    assert tokens.answer["token_type"] == "Bearer"
    assert tokens.answer["expires_in"] == tokens.claims["exp"] - now


def test_the_token_of_somebody_who_was_not_verified_has_the_same_members(scene: PushingScene) -> None:
    tokens = scene.fail(scene.arrive())
    assert tokens.claims.keys() == {"iss", "aud", "sub", "iat", "exp", "nonce", "verified_claims"}
    assert (tokens.claims["sub"], tokens.claims["aud"]) == (scene.okta_id, scene.stage.client_id)
    answer = only_entry(tokens)
    moment = answer["verification"].pop("time")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", moment)
    assert abs(datetime.fromisoformat(moment).timestamp() - tokens.claims["iat"]) < 60
    assert answer == {
        "verification": {
            "trust_framework": "IDV-DELEGATED",
            "assurance_level": "FAILED",
            "verification_process": scene.journey().reference,
        },
        "claims": {
            "given_name": {"fuzzy": True, "value": None},
            "family_name": {"fuzzy": True, "value": None},
        },
    }


def test_the_time_is_when_the_face_matched(
    app: Flask, sandbox_server: SandboxServer, clock: MovingClock
) -> None:
    clock.advance(-100)
    scene = PushingScene(app, sandbox_server)
    visit, back = scene.waiting(scene.arrive())
    matched = clock.now()
    answer = visit.browser.get(back)
    clock.advance(100)
    visit.person.open(answer.headers["Location"])
    tokens = scene.okta.redeem(visit.person.arrival, visit.request)
    assert only_entry(tokens)["verification"]["time"] == matched.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_without_a_nonce_there_is_none(scene: PushingScene) -> None:
    visit, back = scene.waiting(scene.arrive(nonce=None))
    visit.person.open(back)
    answer = scene.okta.redeem_code(visit.person.arrival.parameters["code"], visit.request.code_verifier)
    assert "nonce" not in unverified(answer["id_token"])


def unverified(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


def test_the_scopes_and_other_claims_of_the_request_add_nothing(scene: PushingScene) -> None:
    claims = in_id_token(entry()) | {"userinfo": {"email": None, "verified_claims": entry()}}
    claims["id_token"] |= {"email": {"essential": True}, "given_name": None, "acr": None, "auth_time": None}
    tokens = scene.verify(scope="openid profile email identity_assurance", claims=claims, app_name="Acme")
    assert tokens.claims.keys() == {"iss", "aud", "sub", "iat", "exp", "nonce", "verified_claims"}
    assert scene.okta.userinfo(tokens.access_token).json() == {"sub": scene.okta_id}


@pytest.mark.parametrize("encoding", ["object", "plain"])
@pytest.mark.parametrize("returns", ["MATCHED", "values"])
def test_every_claim_of_oktas_list_in_every_way_to_answer_it(
    app: Flask, sandbox_server: SandboxServer, encoding: str, returns: str
) -> None:
    scene = answering(app, sandbox_server, encoding=encoding, returns=returns)
    keep_of_the_person(scene, **RECORD)
    address = RECORD["address"]
    assert isinstance(address, dict)
    asked = fuzzy(
        given_name="AMARA", family_name="Okáfor", middle_name="ngozi", birthdate="2000-01-31",
        phone_number="+234 803 123 4567", email=f"{scene.stage.login.split('@')[0]}@acme.example",
    )  # fmt: skip
    keep_of_the_person(scene, email=scene.stage.login.upper())
    asked["address"] = fuzzy(**address)
    tokens = scene.verify(claims=in_id_token(entry(asked)))
    assert level(tokens) == "VERIFIED"

    def answered(value: Any) -> Any:
        said = value if returns == "values" else "MATCHED"
        return {"fuzzy": True, "value": said} if encoding == "object" else {"fuzzy": said}

    held = {"given_name": "Amara", "family_name": "Okafor", "email": scene.stage.login.upper()} | RECORD
    expected = {name: answered(value) for name, value in held.items() if name != "address"}
    expected["address"] = {part: answered(value) for part, value in address.items()}
    assert only_entry(tokens)["claims"] == expected


@pytest.mark.parametrize("encoding", ["object", "plain"])
@pytest.mark.parametrize("returns", ["MATCHED", "values"])
def test_what_does_not_match_is_null_and_the_whole_is_failed(
    app: Flask, sandbox_server: SandboxServer, encoding: str, returns: str
) -> None:
    scene = answering(app, sandbox_server, encoding=encoding, returns=returns)
    asked = fuzzy(given_name="Wilhelmina", family_name="Okafor", birthdate="2000-01-31")
    tokens = scene.verify(claims=in_id_token(entry(asked)))
    claims = only_entry(tokens)["claims"]
    matched = "MATCHED" if returns == "MATCHED" else "Okafor"
    nothing, something = (
        ({"fuzzy": True, "value": None}, {"fuzzy": True, "value": matched})
        if encoding == "object"
        else ({"fuzzy": None}, {"fuzzy": matched})
    )
    assert claims == {"given_name": nothing, "family_name": something, "birthdate": nothing}
    assert level(tokens) == "FAILED"
    assert "Wilhelmina" not in json.dumps(tokens.claims)
    assert "Amara" not in json.dumps(tokens.claims)


def test_only_what_was_asked_for_and_is_on_oktas_list_is_answered(
    app: Flask, sandbox_server: SandboxServer
) -> None:
    scene = answering(app, sandbox_server, returns="values")
    keep_of_the_person(scene, **RECORD)
    asked = fuzzy(family_name="Okafor") | {
        "nationality": None, "login": {"value": "x"}, "sub": None, "okta_id": None,
        "__class__": None, "<b>": {"value": 1}, "": None, "family_name#de": {"value": "Okafor"},
    }  # fmt: skip
    tokens = scene.verify(claims=in_id_token(entry(asked)))
    assert only_entry(tokens)["claims"] == {"family_name": {"fuzzy": True, "value": "Okafor"}}


def test_an_essential_claim_outside_the_list_is_not_verified_and_not_answered(scene: PushingScene) -> None:
    asked = NAMES | {"nationality": {"value": "NG", "essential": True}}
    tokens = scene.verify(claims=in_id_token(entry(asked)))
    assert level(tokens) == "FAILED"
    assert only_entry(tokens)["claims"].keys() == NAMES.keys()


def test_every_entry_is_answered_by_itself_and_in_its_place(scene: PushingScene) -> None:
    entries = [
        entry(fuzzy(given_name="Amara")),
        entry(fuzzy(given_name="Wilhelmina")),
        entry(fuzzy(given_name="Amara"), trust_framework={"value": "eidas"}),
        entry(fuzzy(family_name="Okafor"), assurance_level=None),
    ]
    tokens = scene.verify(claims=in_id_token(*entries))
    found = [one["verification"]["assurance_level"] for one in tokens.claims["verified_claims"]]
    assert found == ["VERIFIED", "FAILED", "FAILED", "VERIFIED"]


def test_a_single_object_is_answered_by_an_array(scene: PushingScene) -> None:
    tokens = scene.verify(claims={"id_token": {"verified_claims": entry()}})
    assert level(tokens) == "VERIFIED"


@pytest.mark.parametrize(
    ("verification", "expected"),
    [
        ({}, "VERIFIED"),
        ({"trust_framework": {"value": "IDV_DELEGATED", "essential": True}}, "VERIFIED"),
        ({"trust_framework": {"values": ["eidas", "IDV-DELEGATED"]}}, "VERIFIED"),
        ({"trust_framework": {"values": ["IDV_DELEGATED"]}}, "VERIFIED"),
        ({"trust_framework": None, "assurance_level": None}, "VERIFIED"),
        ({"trust_framework": {"essential": True}}, "VERIFIED"),
        ({"trust_framework": {"value": "eidas"}}, "FAILED"),
        ({"trust_framework": {"value": "eidas", "essential": False}}, "FAILED"),
        ({"trust_framework": {"values": []}}, "FAILED"),
        ({"trust_framework": {"value": "idv-delegated"}}, "FAILED"),
        ({"trust_framework": {"value": 1}}, "FAILED"),
        ({"assurance_level": {"value": "FAILED"}}, "FAILED"),
        ({"assurance_level": {"values": ["FAILED", "VERIFIED"]}}, "VERIFIED"),
        ({"assurance_level": {"value": "very_high", "essential": True}}, "FAILED"),
        ({"assurance_level": {"value": True}}, "FAILED"),
    ],
    ids=str,
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_is_demanded_of_the_verification_is_honoured(
    scene: PushingScene, verification: dict[str, Any], expected: str
) -> None:
    tokens = scene.verify(claims=in_id_token(entry(**verification)))
    assert level(tokens) == expected
    assert only_entry(tokens)["verification"]["trust_framework"] == "IDV-DELEGATED"
    if expected == "FAILED":
        claims = only_entry(tokens)["claims"]
        assert {claim["value"] for claim in claims.values()} == {None}


def test_another_trust_framework_is_answered_where_the_client_has_it(
    app: Flask, sandbox_server: SandboxServer
) -> None:
    scene = answering(app, sandbox_server, trust_frameworks=("eidas",))
    for asked, expected in ((None, "IDV-DELEGATED"), ({"value": "eidas"}, "eidas")):
        tokens = scene.verify(claims=in_id_token(entry(trust_framework=asked)))
        assert (level(tokens), only_entry(tokens)["verification"]["trust_framework"]) == (
            "VERIFIED", expected,
        )  # fmt: skip


def test_the_misspelt_birthdate_of_oktas_example_is_read_and_spelt_rightly(scene: PushingScene) -> None:
    keep_of_the_person(scene, birthdate="2000-01-31")
    tokens = scene.verify(claims=in_id_token(entry(fuzzy(bithdate="2000-01-31"))))
    assert only_entry(tokens)["claims"] == {"birthdate": {"fuzzy": True, "value": "MATCHED"}}
    assert level(tokens) == "VERIFIED"


# -- the first published contract, byte for byte ----------------------------------------------------------

#: The request of the document with which Okta first published the contract; placeholders as they are there.
SEED = """{
  "response_type": "code",
  "client_id": "{{client_id}}",
  "client_secret": "{{client_secret}}",
  "code_challenge": "{{code_challenge}}",
  "code_challenge_method": "{{code_challenge_method}}",
  "scope": "openid profile identity_assurance idv_flow_{{idv_flow_id}}",
  "claims": {
    "id_token": {
      "verified_claims": [
        {
          "verification": {
            "trust_framework": {
              "value": "IDV-DELEGATED",
              "essential": true
            },
            "assurance_level": {
              "value": "VERIFIED",
              "essential": true
            }
          },
          "claims": {
            "given_name": {
              "fuzzy": "{{ud_first_name}}"
            },
            "family_name": "{{ud_last_name}}"
          }
        }
      ]
    }
  },
  "state": "{{external_state_token_id}}",
  "login_hint": "{{user_id}}",
  "redirect_uri": "https://org.okta.com/idp/identity-verification/callback"
}
"""
SEED_ANSWER = """
      {"verification": {
        "trust_framework": "IDV-DELEGATED",
        "assurance_level": "VERIFIED",
        "time": "2024-10-07T10:00:00Z"
      },
      "claims": {
        "given_name": {
          "fuzzy": "Dan"
        },
        "family_name": "Jones"
      }
    }
"""


@pytest.mark.parametrize(
    ("given_name", "family_name", "expected"),
    [("Dan", "Jones", "VERIFIED"), ("Daniel", "Jones", "VERIFIED"), ("Dan", "Johnson", "FAILED")],
)
def test_the_first_contract_is_served_as_it_was_published(
    app: Flask, sandbox_server: SandboxServer, given_name: str, family_name: str, expected: str
) -> None:
    scene = PushingScene(
        app,
        sandbox_server,
        verified_claims=VerifiedClaims(encoding="plain", returns="values"),
        redirect_uris=("https://org.okta.com/idp/identity-verification/callback",),
    )
    keep_of_the_person(scene, given_name="Dan", family_name="Jones")
    add_flow(scene, "selfie")
    values = scene.parameters()
    filled = {
        "client_id": scene.stage.client_id, "client_secret": scene.stage.client_secret,
        "code_challenge": values["code_challenge"], "code_challenge_method": "S256",
        "idv_flow_id": "selfie", "ud_first_name": given_name, "ud_last_name": family_name,
        "external_state_token_id": "a-state", "user_id": scene.okta_id,
    }  # fmt: skip
    body = SEED
    for name, value in filled.items():
        body = body.replace("{{" + name + "}}", value)
    answer = scene.push_body(body)
    assert answer.status_code == 201, answer.text
    visit, back = scene.waiting(scene.open(answer.get_json()["request_uri"]))
    visit.person.open(back)
    arrival = visit.person.arrival
    assert arrival.address == "https://org.okta.com/idp/identity-verification/callback"
    assert arrival.parameters["state"] == "a-state"
    token = scene.okta.redeem_code(arrival.parameters["code"], visit.request.code_verifier)
    (found,) = unverified(token["id_token"])["verified_claims"]
    assert found["verification"].pop("verification_process") == scene.journey().reference
    published = json.loads(SEED_ANSWER)
    published["verification"] |= {"time": found["verification"]["time"], "assurance_level": expected}
    if expected == "FAILED":
        published["claims"]["family_name"] = None
    assert found == published


def add_flow(scene: PushingScene, name: str, **options: Any) -> None:
    with scene.app.app_context():
        client = db.session.get_one(Client, scene.stage.client_id)
        flows.add(client, name, **{"purpose": "recover"} | options)
        db.session.commit()


# -- not verified -----------------------------------------------------------------------------------------


def check_failed(scene: PushingScene, visit: Any, *, words: str = "Go back") -> None:
    """Check that a page waits, and that the click brings a token that says ``FAILED``."""
    assert not visit.person.has_arrived, "somebody who was refused is told so first"
    assert visit.person.page.status == 200
    assert scene.codes() == 0
    visit.person.follow(words)
    tokens = scene.okta.redeem(visit.person.arrival, visit.request)
    assert level(tokens) == "FAILED"
    assert "VERIFIED" not in json.dumps(tokens.claims)
    assert "MATCHED" not in json.dumps(tokens.claims)
    assert tokens.claims["sub"] == visit_hint(scene)
    answer = scene.okta.userinfo(tokens.access_token)
    assert answer.status_code == 401 or answer.json() == {"sub": tokens.claims["sub"]}


def visit_hint(scene: PushingScene) -> str:
    hint: str = scene.journey().parameters["login_hint"]
    return hint


def test_a_person_whose_attempts_are_used_up_is_failed_on_a_click(scene: PushingScene) -> None:
    visit = scene.arrive()
    scene.use_up(visit)
    check_failed(scene, visit)


@pytest.mark.parametrize("hint", ["00uNobody", "nobody@acme.example", "Amara", "*", "%"])
def test_an_unknown_person_is_failed_and_nobody_is_asked_who_they_are(scene: PushingScene, hint: str) -> None:
    visit = scene.arrive(login_hint=hint)
    assert visit.person.page.document.find(".//form") is None
    assert scene.journey().user_id is None
    assert scene.audited("oidc:journey:refused")[-1] == {"reason": "unknown_account"}
    check_failed(scene, visit)


def test_an_address_that_two_people_share_is_nobodys(scene: PushingScene) -> None:
    with scene.app.app_context():
        for _ in range(2):
            factories.user(email="shared@acme.example")
    check_failed(scene, scene.arrive(login_hint="shared@acme.example"))


@pytest.mark.parametrize("enrolment", ["invited", "signed", "first-use"])
def test_a_person_without_a_face_is_never_verified_by_the_first_face_that_comes(
    app: Flask, sandbox_server: SandboxServer, enrolment: str
) -> None:
    """Whoever asks to get into an account must not enrol for it, whatever the client's policy is."""
    scene = PushingScene(app, sandbox_server, enrolled=False, enrolment=enrolment)
    visit = scene.arrive()
    visit.person.press("Start camera check")
    assert scene.captures() == [], "nobody's face is taken for nothing"
    check_failed(scene, visit)
    assert scene.audited("oidc:journey:refused") == [{"reason": "not_enrolled"}]
    assert scene.audited("users:enrolment:confirmed") == []


def test_a_suspended_person_is_failed(scene: PushingScene) -> None:
    change_status(scene, "suspended")
    visit = scene.arrive()
    visit.person.press("Start camera check")
    check_failed(scene, visit)


def test_a_person_suspended_between_push_and_opening_is_failed(scene: PushingScene) -> None:
    uri = scene.request_uri()
    change_status(scene, "suspended")
    visit = scene.open(uri)
    visit.person.press("Start camera check")
    check_failed(scene, visit)


def test_a_person_erased_between_push_and_opening_is_not_spoken_of(scene: PushingScene) -> None:
    uri = scene.request_uri()
    change_status(scene, "erased")
    visit = scene.open(uri)
    assert visit.person.page.status == 200
    assert not visit.person.has_arrived
    visit.person.follow("Go back")
    answer = visit.person.arrival.parameters
    assert (answer["error"], answer["state"]) == ("access_denied", "a-state")
    assert scene.codes() == 0


def test_a_person_suspended_between_opening_and_capture_is_failed(scene: PushingScene) -> None:
    visit = scene.arrive()
    change_status(scene, "suspended")
    visit.person.press("Start camera check")
    check_failed(scene, visit)


def test_a_person_suspended_between_capture_and_code_is_failed(scene: PushingScene) -> None:
    visit, back = scene.waiting(scene.arrive())
    answer = visit.browser.get(back)
    change_status(scene, "suspended")
    visit.person.open(answer.headers["Location"])
    check_failed(scene, visit)


@pytest.mark.parametrize("how", ["suspended", "erased"])
def test_a_code_of_a_person_who_is_gone_meanwhile_is_worth_nothing(scene: PushingScene, how: str) -> None:
    visit, code = scene.with_code()
    change_status(scene, how)
    with pytest.raises(OAuth2Error) as refused:
        scene.okta.redeem_code(code, visit.request.code_verifier)
    assert refused.value.error == "invalid_grant"


@pytest.mark.parametrize(
    ("detail", "when"),
    [("okta_id", "before the code"), ("okta_id", "minted"), ("email", "before the result"),
     ("email", "before the code")],
)  # fmt: skip
def test_nobody_is_verified_by_the_face_of_whoever_had_their_name_before(
    scene: PushingScene, detail: str, when: str
) -> None:
    """Okta asks about somebody by a name, and says so in ``sub``: it may be another's once it is answered."""
    with scene.app.app_context():
        name = getattr(db.session.get_one(User, scene.stage.user_id), detail)
    visit, back = scene.waiting(scene.arrive(login_hint=name))
    if when != "before the result":
        back = visit.browser.get(back).headers["Location"]
    if when == "minted":
        visit.person.open(back)
    with scene.app.app_context():
        former, successor = db.session.get_one(User, scene.stage.user_id), factories.user()
        directory.change(former, how="test", **{detail: None})
        directory.change(successor, how="test", **{detail: name})
        db.session.commit()
    if when == "minted":
        with pytest.raises(OAuth2Error) as refused:
            scene.okta.redeem(visit.person.arrival, visit.request)
        assert refused.value.error == "invalid_grant"
        return
    visit.person.open(back)
    check_failed(scene, visit)


@pytest.mark.parametrize("when", ["before the capture", "before the result", "before the code", "refused"])
def test_a_person_erased_on_the_way_is_answered_by_an_error_and_by_nobody_else(
    scene: PushingScene, when: str
) -> None:
    """The request's own words about the person are gone too, so there is no one left to name in a token."""
    visit = scene.arrive()
    with scene.app.app_context():
        somebody_else = factories.user("else@acme.example", given_name="Amara", family_name="Okafor")
        factories.enrolment(somebody_else, factories.db.session.get_one(
            factories.VerificationConfiguration, scene.stage.verification_id))  # fmt: skip
    address = visit.person.page.url
    if when == "refused":
        scene.use_up(visit)
        address = visit.person.page.url
    elif when != "before the capture":
        _, address = scene.waiting(visit)
        if when == "before the code":
            address = visit.browser.get(address).headers["Location"]
    change_status(scene, "erased")
    visit.person.open(address)
    for _ in range(3):
        if visit.person.has_arrived:
            break
        assert visit.person.page.status < 500, visit.person.page.text
        assert "login" not in [field.get("name") for field in visit.person.page.document.iter("input")]
        visit.person.follow("Go back")
    answer = visit.person.arrival.parameters
    assert (answer.get("error"), answer["state"]) == ("access_denied", "a-state")
    assert scene.codes() == 0
    kept = json.dumps(scene.journey().parameters)
    for personal in (scene.okta_id, "Amara", "Okafor"):
        assert personal not in kept


def test_cancelling_is_an_error_with_state_and_issuer(scene: PushingScene) -> None:
    visit = scene.arrive()
    visit.person.press("Use another way")
    answer = visit.person.arrival.parameters
    assert (answer["error"], answer["state"], answer["iss"]) == (
        "access_denied", "a-state", "https://portal.test",
    )  # fmt: skip
    assert scene.codes() == 0


@pytest.mark.parametrize("refused_first", [False, True])
def test_a_journey_whose_time_is_over_is_an_error(
    clock: MovingClock, scene: PushingScene, refused_first: bool
) -> None:
    visit = scene.arrive()
    if refused_first:
        scene.use_up(visit)
    clock.advance(901)
    visit.person.reload()
    assert visit.person.page.status == 410
    visit.person.follow("Go back")
    answer = visit.person.arrival.parameters
    assert (answer["error"], answer["state"], answer["iss"]) == (
        "access_denied", "a-state", "https://portal.test",
    )  # fmt: skip
    assert scene.codes() == 0


def test_while_verifeye_is_away_okta_is_told_to_try_again(scene: PushingScene) -> None:
    visit = scene.arrive()
    scene.sandbox.next_answers(operation="signature/create", status=503, times=5)
    visit.person.press("Start camera check")
    assert visit.person.page.status == 503
    visit.person.follow("Use")
    answer = visit.person.arrival.parameters
    assert (answer["error"], answer["state"]) == ("temporarily_unavailable", "a-state")
    assert scene.codes() == 0


# -- codes ------------------------------------------------------------------------------------------------


def failed_code(scene: PushingScene) -> tuple[Any, str]:
    visit = scene.arrive()
    scene.use_up(visit)
    leave = visit.person.page.link("Go back")
    visit.person.open(leave)
    return visit, visit.person.arrival.parameters["code"]


def refusal_of(scene: PushingScene, code: str, verifier: str | None, **changes: str) -> str:
    with pytest.raises(OAuth2Error) as refused:
        scene.okta.redeem_code(code, verifier, **changes)
    return str(refused.value.error)


def test_a_failed_code_keeps_every_rule_of_a_code(clock: MovingClock, scene: PushingScene) -> None:
    visit, code = failed_code(scene)
    verifier = visit.request.code_verifier
    assert refusal_of(scene, code, "x" * 43) == "invalid_grant"
    assert refusal_of(scene, code, None) in ("invalid_grant", "invalid_request")
    assert refusal_of(scene, code, verifier, redirect_uri="https://client.example/other") == "invalid_grant"
    other = PushingScene(scene.app, scene.sandbox)
    with pytest.raises(OAuth2Error):
        other.okta.redeem_code(code, verifier, redirect_uri=scene.stage.redirect_uri)
    tokens = scene.okta.redeem_code(code, verifier)
    assert unverified(tokens["id_token"])["verified_claims"][0]["verification"]["assurance_level"] == "FAILED"
    assert refusal_of(scene, code, verifier) == "invalid_grant"
    assert scene.okta.userinfo(tokens["access_token"]).status_code == 401, (
        "revoked by the second presentation"
    )
    visit, code = failed_code(scene)
    clock.advance(61)
    assert refusal_of(scene, code, visit.request.code_verifier) == "invalid_grant"


@pytest.mark.parametrize("outcome", ["verified", "refused"])
def test_of_several_tabs_at_the_same_moment_one_gets_the_code(scene: PushingScene, outcome: str) -> None:
    visit = scene.arrive()
    if outcome == "refused":
        scene.use_up(visit)
        address = visit.person.page.link("Go back").removeprefix("https://portal.test")
    else:
        _, back = scene.waiting(visit)
        address = visit.browser.get(back).headers["Location"]
    cookie = visit.browser.get_cookie("__Host-portal-browser", "portal.test")
    assert cookie is not None
    tabs = [scene.app.test_client() for _ in range(4)]
    for tab in tabs:
        tab.set_cookie(cookie.key, cookie.value, domain="portal.test", secure=True)
    answers = at_once(4, lambda number: tabs[number].get(address))
    assert sorted(answer.status_code for answer in answers) == [303, 409, 409, 409]
    assert sum("code=" in answer.headers.get("Location", "") for answer in answers) == 1
    assert scene.codes() == 1


def test_the_way_back_is_good_once(scene: PushingScene) -> None:
    visit = scene.arrive()
    scene.use_up(visit)
    leave = visit.person.page.link("Go back")
    for _ in range(3):
        visit.person.open(leave)
    assert scene.codes() == 1
    assert not visit.person.has_arrived


# -- attacks ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["okta-factor", "okta-sso", "oidc"])
def test_no_other_client_gets_a_code_from_a_refused_journey(
    app: Flask, sandbox_server: SandboxServer, profile: str
) -> None:
    scene = PushingScene(app, sandbox_server, profile=profile)
    visit = scene.arrive()
    scene.use_up(visit)
    leave = visit.person.page.link("Go back")
    for path in ("/v1/openid/continue", "/v1/openid/leave"):
        answer = visit.browser.post(f"{path}?{leave.partition('?')[2]}")
        assert "code=" not in answer.headers.get("Location", ""), path
        answer = visit.browser.get(f"{path}?{leave.partition('?')[2]}&profile=okta-idv&code=1")
        assert "code=" not in answer.headers.get("Location", ""), path
    assert scene.codes() == 0
    assert scene.journey().state in ("REFUSED", "CANCELLED")
    assert scene.journey().verified_at is None


@pytest.mark.parametrize("profile", ["okta-factor", "okta-sso", "oidc"])
def test_an_unknown_person_gets_no_code_at_any_other_client(
    app: Flask, sandbox_server: SandboxServer, profile: str
) -> None:
    scene = PushingScene(app, sandbox_server, profile=profile)
    visit = scene.arrive(login_hint="nobody@acme.example")
    visit.person.press(login="nobody@acme.example")
    visit.person.press("Start camera check")
    visit.person.follow("Go back")
    assert visit.person.arrival.parameters["error"] == "access_denied"
    assert scene.codes() == 0


def two_people(scene: PushingScene) -> str:
    """Add a second person who is enrolled with a face of their own; return their Okta id."""
    with scene.app.app_context():
        person = factories.user(
            given_name="Béla", family_name="Kovács", okta_id=f"00u-bela-{factories.number()}"
        )
        configuration = db.session.get_one(factories.VerificationConfiguration, scene.stage.verification_id)
        factories.enrolment(person, configuration)
        return str(person.okta_id)


def test_the_result_of_ones_own_journey_does_not_count_for_anothers(scene: PushingScene) -> None:
    """Béla opens a journey about Amara and one about himself, in one browser, and swaps what comes back."""
    bela = two_people(scene)
    scene.verify(order={"face": "amara"})
    own = scene.verify(
        order={"face": "bela"}, login_hint=bela, claims=in_id_token(entry(fuzzy(given_name="Béla")))
    )
    assert (level(own), own.claims["sub"]) == ("VERIFIED", bela)

    browser = scene.app.test_client()
    about_amara, _ = scene.waiting(scene.arrive(browser), face="bela")
    about_him, back_of_his = scene.waiting(scene.arrive(browser, login_hint=bela), face="bela")
    about_him.person.open(back_of_his)
    token = scene.okta.redeem(about_him.person.arrival, about_him.request)
    assert token.claims["sub"] == bela
    about_amara.person.reload()
    visit, back = scene.waiting(about_amara, face="bela")
    visit.person.open(back)
    assert not visit.person.has_arrived, "his face is not hers"


def test_the_state_of_one_journey_with_the_session_of_another_is_refused(scene: PushingScene) -> None:
    bela = two_people(scene)
    browser = scene.app.test_client()
    _, back_amara = scene.waiting(scene.arrive(browser), outcome="liveness_fails")
    _, back_bela = scene.waiting(scene.arrive(browser, login_hint=bela))
    state = re.search(r"state=[0-9a-f]+", back_amara)
    assert state is not None
    swapped = re.sub(r"state=[0-9a-f]+", state[0], back_bela)
    answer = browser.get(swapped)
    assert answer.status_code == 400
    assert scene.rejections()[-1] in ("bad_signature", "state_differs", "external_id_differs")
    assert scene.codes() == 0


def test_a_result_in_anothers_browser_is_refused(scene: PushingScene) -> None:
    bela = two_people(scene)
    _, back = scene.waiting(scene.arrive())
    thief = scene.arrive(login_hint=bela)
    assert thief.browser.get(back).status_code == 403
    assert scene.codes() == 0


def test_the_code_of_one_request_is_useless_with_the_verifier_of_another(scene: PushingScene) -> None:
    _, code = scene.with_code()
    assert refusal_of(scene, code, "another-verifier-of-more-than-forty-three-letters") == "invalid_grant"


def test_a_subject_that_is_demanded_is_the_one_that_okta_named(scene: PushingScene) -> None:
    """``sub`` in the token is Okta's id of the person, and so is the one that may be demanded."""
    demanding = in_id_token(entry())
    demanding["id_token"]["sub"] = {"value": scene.okta_id}
    assert level(scene.verify(claims=demanding)) == "VERIFIED"
    demanding["id_token"]["sub"] = {"value": "00u-somebody-else"}
    visit, back = scene.waiting(scene.arrive(claims=demanding))
    visit.person.open(back)
    visit.person.follow("Go back")
    assert level(scene.okta.redeem(visit.person.arrival, visit.request)) == "FAILED"


STRANGE_NAMES = (
    "عمارة", "أمارة بنت محمد", "王小明", "王", "Амара", "อมรา", "अमारा", "עמרה", "Ámárá̂̃",
    "A" + "\u0301" * 60,
    "\u202eaaramA", "\u200f\u200e", "\u2066Amara Wrong\u2069", "🙂", "ﷺ", "a" * 300, " ", ".", "-", "''", "0",
    "ß", "İ", "\u3000", "\u00ad", "A.", "null", "None", "MATCHED", "true",
)  # fmt: skip


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_names_of_any_script_neither_fail_nor_match_somebody_else(scene: PushingScene) -> None:
    keep_of_the_person(scene, given_name="Wilhelmina")
    entries = [
        entry({"given_name": {"value": name, "fuzzy": fuzzy_}})
        for name in STRANGE_NAMES
        for fuzzy_ in (True, False)
    ]
    for first in range(0, len(entries), 10):
        tokens = scene.verify(claims=in_id_token(*entries[first : first + 10]))
        for asked, answered in zip(entries[first:], tokens.claims["verified_claims"], strict=False):
            assert answered["verification"]["assurance_level"] == "FAILED", asked


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_name_of_any_script_matches_itself(scene: PushingScene) -> None:
    for name in (
        "عمارة",
        "王小明",
        "Амара",
        "อมรา",
        "अमारा",
        "עמרה",
        "Ámárá̂̃",
        "Ngũgĩ wa Thiong'o",
        "O’Brien",
    ):
        keep_of_the_person(scene, given_name=name)
        tokens = scene.verify(claims=in_id_token(entry(fuzzy(given_name=name))))
        assert level(tokens) == "VERIFIED", name


@pytest.mark.parametrize("held", [None, "", " ", "\u200f"])
def test_a_record_without_the_claim_is_failed_whatever_is_asked(
    scene: PushingScene, held: str | None
) -> None:
    keep_of_the_person(scene, given_name=held, birthdate=None)
    for asked in ("", " ", "\u200f", "Amara"):
        tokens = scene.verify(claims=in_id_token(entry(fuzzy(given_name=asked, family_name="Okafor"))))
        assert level(tokens) == "FAILED", (held, asked)
        assert only_entry(tokens)["claims"]["given_name"] == {"fuzzy": True, "value": None}


# -- what is shown, written down and kept -----------------------------------------------------------------


def test_the_start_page_shows_no_more_than_a_masked_login(scene: PushingScene) -> None:
    page = scene.arrive().person.page
    assert "a•••@acme.example" in page.text
    for hidden in (scene.stage.login, scene.okta_id, "Amara", "Okafor"):
        assert hidden not in page.html


def test_the_audit_log_says_which_claim_failed_and_no_value(
    scene: PushingScene, caplog: pytest.LogCaptureFixture
) -> None:
    keep_of_the_person(scene, **RECORD)
    asked = fuzzy(given_name="Wilhelmina", family_name="Okafor", middle_name="Quux") | {
        "nationality": {"value": "Ruritanian"}, "address": fuzzy(locality="Strelsau"),
    }  # fmt: skip
    keep_of_the_person(scene, middle_name=None)
    with caplog.at_level("DEBUG"):
        scene.verify(claims=in_id_token(entry(asked, trust_framework={"value": "zenda"})))
    (written,) = scene.audited("oidc:identity:evaluated")
    assert written == {
        "verified": False,
        "claims": [
            "given_name:differs", "family_name:matched", "middle_name:record_lacks", "(other):unsupported",
            "address.locality:differs",
        ],
        "refused": ["trust_framework"],
    }  # fmt: skip
    with scene.app.app_context():
        rows = [[row.event, row.fields] for row in db.session.query(AuditEvent)]
    everything = json.dumps(rows, ensure_ascii=False) + caplog.text
    for value in (
        "Wilhelmina",
        "Okafor",
        "Amara",
        "Quux",
        "Ruritanian",
        "Strelsau",
        "Lagos",
        "zenda",
        scene.okta_id,
    ):
        assert value not in everything, value


@pytest.mark.parametrize("verified", [True, False])
def test_what_was_asked_about_a_person_is_gone_once_it_is_answered(
    scene: PushingScene, verified: bool
) -> None:
    visit = scene.arrive(claims=in_id_token(entry(fuzzy(given_name="Amara", family_name="Quuxley"))))
    assert "Quuxley" in json.dumps(scene.journey().parameters)
    if verified:
        _, back = scene.waiting(visit)
        scene.finish(visit, back)
    else:
        scene.fail(visit)
    assert "Quuxley" not in json.dumps(scene.journey().parameters)


def test_a_person_without_a_face_result_is_written_down_as_such(scene: PushingScene) -> None:
    scene.fail(scene.arrive())
    (written,) = scene.audited("oidc:identity:evaluated")
    assert written["claims"] == ["given_name:no_face", "family_name:no_face"]
    assert written["verified"] is False


def test_the_answer_may_come_by_a_form(scene: PushingScene) -> None:
    visit, back = scene.waiting(scene.arrive(response_mode="form_post"))
    visit.person.open(back)
    assert visit.person.page.form("Continue").fields.keys() == {"code", "state", "iss"}


def test_the_clock_of_the_record_is_in_utc_wherever_the_portal_runs(
    clock: MovingClock, scene: PushingScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        tokens = scene.verify()
    finally:
        monkeypatch.undo()
        time.tzset()
    said = datetime.fromisoformat(only_entry(tokens)["verification"]["time"])
    assert said.utcoffset() == timedelta(0)
    assert said == clock.now()
