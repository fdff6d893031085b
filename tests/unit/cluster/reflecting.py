"""Run a reflector for a test, against the scripted server or the cluster in memory."""

import asyncio
import random
from contextlib import asynccontextmanager

from crm_monitoring.cluster.kube import KubeCluster
from crm_monitoring.cluster.reflector import Pace, Reflector
from crm_monitoring.cluster.store import Store
from crm_monitoring.manifest import CONFIG_MAP
from unit.cluster.server import scripted_server

FAST = Pace(first_backoff=0.02, longest_backoff=0.1, poll_missing=0.05, inactivity=5, relist=600)


class Seen:
    def __init__(self):
        self.reasons = []
        self.lists = 0

    def restarted(self, kind, reason):
        self.reasons.append(reason)

    def listed(self, kind, objects, seconds):
        self.lists += 1


def names(store):
    return sorted(item["metadata"]["name"] for item in store)


def versions(store):
    return {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in store}


def truth(server):
    return {name: item["metadata"]["resourceVersion"] for name, item in server.objects.items()}


@asynccontextmanager
async def reflecting(reader, store, *, pace=FAST, **options):
    seen = Seen()
    reflector = Reflector(reader, store, pace=pace, observer=seen, rng=random.Random(1), **options)
    task = asyncio.create_task(reflector.run())
    try:
        yield reflector, seen
        assert not task.done(), "a reflector never ends"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def against_server(*, pace=FAST, prepare=lambda server: None, idle_seconds=5.0, timeout_seconds=5.0):
    async with scripted_server() as server:
        server.set("a")
        prepare(server)
        cluster = KubeCluster(
            server.connection(),
            may_write=lambda: True,
            idle_seconds=idle_seconds,
            timeout_seconds=timeout_seconds,
        )
        store = Store(CONFIG_MAP)
        async with cluster, reflecting(cluster, store, pace=pace) as (reflector, seen):
            yield server, store, reflector, seen
