"""Matching is not enrolling: who may be enrolled inside a sign-in, and when such an enrolment counts."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from portal import outbox
from portal.cli import retention
from portal.extensions import db
from portal.models import Enrolment, Journey, MatchMode, User
from portal.outbox import worker
from portal.users import directory, enrolments, holds
from tests.support import factories
from tests.support.moving_clock import MovingClock
from tests.support.sandbox_server import SandboxServer
from tests.support.scenes import START, Scene, Visit

assert outbox

NOT_SET_UP = "The camera check isn’t set up for this account"
WHICH_ACCOUNT = "Which account are you using?"
CONFIRM = "Confirm it’s you"


def enrolment_of(scene: Scene) -> Enrolment | None:
    with scene.app.app_context():
        return enrolments.find(scene.stage.user_id, scene.stage.verification_id)


def external_id(scene: Scene) -> str:
    found = enrolment_of(scene)
    assert found is not None
    return found.external_id


def faces(scene: Scene) -> list[tuple[str, str]]:
    return [(face["who"], face["external_id"]) for face in scene.sandbox.state()["faces"]]


def clean_up(scene: Scene) -> None:
    """Do what the operators' timers do."""
    with scene.app.app_context():
        retention.expire_due()
        worker.run_due()


def by(scene: Scene, way: str) -> Visit:
    """Arrive by a plain hint, by a signed request, or by typing the account."""
    if way == "plain hint":
        return scene.arrive()
    if way == "signed request":
        return scene.arrive(signed_with="HS256")
    visit = scene.arrive(login_hint=None)
    visit.person.press(login=scene.stage.login)
    return visit


ALLOWED = {
    ("first-use", "plain hint"), ("first-use", "signed request"), ("first-use", "typed account"),
    ("signed", "signed request"),
}  # fmt: skip


@pytest.mark.parametrize("policy", ["invited", "signed", "first-use"])
@pytest.mark.parametrize("way", ["plain hint", "signed request", "typed account"])
def test_an_unenrolled_person_is_enrolled_only_where_the_policy_allows_it(
    app: Flask, sandbox_server: SandboxServer, policy: str, way: str
) -> None:
    scene = Scene(app, sandbox_server, enrolled=False, enrolment=policy, request_algs=["HS256"])
    visit = by(scene, way)
    allowed = (policy, way) in ALLOWED
    assert visit.person.page.heading == ("Set up your face check" if allowed else CONFIRM)
    if not allowed:
        visit.person.press(START)
        assert visit.person.page.heading == NOT_SET_UP
        assert scene.audited("oidc:journey:refused") == [{"reason": "not_enrolled"}]
        assert faces(scene) == []
        return
    visit, back = scene.waiting(visit)
    assert scene.finish(visit, back).claims["sub"] == scene.stage.user_id
    found = enrolment_of(scene)
    assert found is not None
    assert found.state == "confirmed"


@pytest.mark.parametrize("policy", ["invited", "signed", "first-use"])
@pytest.mark.parametrize("way", ["plain hint", "signed request", "typed account"])
def test_an_enrolled_person_is_verified_whatever_the_policy(
    app: Flask, sandbox_server: SandboxServer, policy: str, way: str
) -> None:
    scene = Scene(app, sandbox_server, enrolment=policy, request_algs=["HS256"])
    visit, back = scene.waiting(by(scene, way))
    assert scene.finish(visit, back).claims["sub"] == scene.stage.user_id
    assert scene.audited("capture:capture:started")[-1]["enrols"] is False


@pytest.mark.parametrize("policy", ["invited", "signed", "first-use"])
@pytest.mark.parametrize("status", ["unknown", "suspended", "erased"])
@pytest.mark.parametrize("way", ["plain hint", "signed request", "typed account"])
def test_nobody_else_gets_to_the_camera(
    app: Flask, sandbox_server: SandboxServer, policy: str, status: str, way: str
) -> None:
    scene = Scene(app, sandbox_server, enrolment=policy, request_algs=["HS256"])
    with app.app_context():
        person = db.session.get_one(User, scene.stage.user_id)
        if status == "suspended":
            holds.suspend(person, how="test")
        elif status == "erased":
            directory.erase(person, how="test")
        else:
            person.login = person.login_key = "renamed@acme.example"
            person.email = person.email_key = None
        db.session.commit()
    visit = by(scene, way)
    if visit.person.page.heading == WHICH_ACCOUNT:
        visit.person.press(login=scene.stage.login)
    visit.person.press(START)
    assert visit.person.page.heading == NOT_SET_UP
    assert scene.captures() == []
    assert faces(scene) == []


def test_a_signed_request_that_names_nobody_proves_nothing_about_who_is_typed(
    app: Flask, sandbox_server: SandboxServer
) -> None:
    scene = Scene(app, sandbox_server, enrolled=False, enrolment="signed", request_algs=["HS256"])
    for hint in (None, "nobody@acme.example"):
        visit = scene.arrive(login_hint=hint, signed_with="HS256")
        visit.person.press(login=scene.stage.login)
        visit.person.press(START)
        assert visit.person.page.heading == NOT_SET_UP


