"""Finding the documented facts in a result whose JSON shape the vendor does not document.

Only recognised wrappers are entered. A fact found several times is kept several times: whether its values
agree is for ``results`` to judge, and so is what they mean.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache

from portal.verifeye.errors import UnreadableResult

DEEPEST = 6
MOST_VALUES = 1000

OVERALL = "overall"
OUTCOME_WORDS = {
    "passed": "passed",
    "failed": "failed",
    "not_executed": "not_executed",
    "notexecuted": "not_executed",
}

_OUTCOMES = {
    "verificationresult": OVERALL,
    "overallresult": OVERALL,
    "livenessresult": "liveness",
    "livenessverificationresult": "liveness",
    "facerecognitionresult": "face",
    "faceverificationresult": "face",
    "faceresult": "face",
    "ageverificationresult": "age",
    "ageresult": "age",
    "genderverificationresult": "gender",
    "genderresult": "gender",
}
_VERIFIERS = {
    f"{stem}{ending}": verifier
    for stem, verifier in (
        ("liveness", "liveness"),
        ("face", "face"),
        ("facerecognition", "face"),
        ("age", "age"),
        ("gender", "gender"),
    )
    for ending in ("", "verifier", "verification", "check")
}
_FACTS = {
    "verificationsessionid": "session_id",
    "sessionid": "session_id",
    "faceid": "face_id",
    "externalid": "external_id",
    "externalidentifier": "external_id",
    "configurationid": "configuration_id",
    "verificationconfigurationid": "configuration_id",
    "failedreason": "failed_reason",
    "failurereason": "failed_reason",
}
_SESSION_WRAPPERS = frozenset({"verificationsession", "session"})
_WRAPPERS = _SESSION_WRAPPERS | {
    *("data", "details", "response", "result", "results", "sessionresult", "verification"),
    *("verificationresult", "verificationresults", "verifiers", "verifierresults"),
}
_CUSTOM_WRAPPERS = frozenset(
    {"custom", "customdata", "custominput", "custominputparameters", "customparameters", "parameters"}
)
_SAY_WHETHER_DONE = frozenset({"status", "result", "outcome", "verificationresult"})
_PENDING = frozenset(
    {"created", "inprogress", "notready", "pending", "processing", "running", "started", "waiting"}
)
_PREFIX = re.compile(r"re(?=[A-Z_])")
_NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]")
#: Longer than any documented name twice over; so long, a spelling is worth remembering.
_LONGEST_REMEMBERED = 64
_STATUS_WORD = re.compile(r"[A-Za-z_ -]{1,24}")


@dataclass(slots=True)
class Findings:
    """Every value found, by outcome name (``overall`` and the verifiers) and by fact, in no order."""

    outcomes: dict[str, list[object]] = field(default_factory=lambda: defaultdict(list))
    facts: dict[str, list[object]] = field(default_factory=lambda: defaultdict(list))
    texts: set[str] = field(default_factory=set)
    pending: bool = False
    values_seen: int = 0


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the document we are: inside which verifier, a session object, or our own parameters."""

    depth: int = 0
    verifier: str | None = None
    session: bool = False
    custom: bool = False


_TOP = _Place()


def collect(document: object) -> Findings:
    """Return what ``document`` holds; raises ``UnreadableResult`` if it is no object, or too big or deep."""
    if not isinstance(document, dict):
        raise UnreadableResult("the result is not a JSON object")
    findings = Findings()
    _read_object(document, _TOP, findings)
    return findings


def _read_object(document: dict[object, object], place: _Place, findings: Findings) -> None:
    if place.depth > DEEPEST:
        raise UnreadableResult("the result is nested too deeply")
    for name, value in document.items():
        _count(findings, 1)
        if isinstance(value, str):
            findings.texts.add(value)
        if isinstance(name, str) and value is not None:
            _read_value(_meant(name), value, place, findings)


def _count(findings: Findings, values: int) -> None:
    findings.values_seen += values
    if findings.values_seen > MOST_VALUES:
        raise UnreadableResult("the result holds too many values")


def _read_value(name: str, value: object, place: _Place, findings: Findings) -> None:
    if isinstance(value, dict):
        inner = _place_inside(name, place)
        if inner is not None:
            _read_object(value, inner, findings)
        elif name in _OUTCOMES or name in _FACTS:
            _record(name, value, place, findings)
    elif isinstance(value, list):
        _read_list(name, value, place, findings)
    else:
        _record(name, value, place, findings)


