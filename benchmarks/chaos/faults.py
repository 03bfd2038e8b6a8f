"""The faults: what each takes away, for how long, and whether it may cost people an error."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psycopg

from benchmarks.chaos.site import Part, Site
from benchmarks.chaos.stand_in import Mood, StandIn

#: How long something stays away that does not come back by itself.
AWAY_SECONDS = 10.0
#: Connections that begin something and never go on.
HALF_OPEN = 300


@dataclass
class Hands:
    """What a fault may lay hands on; ``turn`` alternates between the two of a kind."""

    site: Site
    verifeye: StandIn
    turn: int = 0

    def node(self) -> Part:
        """One of the nodes."""
        return self.site.nodes[self.turn % 2]

    def worker(self) -> Part:
        """One of the outbox workers."""
        return self.site.workers[self.turn % 2]


@dataclass(frozen=True)
class Fault:
    """One fault. ``costs`` says whether people may meet errors until ``echo`` seconds after it is over."""

    name: str
    happen: Callable[[Hands], Awaitable[None]]
    costs: bool = True
    #: Beyond what every fault has: a circuit breaker stays open, a lost connection is noticed late.
    echo: float = 0.0
    #: How many parts have to be started again for it.
    restarts: int = 0


async def _kill_a_process(hands: Hands) -> None:
    os.kill(hands.node().children()[0], signal.SIGKILL)


async def _kill_a_master(hands: Hands) -> None:
    hands.node().signal(signal.SIGKILL)
    await asyncio.sleep(1)


async def _kill_a_worker(hands: Hands) -> None:
    hands.worker().signal(signal.SIGKILL)
    await asyncio.sleep(1)


async def _database(hands: Hands, number: int, away: float) -> None:
    await asyncio.to_thread(hands.site.postgres.stop, number)
    await asyncio.sleep(away)
    try:
        await asyncio.to_thread(hands.site.postgres.start)
    except AssertionError:
        # A process that was just being forked may outlive the others and hold their memory for a moment.
        await asyncio.to_thread(hands.site.postgres.stop, signal.SIGKILL)
        await asyncio.to_thread(hands.site.postgres.start)


async def _kill_the_database(hands: Hands) -> None:
    await _database(hands, signal.SIGKILL, 3)


async def _stop_the_database_immediately(hands: Hands) -> None:
    await _database(hands, signal.SIGQUIT, 3)


async def _restart_the_database(hands: Hands) -> None:
    await _database(hands, signal.SIGINT, 0)


async def _silence_the_database(hands: Hands) -> None:
    processes = hands.site.postgres.processes()
    _signal_each(processes, signal.SIGSTOP)
    try:
        await asyncio.sleep(AWAY_SECONDS)
    finally:
        _signal_each(processes, signal.SIGCONT)


async def _verifeye_away(hands: Hands) -> None:
    await hands.verifeye.stop()
    await asyncio.sleep(AWAY_SECONDS)
    await hands.verifeye.start()


async def _verifeye_in(hands: Hands, mood: Mood) -> None:
    hands.verifeye.mood = mood
    await asyncio.sleep(AWAY_SECONDS)
    hands.verifeye.mood = Mood.WELL


async def _verifeye_slow(hands: Hands) -> None:
    await _verifeye_in(hands, Mood.SLOW)


async def _verifeye_rubbish(hands: Hands) -> None:
    await _verifeye_in(hands, Mood.RUBBISH)


async def _redis_away(hands: Hands) -> None:
    assert hands.site.redis is not None
    await asyncio.to_thread(hands.site.redis.stop, signal.SIGKILL)
    await asyncio.sleep(AWAY_SECONDS)
    hands.site.redis.start()


async def _stop_a_node_in_its_tracks(hands: Hands) -> None:
    node = hands.node()
    node.signal_all(signal.SIGSTOP)
    try:
        await asyncio.sleep(AWAY_SECONDS)
    finally:
        node.signal_all(signal.SIGCONT)


async def _half_open_connections(hands: Hands) -> None:
    door = hands.site.door
    beginnings = (b"", b"\x16\x03\x01\x02\x00\x01", b"GET /v1/openid/authorize HTTP/1.1\r\nHost: ")
    opened = [await asyncio.open_connection(door.host, door.port) for _ in range(HALF_OPEN)]
    for number, (_, writer) in enumerate(opened):
        writer.write(beginnings[number % len(beginnings)])
    await asyncio.sleep(AWAY_SECONDS)
    for _, writer in opened:
        writer.transport.abort()


async def _reload_a_node(hands: Hands) -> None:
    hands.node().signal(signal.SIGHUP)
    await asyncio.sleep(AWAY_SECONDS)


async def _full_disk(hands: Hands, *, log: bool = False) -> None:
    """Fill the database's disk and keep it full; start PostgreSQL again when it ended, as systemd would."""
    disk, postgres = hands.site.disk, hands.site.postgres
    assert disk is not None
    loop = asyncio.get_running_loop()
    end = loop.time() + AWAY_SECONDS
    try:
        while loop.time() < end:
            await asyncio.to_thread(disk.fill)
            if log:
                await asyncio.to_thread(_write_to_the_log, postgres.address)
            if postgres.has_ended():
                postgres.start(wait=False)
            await asyncio.sleep(0.2)
    finally:
        disk.empty()
    while not await asyncio.to_thread(postgres.answers):
        if postgres.has_ended():
            postgres.start(wait=False)
        await asyncio.sleep(1)


