"""The power fails while codes are redeemed: what a client was told is so when the machine is back.

A code that gave a token gives no second one, its token opens what it opened, and its journey and its place
in the audit log are there. The cut is one (``power``): a database that does not wait for its disk loses that.
"""

import json
import os
import queue
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from subprocess import Popen
from urllib.parse import urlencode

import psycopg
import pytest

from portal.audit.events import Event
from portal.extensions import db
from portal.grants import codes
from portal.models import AuditEvent, Client, Journey, JourneyState, User
from tests.production import serving
from tests.production.own_postgres import OwnPostgres, own_postgres
from tests.production.power import Disk, disk_to_cut
from tests.production.processes import flask, wait_until
from tests.support import factories
from tests.support.databases import Database
from tests.support.portal_app import close, make_app

CODES, TOLD = 240, 90
#: Loopback, so that secrets may travel without TLS.
ISSUER = "http://127.0.0.1:8080"


@dataclass
class Machine:
    """A machine whose power can fail: its disk, and what works on it."""

    folder: Path
    database: Database
    disk: Disk
    server: OwnPostgres | None
    settings: dict[str, str] = field(default_factory=dict)

    def lose_power(self, portal: Popen) -> None:
        """Cut the disk off, and then let everything die that would have died with it."""
        self.disk.cut()
        os.killpg(portal.pid, signal.SIGKILL)
        portal.wait(timeout=30)
        if self.server is not None:
            self.server.stop(signal.SIGKILL)

    def start(self) -> None:
        """Come back with what the disk has."""
        self.disk.come_back()
        if self.server is not None:
            self.server.start()

    @contextmanager
    def portal(self) -> Iterator[tuple[Popen, str]]:
        """Serve the portal; give the process and the path of its socket."""
        held = {"PORTAL_ISSUER": ISSUER, "PORTAL_RATE_LIMIT_TOKEN": "100000 per minute", **self.settings}
        with serving.gunicorn(self.database, self.folder, **held) as served:
            yield served


