"""What a return from VerifEye must fulfil, rule by rule, and what the audit log says of one that does not."""

import hashlib
import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, update

from portal.extensions import db
from portal.models import Capture, UserStatus, VerificationConfiguration
from portal.models import User as UserRow
from portal.users import directory, holds
from portal.verifeye import signing
from portal.verifications import registry
from tests.support import factories
from tests.support.moving_clock import MovingClock
from tests.support.sandbox_server import SandboxServer
from tests.support.scenes import RESULT_PATH, Scene, Visit


def query_of(back: str) -> str:
    return back.partition("?")[2]


def bring(visit: Visit, query: str, status: int = 400) -> str:
    answer = visit.browser.get(f"{RESULT_PATH}?{query}")
    assert answer.status_code == status, answer.text
    assert "Location" not in answer.headers
    return answer.text


def signed(unsigned: str, key: str = factories.API_KEY) -> str:
    """Sign as VerifEye does: with the account's key, over whatever is there."""
    return f"{unsigned}&reSignature={signing.sign(unsigned, key)}"


def without_signature(query: str) -> str:
    return re.sub(r"&reSignature=[0-9a-f]+", "", query)


def still_succeeds(scene: Scene, visit: Visit, back: str) -> None:
    assert scene.finish(visit, back).claims["sub"] == scene.stage.user_id


SPELLINGS: list[tuple[str, str, str]] = [
    ("state missing", r"state=[0-9a-f]+&", ""),
    ("state_misspelt", r"state=", "State="),
    ("state_malformed", r"state=([0-9a-f]+)", r"state=\1a"),
    ("signature_missing", r"&reSignature=[0-9a-f]+", ""),
    ("signature_malformed", r"(reSignature=)[0-9a-f]+", r"\1x"),
    ("session_missing", r"reVerificationSessionId=[0-9a-f-]+&", ""),
    ("session_malformed", r"(reVerificationSessionId=)[0-9a-f-]+", r"\g<1>1"),
    ("result_malformed", r"(reVerificationResult=)passed", r"\1PASSED"),
    ("reserved_misspelt", r"reVerificationResult=", "reverificationResult="),
    ("unknown_parameter", r"^", "extra=1&"),
    ("needless_escape", r"(reVerificationResult=)p", r"\1%70"),
    ("needless_escape", r"(reVerificationSessionId=[0-9a-f]{8})-", r"\1%2D"),
    ("odd_separator", r"&reVerificationResult", "&&reVerificationResult"),
    ("bad_signature", r"(reSignature=)([0-9a-f])", r"\1X\2"),
    ("bad_signature", r"reFaceId=", "reFaceId=0"),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "pattern", "replacement"), SPELLINGS)
def test_a_return_in_another_spelling_is_refused_and_says_why(
    scene: Scene, reason: str, pattern: str, replacement: str
) -> None:
    visit, back = scene.waiting()
    changed = re.sub(pattern, replacement, query_of(back), count=1)
    if replacement == r"\1X\2":  # the first digit of the signature, turned into another one
        digit = re.search(r"reSignature=(.)", query_of(back))
        assert digit is not None
        changed = query_of(back).replace(
            f"reSignature={digit[1]}", f"reSignature={'1' if digit[1] == '0' else '0'}"
        )
    bring(visit, changed)
    assert scene.rejections() == [reason.replace(" ", "_")]
    still_succeeds(scene, visit, back)


def test_a_reserved_parameter_occurs_once(scene: Scene) -> None:
    visit, back = scene.waiting()
    for name in ("reVerificationResult", "reLivenessResult", "REVERIFICATIONRESULT"):
        bring(visit, f"{name}=passed&{query_of(back)}")
        bring(visit, signed(f"{without_signature(query_of(back))}&{name}=passed"))
    assert set(scene.rejections()) == {"reserved_repeated", "reserved_misspelt"}
    still_succeeds(scene, visit, back)


@pytest.mark.parametrize("order", ["duplicated_parameter", "recased_parameter", "tampered_signature"])
def test_what_an_outside_hand_changed_is_refused_although_it_may_be_signed(scene: Scene, order: str) -> None:
    visit, back = scene.waiting(outcome=order)
    bring(visit, query_of(back))
    assert scene.rejections()[0] in ("reserved_repeated", "reserved_misspelt", "bad_signature")
    assert scene.codes() == 0


def test_a_state_of_nobody_is_refused(scene: Scene) -> None:
    visit, back = scene.waiting()
    other = re.sub(r"state=[0-9a-f]+", f"state={'0' * 32}", without_signature(query_of(back)))
    bring(visit, signed(other))
    assert scene.rejections() == ["unknown_state"]
    still_succeeds(scene, visit, back)