def _place_inside(name: str, place: _Place) -> _Place | None:
    """Return the place inside the object called ``name``, or None if it is none of our business."""
    deeper = place.depth + 1
    if place.custom:
        return None
    if name in _VERIFIERS:
        return _Place(deeper, verifier=_VERIFIERS[name])
    if name in _CUSTOM_WRAPPERS:
        return _Place(deeper, custom=True)
    if name in _WRAPPERS:
        return _Place(deeper, verifier=place.verifier, session=name in _SESSION_WRAPPERS)
    if _OUTCOMES.get(name, OVERALL) != OVERALL:
        return _Place(deeper, verifier=_OUTCOMES[name])
    return None


def _read_list(name: str, items: list[object], place: _Place, findings: Findings) -> None:
    """Read a list of verifiers, each an object that says which one it is, or of values of one fact.

    What stands in a list is said all the same: an identifier of somebody else's must not be overlooked there.
    An outcome is one word, and no list of words can be understood.
    """
    if name == "state" or name in _FACTS:
        _count(findings, len(items))
        for item in items:
            _record(name, item, place, findings)
    elif name in _OUTCOMES and name not in _WRAPPERS:
        _record(name, items, place, findings)
    if name not in _WRAPPERS or place.custom:
        return
    for item in items:
        if not isinstance(item, dict):
            continue
        named = (item.get(key) for key in ("verifier", "verifierType", "name", "type", "kind"))
        verifier = next(
            (_VERIFIERS[_plain(n)] for n in named if isinstance(n, str) and _plain(n) in _VERIFIERS), None
        )
        if verifier is not None:
            _read_object(item, _Place(place.depth + 1, verifier=verifier), findings)


def _record(name: str, value: object, place: _Place, findings: Findings) -> None:
    """Keep ``value`` if ``name`` means something at ``place``."""
    if name == "state":
        _record_state(value, place, findings)
    elif name in _FACTS:
        findings.facts[_FACTS[name]].append(value)
    elif not place.custom:
        _record_outcome(name, value, place, findings)


def _record_outcome(name: str, value: object, place: _Place, findings: Findings) -> None:
    understood = isinstance(value, str) and value.lower() in OUTCOME_WORDS
    if name in _OUTCOMES:
        # Inside a verifier, "verificationResult" is that verifier's own.
        own = place.verifier if _OUTCOMES[name] == OVERALL else None
        findings.outcomes[own or _OUTCOMES[name]].append(value)
    elif name in {"result", "outcome"} or (name == "status" and understood):
        findings.outcomes[place.verifier or OVERALL].append(value)
    elif name == "id" and place.session:
        findings.facts["session_id"].append(value)
    elif name in _VERIFIERS and (understood or _VERIFIERS[name] in {"liveness", "face"}):
        # "age": 31 and "gender": "male" are estimates; "liveness": anything is a statement about it.
        findings.outcomes[_VERIFIERS[name]].append(value)
    if name in _SAY_WHETHER_DONE and not understood and _is_pending(value):
        findings.pending = True


def _record_state(value: object, place: _Place, findings: Findings) -> None:
    """Tell our own ``state`` parameter from a session's state in words such as ``Completed``."""
    if not place.custom and isinstance(value, str) and _STATUS_WORD.fullmatch(value):
        findings.pending = findings.pending or _is_pending(value)
    else:
        findings.facts["state"].append(value)


def _is_pending(value: object) -> bool:
    return isinstance(value, str) and _plain(value) in _PENDING


def _meant(name: str) -> str:
    """Return :func:`_plain` of ``name`` without the vendor's ``re`` before it."""
    return _remembered(name) if len(name) <= _LONGEST_REMEMBERED else _remembered.__wrapped__(name)


@lru_cache(maxsize=256)
def _remembered(name: str) -> str:
    return _plain(_PREFIX.sub("", name, count=1))


def _plain(name: str) -> str:
    """Reduce ``livenessResult``, ``Liveness_Result`` and the like to one spelling."""
    return _NOT_ALPHANUMERIC.sub("", name.lower())
