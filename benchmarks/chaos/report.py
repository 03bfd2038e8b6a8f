"""The verdict as a reader sees it: in the terminal, and between two marks of ``docs/performance.md``."""

import os
import platform
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chaos.invariants import Finding
from benchmarks.chaos.ledger import Trouble
from benchmarks.chaos.memory import Held
from portal import clock

BEGIN, END = "<!-- make chaos writes from here -->", "<!-- to here -->"
_HEADING = """## A fault a minute

`make chaos` lets people sign in at 70 % of the most that the machine takes, takes one part of the site away
in each minute, and afterwards compares the database with what everybody was told (`benchmarks/chaos`). A
code and a token are given once: where the answer that carries one is lost with the process that sent it,
the person starts again at the client, and is counted here as "begun anew". What a killed worker had begun
is begun again when its lease ends, after two or three minutes. A process that is killed does not take the
machine's disk cache along, so this does not show what a power cut would. `CHAOS_ARGS=--full-disk` adds a
full disk under PostgreSQL (as root; its data are in memory then, so nothing of that run is written here)."""


@dataclass
class Window:
    """One fault: from when until when (seconds) people may have noticed it, and what they noticed."""

    name: str
    begin: float
    end: float
    costs: bool
    troubles: list[Trouble] = field(default_factory=list)


@dataclass(frozen=True)
class Verdict:
    """Everything that a run came to."""

    minutes: float
    maximum: float
    rate: float
    windows: Sequence[Window]
    outside: Sequence[Trouble]
    findings: Sequence[Finding]
    memory: Sequence[Held]
    #: What a reader has to know of how it was made.
    remark: str = ""

    @property
    def is_broken(self) -> bool:
        """Say whether anything is not as it must be."""
        return any(finding.is_broken for finding in self.findings)


def written(verdict: Verdict, command: str) -> str:
    """Return the verdict in Markdown."""
    result = "**Something is not as it must be.**" if verdict.is_broken else "Every invariant held."
    where = (
        f"`{command}`, {clock.now():%d %B %Y %H:%M} UTC, {_machine()}. Two nodes behind nginx, two outbox"
        " workers, one PostgreSQL, one Redis, the load and VerifEye's stand-in share the processors. At most"
        f" {verdict.maximum:.0f} whole sign-ins a second (six requests each, over TLS, and one more"
        " where the request is pushed first: every fourth), then"
        f" {verdict.rate:.0f} a second for {verdict.minutes:.0f} minutes. {result}"
        f"{' ' if verdict.remark else ''}{verdict.remark}"
    )
    lines = [
        where,
        "",
        "| what | count | must be |",
        "|---|---:|---:|",
    ]
    for finding in verdict.findings:
        must = "" if finding.must_be is None else f"{finding.must_be}{' **!**' if finding.is_broken else ''}"
        lines.append(f"| {finding.what} | {finding.count:,} | {must} |")
    lines += ["", "| fault | until all was well | errors that people met |", "|---|---:|---|"]
    for window in verdict.windows:
        seconds = f"{window.end - window.begin:.0f} s"
        lines.append(f"| {window.name} | {seconds} | {_summed(window.troubles) or 'none'} |")
    lines.append(f"| *at any other time* | | {_summed(verdict.outside) or 'none'} |")
    lines += [
        "",
        "| process (the one that lived longest) | lived | MB when settled | MB at the end | MB at most |",
        "|---|---:|---:|---:|---:|",
    ]
    for held in _longest_lived(verdict.memory):
        lived = f"{(held.seen - held.born) / 60:.0f} min"
        lines.append(f"| {held.part} | {lived} | {held.first:.0f} | {held.last:.0f} | {held.peak:.0f} |")
    return "\n".join(lines) + "\n"


def write_into(path: Path, text: str) -> None:
    """Put ``text`` between the marks of the document at ``path``, which gets them if it has none."""
    document = path.read_text() if path.exists() else ""
    if BEGIN not in document:
        document = f"{document.rstrip()}\n\n{_HEADING}\n\n{BEGIN}\n{END}\n".lstrip()
    before, _, rest = document.partition(BEGIN)
    after = rest.partition(END)[2]
    path.write_text(f"{before}{BEGIN}\n{text}{END}{after}")


def _summed(troubles: Sequence[Trouble]) -> str:
    counted = Counter(f"{trouble.what} at {trouble.step}" for trouble in troubles)
    return ", ".join(f"{count} × {what}" for what, count in counted.most_common(6))


def _longest_lived(memory: Sequence[Held]) -> list[Held]:
    best: dict[str, Held] = {}
    for held in memory:
        if held.part not in best or held.seen - held.born > best[held.part].seen - best[held.part].born:
            best[held.part] = held
    return [best[part] for part in sorted(best)]


def _machine() -> str:
    models = [
        line.partition(": ")[2]
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    model = models[0] if models else platform.machine()
    return f"{os.cpu_count()} × {model}, Python {platform.python_version()}, {_version('nginx', '-v')}"


def _version(program: str, option: str) -> str:
    try:
        done = subprocess.run([program, option], capture_output=True, text=True, check=False)
    except OSError:
        return program
    return (done.stdout or done.stderr).strip().rpartition(": ")[2]