def test_a_return_without_the_cookie_or_in_another_browser_is_refused(scene: Scene) -> None:
    visit, back = scene.waiting()
    stranger = scene.app.test_client()
    assert stranger.get(back).status_code == 403
    other = scene.arrive()  # another browser, with a cookie and a journey of its own
    text = bring(other, query_of(back), 403)
    assert scene.stage.login not in text
    assert set(scene.rejections()) == {"wrong_browser"}
    still_succeeds(scene, visit, back)


def test_a_return_that_was_accepted_is_not_accepted_again(scene: Scene) -> None:
    visit, back = scene.waiting()
    still_succeeds(scene, visit, back)
    bring(visit, query_of(back), 409)
    assert scene.rejections() == ["not_waiting"]
    assert scene.codes() == 1


def test_another_person_s_session_under_one_s_own_state_is_refused(scene: Scene) -> None:
    """An insider signs in as themselves, and sends that session in for somebody else's journey."""
    with scene.app.app_context():
        insider = factories.user()
        factories.enrolment(
            insider, db.session.get_one(VerificationConfiguration, scene.stage.verification_id)
        )
        login = insider.login
    theirs, their_back = scene.waiting(scene.arrive(login_hint=login), face="bela")
    victim, back = scene.waiting()
    state = re.search(r"state=[0-9a-f]+", query_of(back))
    assert state is not None
    grafted = re.sub(r"state=[0-9a-f]+", state[0], without_signature(query_of(their_back)))
    bring(victim, f"{grafted}&{query_of(their_back).rpartition('&')[2]}")
    bring(victim, signed(grafted))  # even if VerifEye's key had signed it
    assert scene.rejections() == ["bad_signature", "external_id_differs"]
    assert scene.finish(theirs, their_back).claims["preferred_username"] == login
    bring(victim, signed(grafted))
    assert scene.rejections()[-1] == "session_replayed"
    still_succeeds(scene, victim, back)


def test_an_answer_for_another_state_is_refused(scene: Scene) -> None:
    """Two journeys of one person: the session of the one does not count for the other."""
    first, first_back = scene.waiting()
    second, second_back = scene.waiting()
    state = re.search(r"state=[0-9a-f]+", query_of(second_back))
    assert state is not None
    grafted = re.sub(r"state=[0-9a-f]+", state[0], without_signature(query_of(first_back)))
    bring(second, signed(grafted))
    assert scene.rejections() == ["state_differs"]
    still_succeeds(scene, second, second_back)
    still_succeeds(scene, first, first_back)


def test_a_return_of_another_configuration_of_the_account_is_refused(
    app: Flask, sandbox_server: SandboxServer
) -> None:
    """The signature covers no configuration, and every configuration of an account shares its key."""
    strict, lax = Scene(app, sandbox_server), Scene(app, sandbox_server)
    visit, back = strict.waiting()
    _, lax_back = lax.waiting()
    state = re.search(r"state=[0-9a-f]+", query_of(back))
    assert state is not None
    grafted = re.sub(r"state=[0-9a-f]+", state[0], without_signature(query_of(lax_back)))
    bring(visit, signed(grafted))
    assert strict.rejections() == ["configuration_differs"]
    still_succeeds(strict, visit, back)


def test_a_link_of_ours_is_no_result_although_its_signature_is_valid(scene: Scene) -> None:
    """One key signs links and results: what was signed as input must never count as output."""
    visit = scene.arrive()
    link = scene.start(visit)
    bring(visit, link.partition("?")[2])
    assert scene.rejections() == ["session_missing"]
    assert scene.journey().state == "CAPTURING"


def test_passed_in_the_address_is_nothing_where_verifeye_says_failed(scene: Scene) -> None:
    visit, back = scene.waiting(outcome="forged_result")
    visit.person.open(back)
    assert scene.audited("capture:capture:failed")[-1]["reason"] == "overall_not_passed"
    assert (scene.journey().state, scene.journey().attempts, scene.codes()) == ("OPEN", 1, 0)


def test_failed_in_the_address_is_no_pass_where_verifeye_says_passed(scene: Scene) -> None:
    visit, back = scene.waiting()
    changed = without_signature(query_of(back)).replace(
        "VerificationResult=passed", "VerificationResult=failed"
    )
    answer = visit.browser.get(f"{RESULT_PATH}?{signed(changed)}")
    assert answer.status_code == 303
    assert scene.audited("capture:capture:failed")[-1]["reason"] == "results_disagree"
    assert scene.codes() == 0