async def _full_disk_and_log(hands: Hands) -> None:
    await _full_disk(hands, log=True)


def _write_to_the_log(address: str) -> None:
    """Use up the log's files that were made ahead, as a busy server does; nothing else is changed."""
    try:
        with psycopg.connect(address, connect_timeout=2, autocommit=True) as connection:
            for _ in range(20):
                connection.execute("SELECT pg_logical_emit_message(false, 'chaos', repeat('-', 500000))")
    except psycopg.Error:
        return  # that is what it is for


#: Longer than the breaker stays open (``verifeye_breaker_seconds``), and the trial that follows.
_BREAKER = 26.0
FAULTS = (
    Fault("a node's process killed (SIGKILL)", _kill_a_process),
    Fault("PostgreSQL killed, every process (SIGKILL)", _kill_the_database),
    Fault("VerifEye away for 10 s", _verifeye_away, echo=_BREAKER),
    Fault("a node reloaded (SIGHUP)", _reload_a_node, costs=False),
    Fault("an outbox worker killed (SIGKILL)", _kill_a_worker, costs=False, restarts=1),
    Fault("a whole node killed (SIGKILL)", _kill_a_master, restarts=1),
    Fault("VerifEye answers rubbish for 10 s", _verifeye_rubbish, echo=_BREAKER),
    Fault("Redis killed, away for 10 s", _redis_away, costs=False),
    Fault("PostgreSQL restarted", _restart_the_database),
    Fault("300 half-open connections for 10 s", _half_open_connections, costs=False),
    Fault("a node stopped in its tracks for 10 s (SIGSTOP)", _stop_a_node_in_its_tracks, costs=False),
    Fault("VerifEye slower than the time-out for 10 s", _verifeye_slow, echo=_BREAKER),
    Fault("PostgreSQL stopped at once (SIGQUIT)", _stop_the_database_immediately),
    Fault("PostgreSQL silent for 10 s (SIGSTOP)", _silence_the_database, echo=5.0),
)
#: With a database whose disk may be filled (``--full-disk``).
FULL_DISK = (
    Fault("PostgreSQL's disk full for 10 s", _full_disk),
    Fault("PostgreSQL's disk full for 10 s, its log stopped (PANIC)", _full_disk_and_log),
)


def _signal_each(processes: list[int], number: int) -> None:
    for pid in processes:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
