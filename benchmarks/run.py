"""``make bench``: the portal and its peers beside each other, on the same work, in the same run.

Servers and their databases run on the first core, what makes the load and stands in for VerifEye on the
second. Everything is started first; then each round measures every contender once, so that whatever else the
machine does meets all of them alike. Figures are medians of the rounds.
"""

import argparse
import os
import shlex
import shutil
import signal
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from benchmarks import ceilings, databases, machine, measures, stage, table
from benchmarks.contenders import Contender
from benchmarks.load.walkers import walk_for
from benchmarks.measures import Load
from benchmarks.peers.others import (
    BareFloor,
    Canaille,
    DjangoOauthToolkit,
    OidcProvider,
    PlainAuthlib,
    UnderGunicorn,
)
from benchmarks.portal import TOP, Portal, PortalAskingVerifEye
from benchmarks.processes import LOAD_CORE, Missing, NotReady, Program, cores_are_apart, free_port
from benchmarks.table import Report

#: Measured also with every program on every core.
_FREE = (measures.TOKEN, measures.FLOW)
#: The peers written in Python, by the name they are chosen by; each is measured on both databases.
_PYTHON_PEERS: dict[str, type[UnderGunicorn]] = {
    "floor": BareFloor,
    "authlib": PlainAuthlib,
    "canaille": Canaille,
    "django": DjangoOauthToolkit,
}


def main() -> None:
    """Run what was asked for, print the report, and end with 1 if anything failed."""
    arguments = _arguments()
    if arguments.growth is not None:
        os.execv(sys.executable, [sys.executable, "-m", "benchmarks.growth", *arguments.growth])
    if shutil.which("wrk") is None:
        sys.exit("The load generator wrk is missing: apt-get install wrk")
    # As for Ctrl-C: whatever was started has a session of its own and would live on.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Ended from outside; what was started is stopped."))
    report = Report()
    if (busy := machine.busy()) is not None:
        report.warnings.append(busy)
    with _folder() as folder, ExitStack() as stack:
        _Suite(arguments, folder, stack, report).run()
    text = table.rendered(report)
    print(text)
    if arguments.write:
        table.write(report, arguments.write)
    if wrong := report.wrong():
        sys.exit("FAILED:\n" + "\n".join(wrong))


