"""What else works on a full database: the plan of every statement, sealing and verifying, pruning.

Run as a program (``python -m benchmarks.growth_work DATABASE ISSUER DAYS``) it removes what is older than so
many days until it is ended, as a worker would, and says how fast that was.
"""

import os
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select, text

from benchmarks import stage
from portal import clock
from portal import settings as portal_settings
from portal.app import create_app
from portal.audit import chain, checking
from portal.cli import retention
from portal.extensions import db
from portal.models import AuditEvent, Journey
from portal.outbox import claims
from portal.scim import tokens
from portal.watch.sealing import sealing
from portal.watch.state import StateCollector

TOP = Path(__file__).resolve().parent.parent
#: A plan that looks at more rows than this for each one that it gives back is worth a look.
_MANY = 2000
#: What has a plan.
_PLANNED = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b")


def size_of(app: Flask) -> int:
    """Return how many bytes the database takes."""
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            pages, each = (
                db.session.execute(text(f"PRAGMA {name}")).scalar_one()
                for name in ("page_count", "page_size")
            )
            return int(pages) * int(each)
        return int(db.session.execute(text("SELECT pg_database_size(current_database())")).scalar_one())


def server_of(app: Flask) -> int:
    """Return the process of the PostgreSQL server, 0 for SQLite and for a server on another machine."""
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            return 0
        backend = db.session.execute(text("SELECT pg_backend_pid()")).scalar_one()
        try:
            name, parent = _stat(backend)[0], int(_stat(backend)[2])
        except OSError:
            return 0
        finally:
            db.session.rollback()
            db.engine.dispose()
        return parent if name == "postgres" else 0


def cpu_of(pid: int) -> float:
    """Return the seconds of CPU that a process and its children have taken, those too that have ended."""
    if not pid:
        return 0.0
    try:
        ticks = sum(int(ticks) for ticks in _stat(pid)[12:16])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0.0
    return ticks / os.sysconf("SC_CLK_TCK") + sum(cpu_of(int(child)) for child in children)


def _stat(pid: int) -> list[str]:
    """Return the name of a process and what follows it in ``/proc/PID/stat``: its state, its parent."""
    text_of = Path(f"/proc/{pid}/stat").read_text()
    name, _, rest = text_of.partition("(")[2].rpartition(")")
    return [name, *rest.split()]


def print_plans(app: Flask, code: str) -> None:
    """Do one of everything and print how the database answers each statement (PostgreSQL: with what it read).

    ``code`` is one that may be redeemed.
    """
    with app.app_context(), _explained() as plans:
        browser = app.test_client()
        for label, work in _everything(app, browser, code):
            plans.label = label
            work()
            db.session.rollback()
    print(f"\n{'part':<14}{'ms':>8}{'pages':>8}{'rows read':>11}  plan")
    for line in plans.lines():
        print(line)


def _everything(app: Flask, browser: FlaskClient, code: str) -> Iterator[tuple[str, Any]]:
    issuer = app.extensions["portal.settings"].issuer
    reference = (
        db.session.scalar(select(Journey.reference).where(Journey.ended_at.is_not(None)).limit(1)) or ""
    )
    _, secret = tokens.add(f"growth-{clock.epoch()}")
    db.session.commit()
    yield "authorize", lambda: browser.get(stage.authorize_url(app, issuer), base_url=issuer)
    yield (
        "token",
        lambda: browser.post(
            "/v1/openid/token",
            base_url=issuer,
            data=stage.token_form(app) + code,
            content_type="application/x-www-form-urlencoded",
        ),
    )
    yield "expire", lambda: deque(retention.expiring(), maxlen=0)
    yield "prune", lambda: deque(retention.pruning_all(), maxlen=0)
    yield "seal", chain.seal
    yield "extent", checking.extent
    yield "show", lambda: app.test_cli_runner().invoke(args=["journeys", "show", reference])
    yield "doctor", lambda: app.test_cli_runner().invoke(args=["doctor"])
    yield (
        "outbox",
        lambda: (claims.due_topics(), claims.take("mail.send", group=["mail.send"], at_once=4, lease=60)),
    )
    yield "metrics", lambda: deque(StateCollector().collect(), maxlen=0)
    for query in ("count=100", "startIndex=90001&count=100", 'filter=userName eq "person500@client.example"'):
        yield (
            "SCIM",
            lambda query=query: browser.get(
                f"/scim/v2/Users?{query}", base_url=issuer, headers={"Authorization": f"Bearer {secret}"}
            ),
        )


