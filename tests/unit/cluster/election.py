"""A world for elections: a clock that moves when told, candidates, and ways to the cluster that can be cut."""

import asyncio
import itertools
import random
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from crm_monitoring.cluster.lease import Elector
from crm_monitoring.errors import Unavailable
from crm_monitoring.manifest import LEASE, ObjectKey

KEY = ObjectKey(LEASE, "ops", "operator")


class World:
    """A clock that moves only when told, and sleepers that wake when it has come to their time."""

    def __init__(self):
        self.now = 1000.0
        self._sleepers = []
        self._order = itertools.count()

    def clock(self):
        return self.now

    async def sleep(self, seconds):
        woken = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + seconds, next(self._order), woken))
        await woken

    async def pass_(self, seconds):
        """Let time pass in steps of a quarter of a second."""
        for _ in range(int(seconds * 4)):
            self.now += 0.25
            due = sorted(sleeper for sleeper in self._sleepers if sleeper[0] <= self.now)
            self._sleepers = [sleeper for sleeper in self._sleepers if sleeper[0] > self.now]
            for _, _, woken in due:
                if not woken.done():
                    woken.set_result(None)
            await self.settle()

    async def settle(self):
        for _ in range(30):
            await asyncio.sleep(0)


class Candidate:
    def __init__(self, world, cluster, identity, **options):
        self.log = []
        self.elector = Elector(
            cluster,
            KEY.namespace,
            KEY.name,
            identity,
            clock=options.pop("clock", world.clock),
            sleep=world.sleep,
            now=lambda: datetime(2024, 1, 1, tzinfo=UTC),
            rng=random.Random(identity),
            on_acquired=lambda: self.log.append("acquired"),
            on_lost=lambda: self.log.append("lost"),
            **options,
        )
        self.task = None

    @property
    def leads(self):
        return self.elector.is_leading()


@asynccontextmanager
async def running(world, *candidates):
    for candidate in candidates:
        candidate.task = asyncio.create_task(candidate.elector.run())
        await world.settle()
    try:
        yield
    finally:
        for candidate in candidates:
            candidate.task.cancel()
        await asyncio.gather(*(candidate.task for candidate in candidates), return_exceptions=True)


class Path:
    """One replica's way to the cluster, which can be cut."""

    def __init__(self, cluster):
        self._cluster = cluster
        self.state = "open"

    def __getattr__(self, name):
        call = getattr(self._cluster, name)

        async def go(*args, **kwargs):
            if self.state == "hang":
                await asyncio.Event().wait()
            if self.state == "cut":
                raise Unavailable("cut")
            if self.state == "raise":
                raise RuntimeError("anything")
            result = await call(*args, **kwargs)
            if self.state == "deaf":  # done, but nobody hears of it
                raise Unavailable("time-out")
            return result

        return go
