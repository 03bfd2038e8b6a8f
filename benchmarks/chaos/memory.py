"""How much memory each process holds over time, as its share (PSS): what is shared is counted once."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from benchmarks.chaos.site import Site, children_of

#: What a process may grow beyond what it held after its first minutes, in MiB: caches that fill, not a leak.
MAY_GROW = 15.0
#: Younger processes are still importing and filling their pools.
SETTLED_AFTER = 120.0


@dataclass
class Held:
    """What one process held: when it was first and last looked at (seconds), and MiB then and at most."""

    part: str
    born: float
    seen: float
    first: float
    last: float
    peak: float

    @property
    def grew(self) -> float:
        """How much more it held at the end than when it had settled."""
        return self.last - self.first


class Memory:
    """Every process that was seen, by its number."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.processes: dict[int, Held] = {}

    def look(self, now: float) -> None:
        """Look at every process of the portal, and at PostgreSQL as a whole."""
        for part in (*self._site.nodes, *self._site.workers):
            children = children_of(part.pid)
            for pid in children or [part.pid]:
                self._note(pid, part.name, now, _share_of(pid))
        self._note(0, "PostgreSQL", now, sum(_share_of(pid) for pid in self._site.postgres.processes()))

    def _note(self, pid: int, part: str, now: float, share: float) -> None:
        if not share:
            return
        held = self.processes.setdefault(pid, Held(part, now, now, share, share, share))
        if now - held.born <= SETTLED_AFTER:
            held.first = share
        held.seen, held.last, held.peak = now, share, max(held.peak, share)

    @property
    def grown(self) -> list[Held]:
        """Processes of the portal that lived long enough to tell, and grew more than they may."""
        return [
            held
            for held in self.processes.values()
            if held.part != "PostgreSQL"
            and held.seen - held.born > 2 * SETTLED_AFTER
            and held.grew > MAY_GROW
        ]


def _share_of(pid: int) -> float:
    with contextlib.suppress(OSError, IndexError, ValueError):
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return int(text.split("\nPss:")[1].split()[0]) / 1024
    return 0.0