def test_a_hint_beside_a_signed_request_is_ignored(app: Flask, sandbox_server: SandboxServer) -> None:
    scene = Scene(app, sandbox_server, enrolled=False, enrolment="signed", request_algs=["HS256"])
    visit = scene.arrive(
        login_hint=scene.stage.login, signed_with="HS256",
        outside=("client_id", "response_type", "scope", "login_hint"), request_claims={"login_hint": ""},
    )  # fmt: skip
    assert visit.person.page.heading != CONFIRM


# -- provisional until the code is redeemed --------------------------------------------------------------


@pytest.fixture
def first_use(app: Flask, sandbox_server: SandboxServer) -> Scene:
    return Scene(app, sandbox_server, enrolled=False, enrolment="first-use")


def test_an_enrolment_made_in_a_sign_in_counts_from_the_redemption_on(first_use: Scene) -> None:
    visit, code = first_use.with_code()
    found = enrolment_of(first_use)
    assert found is not None
    assert (found.state, found.journey_id) == ("provisional", first_use.journey().id)
    first_use.okta.redeem_code(code, visit.request.code_verifier)
    found = enrolment_of(first_use)
    assert found is not None
    assert (found.state, found.journey_id) == ("confirmed", None)
    clean_up(first_use)
    assert len(faces(first_use)) == 1


def test_an_abandoned_enrolment_takes_its_face_with_it(clock: MovingClock, first_use: Scene) -> None:
    first_use.with_code()
    former = external_id(first_use)
    assert faces(first_use) == [("amara", former)]
    clock.advance(120)
    clean_up(first_use)
    assert enrolment_of(first_use) is None
    assert faces(first_use) == []
    assert len(first_use.audited("users:face:deleted")) == 1

    clock.set(clock.now())
    visit, back = first_use.waiting(face="bela")
    visit.person.open(back)
    assert "code" in visit.person.arrival.parameters, "whoever comes next is not matched with who came before"
    assert external_id(first_use) != former


def test_an_abandoned_enrolment_stands_in_nobody_s_way_before_the_timers_run(
    clock: MovingClock, first_use: Scene
) -> None:
    """A stranger who only knew the login showed their face first and went away with the code."""
    visit, back = first_use.waiting(face="bela")
    visit.person.open(back)
    former = external_id(first_use)
    clock.advance(120)
    visit, back = first_use.waiting(face="amara")
    visit.person.open(back)
    assert "code" in visit.person.arrival.parameters
    assert external_id(first_use) != former
    clean_up(first_use)
    assert ("bela", former) not in faces(first_use)


@pytest.mark.parametrize("suspended", [False, True])
def test_whoever_cancels_a_first_sign_in_leaves_no_face_in_anybody_s_way(
    clock: MovingClock, first_use: Scene, suspended: bool
) -> None:
    """A stranger who only knew the login shows their face and does not finish: they cancel instead."""
    stranger, back = first_use.waiting(face="bela")
    if suspended:
        on = stranger.browser.get(back).headers["Location"]
        with first_use.app.app_context():
            person = db.session.get_one(User, first_use.stage.user_id)
            holds.suspend(person, how="test")
            db.session.commit()
            holds.resume(person, how="test")
            db.session.commit()
        stranger.person.open(on)
        stranger.person.follow("Go back")
    else:
        stranger.person.press("Use another way to sign in")
    assert first_use.journey().state == "CANCELLED"
    former = external_id(first_use)
    clean_up(first_use)
    assert external_id(first_use) == former, "whoever begins again at once meets their own face"

    clock.advance(3600)
    clean_up(first_use)
    assert faces(first_use) == []
    visit, back = first_use.waiting(face="amara")
    visit.person.open(back)
    assert "code" in visit.person.arrival.parameters
    assert external_id(first_use) != former


def test_a_cancelled_first_sign_in_stands_in_nobody_s_way_before_the_timers_run(
    clock: MovingClock, first_use: Scene
) -> None:
    stranger, back = first_use.waiting(face="bela")
    stranger.browser.get(back)
    with first_use.app.app_context():
        person = db.session.get_one(User, first_use.stage.user_id)
        holds.suspend(person, how="test")
        holds.resume(person, how="test")
        db.session.commit()
    stranger.person.open(stranger.person.page.url)
    stranger.person.follow("Go back")
    assert first_use.journey().state == "CANCELLED"
    clock.advance(3600)
    visit, back = first_use.waiting(face="amara")
    visit.person.open(back)
    assert "code" in visit.person.arrival.parameters


