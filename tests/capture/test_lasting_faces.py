"""A link opened at another configuration enrols whoever is there; their face is not the enrolled one.

VerifEye's signature covers no configuration, and its result may name none. What is left is VerifEye's own
name for the face, which counts as soon as one was seen to last.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from portal import clock as portal_clock
from portal.extensions import db
from portal.models import Enrolment, VerificationConfiguration
from tests.support import factories
from tests.support.moving_clock import MovingClock
from tests.support.sandbox_server import SandboxServer
from tests.support.scenes import Scene, Visit


@pytest.fixture
def scene(app: Flask, sandbox_server: SandboxServer) -> Scene:
    """A configuration whose results name nothing, with a neighbour under the same key."""
    scene = Scene(app, sandbox_server)
    with app.app_context():
        neighbour = factories.verification_configuration(sandbox=sandbox_server, tell_identifiers=False)
        scene.neighbour = neighbour.id  # type: ignore[attr-defined]
        sandbox_server.add_configuration(
            scene.stage.verification_id, factories.API_KEY, factories.result_url(),
            face_mode="UniqueMatchVerification", verifiers=["liveness"], tell_identifiers=False,
        )  # fmt: skip
    return scene


def from_elsewhere(scene: Scene) -> tuple[Visit, str]:
    """Take the person's link to the neighbouring configuration, with another face."""
    visit = scene.arrive()
    link = scene.start(visit).replace(scene.stage.verification_id, scene.neighbour)  # type: ignore[attr-defined]
    return visit, scene.look(link, face="bela")


def elsewhere(scene: Scene) -> Visit:
    """Do so and open what comes back."""
    visit, back = from_elsewhere(scene)
    visit.person.open(back)
    return visit


@contextmanager
def whenever_verifeye_answers(action: Callable[[], None]) -> Iterator[None]:
    """Let something happen while a return waits for VerifEye."""

    class Acting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.msg.startswith("VerifEye answered"):
                action()

    speaking, acting = logging.getLogger("portal.verifeye.client"), Acting()
    level = speaking.level
    speaking.addHandler(acting)
    speaking.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        speaking.removeHandler(acting)
        speaking.setLevel(level)


def behind_the_portals_back(scene: Scene, statement: Any) -> None:
    """Change rows as another process does it."""
    with scene.app.app_context():
        db.session.execute(statement.execution_options(synchronize_session=False))
        db.session.commit()


def test_a_pass_from_a_neighbouring_configuration_is_refused_once_a_face_was_seen_to_last(
    scene: Scene,
) -> None:
    for _ in range(2):
        scene.sign_in()
    codes = scene.codes()

    visit = elsewhere(scene)

    assert not visit.person.has_arrived
    assert visit.person.page.heading == "Try the camera check again"
    assert scene.captures()[-1].reason == "face_differs"
    assert scene.codes() == codes


def test_the_enrolled_person_still_gets_in_afterwards(scene: Scene) -> None:
    for _ in range(2):
        scene.sign_in()
    elsewhere(scene)
    assert scene.sign_in().claims["sub"] == scene.stage.user_id


def test_names_that_do_not_last_lock_nobody_out(scene: Scene) -> None:
    scene.sign_in()
    with scene.app.app_context():
        configuration = db.session.get_one(VerificationConfiguration, scene.stage.verification_id)
        assert configuration.face_ids_stable is False, "one sign-in proves nothing"
    scene.sandbox.reset()  # VerifEye forgot the face; the next one gets another name
    assert scene.sign_in().claims["sub"] == scene.stage.user_id


def test_another_face_does_not_pass_because_the_configuration_was_removed_a_moment_ago(
    clock: MovingClock, scene: Scene
) -> None:
    for _ in range(2):
        scene.sign_in()
    codes = scene.codes()
    visit, back = from_elsewhere(scene)
    # Another process removes it; this one remembers it for a moment.
    behind_the_portals_back(scene, update(VerificationConfiguration).values(removed_at=portal_clock.now()))

    visit.person.open(back)

    assert not visit.person.has_arrived
    assert scene.captures()[-1].reason == "face_differs"
    assert scene.codes() == codes


def test_a_face_that_got_its_name_while_verifeye_was_asked_counts(scene: Scene) -> None:
    """Two first returns at once: whoever's comes second is compared with the first."""
    for _ in range(2):
        scene.sign_in()
    with scene.app.app_context():
        name = db.session.scalars(select(Enrolment.face_id)).one()
    behind_the_portals_back(scene, update(Enrolment).values(face_id=None))
    visit, back = from_elsewhere(scene)
    codes = scene.codes()

    with whenever_verifeye_answers(
        lambda: behind_the_portals_back(scene, update(Enrolment).values(face_id=name))
    ):
        visit.person.open(back)

    assert not visit.person.has_arrived
    assert scene.captures()[-1].reason == "face_differs"
    assert scene.codes() == codes


def test_a_link_from_before_an_enrolment_is_compared_with_the_face_that_was_enrolled_since(
    app: Flask, scene: Scene
) -> None:
    """A stranger keeps the link of a first sign-in until the person has enrolled and been seen again."""
    for _ in range(2):
        scene.sign_in()
    with app.app_context():
        newcomer = factories.user()
        scene.stage = factories.Stage(
            **{**vars(scene.stage), "user_id": newcomer.id, "login": newcomer.login}
        )
        client = db.session.get_one(factories.Client, scene.stage.client_id)
        client.enrolment_policy = "first-use"
        db.session.commit()
    stranger = scene.arrive()
    link = scene.start(stranger).replace(scene.stage.verification_id, scene.neighbour)  # type: ignore[attr-defined]
    visit, back = scene.waiting(face="dana")
    assert scene.finish(visit, back).claims["sub"] == scene.stage.user_id
    codes = scene.codes()

    stranger.person.open(scene.look(link, face="bela"))

    assert not stranger.person.has_arrived
    assert "face_differs" in {capture.reason for capture in scene.captures()}
    assert scene.codes() == codes
