"""Everything that can happen in a sandbox session, in the words of its page."""

from dataclasses import dataclass
from enum import StrEnum


class Scenario(StrEnum):
    """What happens in a session; the values are those of the form and of ``POST /sandbox/next``."""

    PASS = "pass"  # noqa: S105 - a word, not a password
    LIVENESS_FAILS = "liveness_fails"
    FACE_FAILS = "face_fails"
    AGE_FAILS = "age_fails"
    GENDER_FAILS = "gender_fails"
    CANCEL = "cancel"
    NEVER_RETURN = "never_return"
    SLOW = "slow"
    NOT_READY = "not_ready"
    NOT_EXECUTED = "not_executed"
    MISSING_VERIFIER = "missing_verifier"
    FORGED_RESULT = "forged_result"
    TAMPERED_SIGNATURE = "tampered_signature"
    REPLAY = "replay"
    DUPLICATED_PARAMETER = "duplicated_parameter"
    RECASED_PARAMETER = "recased_parameter"


@dataclass(frozen=True, slots=True)
class Choice:
    """One scenario as the page offers it."""

    scenario: Scenario
    title: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Group:
    """Scenarios of one kind, under a heading."""

    title: str
    choices: tuple[Choice, ...]


GROUPS = (
    Group(
        "The check runs",
        (
            Choice(
                Scenario.PASS,
                "As the face deserves",
                "The configuration decides: a known face matches, a wrong one fails.",
            ),
        ),
    ),
    Group(
        "The check fails",
        (
            Choice(
                Scenario.LIVENESS_FAILS, "Liveness fails", "A photograph or a screen was held to the camera."
            ),
            Choice(
                Scenario.FACE_FAILS, "Face does not match", "Whoever it is, it is not the person enrolled."
            ),
            Choice(Scenario.AGE_FAILS, "Age fails", "Too young for the configured threshold."),
            Choice(Scenario.GENDER_FAILS, "Gender fails", "The estimate could not be made."),
        ),
    ),
    Group(
        "The person leaves",
        (
            Choice(Scenario.CANCEL, "Cancel", "Back to the failed address, with nothing checked."),
            Choice(
                Scenario.NEVER_RETURN,
                "Never return",
                "The window is closed; nobody comes back, no webhook is sent.",
            ),
        ),
    ),
    Group(
        "VerifEye has a bad day",
        (
            Choice(Scenario.SLOW, "Slow", "The way back takes some seconds."),
            Choice(
                Scenario.NOT_READY,
                "Result not ready",
                "Asked for the result, it answers 404 before it answers 200.",
            ),
            Choice(
                Scenario.NOT_EXECUTED,
                "A verifier was not executed",
                "Says passed overall, though one check never ran.",
            ),
            Choice(
                Scenario.MISSING_VERIFIER,
                "A verifier is missing",
                "Says passed overall, and one check is not mentioned.",
            ),
        ),
    ),
    Group(
        "Somebody tampers",
        (
            Choice(
                Scenario.FORGED_RESULT,
                "Forged result",
                "The signed address says passed, the result itself says failed.",
            ),
            Choice(
                Scenario.TAMPERED_SIGNATURE,
                "Tampered signature",
                "One character of the signature is changed.",
            ),
            Choice(Scenario.REPLAY, "Replay", "Brings back the last result of this configuration instead."),
            Choice(
                Scenario.DUPLICATED_PARAMETER,
                "Duplicated parameter",
                "A result occurs twice, and the signature fits.",
            ),
            Choice(
                Scenario.RECASED_PARAMETER,
                "Recased parameter",
                "A name in another case, and the signature still fits.",
            ),
        ),
    ),
)