def test_what_somebody_cancelled_takes_nothing_from_whoever_enrolled_since(
    clock: MovingClock, first_use: Scene
) -> None:
    visit, _back = first_use.waiting()
    visit.person.press("Use another way to sign in")
    first_use.sign_in(login_hint=first_use.stage.login)
    clock.advance(3600)
    clean_up(first_use)
    found = enrolment_of(first_use)
    assert found is not None
    assert found.state == "confirmed"
    assert len(faces(first_use)) == 1


def test_two_tabs_of_a_first_sign_in_do_not_take_each_other_s_enrolment_away(
    clock: MovingClock, first_use: Scene
) -> None:
    first_use.with_code()
    clock.advance(60)
    visit, code = first_use.with_code()  # the same person, again: the first code was lost
    clock.advance(35)  # now the first journey is over, and the second is not
    clean_up(first_use)
    first_use.okta.redeem_code(code, visit.request.code_verifier)
    found = enrolment_of(first_use)
    assert found is not None
    assert found.state == "confirmed"
    assert len(faces(first_use)) == 1


def test_a_code_whose_enrolment_was_discarded_is_worth_nothing(first_use: Scene) -> None:
    visit, code = first_use.with_code()
    with first_use.app.app_context():
        enrolments.discard_provisional(db.session.scalars(select(Journey.id)).one())
        db.session.commit()
    with pytest.raises(Exception, match="invalid_grant"):
        first_use.okta.redeem_code(code, visit.request.code_verifier)


def test_a_verified_journey_whose_enrolment_was_discarded_gets_no_code(first_use: Scene) -> None:
    visit, back = first_use.waiting()
    on = visit.browser.get(back).headers["Location"]
    with first_use.app.app_context():
        enrolments.discard_provisional(db.session.scalars(select(Journey.id)).one())
        db.session.commit()
    visit.person.open(on)
    assert not visit.person.has_arrived
    assert first_use.codes() == 0


@pytest.mark.parametrize("returned", [True, False])
def test_an_operator_s_word_never_confirms_the_face_of_whoever_came_first(
    app: Flask, sandbox_server: SandboxServer, returned: bool
) -> None:
    """A stranger's face may lie under the identifier that was given out, with or without our knowing."""
    scene = Scene(app, sandbox_server, enrolled=False, enrolment="first-use")
    stranger, back = scene.waiting(face="bela")
    if returned:
        stranger.person.open(back)
    former = external_id(scene)
    with app.app_context():
        person = db.session.get_one(User, scene.stage.user_id)
        enrolments.enrol_by_operator(person, scene.stage.verification_id)
        db.session.commit()
    clean_up(scene)
    assert external_id(scene) != former
    assert ("bela", former) not in faces(scene)
    assert scene.sign_in(login_hint=scene.stage.login).claims["sub"] == scene.stage.user_id
    again, back = scene.waiting(face="bela")
    again.person.open(back)
    assert not again.person.has_arrived, "the stranger's face does not match"


def test_an_operator_s_word_on_somebody_enrolled_changes_nothing(scene: Scene) -> None:
    scene.sign_in()
    before = external_id(scene)
    with scene.app.app_context():
        person = db.session.get_one(User, scene.stage.user_id)
        enrolments.enrol_by_operator(person, scene.stage.verification_id)
        db.session.commit()
    assert external_id(scene) == before
    assert scene.sign_in().claims["sub"] == scene.stage.user_id


# -- faces ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["UniqueMatchVerification", "MatchVerification"])
def test_another_face_on_an_enrolled_account_is_refused(
    app: Flask, sandbox_server: SandboxServer, mode: str
) -> None:
    scene = Scene(app, sandbox_server)
    with app.app_context():
        configuration: Any = factories.verification_configuration(
            sandbox=sandbox_server, match=MatchMode.MATCH if mode.startswith("Match") else MatchMode.UNIQUE
        )
        client, secret = factories.oidc_client(configuration)
        factories.enrolment(db.session.get_one(User, scene.stage.user_id), configuration)
        changed = {"client_id": client.id, "client_secret": secret, "verification_id": configuration.id}
        scene.stage = factories.Stage(**{**vars(scene.stage), **changed})
    scene.okta = scene.relying_party()
    assert scene.sign_in().claims["sub"] == scene.stage.user_id
    codes = scene.codes()
    visit, back = scene.waiting(face="bela")
    visit.person.open(back)
    assert scene.audited("capture:capture:failed")[-1]["reason"] == "overall_not_passed"
    assert visit.person.page.heading == "Try the camera check again"
    assert scene.codes() == codes


def test_one_face_cannot_be_two_people_in_unique_mode(app: Flask, sandbox_server: SandboxServer) -> None:
    scene = Scene(app, sandbox_server, enrolled=False, enrolment="first-use")
    scene.sign_in()
    with app.app_context():
        second = factories.user().login
    visit, back = scene.waiting(scene.arrive(login_hint=second), face="amara")
    visit.person.open(back)
    assert not visit.person.has_arrived
    assert scene.codes() == 1
