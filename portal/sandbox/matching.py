"""The five face-recognition modes as VerifEye documents them: pure.

Note what the vendor's matching modes do with an identifier they have never seen: they enrol it and report
``passed``. That is the behaviour the portal has to be safe against, so it is kept faithfully here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from portal.verifeye.results import Outcome


class FaceMode(StrEnum):
    """How a configuration uses face recognition; the values are the vendor's own words."""

    DISABLED = "Disabled"
    CALCULATION_ONLY = "CalculationOnly"
    DUPLICATE = "DuplicateVerification"
    UNIQUE_MATCH = "UniqueMatchVerification"
    MATCH = "MatchVerification"

    @property
    def needs_external_id(self) -> bool:
        """Say whether a link must carry ``reExternalId`` in this mode."""
        return self in {FaceMode.UNIQUE_MATCH, FaceMode.MATCH}


@dataclass(frozen=True, slots=True)
class StoredFace:
    """One face of a collection: whose it is, and the identifier it is stored under, if any."""

    face_id: str
    who: str
    external_id: str | None


@dataclass(frozen=True, slots=True)
class Match:
    """What the mode says: an outcome, the stored face it concerns if any, and whether to store a new one."""

    outcome: Outcome
    face_id: str | None = None
    store: bool = False
    reason: str | None = None


def match(mode: FaceMode, who: str, external_id: str | None, stored: Sequence[StoredFace]) -> Match:
    """Return what ``mode`` makes of the face of ``who``, given the faces already ``stored``."""
    own = next((face for face in stored if face.who == who), None)
    if mode is FaceMode.DISABLED:
        return Match(Outcome.NOT_EXECUTED)
    if mode is FaceMode.CALCULATION_ONLY:
        return Match(Outcome.PASSED, own.face_id if own else None, store=own is None)
    if mode is FaceMode.DUPLICATE:
        if own:
            return Match(Outcome.FAILED, own.face_id, reason="sandbox_duplicate_face")
        return Match(Outcome.PASSED, store=True)
    elsewhere = [face for face in stored if face.who == who and face.external_id not in {None, external_id}]
    if mode is FaceMode.UNIQUE_MATCH and elsewhere:
        return Match(Outcome.FAILED, reason="sandbox_face_under_other_id")
    enrolled = next((face for face in stored if face.external_id == external_id), None)
    if enrolled is None:
        return Match(Outcome.PASSED, store=True)
    if enrolled.who != who:
        return Match(Outcome.FAILED, reason="sandbox_face_differs")
    return Match(Outcome.PASSED, enrolled.face_id)
