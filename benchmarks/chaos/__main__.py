"""A fault a minute, at 70 % of the most that this machine takes: ``make chaos`` (``CHAOS_MINUTES``, 30).

The faults come in an order that ``--seed`` fixes. Afterwards the database and everybody who was there are
asked what happened, and the exit code is 1 if they do not agree or anything was lost.

``--full-disk`` adds two faults: the database's disk is full. Its data are in memory then, so that nothing
else of the machine is full, and no speed is measured.
"""

import argparse
import asyncio
import os
import random  # noqa: TID251 - a seeded order, which is the same each time
import resource
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest

from benchmarks.chaos import invariants, report, scene
from benchmarks.chaos.faults import FAULTS, FULL_DISK, Fault, Hands
from benchmarks.chaos.http1 import Connection
from benchmarks.chaos.invariants import Finding
from benchmarks.chaos.ledger import Ledger, Trouble
from benchmarks.chaos.load import Crowd
from benchmarks.chaos.memory import Memory
from benchmarks.chaos.person import World
from benchmarks.chaos.report import Verdict, Window
from benchmarks.chaos.site import RESULT_URL, Site, site
from benchmarks.chaos.stand_in import AuditReceiver, StandIn
from tests.production import small_disk

SHARE_OF_THE_MOST = 0.7
_AT_ONCE = 24
_WARM_UP, _MEASURE = 8.0, 20.0
#: Into each minute, before its fault.
_CALM = 8.0
#: After everything serves again, how long somebody may still be told of what was.
_AFTERMATH = 3.0
#: A message that a killed worker had begun waits for the end of its lease: three minutes at most.
_LONGEST_LEASE = 240.0
#: MiB of the disk that is filled, for the empty database with its log and for each minute.
_DISK, _DISK_A_MINUTE = 256, 32
_IN_MEMORY = (
    "PostgreSQL's data were in memory, where their disk could be filled: no figure here is one of speed."
)
_NOT_FILLED = "PostgreSQL's disk was not filled: that takes the right to mount one, which root has."
#: The last events are sealed within ten seconds, and queued to be sent away within ten more.
_QUIET = 25.0
_PERFORMANCE = Path("docs/performance.md")


def main() -> None:
    """Run it, print the verdict, and leave with 1 if something is not as it must be."""
    given = _arguments()
    # As the systemd service has it; everything that is started inherits it.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard) if hard > 0 else 8192, hard))
    try:
        verdict = asyncio.run(_run(given))
    except pytest.skip.Exception as missing:
        sys.exit(f"{str(missing).capitalize()}: apt-get install postgresql nginx redis-server")
    except asyncio.CancelledError:
        sys.exit("Ended from outside; what was started is stopped, and nothing is said of what was seen.")
    text = report.written(verdict, _command(given))
    print(f"\n{text}")
    if given.write:
        report.write_into(_PERFORMANCE, text)
    sys.exit(verdict.is_broken)


async def _run(given: argparse.Namespace) -> Verdict:
    this = asyncio.current_task()
    assert this is not None
    # As for Ctrl-C: whatever was started has a session of its own and would live on.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    verifeye, receiver = StandIn(RESULT_URL), AuditReceiver()
    await verifeye.start()
    await receiver.start()
    settings = {
        "WEB_CONCURRENCY": "2", "PORTAL_LOG_LEVEL": "WARNING",
        "PORTAL_AUDIT_WEBHOOK_URL": f"http://127.0.0.1:{receiver.port}/audit",
    }  # fmt: skip
    folder = Path(tempfile.mkdtemp(prefix="portal-chaos-"))
    print(f"The logs of every part are in {folder}.")
    faults, remark, disk_of = FAULTS, "", None
    if given.full_disk and small_disk.is_allowed():
        faults, remark, disk_of = (*FAULTS, *FULL_DISK), _IN_MEMORY, _DISK + _DISK_A_MINUTE * given.minutes
    elif given.full_disk:
        remark = _NOT_FILLED
        print(remark)
    order = _order(faults, given.seed, given.minutes, given.only)
    with site(folder, settings, redis=True, disk_of=disk_of) as running:
        run = Run(running, verifeye, receiver, given.minute)
        await run.prepare()
        verdict = await run.through(order, remark)
    if not verdict.is_broken:
        shutil.rmtree(folder)
    await verifeye.stop()
    await receiver.stop()
    return verdict


