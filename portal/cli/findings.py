"""What a check of ``flask doctor`` says."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How bad it is: a problem keeps people from being verified, or is unsafe."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """One line: about what, how bad, what it means, and what to do next (nothing where all is well)."""

    subject: str
    state: State
    what: str
    next_step: str = ""

    def as_document(self) -> dict[str, str]:
        """Return the finding for ``--json``."""
        return {
            "subject": self.subject,
            "state": self.state.value,
            "what": self.what,
            "next_step": self.next_step,
        }


def ok(subject: str, what: str) -> Finding:
    """Say that something is in order."""
    return Finding(subject, State.OK, what)


def warning(subject: str, what: str, next_step: str) -> Finding:
    """Say that something works but should be looked at."""
    return Finding(subject, State.WARNING, what, next_step)


def problem(subject: str, what: str, next_step: str) -> Finding:
    """Say that something does not work or is not safe."""
    return Finding(subject, State.PROBLEM, what, next_step)
