"""What everybody was told: the clients' side of every invariant."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple


class Trouble(NamedTuple):
    """An answer that was no use, or none: when it was asked for, when it came, the step, and what it was."""

    asked: float
    at: float
    step: str
    what: str
    #: A 502 to 504, or a 429, that says when to come back; or no answer from something that was killed.
    is_honest: bool

    def was_during(self, begin: float, end: float) -> bool:
        """Say whether the request was under way at any moment between the two."""
        return self.asked <= end and begin <= self.at


@dataclass
class Attempt:
    """One authorization request of one person, and what came of it."""

    state: str
    login: str
    #: Somebody else sits before the camera: VerifEye says "failed", and no code may ever come of it.
    impostor: bool = False
    #: What the portal gave for the request that was pushed, if it was, and when (seconds of the clock).
    request_uri: str | None = None
    pushed_at: int = 0
    #: The person was sent on from the authorization endpoint.
    opened: bool = False
    #: The portal took the result and sent the person on: it must never forget that.
    told_verified: bool = False
    #: Every code that any tab of this person was given.
    codes: list[str] = field(default_factory=list)
    #: How many times a code of this attempt was exchanged for tokens.
    redeemed: int = 0
    #: The steps at which an answer was no use, in order.
    troubled: list[str] = field(default_factory=list)
    end: str | None = None


class Ledger:
    """All attempts and all troubles of a run."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.troubles: list[Trouble] = []
        #: Things that must never be seen, in words.
        self.wrongs: list[str] = []
        self.answers: Counter[str] = Counter()
        self.retries = 0

    def ends(self) -> Counter[str]:
        """Return how many attempts ended in which way."""
        return Counter(attempt.end or "under way" for attempt in self.attempts)
