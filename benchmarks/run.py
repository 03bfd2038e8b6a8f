"""Measures the portal as it runs in production: gunicorn, its own settings, a durable database.

``make bench`` runs it on SQLite; give ``--database postgresql+psycopg://…`` for another (an empty database:
its tables are made and dropped). ``wrk`` (Debian's package) makes the load, on a core of its own where
there are two. Each figure is the median of several short runs, with the spread beside it; the ceilings
below (signatures, commits) were measured in the same minute on the same machine.
"""

import argparse
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flask import Flask

from benchmarks import stage

TOP = Path(__file__).resolve().parent.parent
PORT = int(os.environ.get("BENCH_PORT", "18080"))
ADDRESS = f"http://localhost:{PORT}"
CODES_PER_RUN = 20_000


@dataclass(frozen=True)
class Run:
    """What one run of wrk measured: requests per second, milliseconds, and how many were not 2xx or 3xx."""

    rate: float
    p50: float
    p99: float
    failed: int


def main() -> None:
    """Run every measurement and print the table."""
    arguments = _arguments()
    if shutil.which("wrk") is None:
        sys.exit("The load generator wrk is missing: apt-get install wrk")
    with tempfile.TemporaryDirectory() as folder:
        database = arguments.database or f"sqlite:///{folder}/portal.sqlite3"
        app = stage.prepare(database, ADDRESS)
        with _Server(database, arguments.workers):
            _print_table(app, Path(folder), arguments)
        stage.clear(app)


def _print_table(app: Flask, folder: Path, arguments: argparse.Namespace) -> None:
    print(f"\n{'measurement':<34}{'per second':>12}{'spread':>10}{'p50 ms':>9}{'p99 ms':>9}{'failed':>8}")
    for name, prepare in _measurements(app, folder).items():
        runs = [_wrk(prepare(), arguments) for _ in range(arguments.runs)]
        _print_row(name, runs)
    print(f"\n{'ceiling, one thread':<34}{'per second':>12}")
    print(f"{'RS256 ID tokens signed':<34}{stage.signatures_per_second(app):>12,.0f}")
    print(f"{'durable commits of one row':<34}{stage.commits_per_second(app):>12,.0f}\n")


def _measurements(app: Flask, folder: Path) -> dict[str, Callable[[], list[str]]]:
    """Return what to hand to wrk for each measurement; codes are minted anew for each run."""

    def token() -> list[str]:
        codes = folder / "codes.txt"
        codes.write_text("\n".join(stage.mint(app, CODES_PER_RUN)))
        os.environ["BENCH_FORM"] = stage.token_form(app)
        os.environ["BENCH_CODES"] = str(codes)
        return ["-s", str(TOP / "benchmarks/wrk/token.lua"), f"{ADDRESS}/v1/openid/token"]

    return {
        "discovery": lambda: [f"{ADDRESS}/.well-known/openid-configuration"],
        "JWKS": lambda: [f"{ADDRESS}/v1/openid/jwks"],
        "authorize (a journey opened)": lambda: [stage.authorize_url(app, ADDRESS)],
        "token (a code redeemed)": token,
    }


def _wrk(target: list[str], arguments: argparse.Namespace) -> Run:
    pinned = ["taskset", "-c", "1"] if (os.cpu_count() or 1) > 1 else []
    command = [
        *pinned,
        "wrk",
        "-t1",
        f"-c{arguments.connections}",
        f"-d{arguments.seconds}s",
        "--latency",
        *target,
    ]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    return Run(
        rate=float(_found(r"Requests/sec:\s+([\d.]+)", out)),
        p50=_milliseconds(_found(r"50%\s+(\S+)", out)),
        p99=_milliseconds(_found(r"99%\s+(\S+)", out)),
        failed=int(failed[1]) if failed else 0,
    )


def _print_row(name: str, runs: list[Run]) -> None:
    rates = [run.rate for run in runs]
    middle = statistics.median(rates)
    spread = f"±{(max(rates) - min(rates)) / 2 / middle:.0%}"
    p50, p99 = statistics.median(run.p50 for run in runs), statistics.median(run.p99 for run in runs)
    print(f"{name:<34}{middle:>12,.0f}{spread:>10}{p50:>9.2f}{p99:>9.2f}{sum(run.failed for run in runs):>8}")


def _found(pattern: str, out: str) -> str:
    match = re.search(pattern, out)
    if match is None:
        sys.exit(f"wrk printed something unexpected:\n{out}")
    return match[1]


def _milliseconds(value: str) -> float:
    for unit, factor in (("us", 0.001), ("ms", 1.0), ("s", 1000.0)):
        if value.endswith(unit):
            return float(value.removesuffix(unit)) * factor
    return float("nan")


class _Server:
    """Gunicorn with the portal's own configuration, pinned to the first core beside the load."""

    def __init__(self, database: str, workers: int) -> None:
        pinned = ["taskset", "-c", "0"] if (os.cpu_count() or 1) > 1 else []
        self._command = [
            *pinned,
            sys.executable,
            "-m",
            "gunicorn",
            "-c",
            "config/gunicorn.conf.py",
            "wsgi:app",
        ]
        self._environment = {
            **os.environ,
            **stage.environment(database, ADDRESS),
            "WEB_CONCURRENCY": str(workers),
            "GUNICORN_CMD_ARGS": f"--bind 127.0.0.1:{PORT}",
        }

    def __enter__(self) -> None:
        started = time.monotonic()  # noqa: TID251 - a benchmark measures real time
        self._process = subprocess.Popen(self._command, cwd=TOP, env=self._environment)
        while time.monotonic() - started < 30:  # noqa: TID251
            try:
                urllib.request.urlopen(f"{ADDRESS}/readyz", timeout=1).close()
                print(f"ready after {time.monotonic() - started:.2f} s")  # noqa: TID251
                return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.05)  # noqa: TID251
        self.__exit__()
        sys.exit("The portal did not become ready.")

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", help="an empty database; default: a SQLite file in a temporary folder")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--runs", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