@contextmanager
def postgresql(folder: Path, *, waits_for_its_disk: bool) -> Iterator[Machine]:
    with ExitStack() as held:

        def disk(path: Path, owner: str | None) -> ExitStack:
            made.append(held.enter_context(disk_to_cut(path, folder / "image", owner)))
            return ExitStack()

        made: list[Disk] = []
        server = held.enter_context(own_postgres(disk))
        if not waits_for_its_disk:
            with psycopg.connect(server.address, autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET synchronous_commit = off")
                connection.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
            server.stop()
            server.start()
        yield Machine(folder, Database("postgresql", server.url), made[0], server)


@contextmanager
def sqlite(folder: Path, *, waits_for_its_disk: bool) -> Iterator[Machine]:
    with disk_to_cut(folder / "disk", folder / "image") as disk:
        how = {"PORTAL_SQLITE_SYNCHRONOUS": "FULL" if waits_for_its_disk else "OFF"}
        yield Machine(folder, Database("sqlite", f"sqlite:///{disk.path}/portal.sqlite3"), disk, None, how)


def prepare(machine: Machine) -> tuple[dict[str, str], dict[str, str]]:
    """Make tables, a client and codes; return how the client asks for tokens, and each code's reference."""
    serving.prepare(machine.database)
    app = make_app(machine.database, issuer=ISSUER)
    with app.app_context():
        stage = factories.stage()
        client, person = db.session.get_one(Client, stage.client_id), db.session.get_one(User, stage.user_id)
        made = {}
        for _ in range(CODES):
            journey = factories.journey(client, person)
            journey.state = JourneyState.ISSUED
            code = codes.mint(
                journey_id=journey.id, client_id=stage.client_id, user_id=stage.user_id,
                redirect_uri=stage.redirect_uri, scope="openid", code_challenge=None,
                id_token_claims={"sub": stage.user_id}, userinfo_claims={"sub": stage.user_id},
                confirms_enrolment=None, lifetime=3600,
            )  # fmt: skip
            made[code] = journey.reference
        db.session.commit()
    close(app)
    machine.disk.keep_what_there_is()
    form = {
        "grant_type": "authorization_code", "client_id": stage.client_id,
        "client_secret": stage.client_secret, "redirect_uri": stage.redirect_uri,
    }  # fmt: skip
    return form, made


def ask(
    connection: serving.UnixConnection, path: str, form: dict[str, str] | None, token: str = ""
) -> tuple[int, dict]:
    """Post a form, or get what a token opens; return the status and the document."""
    headers = {"Host": ISSUER.partition("//")[2], **({"Authorization": f"Bearer {token}"} if token else {})}
    if form is None:
        connection.request("GET", path, headers=headers)
    else:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", path, urlencode(form), headers | kind)
    response = connection.getresponse()
    return response.status, json.loads(response.read() or b"{}")


def redeem_until_the_end(path: str, form: dict[str, str], waiting: queue.Queue, told: dict[str, str]) -> None:
    """Redeem codes until the machine dies; ``told`` gets the token of each code that gave one."""
    connection = serving.UnixConnection(path)
    try:
        while True:
            code = waiting.get_nowait()
            status, document = ask(connection, "/v1/openid/token", form | {"code": code})
            if status == 200:
                told[code] = document["access_token"]
    except (OSError, HTTPException, queue.Empty):
        return
    finally:
        connection.close()


def redeem_and_lose_power(machine: Machine, form: dict[str, str], every_code: list[str]) -> dict[str, str]:
    """Let four clients redeem codes, and cut the power in the middle; return what they were told."""
    waiting: queue.Queue[str] = queue.Queue()
    for code in every_code:
        waiting.put(code)
    told: dict[str, str] = {}
    with machine.portal() as (portal, path):
        clients = [
            threading.Thread(target=redeem_until_the_end, args=(path, form, waiting, told)) for _ in range(4)
        ]
        for client in clients:
            client.start()
        wait_until(lambda: len(told) >= TOLD, "the tokens")
        machine.lose_power(portal)
        for client in clients:
            client.join(timeout=30)
    assert TOLD <= len(told) < CODES
    return told


@pytest.mark.parametrize("kind", [postgresql, sqlite])
def test_what_a_client_was_told_outlives_a_power_cut(kind, tmp_path: Path) -> None:
    with kind(tmp_path, waits_for_its_disk=True) as machine:
        form, references = prepare(machine)
        told = redeem_and_lose_power(machine, form, list(references))
        machine.start()
        app = make_app(machine.database, issuer=ISSUER)
        with app.app_context():
            ended = select_journeys(told, references)
            assert {journey.state for journey in ended} == {JourneyState.REDEEMED}
            assert sorted(redemptions()) == sorted(set(redemptions()))
            assert {references[code] for code in told} <= set(redemptions())
        close(app)
        with machine.portal() as (_, path):
            connection = serving.UnixConnection(path)
            opened = [ask(connection, "/v1/openid/userinfo", None, token)[0] for token in told.values()]
            again = {
                code: ask(connection, "/v1/openid/token", form | {"code": code})[0] for code in references
            }
            connection.close()
        assert opened == [200] * len(told)
        assert {again[code] for code in told} == {400}
        # Nobody was told of the others: each is there to be redeemed, or was redeemed in the last moment.
        assert {again[code] for code in references if code not in told} <= {200, 400}
        assert 200 in again.values()
        held = serving.environment(machine.database)
        flask(held, "audit", "seal")
        flask(held, "audit", "verify")


@pytest.mark.parametrize("kind", [postgresql, sqlite])
def test_the_cut_is_one(kind, tmp_path: Path) -> None:
    with kind(tmp_path, waits_for_its_disk=False) as machine:
        form, references = prepare(machine)
        told = redeem_and_lose_power(machine, form, list(references))
        machine.start()
        app = make_app(machine.database, issuer=ISSUER)
        with app.app_context():
            states = [journey.state for journey in select_journeys(told, references)]
        close(app)
    assert JourneyState.ISSUED in states


def select_journeys(told: dict[str, str], references: dict[str, str]) -> list[Journey]:
    """Return the journeys of the codes that gave a token."""
    of_them = [references[code] for code in told]
    return list(db.session.scalars(db.select(Journey).where(Journey.reference.in_(of_them))))


def redemptions() -> list[str]:
    """Return the references that the audit log has as redeemed, each as often as it stands there."""
    redeemed = db.select(AuditEvent.reference).where(AuditEvent.event == Event.JOURNEY_REDEEMED.label)
    return list(db.session.scalars(redeemed))
