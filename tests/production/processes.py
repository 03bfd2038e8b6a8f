"""Starting another program in a test, waiting until it is there, and ending it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.machine import TOP


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(is_so: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Wait until ``is_so``, or fail and say that ``what`` did not come."""
    end = time.monotonic() + seconds  # noqa: TID251 - another program is at work
    while time.monotonic() < end:  # noqa: TID251 - likewise
        if is_so():
            return
        time.sleep(0.05)  # noqa: TID251 - likewise
    raise AssertionError(f"{what} did not come within {seconds:.0f} seconds")


def listens(address: tuple[str, int] | str) -> bool:
    """Say whether somebody accepts connections at a port or at a Unix socket."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as probe:
        probe.settimeout(1)
        return probe.connect_ex(address) == 0


@contextmanager
def running(command: list[str], log: Path, **options: object) -> Iterator[subprocess.Popen]:
    """Run ``command`` with its output in ``log`` until the block ends; it leads a group of its own."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True, **options
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def flask(environment: dict[str, str], *arguments: str, given: str | None = None) -> str:
    """Run a command of the portal as an operator would, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", *arguments],
        cwd=TOP, env=environment, input=given, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    return done.stdout
