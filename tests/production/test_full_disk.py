"""The database's disk is full: people and programs are told when to come back, and nothing is lost or stuck.

Each step of a sign-in is tried while nothing more can be written, and again when there is room. SQLite's
limit of pages needs no rights; a disk that is really full is a small one of the test's own.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import psycopg
import pytest
from flask import Flask
from sqlalchemy import event, select
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from portal.audit.events import Event
from portal.audit.log import record
from portal.extensions import db
from portal.models import OutboxMessage, ScheduledJob
from portal.outbox import enqueue, every, handles, schedule, worker
from tests.production.own_postgres import OwnPostgres, own_postgres
from tests.production.processes import wait_until
from tests.production.small_disk import SmallDisk, small_disk
from tests.support.databases import Database, migrate
from tests.support.moving_clock import MovingClock
from tests.support.person import Page
from tests.support.portal_app import close, make_app
from tests.support.pushing import VERIFIER, PushingScene
from tests.support.sandbox_server import SandboxServer

AUTHORIZE, TOKEN = "/v1/openid/authorize", "/v1/openid/token"
MEBIBYTES = 160


class Place:
    """A portal whose database can be made full. ``fill`` and ``empty`` are of its kind."""

    def __init__(self, app: Flask, fill: Callable[[], None], empty: Callable[[], None]) -> None:
        self.app, self._fill, self.empty = app, fill, empty

    def fill(self) -> None:
        """Let nothing more be written: what room is left in the audit log's own pages is used up, too."""
        self._fill()
        with self.app.app_context():
            with pytest.raises(OperationalError, match=r"is full|No space left"):
                write_without_end()
            db.session.rollback()


def write_without_end() -> None:
    """Write the smallest rows that there are; every step of a sign-in writes one more."""
    while True:
        record(Event.CLIENT_AUTHENTICATION_FAILED, method="none")
        db.session.commit()


@contextmanager
def sqlite_with_few_pages(folder: Path) -> Iterator[Place]:
    """A limit in SQLite itself, on connections that stay the same."""
    app = make_app(Database("sqlite", f"sqlite:///{folder}/portal.sqlite3"))
    limit = {"pages": 0}

    def set_limit(connection: Any, _record: Any, _proxy: Any) -> None:
        # Fewer than there are cannot be: it is then what there is.
        connection.execute(f"PRAGMA max_page_count={limit['pages'] or 1 << 30}").fetchall()

    with app.app_context():
        migrate(db.engine)
        event.listen(db.engine, "checkout", set_limit)
    yield Place(app, lambda: limit.update(pages=1), lambda: limit.update(pages=0))
    close(app)


@contextmanager
def sqlite_on_a_small_disk(folder: Path) -> Iterator[Place]:
    """Its files, with the journal, on a disk of their own."""
    with small_disk(folder / "disk", 24) as disk:
        app = make_app(Database("sqlite", f"sqlite:///{disk.path}/portal.sqlite3"))
        with app.app_context():
            migrate(db.engine)
        yield Place(app, disk.fill, disk.empty)
        close(app)


@contextmanager
def postgresql_on_a_small_disk(folder: Path) -> Iterator[Place]:
    """All of its data on a disk of their own."""
    with postgresql_with_its_disk() as (postgres, disk):
        app = make_app(Database("postgresql", postgres.url))
        with app.app_context():
            migrate(db.engine)
        yield Place(app, disk.fill, disk.empty)
        close(app)


@contextmanager
def postgresql_with_its_disk() -> Iterator[tuple[OwnPostgres, SmallDisk]]:
    disks: list[SmallDisk] = []

    @contextmanager
    def disk(path: Path, owner: str | None) -> Iterator[None]:
        with small_disk(path, MEBIBYTES, owner) as made:
            disks.append(made)
            yield

    with own_postgres(disk, ("--wal-segsize=1",)) as postgres:
        yield postgres, disks[0]


KINDS = [sqlite_with_few_pages, sqlite_on_a_small_disk, postgresql_on_a_small_disk]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    kind: Callable[[Path], AbstractContextManager[Place]] = request.param
    with kind(tmp_path) as made:
        yield made


