"""`make run` in a test: the launcher as a process, on ports and in a folder of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from portal.sandbox.demo_places import PORTS
from tests.support.machine import TOP

RUNNING = "demo is running"


class Demo:
    """A demo that was started, with what it has written so far."""

    def __init__(self, folder: Path, ports: list[int], output: Path | None = None) -> None:
        self.origins = [f"http://localhost:{port}" for port in ports]
        self._output = output or folder.parent / "output.txt"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
        environment |= {name: str(port) for name, port in zip(PORTS, ports, strict=True)}
        environment["PORTAL_DEMO_FOLDER"] = str(folder)
        with self._output.open("wb") as written:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "portal.sandbox.demo"],
                cwd=TOP, env=environment, stdout=written, stderr=subprocess.STDOUT,
            )  # fmt: skip

    @property
    def said(self) -> str:
        return self._output.read_text()

    def wait_until_it_runs(self) -> None:
        until = time.monotonic() + 180  # noqa: TID251 - other processes live by the real clock
        while RUNNING not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < until, self.said  # noqa: TID251
            time.sleep(0.05)  # noqa: TID251

    def children(self) -> dict[int, str]:
        """Return the processes under the launcher, by their commands."""
        found = subprocess.run(
            ["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return {int(line.split()[0]): line for line in found.stdout.splitlines()}

    def stop(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


@contextmanager
def demo(folder: Path, ports: list[int], output: Path | None = None) -> Iterator[Demo]:
    started = Demo(folder, ports, output)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.stop(signal.SIGTERM)


def free_ports() -> list[int]:
    """Return a free port for each application."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in PORTS]
        return [probe.getsockname()[1] for probe in probes]