class Run:
    """One run: the site, everybody who has to do with it, and what was seen so far."""

    def __init__(self, site: Site, verifeye: StandIn, receiver: AuditReceiver, minute_seconds: float) -> None:
        self._site, self._verifeye, self._receiver = site, verifeye, receiver
        self._ledger, self._memory = Ledger(), Memory(site)
        self._minute_seconds = minute_seconds
        self._began = asyncio.get_running_loop().time()

    def _now(self) -> float:
        return asyncio.get_running_loop().time() - self._began

    async def prepare(self) -> None:
        """Fill the database and start everything."""
        self._scene = await asyncio.to_thread(
            scene.prepare, self._site.environment, self._verifeye.origin, people=500, newcomers=300
        )
        await asyncio.to_thread(self._site.start)
        door = self._site.door
        self._world = World([door], self._scene.issuer, self._verifeye, self._ledger, now=self._now)
        keys = Connection(door)
        self._world.note_keys((await keys.ask("GET", "/v1/openid/jwks")).text)
        keys.close()

    async def through(self, faults: list[Fault], remark: str) -> Verdict:
        """Find the most there is, go on at a share of it with a fault in each minute, and judge."""
        crowd, done = Crowd(self._world, self._scene.logins), asyncio.Event()
        await crowd.as_fast_as_can(_AT_ONCE, _WARM_UP)
        most = await crowd.as_fast_as_can(_AT_ONCE, _MEASURE)
        rate = SHARE_OF_THE_MOST * most
        print(f"At most {most:.1f} sign-ins a second; going on with {rate:.1f}.")
        coming = asyncio.create_task(crowd.steadily(rate, done))
        looking = asyncio.create_task(self._look_at_memory())
        windows = [await self._minute(number, fault) for number, fault in enumerate(faults)]
        done.set()
        await coming
        await crowd.all_through()
        looking.cancel()
        outside = self._attribute(windows)
        await self._work_off()
        found = [
            *invariants.findings(self._site.postgres.address, self._ledger, self._verifeye),
            *await self._further(windows, outside, crowd),
            Finding(
                "parts that ended by themselves", self._restarts() - sum(one.restarts for one in faults), 0
            ),
        ]
        for words in self._ledger.wrongs[:20]:
            print(f"Never: {words}")
        return Verdict(
            len(faults), most, rate, windows, outside, found, list(self._memory.processes.values()), remark
        )

    async def _minute(self, number: int, fault: Fault) -> Window:
        until = self._now() + self._minute_seconds
        await asyncio.sleep(_CALM)
        begin = self._now()
        await fault.happen(Hands(self._site, self._verifeye, number))
        await asyncio.to_thread(self._site.wait_until_all_serve)
        end = self._now() + fault.echo + _AFTERMATH
        signed_in = self._ledger.ends()["signed in"]
        print(f"{number + 1:3} {fault.name}: {end - begin:.0f} s; {signed_in} have signed in", flush=True)
        await asyncio.sleep(max(0.0, until - self._now()))
        return Window(fault.name, begin, end, fault.costs)

    async def _look_at_memory(self) -> None:
        while True:
            self._memory.look(self._now())
            await asyncio.sleep(10)

    def _restarts(self) -> int:
        return sum(part.starts - 1 for part in (*self._site.nodes, *self._site.workers, self._site.nginx))

    def _attribute(self, windows: list[Window]) -> list[Trouble]:
        """Give each trouble to the fault in whose time it was, and return those of no fault's time."""
        outside = []
        for trouble in self._ledger.troubles:
            for window in windows:
                if trouble.was_during(window.begin, window.end):
                    window.troubles.append(trouble)
                    break
            else:
                outside.append(trouble)
        return outside

    async def _work_off(self) -> None:
        """Wait until nothing is left for the workers to do: what is sent away, and what is to be sealed."""
        end = self._now() + _LONGEST_LEASE
        quiet_since = self._now()
        while self._now() < end and self._now() < quiet_since + _QUIET:
            if invariants.messages_left(self._site.postgres.address):
                quiet_since = self._now()
            await asyncio.sleep(1)

    async def _further(self, windows: list[Window], outside: list[Trouble], crowd: Crowd) -> list[Finding]:
        """Return what the database cannot tell by itself."""
        harmless = sum(len(window.troubles) for window in windows if not window.costs)
        parts = (*self._site.nodes, *self._site.workers)
        faults = await asyncio.to_thread(scene.audit_faults, self._site.environment)
        return [
            Finding("people sent home, as too many were under way", crowd.turned_away),
            Finding("errors in the time of faults", sum(len(window.troubles) for window in windows)),
            Finding("errors at any other time", len(outside), 0),
            Finding("errors in the time of faults that may cost none", harmless, 0),
            # A worker says in a line that the database could not do it: of two that wait for each other, too.
            Finding(
                "programming errors in the logs",
                sum(part.said("Traceback") + part.said('"DeadlockDetected"') for part in parts),
                0,
            ),
            Finding("faults in the audit log's chain", faults, 0),
            Finding("audit events delivered outside", len(self._receiver.places)),
            Finding("audit events delivered outside again", self._receiver.taken_again),
            Finding("audit events never delivered in between", self._receiver.missing, 0),
            Finding("processes that grew", len(self._memory.grown), 0),
        ]


def _order(faults: tuple[Fault, ...], seed: int, minutes: int, only: str) -> list[Fault]:
    """Return the fault of each minute: every one in turn, each round in another order."""
    chosen = [fault for fault in faults if only.lower() in fault.name.lower()]
    if not chosen:
        sys.exit(f"No fault's name has {only!r} in it.")
    order, dice = [], random.Random(seed)
    while len(order) < minutes:
        order += dice.sample(chosen, len(chosen))
    return order[:minutes]


def _command(given: argparse.Namespace) -> str:
    if given.minute != 60 or given.only or given.full_disk:
        return f"python -m benchmarks.chaos {' '.join(sys.argv[1:])}"
    return f"CHAOS_MINUTES={given.minutes} make chaos" if given.minutes != 30 else "make chaos"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=int(os.environ.get("CHAOS_MINUTES", "30")))
    parser.add_argument("--minute", type=float, default=60, help="the seconds of a minute, to try it out")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("CHAOS_SEED", "1")))
    parser.add_argument("--only", default="", help="only faults with this in their names")
    parser.add_argument("--full-disk", action="store_true", help="fill the database's disk, too (as root)")
    parser.add_argument("--write", action="store_true", help=f"write the verdict into {_PERFORMANCE}")
    given = parser.parse_args()
    if given.write and given.full_disk:
        parser.error("--full-disk measures no speed: nothing of it is written into the document")
    return given


if __name__ == "__main__":
    main()
