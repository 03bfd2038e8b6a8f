"""From runs to a report in Markdown, which reads as well on a terminal, and into its place in a document."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import measures
from benchmarks.measures import Run
from benchmarks.processes import Memory

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
_PORTALS = ("portal, PostgreSQL", "portal, SQLite")
#: In the name of the ceiling that nothing behind gunicorn can be above.
BARE_HELLO = "a bare WSGI callable"


@dataclass
class Report:
    """What a run found. ``pinned`` and ``free`` hold the runs by measure and contender."""

    pinned: dict[str, dict[str, list[Run]]] = field(default_factory=dict)
    free: dict[str, dict[str, list[Run]]] = field(default_factory=dict)
    startup: dict[str, float] = field(default_factory=dict)
    memory: dict[str, list[Memory]] = field(default_factory=dict)
    ceilings: dict[str, float] = field(default_factory=dict)
    machine: dict[str, str] = field(default_factory=dict)
    #: Contenders that lack a program of the system, and those that could not be installed or did not start.
    skipped: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def failures(self) -> list[str]:
        """Return a line for each measure that had failed requests."""
        return [
            f"{title}, {measure}: {count} × {reason}"
            for mode in (self.pinned, self.free)
            for measure, contenders in mode.items()
            for title, runs in contenders.items()
            for reason, count in _failed(runs).items()
        ]

    def wrong(self) -> list[str]:
        """Return a line for everything that makes the run one not to rely on."""
        return [f"{line} (not started)" for line in self.broken] + self.failures()


def rendered(report: Report) -> str:
    """Return the whole report."""
    parts = [_machine(report), _loud(report)]
    for measure, contenders in report.pinned.items():
        parts.append(f"### {measure[0].upper()}{measure[1:]}\n\n{_runs(contenders)}")
    for measure, contenders in report.free.items():
        parts.append(f"### {measure[0].upper()}{measure[1:]}, nothing pinned\n\n{_runs(contenders)}")
    parts += [_ratios(report), _aims(report), _processes(report), _ceilings(report)]
    return "\n\n".join(part for part in parts if part) + "\n"


def write(report: Report, document: Path) -> None:
    """Put the report between the two marks of ``document``; raises ``ValueError`` if it has none."""
    text = document.read_text()
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{document} has no {BEGIN} … {END}")
    document.write_text(f"{head}{BEGIN}\n\n{rendered(report)}\n{END}{tail}")


def rate(runs: list[Run]) -> float:
    """Return the median of the operations a second."""
    return statistics.median(run.rate for run in runs)


def spread(runs: list[Run]) -> float:
    """Return half the distance between the fastest and the slowest run, as a share of the median."""
    rates, middle = [run.rate for run in runs], rate(runs)
    return (max(rates) - min(rates)) / 2 / middle if middle else 0.0


def _machine(report: Report) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in report.machine.items())


def _loud(report: Report) -> str:
    lines = [f"- **Requests failed:** {line}" for line in report.failures()]
    lines += [f"- **Beware:** {line}" for line in report.warnings]
    lines += [f"- **Not started:** {line}" for line in report.broken]
    lines += [f"- Not measured: {line}" for line in report.skipped]
    return "\n".join(lines)


def _runs(contenders: dict[str, list[Run]]) -> str:
    with_stand_in = any(run.stand_in > 0.001 for runs in contenders.values() for run in runs)
    heads = ["", "per second", "spread", "p50 ms", "p99 ms", "server CPU µs", "database CPU µs", "load's CPU"]
    rows = [[*heads, *(["stand-in's CPU"] if with_stand_in else []), "failed"]]
    for title, runs in contenders.items():
        store = [run.store for run in runs if run.store is not None]
        row = [
            title,
            f"{rate(runs):,.0f}",
            f"± {spread(runs):.0%}",
            _milliseconds(statistics.median(run.p50 for run in runs)),
            _milliseconds(statistics.median(run.p99 for run in runs)),
            f"{statistics.median(run.server for run in runs) * 1e6:,.0f}",
            f"{statistics.median(store) * 1e6:,.0f}" if store else "",
            f"{statistics.median(run.generator for run in runs):.0%}",
        ]
        if with_stand_in:
            row.append(f"{statistics.median(run.stand_in for run in runs):.0%}")
        rows.append([*row, f"{sum(_failed(runs).values()):,}"])
    return markdown(rows)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.2f}"


def _failed(runs: list[Run]) -> dict[str, int]:
    total: dict[str, int] = {}
    for run in runs:
        for reason, count in run.failures.items():
            total[reason] = total.get(reason, 0) + count
    return total


def _ratios(report: Report) -> str:
    rows = [["times as fast as", "on", *_PORTALS]]
    for measure, contenders in report.pinned.items():
        if measure == measures.TOKEN_AT_70:
            continue
        for title, runs in contenders.items():
            if not title.startswith("portal"):
                rows.append([title, measure, *(_times(contenders.get(portal), runs) for portal in _PORTALS)])
    return f"### The portal against each peer\n\n{markdown(rows)}" if len(rows) > 1 else ""


def _times(ours: list[Run] | None, theirs: list[Run]) -> str:
    return f"{rate(ours) / rate(theirs):.2f}" if ours and rate(theirs) else ""


def _aims(report: Report) -> str:
    """Return how the figures stand to what the project set out for."""
    rows = [*_aims_against_peers(report), *_aims_against_hello(report), *_aims_of_the_portal(report)]
    return f"### Aims\n\n{markdown([['aim', 'reached', 'met'], *rows])}" if rows else ""


def _aims_against_peers(report: Report) -> Iterator[list[str]]:
    for measure, portal, peer, least in (
        (measures.TOKEN, _PORTALS[0], "oidc-provider, Redis", 1.0),
        (measures.TOKEN, _PORTALS[1], "oidc-provider, memory", 1.0),
        (measures.TOKEN, _PORTALS[0], "plain Authlib, PostgreSQL", 5.0),
        (measures.TOKEN, _PORTALS[0], "django-oauth-toolkit, PostgreSQL", 8.0),
        (measures.TOKEN, _PORTALS[0], "bare floor, PostgreSQL", 0.9),
        (measures.TOKEN, _PORTALS[1], "bare floor, SQLite", 0.9),
        (measures.FLOW, _PORTALS[0], "oidc-provider, Redis", 1.0),
        (measures.PUSHED_FLOW, _PORTALS[0], "oidc-provider, Redis", 1.0),
    ):
        contenders = report.pinned.get(measure, {})
        if contenders.get(portal) and contenders.get(peer) and rate(contenders[peer]):
            ratio = rate(contenders[portal]) / rate(contenders[peer])
            aim = f"{measure}: {portal} at least {least:g} × {peer}"
            yield [aim, f"{ratio:.2f} ×", _yes(ratio >= least)]


def _aims_against_hello(report: Report) -> Iterator[list[str]]:
    hello = next((value for name, value in report.ceilings.items() if BARE_HELLO in name), 0.0)
    for measure in (measures.DISCOVERY, measures.JWKS):
        for portal in _PORTALS:
            if hello and (runs := report.pinned.get(measure, {}).get(portal)):
                ratio = rate(runs) / hello
                aim = f"{measure}: {portal} at least 0.9 × gunicorn with {BARE_HELLO}"
                yield [aim, f"{ratio:.2f} ×", _yes(ratio >= 0.9)]


def _aims_of_the_portal(report: Report) -> Iterator[list[str]]:
    for portal in _PORTALS:
        if runs := report.pinned.get(measures.TOKEN_AT_70, {}).get(portal):
            ratio = statistics.median(run.p99 / run.p50 if run.p50 else 0.0 for run in runs)
            yield [f"token at 70 %: p99 under 3 × p50, {portal}", f"{ratio:.1f} ×", _yes(0 < ratio < 3)]
        if held := report.memory.get(portal):
            most = max(one.resident for one in held) * 1.048576
            yield [f"at most 90 MB resident per worker, {portal}", f"{most:.0f} MB", _yes(most <= 90)]


def _yes(met: bool) -> str:
    return "yes" if met else "**no**"


def _processes(report: Report) -> str:
    rows = [["", "ready after s", "serving processes", "resident MiB each", "PSS MiB each"]]
    for title, seconds in report.startup.items():
        held = report.memory.get(title, [])
        most = max((one.resident for one in held), default=0.0)
        share = max((one.proportional for one in held), default=0.0)
        rows.append([title, f"{seconds:.2f}", str(len(held)), f"{most:.0f}", f"{share:.0f}"])
    return f"### Start and memory after the load\n\n{markdown(rows)}" if len(rows) > 1 else ""


def _ceilings(report: Report) -> str:
    rows = [["this machine, at most", "per second"]]
    rows += [[name, f"{value:,.0f}"] for name, value in report.ceilings.items()]
    return f"### Ceilings\n\n{markdown(rows)}" if len(rows) > 1 else ""


def markdown(rows: list[list[str]]) -> str:
    """Return a table whose columns line up; the first row is its head, the first column is text."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| "
        + " | ".join(
            _aligned(cell, width, column)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in rows
    ]
    rule = (
        "|"
        + "|".join(
            "-" * (width + 2) if column == 0 else "-" * (width + 1) + ":"
            for column, width in enumerate(widths)
        )
        + "|"
    )
    return "\n".join([lines[0], rule, *lines[1:]])


def _aligned(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column == 0 else cell.rjust(width)
