"""Two nodes behind nginx, one PostgreSQL: any node takes any hop, and what is killed loses nothing.

The people, VerifEye's stand-in and the questions to the database are those of ``make chaos``, for a minute.
"""

import asyncio
import itertools
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from benchmarks.chaos import invariants, scene
from benchmarks.chaos.http1 import Connection, Place
from benchmarks.chaos.ledger import Ledger
from benchmarks.chaos.load import Crowd
from benchmarks.chaos.person import AUTHORIZE, PAR, RESULT, RESUME, TOKEN, Person, World
from benchmarks.chaos.site import RESULT_URL, Site, site
from benchmarks.chaos.stand_in import AuditReceiver, StandIn
from tests.production.processes import wait_until

CHECK = "/v1/openid/check"
HOPS = [
    ("GET", AUTHORIZE), ("GET", CHECK), ("POST", CHECK), ("GET", RESULT), ("GET", RESUME), ("POST", TOKEN),
]  # fmt: skip
#: Numbers whose persons do nothing but sign in, and those whose client pushes the request first.
PLAIN, PUSHING = 4 * 11 * 13 * 17, 2 * 11 * 13 * 17
PER_SECOND = 6.0
#: How long after everything serves again somebody may still be told of what was.
AFTERMATH = 3.0


class Stage:
    """The running site with everybody who has to do with it."""

    def __init__(self, verifeye: StandIn, receiver: AuditReceiver, site: Site) -> None:
        self.verifeye, self.receiver, self.site = verifeye, receiver, site
        self.ledger = Ledger()
        self.down: list[tuple[float, float]] = []
        self.now = asyncio.get_running_loop().time

    async def open(self) -> None:
        """Start the site on a database that is made ready."""
        self.scene = await asyncio.to_thread(
            scene.prepare, self.site.environment, self.verifeye.origin, people=60, newcomers=20
        )
        await asyncio.to_thread(self.site.start)

    async def world(self, *places: Place, **options: object) -> World:
        """Return the world as people see it who come in at ``places``."""
        world = World(places, self.scene.issuer, self.verifeye, self.ledger, now=self.now, **options)
        keys = Connection(places[0])
        world.note_keys((await keys.ask("GET", "/v1/openid/jwks")).text)
        keys.close()
        return world

    @asynccontextmanager
    async def something_down(self):
        """Note that something is down until everything serves again, and a little longer."""
        began = self.now()
        yield
        await asyncio.to_thread(self.site.wait_until_all_serve)
        await asyncio.sleep(AFTERMATH)
        self.down.append((began, self.now()))

    @property
    def troubles_elsewhen(self) -> list[object]:
        """What went wrong while nothing was down."""
        return [
            trouble
            for trouble in self.ledger.troubles
            if not any(trouble.was_during(begin, end) for begin, end in self.down)
        ]


@pytest.mark.timeout(400)
def test_any_node_takes_any_hop_and_what_is_killed_loses_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        verifeye, receiver = StandIn(RESULT_URL), AuditReceiver()
        await verifeye.start()
        await receiver.start()
        settings = {
            "WEB_CONCURRENCY": "1", "WEB_THREADS": "8",
            "PORTAL_AUDIT_WEBHOOK_URL": f"http://127.0.0.1:{receiver.port}/audit",
        }  # fmt: skip
        try:
            with site(tmp_path, settings) as running:
                stage = Stage(verifeye, receiver, running)
                await stage.open()
                await every_hop_at_either_node(stage)
                await what_one_node_took_the_other_opens(stage)
                await parts_are_killed_under_load(stage)
                await what_is_left_is_done(stage)
        finally:
            await verifeye.stop()
            await receiver.stop()

    # In a thread of its own: where browser tests ran before, the main thread has a loop already.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, story()).result()


