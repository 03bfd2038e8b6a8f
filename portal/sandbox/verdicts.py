"""What a face and a scenario come to: the outcomes, the returning address, and the JSON of a result."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from portal.sandbox.configurations import Configuration, Shape
from portal.sandbox.matching import FaceMode, Match
from portal.sandbox.people import InFrontOfCamera
from portal.sandbox.scenarios import Scenario
from portal.verifeye import signing
from portal.verifeye.results import Outcome, Verifier

#: The scenarios that spoil one verifier, and the reason each gives.
_SPOILT = {
    Scenario.LIVENESS_FAILS: (Verifier.LIVENESS, "sandbox_not_live"),
    Scenario.FACE_FAILS: (Verifier.FACE, "sandbox_face_differs"),
    Scenario.AGE_FAILS: (Verifier.AGE, "sandbox_too_young"),
    Scenario.GENDER_FAILS: (Verifier.GENDER, "sandbox_gender_unclear"),
}
_URL_NAMES = {
    Verifier.LIVENESS: "reLivenessResult",
    Verifier.FACE: "reFaceRecognitionResult",
    Verifier.AGE: "reAgeVerificationResult",
    Verifier.GENDER: "reGenderVerificationResult",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a session ended: overall, per verifier that is reported, and what was estimated."""

    overall: Outcome
    verifiers: dict[Verifier, Outcome]
    face_id: str | None
    seen: InFrontOfCamera
    reason: str | None


def face_is_compared(configuration: Configuration, scenario: Scenario, seen: InFrontOfCamera) -> bool:
    """Say whether the session gets as far as face recognition: only then is anything stored."""
    return (
        configuration.face_mode is not FaceMode.DISABLED
        and scenario
        not in {Scenario.CANCEL, Scenario.LIVENESS_FAILS, Scenario.FACE_FAILS, Scenario.FORGED_RESULT}
        and (seen.count == 1 or (seen.count > 1 and not configuration.fail_on_multiple_faces))
    )


def judge(
    configuration: Configuration,
    scenario: Scenario,
    seen: InFrontOfCamera,
    match: Match,
    disabled: Iterable[Verifier] = (),
) -> Verdict:
    """Return the verdict; ``match`` is what face recognition said, ``disabled`` what the link excluded."""
    skipped = frozenset(disabled) & configuration.verifiers
    running = configuration.verifiers - skipped
    if configuration.face_mode is not FaceMode.DISABLED:
        running |= {Verifier.FACE}
    reason = _nothing_to_check(configuration, scenario, seen)
    if reason is not None:
        outcomes = dict.fromkeys(running, Outcome.NOT_EXECUTED)
        if scenario is not Scenario.CANCEL and Verifier.LIVENESS in running:
            outcomes[Verifier.LIVENESS] = Outcome.FAILED
    else:
        outcomes = dict.fromkeys(running, Outcome.PASSED)
        if Verifier.FACE in running:
            outcomes[Verifier.FACE], reason = match.outcome, match.reason
        if Verifier.AGE in running and seen.age < configuration.age_threshold:
            outcomes[Verifier.AGE], reason = Outcome.FAILED, "sandbox_too_young"
        if scenario in _SPOILT:
            verifier, reason = _SPOILT[scenario]
            outcomes.update({verifier: Outcome.FAILED} if verifier in running else {})
    passed = reason is None and all(outcome is Outcome.PASSED for outcome in outcomes.values())
    outcomes.update(dict.fromkeys(skipped, Outcome.NOT_EXECUTED))
    return Verdict(
        Outcome.PASSED if passed else Outcome.FAILED,
        _misreported(
            scenario, {verifier: outcomes[verifier] for verifier in Verifier if verifier in outcomes}
        ),
        match.face_id,
        seen,
        reason,
    )


def forged_failure(verdict: Verdict) -> Verdict:
    """Return what the service itself says where the address was made to say ``verdict``."""
    failed = dict.fromkeys(verdict.verifiers, Outcome.FAILED)
    return Verdict(Outcome.FAILED, failed, None, verdict.seen, "sandbox_not_live")


def _nothing_to_check(configuration: Configuration, scenario: Scenario, seen: InFrontOfCamera) -> str | None:
    """Return why no verifier could run, or None."""
    if scenario is Scenario.CANCEL:
        return "sandbox_cancelled"
    if seen.count == 0:
        return "sandbox_no_face"
    if seen.count > 1 and configuration.fail_on_multiple_faces:
        return "sandbox_multiple_faces"
    return None