def test_a_sign_in_that_meets_a_full_disk_at_every_step_is_finished(
    place: Place, sandbox_server: SandboxServer, caplog: pytest.LogCaptureFixture
) -> None:
    scene = PushingScene(place.app, sandbox_server, profile="okta-factor")
    browser = place.app.test_client()

    def in_vain_and_then(step: Callable[[], TestResponse], *, expected: int = 303) -> TestResponse:
        place.fill()
        refused = step()
        assert place.app.test_client().get("/readyz").status_code == 200, "what can be read is served"
        place.empty()
        assert refused.status_code == 503, refused.text
        assert refused.headers["Retry-After"] == "10"
        if refused.mimetype == "application/json":
            assert refused.get_json()["error"] == "temporarily_unavailable"
        else:
            assert "Wait a minute, then try again." in refused.text
        again = step()
        assert again.status_code == expected, again.text
        return again

    changes = {"claims": None, "scope": "openid", "login_hint": scene.stage.login}
    pushed = in_vain_and_then(lambda: scene.push(**changes), expected=201)
    query = urlencode({"request_uri": pushed.get_json()["request_uri"], "client_id": scene.stage.client_id})
    opened = in_vain_and_then(lambda: browser.get(f"{AUTHORIZE}?{query}"))
    shown = browser.get(opened.location)
    form = Page(opened.location, shown.status_code, shown.headers, shown.text).form()
    begun = in_vain_and_then(lambda: browser.post(_path(form.action), data=form.fields))
    back = scene.look(begun.location)
    taken = in_vain_and_then(lambda: browser.get(_path(back)))
    issued = in_vain_and_then(lambda: browser.get(_path(taken.location)))
    code = parse_qs(urlsplit(issued.location).query)["code"][0]
    asked = redemption(scene, code)
    in_vain_and_then(lambda: place.app.test_client().post(TOKEN, data=asked), expected=200)
    assert scene.codes() == 1
    assert tracebacks(caplog) == []


@pytest.mark.parametrize("what", ["job", "message"])
def test_what_a_worker_could_not_write_is_done_when_there_is_room(
    place: Place, clock: MovingClock, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    """At the latest when its lease ends, though the job is due once a day; and no program was wrong."""
    began, met = clock.now(), []

    def passed() -> float:
        return (clock.now() - began).total_seconds()

    def work(*_payload: object) -> None:
        met.append(passed())
        if passed() < 20:
            place.fill()
            write_without_end()
        record(Event.CLIENT_AUTHENTICATION_FAILED, method="none")

    def stop() -> bool:
        if passed() >= 20:
            place.empty()
        return passed() > schedule.LONGEST_LEASE + 60

    with place.app.app_context():
        schedule.registered().clear()
        if what == "job":
            every(place.app, "tests.job", 86_400, work)
        else:
            handles(place.app, "tests.topic", work)
            enqueue("tests.topic", {})
            db.session.commit()
        worker.run_until(stop, worker.Rests())
        table = ScheduledJob if what == "job" else OutboxMessage
        ended = db.session.scalars(select(table)).one()
        assert (ended.ended_at is not None, ended.last_error) == (True, None)
    assert len(met) > 1
    assert tracebacks(caplog) == []


def test_postgresql_that_ended_as_its_log_had_no_room_forgets_nothing(sandbox_server: SandboxServer) -> None:
    """It ends in a PANIC, and each time that it is started again, until there is room."""
    with postgresql_with_its_disk() as (postgres, disk):
        app = make_app(Database("postgresql", postgres.url))
        with app.app_context():
            migrate(db.engine)
        scene = PushingScene(app, sandbox_server, profile="okta-factor")
        pushed = scene.request_uri(claims=None, scope="openid", login_hint=scene.stage.login)
        _, code = scene.with_code()
        disk.fill()
        write_to_the_log(postgres.address)
        wait_until(postgres.has_ended, "the end of PostgreSQL")
        assert postgres.processes() == []
        redeeming = lambda: app.test_client().post(TOKEN, data=redemption(scene, code))  # noqa: E731
        assert redeeming().status_code == 503
        postgres.start(wait=False)
        wait_until(postgres.has_ended, "its end again")
        assert redeeming().status_code == 503
        disk.empty()
        postgres.start()
        assert redeeming().status_code == 200
        assert scene.open(pushed).person.page.status == 200
        close(app)


def write_to_the_log(address: str) -> None:
    """Use up the files of PostgreSQL's log that were made ahead; returns when it has broken off."""
    message = "SELECT pg_logical_emit_message(false, 'test', repeat('-', 500000))"
    with suppress(psycopg.OperationalError), psycopg.connect(address, autocommit=True) as connection:
        while True:
            connection.execute(message)


def redemption(scene: PushingScene, code: str) -> dict[str, str]:
    return {
        "grant_type": "authorization_code", "client_id": scene.stage.client_id, "code": code,
        "client_secret": scene.stage.client_secret, "redirect_uri": scene.stage.redirect_uri,
        "code_verifier": VERIFIER,
    }  # fmt: skip


def tracebacks(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line.message for line in caplog.records if line.exc_info]


def _path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
