"""The demo's processes: started together, watched, stopped together."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import urllib3

from portal import clock
from portal.sandbox.demo_places import HOUSE, DemoProblem

_GRACE = 8.0
_LOOK_EVERY = 0.05
_LAST_LINES = 15
#: prctl(2): be sent a signal when the parent dies.
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


#: A process that is killed more often than this is not started again.
_MOST_STARTS = 10


@dataclass(slots=True)
class _Child:
    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes]
    starts: int = 1


class Family:
    """Processes that live and die together; one that somebody kills is started again."""

    def __init__(self, say: Callable[[str], None] = lambda _sentence: None) -> None:
        self._children: list[_Child] = []
        self._say = say

    def start(self, name: str, command: list[str], environment: dict[str, str], log: Path) -> None:
        """Start one in a group of its own: Ctrl-C reaches this process only, which then stops all."""
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        process = _process(command, environment, log)
        self._children.append(_Child(name, command, environment, log, process))

    def require_alive(self) -> None:
        """Start again what was killed; raise :class:`DemoProblem`, with its last lines, if one has ended."""
        for child in self._children:
            number = child.process.poll()
            if number is not None and number < 0 and child.starts < _MOST_STARTS:
                child.starts += 1
                child.process = _process(child.command, child.environment, child.log)
                self._say(f"{_capitalised(child.name)} was killed (signal {-number}) and is started again.")
            elif number is not None:
                raise DemoProblem(
                    f"{_capitalised(child.name)} has ended with exit code "
                    f"{child.process.returncode}, so everything is stopped. The end of {child.log}:\n"
                    f"{_last_lines(child.log)}"
                )

    def wait_for(self, name: str, url: str, until: float) -> None:
        """Wait until ``url`` answers 200; raises :class:`DemoProblem` if it does not, or if one ends."""
        with urllib3.PoolManager(timeout=urllib3.Timeout(2), retries=False) as pool:
            while True:
                self.require_alive()
                with contextlib.suppress(urllib3.exceptions.HTTPError):
                    if pool.request("GET", url, redirect=False).status == 200:
                        return
                if clock.monotonic() > until:
                    raise DemoProblem(f"{_capitalised(name)} does not answer at {url}.")
                clock.sleep(_LOOK_EVERY)

    def stop(self) -> bool:
        """Stop every process and whatever it has started; return whether there was any."""
        for child in self._children:
            _signal(child.process, signal.SIGTERM)
        until = clock.monotonic() + _GRACE
        for child in self._children:
            try:
                child.process.wait(max(0.1, until - clock.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(child.process, signal.SIGKILL)
                child.process.wait()
        return bool(self._children)


def _process(command: list[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - the commands are the launcher's own
            command,
            cwd=HOUSE,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )


def _capitalised(name: str) -> str:
    return f"{name[0].upper()}{name[1:]}"


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    """Signal the leader politely, and its whole group where nothing else helps."""
    with contextlib.suppress(ProcessLookupError):
        if number == signal.SIGKILL:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)


def _end_with_parent() -> None:
    """Ask Linux to end this child when the launcher is killed and cannot do it itself."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _last_lines(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
    return "\n".join(f"    {line}" for line in lines) or "    (nothing was written)"
