"""What can go wrong on purpose: switches that the page and the control API turn."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from portal.sandbox.okta.store import Records

_NAME = "switches"
#: The largest value of every switch that is a number.
_MOST = {
    "hook_delay_seconds": 600,
    "hook_batch": 500,
    "hook_duplicates": 50,
    "hook_drop_percent": 100,
    "api_limit": 100_000,
    "api_slow_seconds": 60,
}


class SwitchError(Exception):
    """There is no such switch, or it cannot be set so; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Switches:
    """How the local Okta behaves today. As it is made, everything works as on a good day."""

    #: Event hooks: wait so long before sending.
    hook_delay_seconds: int = 0
    #: At most so many events in one body.
    hook_batch: int = 20
    #: Send every body so many times more.
    hook_duplicates: int = 0
    #: Send what waits in a random order, also within a body.
    hook_shuffle: bool = False
    #: Lose so many of a hundred bodies.
    hook_drop_percent: int = 0
    #: Requests a minute that an API endpoint answers; the next gets 429 and E0000047.
    api_limit: int = 600
    #: Answer every API call with 429, whoever asks and however seldom.
    api_storm: bool = False
    #: Answer with 429, Limit 0 and Remaining 0: too many calls at once, as Okta says it.
    api_crowded: bool = False
    #: Answer nothing but 503.
    api_down: bool = False
    #: Take so long for every API call.
    api_slow_seconds: int = 0
    #: Refuse to write profiles: they are mastered elsewhere (E0000023).
    profile_mastered_elsewhere: bool = False


def current(records: Records) -> Switches:
    """Return how the switches are set."""
    known = {field.name for field in fields(Switches)}
    return Switches(
        **{name: value for name, value in (records.setting(_NAME) or {}).items() if name in known}
    )


def turn(records: Records, changes: dict[str, Any]) -> Switches:
    """Set the switches that ``changes`` names, and return all; raises :class:`SwitchError`."""
    usual = asdict(Switches())
    for name, value in changes.items():
        if name not in usual:
            raise SwitchError(f"There is no switch called {name!r}.")
        if isinstance(usual[name], bool):
            if not isinstance(value, bool):
                raise SwitchError(f"{name} is true or false.")
        elif isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST[name]:
            raise SwitchError(f"{name} is a whole number between 0 and {_MOST[name]}.")
    records.set(_NAME, asdict(current(records)) | changes)
    return current(records)


def reset(records: Records) -> Switches:
    """Have a good day again."""
    records.set(_NAME, {})
    return current(records)