def _misreported(scenario: Scenario, outcomes: dict[Verifier, Outcome]) -> dict[Verifier, Outcome]:
    """Leave out, or mark as not executed, the first verifier, where that is the scenario."""
    first = next(iter(outcomes), None)
    if scenario is Scenario.NOT_EXECUTED and first is not None:
        return {**outcomes, first: Outcome.NOT_EXECUTED}
    if scenario is Scenario.MISSING_VERIFIER:
        return {verifier: outcome for verifier, outcome in outcomes.items() if verifier is not first}
    return outcomes


def return_url(
    configuration: Configuration,
    scenario: Scenario,
    session_id: str,
    verdict: Verdict,
    passed_through: Iterable[tuple[str, str]],
) -> str:
    """Return the signed address that the browser is sent to, with parameters in the documented order."""
    pairs = [*passed_through, ("reVerificationSessionId", session_id)]
    if verdict.face_id:
        pairs.append(("reFaceId", verdict.face_id))
    pairs.append(("reVerificationResult", verdict.overall.value))
    for verifier, outcome in verdict.verifiers.items():
        pairs.append((_URL_NAMES[verifier], outcome.value))
        if outcome is Outcome.PASSED and verifier is Verifier.AGE:
            pairs.append(("reAge", str(verdict.seen.age)))
        if outcome is Outcome.PASSED and verifier is Verifier.GENDER:
            pairs.append(("reGender", verdict.seen.gender))
    if verdict.reason:
        pairs.append(("reFailedReason", verdict.reason))
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
    if scenario is Scenario.DUPLICATED_PARAMETER:
        query += f"&reVerificationResult={verdict.overall.value}"
    if scenario is Scenario.RECASED_PARAMETER:
        query = query.replace("reVerificationResult=", "ReVerificationResult=")
    signature = signing.sign(query, configuration.api_key)
    if scenario is Scenario.TAMPERED_SIGNATURE:
        signature = signature[:-1] + ("1" if signature.endswith("0") else "0")
    target = configuration.passed_url if verdict.overall is Outcome.PASSED else configuration.failed_url
    return f"{target}{'&' if '?' in target else '?'}{query}&{signing.SIGNATURE}={signature}"


def result_document(
    configuration: Configuration,
    session_id: str,
    verdict: Verdict,
    external_id: str | None,
    passed_through: Iterable[tuple[str, str]],
    shape: Shape,
) -> dict[str, Any]:
    """Return what ``get-session-result`` answers, in one of the shapes a client has to expect."""
    identity: dict[str, Any] = {}
    if configuration.tell_identifiers:
        identity = {
            "configurationId": configuration.id,
            "externalId": external_id,
            "customInputParameters": dict(passed_through),
        }
    facts = {"totalFaceCount": verdict.seen.count, "failedReason": verdict.reason}
    if shape is Shape.FLAT:
        return {
            "verificationSessionId": session_id,
            **identity,
            "verificationResult": verdict.overall.value,
            **{_flat_name(verifier): outcome.value for verifier, outcome in verdict.verifiers.items()},
            **{verifier.value: _estimate(verifier, verdict.seen) for verifier in _estimated(verdict)},
            "faceId": verdict.face_id,
            **facts,
        }
    nested: dict[str, Any] = {
        verifier.value: {"result": outcome.value.capitalize()}
        for verifier, outcome in verdict.verifiers.items()
    }
    for verifier in _estimated(verdict):
        nested[verifier.value]["value"] = _estimate(verifier, verdict.seen)
    if Verifier.FACE in verdict.verifiers:
        nested["faceRecognition"] = {**nested.pop(Verifier.FACE.value), "faceId": verdict.face_id}
    return {
        "verificationSession": {"id": session_id, **identity},
        "results": {"verificationResult": verdict.overall.value.capitalize(), **nested, **facts},
    }


def _flat_name(verifier: Verifier) -> str:
    """``reLivenessResult`` without its prefix: ``livenessResult``."""
    name = _URL_NAMES[verifier].removeprefix("re")
    return name[0].lower() + name[1:]


def _estimated(verdict: Verdict) -> list[Verifier]:
    return [
        verifier
        for verifier in (Verifier.AGE, Verifier.GENDER)
        if verdict.verifiers.get(verifier) in {Outcome.PASSED, Outcome.FAILED} and verdict.seen.count
    ]


def _estimate(verifier: Verifier, seen: InFrontOfCamera) -> int | str:
    return seen.age if verifier is Verifier.AGE else seen.gender
