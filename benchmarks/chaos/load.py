"""How many people come: as fast as so many can (to find the most there is), or so many in each second."""

import asyncio
from collections import deque

from benchmarks.chaos.person import Person, World

#: Whoever comes beyond that, while something is down, is counted and sent home: what is tried is whether
#: anything is lost, not how long a queue this machine works off.
MOST_UNDER_WAY = 500


class Crowd:
    """People, each signing in under a login that nobody else uses at that moment."""

    def __init__(self, world: World, logins: tuple[str, ...]) -> None:
        self._world, self._free = world, deque(logins)
        self._number = 0
        self._under_way: set[asyncio.Task[None]] = set()
        #: Sign-ins that ended; and people who could not come because so many were under way already.
        self.done, self.turned_away = 0, 0

    async def as_fast_as_can(self, people: int, seconds: float) -> float:
        """Let so many people sign in again and again; return the sign-ins per second."""
        end, before = self._world.now() + seconds, self.done

        async def again() -> None:
            while self._world.now() < end:
                await self._one()

        await asyncio.gather(*(again() for _ in range(people)))
        return (self.done - before) / (self._world.now() - end + seconds)

    async def steadily(self, per_second: float, until: asyncio.Event) -> None:
        """Let people come at an even pace, whether those before them are through or not."""
        loop = asyncio.get_running_loop()
        next_one = loop.time()
        while not until.is_set():
            if self._free and len(self._under_way) < MOST_UNDER_WAY:
                task = loop.create_task(self._one())
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
            else:
                self.turned_away += 1
            # After a stall the pace goes on from now: nobody who was not let in comes all at once.
            next_one = max(next_one + 1 / per_second, loop.time() - 1)
            await asyncio.sleep(max(0.0, next_one - loop.time()))

    async def all_through(self) -> None:
        """Wait until everybody who came has ended; raises what one of them raised."""
        await asyncio.gather(*self._under_way)

    async def _one(self) -> None:
        login = self._free.popleft()
        self._number += 1
        try:
            await Person(self._world, login, self._number).sign_in()
        finally:
            self._free.append(login)
        self.done += 1
