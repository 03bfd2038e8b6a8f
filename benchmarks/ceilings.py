"""What this machine can do at most: signatures, durable commits, and a server that does nothing."""

import os
import sys
from pathlib import Path

from benchmarks import stage
from benchmarks.load import wrk
from benchmarks.portal import Portal
from benchmarks.processes import Program, free_port
from benchmarks.table import BARE_HELLO

TOP = Path(__file__).resolve().parent.parent


def of(
    portals: list[Portal], folder: Path, *, workers: int, seconds: float, connections: int
) -> dict[str, float]:
    """Return each ceiling in operations a second, by name; the first two use one thread."""
    found = (
        {"RS256 ID tokens signed, one thread": stage.signatures_per_second(portals[0].app)} if portals else {}
    )
    for portal in portals:
        found[f"durable commits of one row, {portal.database}, one connection"] = stage.commits_per_second(
            portal.app
        )
    for name, application in ((BARE_HELLO, "bare"), ("Flask", "in_flask")):
        found[f"gunicorn with {name} that says hello, {workers} workers"] = _hello(
            application, folder, workers, seconds, connections
        )
    return found


def _hello(application: str, folder: Path, workers: int, seconds: float, connections: int) -> float:
    port = free_port()
    gunicorn = str(Path(sys.executable).parent / "gunicorn")
    server = Program(
        [gunicorn, "-w", str(workers), "-k", "gthread", "--threads", "4", "--keep-alive", "15",
         "--no-control-socket", "-b", f"127.0.0.1:{port}", f"benchmarks.hello:{application}"],
        folder / "hello.log", folder=TOP, environment=dict(os.environ),
    )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}/"
        server.ready(address)
        wrk.run(address, seconds=1, connections=connections)
        return wrk.run(address, seconds=seconds, connections=connections).rate
    finally:
        server.stop()