class _Suite:
    """One run: what is started, and the rounds."""

    def __init__(self, arguments: argparse.Namespace, folder: Path, stack: ExitStack, report: Report) -> None:
        self._given, self._folder, self._stack, self._report = arguments, folder, stack, report
        self._programs: list[Program] = []
        self._portals: list[Portal] = []
        self._postgres: databases.Postgres | None = None
        self._version: str | None = None
        self._redis: tuple[Program, int] | None = None
        self._fastest: dict[str, float] = {}

    def run(self) -> None:
        """Start everything, measure, and leave the report filled."""
        _place({LOAD_CORE})
        self._stand_in = self._started_stand_in()
        self._load = Load(self._given.seconds, self._given.connections, self._stand_in)
        contenders = self._started_contenders()
        for contender in contenders:
            self._warm_up(contender)
        asked = [measures.SHORT[name] for name in self._given.only_measures]
        self._rounds(contenders, asked, self._report.pinned, self._given.runs, "")
        for contender in contenders:
            if contender.title in self._report.startup:
                self._report.memory[contender.title] = contender.server.memory()
        if not self._given.pinned_only and cores_are_apart():
            self._set_free(contenders)
            asked = [measure for measure in asked if measure in _FREE]
            self._rounds(contenders, asked, self._report.free, min(2, self._given.runs), "free ")
            _place({LOAD_CORE})
        self._report.ceilings = ceilings.of(
            self._portals, self._folder, workers=self._given.workers or 1,
            seconds=self._given.seconds, connections=self._given.connections,
        )  # fmt: skip
        version = self._postgres.version() if self._postgres else self._version
        self._report.machine = machine.facts(version, _command(self._given.database))

    def _rounds(
        self,
        contenders: list[Contender],
        asked: list[str],
        into: dict[str, dict[str, list[measures.Run]]],
        rounds: int,
        mode: str,
    ) -> None:
        work = [
            (measure, contender)
            for measure in asked
            for contender in contenders
            if measures.offers(contender, measure) and _is_worth_it(contender, measure)
        ]
        for number in range(rounds):
            for step, (measure, contender) in enumerate(work, 1):
                fastest = self._fastest[contender.title]
                if measure == measures.TOKEN_AT_70 and (
                    seen := into.get(measures.TOKEN, {}).get(contender.title)
                ):
                    fastest = statistics.median(run.rate for run in seen)
                run = measures.run(contender, measure, self._load, fastest=fastest)
                if measure == measures.TOKEN:
                    self._fastest[contender.title] = max(run.rate, self._fastest[contender.title])
                into.setdefault(measure, {}).setdefault(contender.title, []).append(run)
                _progress(
                    f"{mode}round {number + 1}/{rounds}, {step}/{len(work)}: {measure}, {contender.title}: "
                    f"{run.rate:,.0f}/s" + (f" FAILED {run.failures}" if run.failures else "")
                )

    def _started_stand_in(self) -> Program:
        port = free_port()
        self._verifeye = f"http://127.0.0.1:{port}"
        program = Program(
            [sys.executable, "-m", "benchmarks.verifeye", str(port)],
            self._folder / "verifeye.log", core=LOAD_CORE, folder=TOP,
        )  # fmt: skip
        self._stack.callback(program.stop)
        program.listening(port)
        return program

    def _started_contenders(self) -> list[Contender]:
        started: list[Contender] = []
        for name, start in self._all().items():
            if not any(wanted in name for wanted in self._given.only_contenders):
                continue
            try:
                made = start()
            except Missing as error:
                _progress(f"skipped {name}: {error}")
                self._report.skipped.append(f"{name}: {error}")
                continue
            except Exception as error:
                # Whatever kept it: the others are worth measuring, and the run ends as a failed one.
                _progress(f"{name} did not start: {type(error).__name__}: {error}")
                self._report.broken.append(f"{name}: {_in_a_line(error)}")
                continue
            for contender in made:
                self._stack.callback(contender.close)
            started += made
            self._report.startup[made[0].title] = made[0].startup
            _progress(f"started {made[0].title} in {made[0].startup:.2f} s")
        if not started:
            sys.exit("There is nothing to measure.")
        return started

    def _all(self) -> dict[str, Callable[[], list[Contender]]]:
        """Return how each contender is started, by the name it is chosen and skipped by."""
        found: dict[str, Callable[[], list[Contender]]] = {
            "portal-sqlite": lambda: self._portal(f"sqlite:///{self._folder}/portal.sqlite3", None),
            "portal-postgresql": self._portal_on_postgres,
            "oidc-provider-memory": lambda: [OidcProvider(self._folder)],
            "oidc-provider-redis": lambda: [OidcProvider(self._folder, self._cache())],
        }
        for name, kind in _PYTHON_PEERS.items():
            found[f"{name}-sqlite"] = partial(self._on_sqlite, kind, name)
            found[f"{name}-postgresql"] = partial(self._on_postgres, kind, name)
        return found

    def _on_sqlite(self, kind: type[UnderGunicorn], name: str) -> list[Contender]:
        return [kind(self._folder, f"sqlite:///{self._folder}/{name}.sqlite3", workers=self._given.workers)]

    def _on_postgres(self, kind: type[UnderGunicorn], name: str) -> list[Contender]:
        server = self._server()
        return [kind(self._folder, server.new(name), workers=self._given.workers, store=server.program)]

    def _portal_on_postgres(self) -> list[Contender]:
        if self._given.database:
            self._version = databases.version_of_empty(self._given.database)
            return self._portal(self._given.database, None)
        address = self._server().new("portal").replace("postgresql://", "postgresql+psycopg://")
        return self._portal(address, self._server().program)

    def _portal(self, url: str, store: Program | None) -> list[Contender]:
        portal = Portal(url, self._verifeye, self._folder, workers=self._given.workers, store=store)
        if url == self._given.database:
            self._stack.callback(stage.clear, portal.app)
        self._portals.append(portal)
        return [portal, PortalAskingVerifEye(portal)]

    def _server(self) -> databases.Postgres:
        if self._postgres is None:
            self._postgres = self._stack.enter_context(databases.postgres(self._folder))
        return self._postgres

    def _cache(self) -> tuple[Program, int]:
        if self._redis is None:
            self._redis = self._stack.enter_context(databases.redis(self._folder))
        return self._redis

    def _warm_up(self, contender: Contender) -> None:
        """Let each serve for a moment, and find out roughly how many codes a run needs."""
        failures = measures.warm_up(contender, self._load)
        if failures:
            self._report.warnings.append(f"{contender.title} failed before anything was measured: {failures}")
        codes = iter(contender.codes(2000))
        walked = walk_for(contender.origin, lambda: contender.redeem(next(codes)), seconds=1, connections=8)
        self._fastest[contender.title] = max(20.0, len(walked.times) / walked.seconds)
        _progress(f"{contender.title}: about {self._fastest[contender.title]:,.0f} tokens/s")

    def _set_free(self, contenders: list[Contender]) -> None:
        everywhere = set(range(os.cpu_count() or 1))
        programs = [program for one in contenders for program in (one.server, one.store) if program]
        for program in {id(program): program for program in [*programs, self._stand_in]}.values():
            program.move(everywhere)
        _place(everywhere)
        for contender in contenders:
            contender.use_cores(len(everywhere))


