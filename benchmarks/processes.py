"""Other programs: started on a core of their own, waited for, measured from /proc, and stopped."""

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

_TICK = os.sysconf("SC_CLK_TCK")
#: Seconds that a program has to become ready, and to stop.
_PATIENCE = 60
#: What is measured runs on the first core, what makes the load on the second.
MEASURED_CORE, LOAD_CORE = 0, 1


class Missing(Exception):
    """A program of the system is not installed; the text says what to install."""


class NotReady(Exception):
    """A program did not come up; the text says what it wrote."""


class Memory(NamedTuple):
    """MiB of one process: resident, and its proportional share of what it shares with others."""

    resident: float
    proportional: float


def cores_are_apart() -> bool:
    """Say whether there are two cores to keep the load apart from what is measured."""
    return (os.cpu_count() or 1) > 1


def free_port() -> int:
    """Return a port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pause(seconds: float) -> None:
    """Wait."""
    threading.Event().wait(seconds)


class Program:
    """A program and its children, started in ``__init__`` on ``core`` (``None``: wherever it likes).

    ``log`` takes what it writes. ``started`` is when, by ``time.perf_counter``.
    """

    def __init__(
        self,
        command: list[str],
        log: Path,
        *,
        core: int | None = MEASURED_CORE,
        environment: dict[str, str] | None = None,
        folder: Path | None = None,
        user: str | None = None,
    ) -> None:
        if core is not None and cores_are_apart():
            command = ["taskset", "-c", str(core), *command]
        self.name, self.log = shlex.join(command), log
        run_as = {"user": user, "group": user, "extra_groups": []} if user else {}
        self.started = time.perf_counter()
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd=folder,
                env=environment, start_new_session=True, **run_as,
            )  # fmt: skip

    def ready(self, url: str) -> float:
        """Wait until ``url`` answers 2xx and return the seconds since the start.

        Raises :class:`NotReady` when it does not come up; the program is stopped then.
        """
        while time.perf_counter() - self.started < _PATIENCE and self.runs():
            try:
                urllib.request.urlopen(url, timeout=5).close()
                return time.perf_counter() - self.started
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                pause(0.005)
        raise self._given_up()

    def listening(self, port: int) -> float:
        """Wait until somebody listens on the port and return the seconds since the start.

        Raises :class:`NotReady` when nobody does; the program is stopped then.
        """
        while time.perf_counter() - self.started < _PATIENCE and self.runs():
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return time.perf_counter() - self.started
            pause(0.005)
        raise self._given_up()

    def _given_up(self) -> NotReady:
        self.stop()
        return NotReady(f"{self.name}\n{self.log.read_text(errors='replace')[-4000:]}")

    def runs(self) -> bool:
        """Say whether the program still runs."""
        return self._process.poll() is None

    def processes(self) -> list[int]:
        """Return the ids of the program and everything below it."""
        return tree(self._process.pid)

    def workers(self) -> list[int]:
        """Return the processes that serve: the children, or the program itself where it has none."""
        return self.processes()[1:] or [self._process.pid]

    def add_workers(self, count: int) -> None:
        """Have a gunicorn run ``count`` workers where it runs fewer (its signal TTIN, one for each)."""
        for wanted in range(len(self.workers()) + 1, count + 1):
            self._process.send_signal(signal.SIGTTIN)
            while self.runs() and len(self.workers()) < wanted:
                pause(0.01)

    def processor_seconds(self) -> float:
        """Return the processor time used so far by the program, its children, and those that ended."""
        return sum(processor_seconds(pid) for pid in self.processes())

    def memory(self) -> list[Memory]:
        """Return what each serving process holds."""
        return [memory(pid) for pid in self.workers()]

    def move(self, cores: set[int]) -> None:
        """Let the program, with all its threads, run on ``cores`` from now on."""
        for pid in self.processes():
            for thread in Path(f"/proc/{pid}/task").glob("*"):
                with contextlib.suppress(OSError):
                    os.sched_setaffinity(int(thread.name), cores)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Ask the program to end, and make it end."""
        if self.runs():
            self._process.send_signal(number)
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def tree(pid: int) -> list[int]:
    """Return ``pid`` and all processes below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                found += tree(int(child))
    return found


def processor_seconds(pid: int) -> float:
    """Return the processor time of a process and of its ended children (proc(5): ``stat``, 14 to 17)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(ticks) for ticks in fields[11:15]) / _TICK


def memory(pid: int) -> Memory:
    """Return the memory of a process (proc(5): ``smaps_rollup``)."""
    sizes = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, rest = line.partition(":")
        sizes[name] = int(rest.split()[0]) / 1024
    return Memory(sizes["Rss"], sizes["Pss"])