class _Plans:
    """The statements that were seen, each with its plan."""

    def __init__(self) -> None:
        self.label = ""
        self._seen: dict[tuple[str, str], tuple[float, int, int, str]] = {}
        self._traced: list[tuple[str, str]] = []

    def watch(self, driver: Any, _record: Any, _proxy: Any) -> None:
        """Be told of what the driver of a connection executes: part of it never passes SQLAlchemy."""
        if isinstance(driver, sqlite3.Connection):
            driver.set_trace_callback(lambda statement: self._traced.append((self.label, statement)))
        else:
            driver.cursor_factory = partial(_ExplainingCursor, explain=self._explain)

    def _explain(self, driver: Any, statement: str, parameters: Any) -> None:
        """Ask PostgreSQL how it is going to answer ``statement``; whatever that writes is undone."""
        if not _PLANNED.match(statement):
            return
        with driver.transaction(force_rollback=True), psycopg.Cursor(driver) as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", parameters)
            top = cursor.fetchone()[0][0]
        nodes = list(_nodes(top["Plan"]))
        pages = top["Plan"]["Shared Hit Blocks"] + top["Plan"]["Shared Read Blocks"]
        read = sum(_rows_read(node) for node in nodes)
        said = ", ".join(dict.fromkeys(filter(None, map(_said, nodes))))
        found = (top["Execution Time"], pages, read, said)
        key = (self.label, statement)
        self._seen[key] = max(found, self._seen.get(key, found))

    def explain_traced(self, driver: sqlite3.Connection) -> None:
        """Ask SQLite about what was traced: its texts hold their values, so that each plan counts once."""
        driver.set_trace_callback(None)
        for label, statement in self._traced:
            if _PLANNED.match(statement):
                steps = driver.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
                said = "; ".join(str(step[3]) for step in steps)
                self._seen[label, f"{statement.split()[0]} {said}"] = (0.0, 0, 0, said)

    def lines(self) -> Iterator[str]:
        """Yield a line for each statement that reads a table."""
        for (label, statement), (ms, pages, read, said) in self._seen.items():
            mark = " (!)" if read > _MANY or "SCAN journeys" in said else ""
            if said:
                yield f"{label:<14}{ms:>8.2f}{pages:>8}{read:>11,}  {statement.split()[0]}: {said}{mark}"


class _ExplainingCursor(psycopg.Cursor[Any]):
    """Has each statement explained before it is executed."""

    def __init__(self, connection: Any, *, explain: Callable[[Any, str, Any], None], **more: Any) -> None:
        super().__init__(connection, **more)
        self._explain = explain

    def execute(self, query: Any, params: Any = None, **more: Any) -> Any:
        self._explain(self.connection, str(query), params)
        return super().execute(query, params, **more)

    def executemany(self, query: Any, params_seq: Any, **more: Any) -> None:
        every = list(params_seq)
        self._explain(self.connection, str(query), every[0])
        super().executemany(query, every, **more)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def _rows_read(node: dict[str, Any]) -> int:
    if "Scan" not in node["Node Type"]:
        return 0
    each = (
        node["Actual Rows"]
        + node.get("Rows Removed by Filter", 0)
        + node.get("Rows Removed by Index Recheck", 0)
    )
    return int(each * node["Actual Loops"])


def _said(node: dict[str, Any]) -> str | None:
    if "Index Name" in node:
        return str(node["Index Name"])
    return f"all of {node['Relation Name']}" if node["Node Type"] == "Seq Scan" else None


@contextmanager
def _explained() -> Iterator[_Plans]:
    plans = _Plans()
    db.engine.dispose()
    event.listen(db.engine, "checkout", plans.watch)
    try:
        yield plans
    finally:
        event.remove(db.engine, "checkout", plans.watch)
        db.session.remove()
    if db.engine.dialect.name == "sqlite":
        with db.engine.connect() as connection:
            plans.explain_traced(connection.connection.driver_connection)
    db.engine.dispose()


def print_audit(app: Flask, most: int) -> None:
    """Seal up to ``most`` rows, verify what is sealed, and print how fast that was and in what memory."""
    with app.app_context():
        _timed("sealed", lambda: _seal(most))
        _timed("verified", _verify_all)
        _timed("removed (a hundred batches)", _remove_audit)


def _timed(what: str, work: Any) -> None:
    began, cpu = time.perf_counter(), time.process_time()
    count = work()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    each = cpu / count * 1e6 if count else 0
    print(
        f"{what:<28}{count:>10,} audit rows in {seconds:.0f} s: {count / seconds:,.0f}/s,"
        f" {each:.0f} µs of CPU each here, {memory:.0f} MiB of memory at most",
        flush=True,
    )


def _seal(most: int) -> int:
    done = 0
    for count in sealing():
        db.session.commit()
        done += count
        if done >= most:
            break
    db.session.commit()
    return done


def _verify_all() -> int:
    found = list(checking.faults())
    assert not found, found[:3]
    reach = checking.extent()
    return reach.last - reach.first + 1 if reach else 0


def _remove_audit() -> int:
    newest = db.session.scalar(select(AuditEvent.at).order_by(AuditEvent.at.desc()).limit(1))
    assert newest is not None
    done = 0
    for _ in range(100):
        count = chain.prune(newest - timedelta(hours=1))
        db.session.commit()
        done += count
    return done


@contextmanager
def pruning_meanwhile(database: str, issuer: str, days: int) -> Iterator[None]:
    """Have another process remove journeys that are older than ``days`` days, until the block ends."""
    command = [sys.executable, "-m", "benchmarks.growth_work", database, issuer, str(days)]
    process = subprocess.Popen(command, cwd=TOP, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()  # it has begun
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        print(process.communicate(timeout=60)[0].strip())


def _prune_until_ended(database: str, issuer: str, days: str) -> None:
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: ended.append(number))
    environment = stage.environment(database, issuer) | {
        "PORTAL_RETENTION_JOURNEYS": days,
        "PORTAL_LOG_LEVEL": "WARNING",
    }
    app = create_app(portal_settings.load(environment))
    with app.app_context():
        print("removing", flush=True)
        began, cpu, done, longest = time.perf_counter(), time.process_time(), 0, 0.0
        last = began
        for _name, count in retention.pruning_all():
            db.session.commit()
            done, now = done + count, time.perf_counter()
            last, longest = now, max(longest, now - last)
            if ended:
                break
        db.session.rollback()
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(
        f"removed {done:,} rows in {seconds:.1f} s: {done / seconds:,.0f}/s; "
        f"the longest batch took {longest * 1000:.0f} ms, the worker itself was busy for {cpu / seconds:.0%}"
    )


if __name__ == "__main__":
    _prune_until_ended(*sys.argv[1:4])
