"""Pieces of work that somebody may want to see: told to a watcher where there is one (``portal.tracing``).

Without a watcher, which is the rule, it costs about a microsecond for each call to another server. What is
told goes to another system: names of ours and outcomes, and never a URL, a payload, an identifier of a person
or a secret.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

#: Tells one more fact of a piece of work under way.
Tell = Callable[[str, str], None]
#: Takes the name of a piece of work, whether it waits for another server, and its facts.
Watcher = Callable[[str, bool, dict[str, str]], AbstractContextManager[Tell]]


def _tell_nobody(name: str, value: str) -> None:
    pass


_UNWATCHED = nullcontext(_tell_nobody)
_watcher: Watcher | None = None


def span(name: str, *, outwards: bool = False, **facts: str) -> AbstractContextManager[Tell]:
    """Return a context for one piece of work; it gives what takes further facts.

    ``outwards``: the work is to wait for another server. Exceptions pass through it.
    """
    if _watcher is None:
        return _UNWATCHED
    return _watcher(name, outwards, facts)


def watch(watcher: Watcher | None) -> None:
    """Have ``watcher`` told of all work of this process from now on; ``None``: nobody."""
    global _watcher
    _watcher = watcher
