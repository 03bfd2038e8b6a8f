"""Reading and judging what VerifEye says about a finished session: pure, tolerant, failing closed.

The vendor documents which facts a result holds, but not the shape of its JSON. So :func:`parse_result` looks
for each fact under its documented name, flat, nested per verifier, or inside a wrapper, with or without the
``re`` prefix, in any case. Tolerance ends at meaning: what is not exactly a known outcome is ``unknown``,
and what is said twice in different ways is ``unknown`` too. :func:`acceptable` then demands, never assumes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from portal.verifeye import reading
from portal.verifeye.identifiers import canonical


class Verifier(StrEnum):
    """One of the checks a VerifEye configuration can run."""

    LIVENESS = "liveness"
    FACE = "face"
    AGE = "age"
    GENDER = "gender"


class Outcome(StrEnum):
    """What a check, or the whole session, came to; ``unknown`` is whatever cannot be read with certainty."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_EXECUTED = "not_executed"
    UNKNOWN = "unknown"


_VERIFIERS = {verifier.value: verifier for verifier in Verifier}
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}
_FACE_ID = re.compile(r"[A-Za-z0-9-]{1,64}")

#: An identifier that the result gives twice and differently, or not as text; it equals no identifier of ours.
CONTRADICTORY = "(contradictory)"


@dataclass(frozen=True, slots=True)
class Result:
    """What VerifEye says about one session; identifiers are as received, absent ones are None.

    ``verifiers`` holds only the checks that the result mentions. ``failed_reason`` is the vendor's opaque
    word (at most 64 printable characters), for the log and not for decisions. ``finished`` is false while
    VerifEye says nothing about an outcome, or says that it is still working.
    """

    overall: Outcome
    verifiers: Mapping[Verifier, Outcome]
    session_id: str | None = None
    face_id: str | None = None
    external_id: str | None = None
    configuration_id: str | None = None
    state: str | None = None
    failed_reason: str | None = None
    finished: bool = True
    #: Every text in the answer, for comparing how the browser's copy is spelt.
    texts: frozenset[str] = field(default=frozenset(), repr=False)


class Refusal(StrEnum):
    """Which demand on a result was not met: stable words for the audit log."""

    SESSION_DIFFERS = "session_differs"
    CONFIGURATION_DIFFERS = "configuration_differs"
    EXTERNAL_ID_DIFFERS = "external_id_differs"
    STATE_DIFFERS = "state_differs"
    OVERALL_NOT_PASSED = "overall_not_passed"
    VERIFIER_NOT_PASSED = "verifier_not_passed"


def acceptable(
    result: Result,
    *,
    required: frozenset[Verifier],
    session_id: str,
    external_id: str | None,
    configuration_id: str,
    state: str,
) -> Refusal | None:
    """Return None if ``result`` proves the verification asked for, otherwise the first reason not to.

    Identifiers come first, because a result about something else matters more than what it says. An absent
    identifier is fine, a present one must be ours (UUIDs compare without dashes and case). Then the overall
    result and every ``required`` verifier must have passed; a verifier not executed or absent has not.
    """
    identities = (
        (Refusal.SESSION_DIFFERS, result.session_id, session_id),
        (Refusal.CONFIGURATION_DIFFERS, result.configuration_id, configuration_id),
        (Refusal.EXTERNAL_ID_DIFFERS, result.external_id, external_id),
        (Refusal.STATE_DIFFERS, result.state, state),
    )
    for refusal, received, ours in identities:
        if received is not None and (ours is None or canonical(received) != canonical(ours)):
            return refusal
    if result.overall is not Outcome.PASSED:
        return Refusal.OVERALL_NOT_PASSED
    if any(result.verifiers.get(verifier) is not Outcome.PASSED for verifier in required):
        return Refusal.VERIFIER_NOT_PASSED
    return None


def parse_result(document: object) -> Result:
    """Return what ``document``, a decoded JSON value, says; raises ``UnreadableResult`` and nothing else."""
    found = reading.collect(document)
    facts = found.facts
    outcomes = {name: _one_outcome(values) for name, values in found.outcomes.items()}
    overall = outcomes.pop(reading.OVERALL, Outcome.UNKNOWN)
    return Result(
        overall=overall,
        verifiers=MappingProxyType({_VERIFIERS[name]: outcome for name, outcome in outcomes.items()}),
        session_id=_one_identifier(facts["session_id"]),
        face_id=_face_id(facts["face_id"]),
        external_id=_one_identifier(facts["external_id"]),
        configuration_id=_one_identifier(facts["configuration_id"]),
        state=_one_identifier(facts["state"]),
        failed_reason=_failed_reason(facts["failed_reason"]),
        finished=bool(found.outcomes) and not found.pending,
        texts=frozenset(found.texts),
    )


def _one_outcome(values: list[object]) -> Outcome:
    """Return the outcome that all of ``values`` state, or ``unknown``."""
    words = {reading.OUTCOME_WORDS.get(value.lower()) if isinstance(value, str) else None for value in values}
    word = words.pop() if len(words) == 1 else None
    return _OUTCOMES[word] if word is not None else Outcome.UNKNOWN


def _one_identifier(values: list[object]) -> str | None:
    """Return the identifier that all of ``values`` give, None if there is none, or :data:`CONTRADICTORY`."""
    if not values:
        return None
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) != len(values):
        return CONTRADICTORY
    agree = len(texts) == 1 or len({canonical(text) for text in texts}) == 1
    return texts[0] if agree else CONTRADICTORY


def _face_id(values: list[object]) -> str | None:
    """Return the face's identifier if it is one plain word of at most 64 characters: it will be stored."""
    identifier = _one_identifier(values)
    return identifier if identifier is not None and _FACE_ID.fullmatch(identifier) else None


def _failed_reason(values: list[object]) -> str | None:
    """Return the vendor's word for what failed, cut and cleaned for a log."""
    if not values:
        return None
    text = next((value for value in values if isinstance(value, str)), "")
    return "".join(character for character in text if character.isprintable())[:64] or None