@pytest.mark.parametrize("outcome", ["not_executed", "missing_verifier"])
@pytest.mark.parametrize("shape", ["flat", "nested"])
def test_a_verifier_that_did_not_run_has_not_passed(scene: Scene, outcome: str, shape: str) -> None:
    visit, back = scene.waiting(outcome=outcome, shape=shape)
    assert "reVerificationResult=passed" in back
    visit.person.open(back)
    assert scene.audited("capture:capture:failed")[-1]["reason"] == "verifier_not_passed"
    assert (scene.journey().attempts, scene.codes()) == (1, 0)


@pytest.mark.parametrize("demanded", [["age"], ["gender"], ["age", "gender", "liveness"]])
def test_a_verifier_that_the_configuration_demands_and_verifeye_lacks_fails(
    scene: Scene, demanded: list[str]
) -> None:
    with scene.app.app_context():
        row = db.session.get_one(VerificationConfiguration, scene.stage.verification_id)
        row.required_verifiers = [*demanded, "face"]
        db.session.commit()
    visit, back = scene.waiting()
    visit.person.open(back)
    assert scene.audited("capture:capture:failed")[-1]["reason"] == "verifier_not_passed"


@pytest.mark.parametrize("shape", ["flat", "nested"])
def test_either_shape_of_a_pass_is_understood(scene: Scene, shape: str) -> None:
    visit, back = scene.waiting(shape=shape)
    still_succeeds(scene, visit, back)


def test_a_result_that_is_not_ready_is_waited_for(clock: MovingClock, scene: Scene) -> None:
    visit, back = scene.waiting(outcome="not_ready", unready=3)
    still_succeeds(scene, visit, back)
    assert clock.waits[:3] == [0.25, 0.5, 1.0]


def test_a_result_that_never_comes_costs_nothing_and_may_come_later(clock: MovingClock, scene: Scene) -> None:
    visit, back = scene.waiting(outcome="not_ready", unready=12)
    page = bring(visit, query_of(back), 503)
    assert "try again" in page.lower()
    assert scene.journey().attempts == 0
    visit.person.open(back)
    assert "code" in visit.person.arrival.parameters


@pytest.mark.parametrize(
    ("column", "reason"), [("external_id", "external_id_differs"), ("state_digest", "state_differs")]
)
def test_what_verifeye_repeats_must_be_what_was_sent(scene: Scene, column: str, reason: str) -> None:
    visit, back = scene.waiting()
    other = "0" * 32
    value = hashlib.sha256(other.encode()).hexdigest() if column == "state_digest" else other
    with scene.app.app_context():
        db.session.execute(update(Capture).values({column: value}))
        db.session.commit()
    query = query_of(back)
    if column == "state_digest":
        query = signed(re.sub(r"state=[0-9a-f]+", f"state={other}", without_signature(query)))
    bring(visit, query)
    assert scene.rejections() == [reason]
    assert (scene.journey().attempts, scene.codes()) == (0, 0)


def test_an_expired_journey_takes_no_result(clock: MovingClock, scene: Scene) -> None:
    visit, back = scene.waiting()
    clock.advance(24 * 3600)
    bring(visit, query_of(back), 410)
    assert scene.rejections() == ["journey_expired"]


def test_a_configuration_that_was_removed_vouches_for_nobody(scene: Scene) -> None:
    visit, back = scene.waiting()
    with scene.app.app_context():
        registry.remove(db.session.get_one(VerificationConfiguration, scene.stage.verification_id))
        db.session.commit()
    bring(visit, query_of(back))
    assert scene.rejections() == ["configuration_removed"]


def test_a_journey_whose_record_is_gone_is_an_unknown_state(scene: Scene) -> None:
    visit, back = scene.waiting()
    with scene.app.app_context():
        db.session.execute(delete(Capture))
        db.session.commit()
    bring(visit, query_of(back))
    assert scene.rejections() == ["unknown_state"]


@pytest.mark.parametrize("when", ["before the result", "after the result"])
@pytest.mark.parametrize("how", ["suspended", "erased"])
def test_a_person_who_was_suspended_meanwhile_gets_no_code(scene: Scene, when: str, how: str) -> None:
    visit, back = scene.waiting()
    answer: Any = None
    if when == "after the result":
        answer = visit.browser.get(back)
    with scene.app.app_context():
        person = db.session.get_one(UserRow, scene.stage.user_id)
        (holds.suspend if how == "suspended" else directory.erase)(person, how="test")
        db.session.commit()
        assert person.status == (UserStatus.SUSPENDED if how == "suspended" else UserStatus.ERASED)
    visit.person.open(answer.headers["Location"] if answer is not None else back)
    assert not visit.person.has_arrived
    assert scene.codes() == 0
    visit.person.follow("Go back to Acme sign-in")
    assert visit.person.arrival.parameters["error"] == "access_denied"
