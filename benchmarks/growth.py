"""Measures whether a full database is slower than an empty one: ``python -m benchmarks.growth``.

It fills one database for each of ``--journeys`` (0, 100,000 and 10,000,000 finished journeys by default, each
with its share of ``--audit`` audit rows), starts a portal on each, and measures authorize and token on one
after the other, round by round, so that whatever else the machine does falls on all of them. PostgreSQL is a
private server in a temporary folder unless ``--server`` names one; ``--sqlite`` takes files instead. Ten
million journeys take about 20 GB of disk and ten minutes to fill; a private server is removed in the end.
"""

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from flask import Flask
from sqlalchemy import create_engine, insert, text

from benchmarks import growth_fill, growth_work, stage
from benchmarks.load import wrk
from benchmarks.processes import LOAD_CORE, MEASURED_CORE, cores_are_apart
from portal import clock, credentials
from portal import settings as portal_settings
from portal.app import create_app
from portal.extensions import db, table_of
from portal.grants import codes
from portal.journey import lifecycle
from portal.models import AuthorizationGrant, Journey, JourneyState
from portal.users import directory

TOP = Path(__file__).resolve().parent.parent
#: More than two cores redeem.
_CODES_PER_SECOND = 3_000
_STEPS = ("fill", "measure", "plans", "audit", "prune")


class Run(NamedTuple):
    """What one run measured: milliseconds, and microseconds of CPU for each request."""

    rate: float
    p50: float
    p99: float
    failed: int
    portal_cpu: float = 0.0
    #: The database server's; 0 for SQLite, and for a server on another machine.
    database_cpu: float = 0.0


@dataclass
class Place:
    """One database, what is in it, and what was measured there."""

    journeys: int
    audit_events: int
    database: str
    port: int
    #: The processes whose CPU is counted, while it is served.
    portal_pid: int = 0
    database_pid: int = 0
    runs: dict[str, list["Run"]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Return where this database's portal listens."""
        return f"http://localhost:{self.port}"

    def app(self) -> Flask:
        """Return an application on the database, which was prepared before."""
        quiet = {"PORTAL_LOG_LEVEL": "WARNING"}
        return create_app(portal_settings.load(stage.environment(self.database, self.address) | quiet))


def main() -> None:
    """Fill, measure, and print what came out."""
    arguments = _arguments()
    steps = arguments.only.split(",")
    if "measure" in steps and shutil.which("wrk") is None:
        sys.exit("The load generator wrk is missing: apt-get install wrk")
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory()))
        places = _places(arguments, folder, ending)
        if "fill" in steps:
            for place in places:
                _fill(place)
        if "measure" in steps:
            _measure(places, folder, arguments)
        fullest = places[-1]
        if "plans" in steps:
            app = fullest.app()
            growth_work.print_plans(app, _mint(app, 1)[0])
        if "audit" in steps:
            growth_work.print_audit(fullest.app(), arguments.seal)
        if "prune" in steps:
            _prune(fullest, folder, arguments)


def _places(arguments: argparse.Namespace, folder: Path, ending: ExitStack) -> list[Place]:
    sizes = sorted(int(size) for size in arguments.journeys.split(","))
    audits = [round(arguments.audit * size / (sizes[-1] or 1)) for size in sizes]
    kept = Path(arguments.sqlite) if arguments.sqlite else None
    if kept is not None:
        kept.mkdir(exist_ok=True)
        databases = [f"sqlite:///{kept}/growth-{size}.sqlite3" for size in sizes]
    else:
        server = arguments.server or ending.enter_context(_private_server())
        databases = [_with_database(server, f"portal_growth_{size}") for size in sizes]
    return [
        Place(size, audit, database, arguments.port + number)
        for number, (size, audit, database) in enumerate(zip(sizes, audits, databases, strict=True))
    ]


@contextmanager
def _private_server() -> Iterator[str]:
    """Give a PostgreSQL server with the memory that one with ten million journeys would be given."""
    from tests.production.own_postgres import own_postgres  # only here: a server that is named needs no tests

    with own_postgres() as server:
        engine = create_engine(server.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for name, value in {
                "shared_buffers": "2GB",
                "effective_cache_size": "8GB",
                "max_wal_size": "4GB",
            }.items():
                connection.execute(text(f"ALTER SYSTEM SET {name} = '{value}'"))
        engine.dispose()
        server.stop()
        server.start()
        yield server.url


def _with_database(server: str, name: str) -> str:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        known = connection.execute(
            text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name}
        ).scalar()
        if not known:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"))
    engine.dispose()
    return f"{server.rpartition('/')[0]}/{name}"


