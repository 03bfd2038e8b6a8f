"""What came of each of Okta's rules: the sentence for a person, and the reason for Okta's System Log."""

from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """How a rule was met."""

    OK = "ok"
    #: Okta accepts it, or has published nothing about it; worth knowing all the same.
    WARNING = "warning"
    #: The rules are kept, and the answer says that the person is not verified.
    DENIED = "denied"
    #: Against a rule that Okta has published.
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Check:
    """One rule and what came of it. ``reason`` is what Okta would record, if it is why Okta refuses."""

    rule: str
    state: State
    sentence: str
    reason: str | None = None


class Stopped(Exception):
    """The sequence cannot go on; the ledger says why."""


@dataclass
class Ledger:
    """The checks of one simulation, in the order in which Okta comes to them."""

    checks: list[Check] = field(default_factory=list)

    def ok(self, rule: str, sentence: str) -> None:
        """Note a rule that is kept."""
        self.checks.append(Check(rule, State.OK, sentence))

    def warning(self, rule: str, sentence: str) -> None:
        """Note something that does not make Okta refuse."""
        self.checks.append(Check(rule, State.WARNING, sentence))

    def denied(self, rule: str, sentence: str, reason: str | None = None) -> None:
        """Note an answer within the rules that says no."""
        self.checks.append(Check(rule, State.DENIED, sentence, reason))

    def broken(self, rule: str, sentence: str, reason: str | None = None) -> None:
        """Note a rule that is broken."""
        self.checks.append(Check(rule, State.BROKEN, sentence, reason))

    def turned_away(self, rule: str, sentence: str, reason: str | None = None) -> Stopped:
        """Note an answer within the rules that says no and ends the sequence; return what to raise."""
        self.denied(rule, sentence, reason)
        return Stopped(sentence)

    def stop(self, rule: str, sentence: str, reason: str | None = None) -> Stopped:
        """Note a broken rule after which Okta does not go on; return what to raise."""
        self.broken(rule, sentence, reason)
        return Stopped(sentence)

    def require(self, met: bool, rule: str, kept: str, broken: str, reason: str | None = None) -> bool:
        """Note ``kept`` or ``broken``, as the rule was ``met`` or not, and return ``met``."""
        if met:
            self.ok(rule, kept)
        else:
            self.broken(rule, broken, reason)
        return met

    @property
    def refusal(self) -> Check | None:
        """The check for which Okta refuses: the first broken rule, else the first denial, else none."""
        for state in (State.BROKEN, State.DENIED):
            for check in self.checks:
                if check.state is state:
                    return check
        return None
