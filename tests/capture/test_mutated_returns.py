"""Thousands of returns that VerifEye did not send: none leads to a code, and the honest one still does."""

import pytest
from flask import Flask

from tests.capture import mutations
from tests.support.sandbox_server import SandboxServer
from tests.support.scenes import RESULT_PATH, Scene, Visit

SEEDS = (20261121, 20261122, 20261123)


def bring(visit: Visit, query: str) -> None:
    """Open a changed return; an answer that goes on, or that is a failure of ours, names the change."""
    answer = visit.browser.get(f"{RESULT_PATH}?{query}")
    assert answer.status_code in (400, 403, 404, 409), f"{answer.status_code} for {query}"


def check_nothing_happened(scene: Scene) -> None:
    journey = scene.journey()
    assert (journey.state, journey.attempts) == ("CAPTURING", 0)
    assert scene.codes() == 0 or journey.verified_at is None
    assert scene.captures()[-1].ended_at is None


@pytest.mark.parametrize("seed", SEEDS)
def test_no_changed_return_is_accepted_and_the_original_is(
    app: Flask, sandbox_server: SandboxServer, seed: int
) -> None:
    scene = Scene(app, sandbox_server)
    scene.sign_in()  # the configuration has seen a return of VerifEye's before

    visit, back = scene.waiting()
    query = back.partition("?")[2]
    for changed in mutations.mutated(query, count=400, seed=seed):
        bring(visit, changed)
    check_nothing_happened(scene)

    assert scene.finish(visit, back).claims["sub"] == scene.stage.user_id


def test_no_changed_return_is_accepted_where_none_was_ever_seen(
    app: Flask, sandbox_server: SandboxServer
) -> None:
    scene = Scene(app, sandbox_server)
    visit, back = scene.waiting()
    for changed in mutations.mutated(back.partition("?")[2], count=400, seed=1, reordered=False):
        bring(visit, changed)
    check_nothing_happened(scene)
    assert scene.finish(visit, back).claims["sub"] == scene.stage.user_id


@pytest.mark.parametrize("outcome", ["liveness_fails", "face_fails", "cancel"])
def test_no_change_turns_a_failure_into_a_pass(
    app: Flask, sandbox_server: SandboxServer, outcome: str
) -> None:
    scene = Scene(app, sandbox_server)
    scene.sign_in()
    visit, back = scene.waiting(outcome=outcome)
    query = back.partition("?")[2]
    bring(visit, query.replace("failed", "passed"))
    bring(visit, query.replace("failed", "passed", 1))
    bring(visit, query.replace("not_executed", "passed").replace("failed", "passed"))
    for changed in mutations.mutated(query, count=150, seed=7):
        # Changed twice, so that a flipped value meets every other change.
        bring(visit, changed.replace("failed", "passed"))
        if changed.replace("failed", "passed") != changed:
            bring(visit, changed)
    check_nothing_happened(scene)

    visit.person.open(back)
    assert scene.journey().attempts == 1
    assert scene.codes() == 1, "the code of the first sign-in, and no other"


def test_a_reordered_return_is_not_accepted_however_often_it_comes(
    app: Flask, sandbox_server: SandboxServer
) -> None:
    scene = Scene(app, sandbox_server)
    scene.sign_in()
    visit, back = scene.waiting()
    pairs = mutations.split(back.partition("?")[2])
    pairs[1], pairs[3] = pairs[3], pairs[1]
    for _ in range(10):
        bring(visit, mutations.join(pairs))
    check_nothing_happened(scene)
    assert scene.finish(visit, back).claims["sub"] == scene.stage.user_id