def _fill(place: Place) -> None:
    began = time.monotonic()  # noqa: TID251 - a benchmark measures real time
    app = stage.prepare(place.database, place.address)
    growth_fill.fill(app, place.journeys, place.audit_events)
    seconds = time.monotonic() - began  # noqa: TID251
    print(
        f"{place.journeys:>12,} journeys, {place.audit_events:,} audit rows: filled in {seconds:.0f} s, "
        f"{growth_work.size_of(app) / 1e9:.2f} GB",
        flush=True,
    )


def _measure(places: list[Place], folder: Path, arguments: argparse.Namespace) -> None:
    with ExitStack() as servers:
        for place in places:
            servers.enter_context(_served(place, arguments.workers))
        apps = [place.app() for place in places]
        for place, app in zip(places, apps, strict=True):  # what is measured is warm
            _run(place, app, folder, arguments, seconds=1)
            place.runs.clear()
        for number in range(arguments.rounds):
            pairs = list(zip(places, apps, strict=True))
            for place, app in pairs if number % 2 else reversed(pairs):
                _run(place, app, folder, arguments, seconds=arguments.seconds)
    _print_table(places)


def _run(place: Place, app: Flask, folder: Path, arguments: argparse.Namespace, *, seconds: int) -> None:
    def authorize() -> wrk.WrkRun:
        address = stage.authorize_url(app, place.address)
        return wrk.run(address, seconds=seconds, connections=arguments.connections)

    def token() -> wrk.WrkRun:
        address = f"{place.address}/v1/openid/token"
        given = {"BENCH_FORM": stage.token_form(app), "BENCH_CODES": str(minted)}
        return wrk.run(
            address, seconds=seconds, connections=arguments.connections, script="token.lua", environment=given
        )

    minted = folder / "codes.txt"
    minted.write_text("\n".join(_mint(app, _CODES_PER_SECOND * seconds)))
    for name, load in (("authorize", authorize), ("token", token)):
        before = [growth_work.cpu_of(pid) for pid in (place.portal_pid, place.database_pid)]
        with _on_the_load_core():
            made = load()
        spent = [growth_work.cpu_of(pid) for pid in (place.portal_pid, place.database_pid)]
        portal, database = (
            (after - first) / max(made.requests, 1) * 1e6 for first, after in zip(before, spent, strict=True)
        )
        place.runs.setdefault(name, []).append(
            Run(made.rate, made.p50 * 1e3, made.p99 * 1e3, sum(made.failures.values()), portal, database)
        )


@contextmanager
def _on_the_load_core() -> Iterator[None]:
    """Let what is started in the block keep to the core that is not the portal's."""
    before = os.sched_getaffinity(0)
    if cores_are_apart():
        os.sched_setaffinity(0, {LOAD_CORE})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _mint(app: Flask, count: int) -> list[str]:
    """Store ``count`` codes, each of a journey of its own that waits for its redemption, and return them."""
    with app.app_context():
        user = directory.resolve(stage.LOGIN)
        assert user is not None
        pattern = lifecycle.open_journey(
            client_id=stage.VERIFICATION, verification_id=stage.VERIFICATION, parameters={"scope": "openid"},
            integrity_proven=False, browser_secret=credentials.random_hex(), user_id=user.id,
            account=stage.LOGIN, lifetime=3600, attempts_allowed=3,
        )  # fmt: skip
        journey = {column.name: getattr(pattern, column.name) for column in table_of(Journey).columns}
        db.session.rollback()
        made = {credentials.random_token(codes.CODE_PREFIX): credentials.random_hex() for _ in range(count)}
        claims = {"sub": user.id, "auth_time": clock.epoch(), "amr": ["face"], "nonce": "fedcba9876543210"}
        grant = {
            "client_id": stage.VERIFICATION, "user_id": user.id, "redirect_uri": stage.REDIRECT_URI,
            "scope": "openid profile email", "code_challenge": stage.CHALLENGE, "id_token_claims": claims,
            "userinfo_claims": claims, "created_at": clock.now(), "expires_at": clock.after(3600),
        }  # fmt: skip
        own = {"state": JourneyState.ISSUED, "turn": 4}
        db.session.execute(
            insert(table_of(Journey)),
            [journey | own | {"id": id_, "reference": credentials.reference()} for id_ in made.values()],
        )
        db.session.execute(
            insert(table_of(AuthorizationGrant)),
            [
                grant | {"code_digest": credentials.digest(code), "journey_id": id_}
                for code, id_ in made.items()
            ],
        )
        db.session.commit()
        return list(made)