async def every_hop_at_either_node(stage: Stage) -> None:
    """Every way of sending six hops to two nodes, cookies and form tokens included.

    The nodes are alike, so the first hop always goes to the same one.
    """
    ways = list(itertools.product((0, 1), repeat=len(HOPS) - 1))
    for number, others in enumerate(ways):
        where = dict(zip(HOPS, (0, *others), strict=True))
        world = await stage.world(
            *stage.site.back_doors, door=lambda method, path, where=where: where[(method, path)]
        )
        await Person(world, stage.scene.logins[number], PLAIN * (number + 1)).sign_in()
    assert stage.ledger.ends() == {"signed in": len(ways)}
    assert stage.ledger.troubles == []


async def what_one_node_took_the_other_opens(stage: Stage) -> None:
    """A request is pushed to one node and opened at the other, also by two browsers at once."""
    before = stage.ledger.ends()["signed in"]
    ways = list(itertools.product((0, 1), repeat=2))
    for number, (pushed, opened) in enumerate(ways):
        where = {PAR: pushed, AUTHORIZE: opened}
        world = await stage.world(
            *stage.site.back_doors, door=lambda _method, path, where=where: where.get(path, 0)
        )
        # An odd multiple: each of them pushes, and the first has its request_uri opened by a stranger too.
        await Person(world, stage.scene.logins[number], PUSHING * (2 * number + 1)).sign_in()
    assert stage.ledger.ends() == {"signed in": before + len(ways)}
    assert stage.ledger.troubles == []
    assert stage.ledger.answers[f"{PAR} 201"] == len(ways)


async def parts_are_killed_under_load(stage: Stage) -> None:
    """A node, a worker, PostgreSQL: each is killed while people sign in, and comes back by itself."""
    site, done = stage.site, asyncio.Event()
    crowd = Crowd(await stage.world(site.door), stage.scene.logins)
    coming = asyncio.create_task(crowd.steadily(PER_SECOND, done))
    await asyncio.sleep(2)
    async with stage.something_down():
        site.nodes[0].signal_all(signal.SIGKILL)
        await asyncio.sleep(1)
    async with stage.something_down():
        site.workers[0].signal_all(signal.SIGKILL)
    async with stage.something_down():
        await asyncio.to_thread(site.postgres.stop, signal.SIGKILL)
        await asyncio.sleep(1)
        await asyncio.to_thread(site.postgres.start)
    before = dict(stage.ledger.ends())
    await asyncio.sleep(2)
    done.set()
    await coming
    await crowd.all_through()
    assert stage.ledger.ends()["signed in"] > before["signed in"], "nobody signed in after it all"
    assert stage.troubles_elsewhen == []
    assert [trouble for trouble in stage.ledger.troubles if not trouble.is_honest] == []
    assert [node.starts for node in site.nodes] == [2, 1]
    await asyncio.to_thread(wait_until, lambda: site.workers[0].starts == 2, "the worker")


async def what_is_left_is_done(stage: Stage) -> None:
    """Messages are worked off, and both ends agree about every journey."""
    site = stage.site
    leases_end(site.postgres.address)
    async with asyncio.timeout(60):
        while not stage.receiver.places or "outbox messages left" in broken(stage):
            await asyncio.sleep(0.5)
    assert broken(stage) == {}
    assert stage.ledger.wrongs == []
    assert await asyncio.to_thread(scene.audit_faults, site.environment) == 0
    assert stage.receiver.missing == 0
    assert [node.said("Traceback") for node in site.nodes] == [0, 0]


def leases_end(address: str) -> None:
    """Let two or three minutes pass for what a killed worker had begun: others may begin it again."""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("UPDATE outbox_messages SET available_at = now() WHERE leased_until IS NOT NULL")
        connection.execute("UPDATE scheduled_jobs SET due_at = now() WHERE leased_until IS NOT NULL")


def broken(stage: Stage) -> dict[str, int]:
    """The invariants that do not hold at the moment."""
    found = invariants.findings(stage.site.postgres.address, stage.ledger, stage.verifeye)
    return {finding.what: finding.count for finding in found if finding.is_broken}
