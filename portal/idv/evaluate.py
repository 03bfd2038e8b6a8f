"""The verdict: what may be said about a person, in Okta's profile and in strict Identity Assurance.

Both take what was asked, the trusted record and whether the face passed, and give the ``verified_claims`` to
put into a token. They differ in how they say no. Okta wants an answer to every entry, ``FAILED`` and ``null``
where it must be; OpenID Connect for Identity Assurance 1.0 (5.7) leaves out whatever cannot be satisfied.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from portal.idv.names import DEFAULT_THRESHOLD
from portal.idv.record import ClaimOutcome, TrustedRecord, agrees
from portal.idv.requested import (
    OKTA_TRUST_FRAMEWORK,
    ClaimShape,
    Requested,
    RequestedClaim,
    RequestedEntry,
)

VERIFIED, FAILED = "VERIFIED", "FAILED"
#: What Okta accepts in place of a value that agreed.
MATCHED = "MATCHED"


class Encoding(StrEnum):
    """How claims are written for Okta: today's contract, or the first published one."""

    OBJECT = "object"
    PLAIN = "plain"


class Returns(StrEnum):
    """What stands for a claim that agreed: the record's value, or only that it did."""

    VALUES = "values"
    MATCHED = "MATCHED"


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one requested claim, for the audit log: no value is in it."""

    entry: int
    claim: str
    outcome: ClaimOutcome
    essential: bool


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The answer: ``verified`` if every entry is; ``verified_claims`` for the token, None to leave it out.

    ``findings`` says of each claim what became of it; ``refused`` names the ``verification`` members whose
    constraints could not be met (once per entry).
    """

    verified: bool
    verified_claims: list[dict[str, object]] | dict[str, object] | None
    findings: tuple[Finding, ...]
    refused: tuple[str, ...] = ()


def evaluate_okta(
    requested: Requested,
    record: TrustedRecord,
    face_passed: bool,
    *,
    time: datetime,
    reference: str | None,
    now: datetime | None = None,
    encoding: Encoding = Encoding.OBJECT,
    returns: Returns = Returns.MATCHED,
    threshold: float = DEFAULT_THRESHOLD,
    trust_frameworks: Sequence[str] = (OKTA_TRUST_FRAMEWORK,),
) -> Evaluation:
    """Return one entry for every requested entry, ``VERIFIED`` or ``FAILED``, as Okta's contract wants.

    An entry is verified if the face passed, every constraint under ``verification`` can be met, at least one
    claim agrees (Okta takes ``VERIFIED`` beside no claim for all of them), and every essential one does; a
    claim is essential unless the request says ``"essential": false``, because Okta
    marks none and needs all. A claim that agrees is answered by value or by ``MATCHED``, another one by null,
    also after a failure elsewhere. Claims outside Okta's list are never answered (one would make Okta fail
    the evaluation) and count only if marked essential. ``time`` must be aware; it is written in UTC.
    ``trust_frameworks`` are those the client may be answered under, the first by default; ``now`` (default
    ``time``) is what ``max_age`` is counted from.
    """
    answers: list[dict[str, object]] = []
    findings: list[Finding] = []
    refused: list[str] = []
    available, age = _available(VERIFIED, time, reference), ((now or time) - time).total_seconds()
    verified = bool(requested.entries)
    for number, entry in enumerate(requested.entries):
        met, unmet = _verification(entry, trust_frameworks, available, age)
        framework = met.get("trust_framework") or next(iter(trust_frameworks), OKTA_TRUST_FRAMEWORK)
        outcomes = [
            (
                claim,
                agrees(claim, record, threshold=threshold, fuzzy=claim.fuzzy)
                if face_passed
                else _without_face(claim),
            )
            for claim in entry.claims
        ]
        found = [
            Finding(number, claim.name if claim.known else "(other)", outcome, _essential(claim))
            for claim, outcome in outcomes
        ]
        passed = (
            face_passed
            and not unmet
            and any(finding.outcome is ClaimOutcome.MATCHED for finding in found)
            and all(finding.outcome is ClaimOutcome.MATCHED for finding in found if finding.essential)
        )
        verification: dict[str, object] = {
            "trust_framework": framework,
            "assurance_level": VERIFIED if passed else FAILED,
            "time": utc(time),
        }
        if reference is not None:
            verification["verification_process"] = reference
        claims: dict[str, object] = {}
        for claim, outcome in outcomes:
            if claim.known:
                agreed = outcome is ClaimOutcome.MATCHED and not unmet
                said = (
                    (record.value(claim.name) if returns is Returns.VALUES else MATCHED) if agreed else None
                )
                _put(claims, claim.name, _encoded(claim, said, encoding))
        answers.append({"verification": verification, "claims": claims})
        findings += found
        refused += unmet
        verified = verified and passed
    return Evaluation(verified, answers or None, tuple(findings), tuple(refused))


