"""Runs wrk (Debian's package) against one address and reads what it printed."""

import os
import re
import resource
import subprocess
from pathlib import Path
from typing import NamedTuple

_SCRIPTS = Path(__file__).resolve().parent.parent / "wrk"


class WrkRun(NamedTuple):
    """Requests, requests a second, latencies in seconds, failures by reason, wrk's share of a processor."""

    requests: int
    rate: float
    p50: float
    p99: float
    failures: dict[str, int]
    processor: float


class UnexpectedOutput(Exception):
    """The program printed something that is not wrk's report."""


def run(
    address: str,
    *,
    seconds: float,
    connections: int,
    script: str | None = None,
    environment: dict[str, str] | None = None,
    threads: int = 1,
) -> WrkRun:
    """Load ``address`` for ``seconds`` on ``connections`` kept connections, with a Lua script if named."""
    command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency"]
    if script:
        command += ["-s", str(_SCRIPTS / script)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = subprocess.run(
        [*command, address], check=True, capture_output=True, text=True, env=os.environ | (environment or {})
    ).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return read_report(out, used)


def read_report(out: str, processor_seconds: float = 0.0) -> WrkRun:
    """Return what wrk's report says; raises :class:`UnexpectedOutput`."""
    total = re.search(r"(\d+) requests in ([\d.]+(?:us|ms|s|m))", out)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    p50 = re.search(r"\s50%\s+([\d.]+(?:us|ms|s|m))", out)
    p99 = re.search(r"\s99%\s+([\d.]+(?:us|ms|s|m))", out)
    if total is None or rate is None or p50 is None or p99 is None:
        raise UnexpectedOutput(out)
    failures = {}
    if wrong := re.search(r"Non-2xx or 3xx responses: (\d+)", out):
        failures["not 2xx or 3xx"] = int(wrong[1])
    if broken := re.search(r"Socket errors: (.*)", out):
        failures |= {kind: int(count) for kind, count in re.findall(r"(\w+) (\d+)", broken[1]) if int(count)}
    return WrkRun(
        int(total[1]),
        float(rate[1]),
        in_seconds(p50[1]),
        in_seconds(p99[1]),
        failures,
        processor_seconds / in_seconds(total[2]),
    )


def in_seconds(text: str) -> float:
    """Return a duration as wrk writes it (``812.00us``, ``3.10ms``, ``1.20s``, ``1.00m``) in seconds."""
    for unit, factor in (("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    raise UnexpectedOutput(text)
