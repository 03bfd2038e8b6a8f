"""A link opened at another configuration enrols whoever is there; their face is not the enrolled one.

VerifEye's signature covers no configuration, and its result may name none. What is left is VerifEye's own
name for the face, which counts as soon as one was seen to last.
"""

import pytest
from flask import Flask

from portal.extensions import db
from portal.models import VerificationConfiguration
from tests.support import factories
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


def elsewhere(scene: Scene) -> Visit:
    """Take the person's link to the neighbouring configuration, with another face; open what comes back."""
    visit = scene.arrive()
    link = scene.start(visit).replace(scene.stage.verification_id, scene.neighbour)  # type: ignore[attr-defined]
    back = scene.look(link, face="bela")
    visit.person.open(back)
    return visit


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