def _is_worth_it(contender: Contender, measure: str) -> bool:
    """Say whether the figure can differ from that of the contender's other client."""
    return not isinstance(contender, PortalAskingVerifEye) or measure in (measures.FLOW, measures.PUSHED_FLOW)


def _place(cores: set[int]) -> None:
    """Let this program, and what it starts without saying otherwise, run on ``cores``."""
    if cores_are_apart():
        os.sched_setaffinity(0, cores)


@contextmanager
def _folder() -> Iterator[Path]:
    folder = databases.scratch()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _in_a_line(error: Exception) -> str:
    """Return what an exception says: of a program's output the end, of anything else the beginning."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1 if isinstance(error, NotReady) else 0]


def _command(database: str | None) -> str:
    """Return how this run was asked for, without the database's address, which may hold a password."""
    words = [word.replace(database, "URL") if database else word for word in sys.argv[1:]]
    return f"make bench ARGS='{shlex.join(words)}'" if words else "make bench"


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__.partition("\n\n")[0])
    parser.add_argument(
        "--quick", action="store_true", help="two short rounds, pinned only: about five minutes"
    )
    parser.add_argument("--only", default="", metavar="WORDS", help=(
        "measures and contenders, comma separated: " + ", ".join(measures.SHORT) + "; portal, oidc-provider, "
        "floor, authlib, canaille, django, or one of them with -sqlite, -postgresql, -memory, "
        "-redis"))  # fmt: skip
    parser.add_argument(
        "--database", metavar="URL", help="an empty PostgreSQL database for the portal (made and cleared)"
    )
    parser.add_argument(
        "--workers",
        type=int,
        help="of each server but oidc-provider, which has one process; without, as many "
        "as each is fastest with on one core, and one for each core where nothing is pinned",
    )
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--pinned-only", action="store_true", help="leave out the rounds with nothing pinned")
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="put the figures between the marks in FILE"
    )
    parser.add_argument(
        "--growth", nargs=argparse.REMAINDER, metavar="…",
        help="measure instead how cost grows with the number of rows; what follows is for that "
        "(--growth --help lists it)",
    )  # fmt: skip
    given = parser.parse_args()
    if given.quick:
        given.seconds, given.runs, given.pinned_only = 1, 2, True
    words = [word for word in given.only.split(",") if word]
    given.only_measures = [word for word in words if word in measures.SHORT] or list(measures.SHORT)
    given.only_contenders = [word for word in words if word not in measures.SHORT] or [""]
    return given


if __name__ == "__main__":
    main()
