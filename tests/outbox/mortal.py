"""Workers that die where the test says: each is a child of this process and ends by SIGKILL.

Takes orders and answers each with how the child ended. Forked before any connection is opened, so that
nothing is shared with the dead.
"""

import os
import signal
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

from flask import Flask
from sqlalchemy import insert

from portal import clock, settings
from portal.app import create_app
from portal.extensions import db
from portal.models import SessionNotice
from portal.outbox import claims, handles, run_due, schedule, worker
from tests.support.forked import orders
from tests.support.machine import TOP

TOPIC = "tests.mortal"


def die() -> NoReturn:
    """End at once, as under SIGKILL from outside: nothing is written down, nothing closed."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


class Handler:
    """Leaves a line in a file (what happens outside) and a row (what happens inside)."""

    def __init__(self, effects: Path, point: str | None, number: int) -> None:
        self.effects = effects
        self.point = point
        self.number = number

    def __call__(self, payload: dict[str, Any]) -> str:
        """Do both, and die at the point that the test wants."""
        n = payload["n"]
        self._at("before the effect", n)
        with self.effects.open("a") as file:
            file.write(f"{n}\n")
        self._at("after the effect", n)
        row = {"session_id": str(n), "verification_id": "v", "received_at": clock.now()}
        db.session.execute(insert(SessionNotice).values(row))
        self._at("before the commit", n)
        return "a receipt"

    def _at(self, point: str, n: int) -> None:
        if (point, n) == (self.point, self.number):
            die()


def work(app: Flask, order: dict[str, Any]) -> None:
    """Run one worker as ordered, until nothing is due."""
    ahead = timedelta(seconds=order["ahead"])
    clock.replace(now=lambda: datetime.now(UTC) + ahead)  # noqa: TID251 - another process's time
    handles(app, TOPIC, Handler(Path(order["effects"]), order.get("die"), order.get("n", 1)))
    if order.get("die") == "after the note":
        original = claims.close

        def close_and_die(*arguments: Any, **values: Any) -> bool:
            original(*arguments, **values)
            die()

        claims.close = close_and_die
    with app.app_context():
        if order.get("job"):
            schedule.every(app, "tests.job", 60, lambda: job(Path(order["effects"]), order.get("die")))
            schedule.run_now("tests.job")
        elif order.get("threads"):
            worker.run_threads(lambda: nothing_is_due(app), order["threads"])
        else:
            while run_due():
                pass


def nothing_is_due(app: Flask) -> bool:
    """Say whether the threads may stop; asked by each of them, and by the one that waits for them."""
    with app.app_context():
        return claims.due_topics() == []


def job(effects: Path, point: str | None) -> Any:
    """Recurring work of three steps."""
    for step in ("one", "two", "three"):
        with effects.open("a") as file:
            file.write(f"{step}\n")
        if point == step:
            die()
        yield


def send_children(url: str, connection: Connection) -> None:
    """Fork a worker for each order, and say how it ended."""
    environment = {"PORTAL_CONFIG": str(TOP / "config" / "test.toml")}
    configured = settings.load(environment, database_url=url, log_level="ERROR")
    for order in orders(connection):
        child = os.fork()
        if child == 0:
            work(create_app(configured), order)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        connection.send(os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status))