def _print_table(places: list[Place]) -> None:
    head = (
        f"\n{'measurement':<12}{'journeys':>12}{'per second':>12}{'p50 ms':>9}{'p99 ms':>9}{'p99 ratio':>11}"
    )
    print(f"{head}{'portal µs':>11}{'database µs':>13}{'failed':>8}")
    for name, first in places[0].runs.items():
        for place in places:
            runs = place.runs[name]
            # Round by round: two runs that are seconds apart have seen the same machine.
            ratio = statistics.median(run.p99 / other.p99 for run, other in zip(runs, first, strict=True))
            rate, p50, p99, _, portal, database = (
                statistics.median(each) for each in zip(*runs, strict=True)
            )
            print(
                f"{name:<12}{place.journeys:>12,}{rate:>12,.0f}{p50:>9.2f}{p99:>9.2f}{ratio:>11.2f}"
                f"{portal:>11.0f}{database:>13.0f}{sum(run.failed for run in runs):>8}"
            )


def _prune(place: Place, folder: Path, arguments: argparse.Namespace) -> None:
    """Measure authorize and token while nothing else, and while a tenth of what there is, is being pruned."""
    app = place.app()
    with _served(place, arguments.workers):
        for busy in (False, True, False, True):
            place.runs.clear()
            with growth_work.pruning_meanwhile(place.database, place.address, 80) if busy else ExitStack():
                _run(place, app, folder, arguments, seconds=arguments.seconds)
            what = "while old rows are removed" if busy else "alone"
            for name, [run] in place.runs.items():
                print(
                    f"{name:<12}{what:<28}{run.rate:>10,.0f}/s  p50 {run.p50:.2f} ms  p99 {run.p99:.2f} ms"
                    f"  portal {run.portal_cpu:.0f} µs  database {run.database_cpu:.0f} µs"
                    f"  failed {run.failed}"
                )


@contextmanager
def _served(place: Place, workers: int) -> Iterator[None]:
    pinned = ["taskset", "-c", str(MEASURED_CORE)] if cores_are_apart() else []
    command = [*pinned, sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.conf.py", "wsgi:app"]
    environment = {
        **os.environ, **stage.environment(place.database, place.address),
        "WEB_CONCURRENCY": str(workers), "GUNICORN_CMD_ARGS": f"--bind 127.0.0.1:{place.port}",
    }  # fmt: skip
    # Its log is written as in production, and read by nobody.
    process = subprocess.Popen(
        command, cwd=TOP, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + 60  # noqa: TID251
        while not _ready(place.address):
            if time.monotonic() > end or process.poll() is not None:  # noqa: TID251
                sys.exit("The portal did not become ready.")
            time.sleep(0.1)  # noqa: TID251
        place.portal_pid, place.database_pid = process.pid, growth_work.server_of(place.app())
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _ready(address: str) -> bool:
    try:
        urllib.request.urlopen(f"{address}/readyz", timeout=1).close()
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
    return True


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--journeys", default="0,100000,10000000", help="the sizes to compare")
    parser.add_argument("--audit", type=int, default=5_000_000, help="audit rows beside the most journeys")
    parser.add_argument(
        "--server", help="postgresql+psycopg://… where databases portal_growth_… are made and kept"
    )
    parser.add_argument(
        "--sqlite", metavar="FOLDER", help="measure SQLite, with files in FOLDER, which are kept"
    )
    parser.add_argument("--only", default=",".join(_STEPS), help="some of fill,measure,plans,audit,prune")
    parser.add_argument("--seal", type=int, default=5_000_000, help="audit rows to seal and verify")
    parser.add_argument("--port", type=int, default=18180)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    main()