def evaluate_ida(
    requested: Requested,
    record: TrustedRecord,
    face_passed: bool,
    *,
    time: datetime,
    reference: str | None,
    now: datetime | None = None,
    trust_frameworks: Sequence[str] = (OKTA_TRUST_FRAMEWORK,),
    assurance_level: str = VERIFIED,
) -> Evaluation:
    """Return what OpenID Connect for Identity Assurance 1.0 allows to be said; None where that is nothing.

    Never an error: an unknown claim, one the record lacks and one whose value differs are left out; a
    constraint under ``verification`` that cannot be met leaves the entry out, and so does an entry without
    claims left. ``essential`` changes nothing. Members of ``verification`` are given only if asked for,
    except ``trust_framework``, which the schema demands. Claims are compared as texts: ``fuzzy`` is Okta's.
    The answer is an object if the request was one, otherwise an array. ``now`` (default ``time``) is what
    ``max_age`` is counted from.
    """
    answers: list[dict[str, object]] = []
    findings: list[Finding] = []
    refused: list[str] = []
    available, age = _available(assurance_level, time, reference), ((now or time) - time).total_seconds()
    for number, entry in enumerate(requested.entries):
        verification, unmet = _verification(entry, trust_frameworks, available, age)
        claims: dict[str, object] = {}
        for claim in entry.claims:
            outcome = (
                agrees(claim, record, threshold=1.0, fuzzy=False) if face_passed else _without_face(claim)
            )
            name = claim.name if claim.known else "(other)"
            findings.append(Finding(number, name, outcome, claim.element.essential is True))
            if outcome is ClaimOutcome.MATCHED:
                _put(claims, claim.name, record.value(claim.name))
        refused += unmet
        if claims and not unmet:
            answers.append({"verification": verification, "claims": claims})
    complete = bool(answers) and len(answers) == len(requested.entries)
    if not answers:
        return Evaluation(False, None, tuple(findings), tuple(refused))
    return Evaluation(complete, answers if requested.array else answers[0], tuple(findings), tuple(refused))


def utc(time: datetime) -> str:
    """Return an aware time as ISO 8601 in UTC, to the second; raises ``ValueError`` for a naive one."""
    if time.tzinfo is None:
        raise ValueError("a time without a zone says nothing")
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _available(assurance_level: str, time: datetime, reference: str | None) -> dict[str, str]:
    """Return the members of ``verification`` that can be given, besides the framework."""
    available = {"assurance_level": assurance_level, "time": utc(time)}
    return available if reference is None else {**available, "verification_process": reference}


def _verification(
    entry: RequestedEntry, trust_frameworks: Sequence[str], available: Mapping[str, str], age: float
) -> tuple[dict[str, object], list[str]]:
    """Return the ``verification`` to give, and the members whose constraints cannot be met."""
    given: dict[str, object] = {}
    unmet = []
    wanted = entry.verification.get("trust_framework")
    allowed = [name for name in trust_frameworks if wanted is None or wanted.allows(name)]
    if allowed:
        given["trust_framework"] = allowed[0]
    else:
        unmet.append("trust_framework")
    for name, element in entry.verification.items():
        if name == "trust_framework":
            continue
        value = available.get(name)
        too_old = name == "time" and element.max_age is not None and age > element.max_age
        if value is None:
            if element.constrained():
                unmet.append("(other)")
        elif too_old or not element.allows(value):
            unmet.append(name)
        else:
            given[name] = value
    return given, unmet


def _essential(claim: RequestedClaim) -> bool:
    if not claim.known:
        return claim.element.essential is True
    return claim.element.essential is not False


def _without_face(claim: RequestedClaim) -> ClaimOutcome:
    return ClaimOutcome.NO_FACE if claim.known else ClaimOutcome.UNSUPPORTED


def _encoded(claim: RequestedClaim, said: str | None, encoding: Encoding) -> object:
    """Write one claim as Okta's contract of the day has it."""
    if encoding is Encoding.OBJECT:
        return {"fuzzy": claim.fuzzy, "value": said}
    if claim.fuzzy and claim.shape in (ClaimShape.FUZZY_TEXT, ClaimShape.OBJECT):
        return {"fuzzy": said}
    return said


def _put(claims: dict[str, object], name: str, value: object) -> None:
    """Put a claim in its place; a part of the address goes into ``address``."""
    parent, dot, part = name.rpartition(".")
    if not dot:
        claims[name] = value
        return
    inner = claims.setdefault(parent, {})
    assert isinstance(inner, dict)
    inner[part] = value
