"""The lister replaces what is known of the resources: at the start, now and then, and when asked."""

import asyncio
import random
from contextlib import asynccontextmanager

import pytest

from crm_monitoring.cluster.fake import FakeCluster
from crm_monitoring.cluster.store import Store
from crm_monitoring.controller.lister import Lister
from crm_monitoring.errors import Forbidden, Unavailable
from crm_monitoring.manifest import CRM_MONITORING, key_of
from support.resources import minimal
from unit.cluster.server import eventually

NEVER = 3600.0


class Seen:
    def __init__(self):
        self.failures = []
        self.returns = 0
        self.asked = 0

    def returned(self):
        self.returns += 1


class Counting:
    """Counts lists; lets a test put its own words into the answer."""

    def __init__(self, cluster, seen):
        self._cluster = cluster
        self._seen = seen

    async def list(self, *args, **kwargs):
        self._seen.asked += 1
        return await self._cluster.list(*args, **kwargs)


@asynccontextmanager
async def listing(cluster, store, *, every_seconds=NEVER, namespace=None, wrap=Counting):
    seen = Seen()
    lister = Lister(
        wrap(cluster, seen),
        store,
        namespace,
        every_seconds=every_seconds,
        on_failure=seen.failures.append,
        on_return=seen.returned,
        rng=random.Random(1),
    )
    task = asyncio.create_task(lister.run())
    try:
        yield lister, seen
        assert not task.done(), "a lister never ends"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def names(store):
    return sorted(body["metadata"]["name"] for body in store)


@pytest.fixture
def store():
    return Store(CRM_MONITORING)


async def test_what_is_listed_is_what_is_known(store):
    async with listing(FakeCluster(minimal(name="a"), minimal(name="b")), store) as (lister, _):
        await asyncio.wait_for(lister.synced.wait(), 5)
        assert names(store) == ["a", "b"]


async def test_what_a_watch_missed_is_made_up_for_when_asked(store):
    cluster = FakeCluster(minimal(name="a"))
    async with listing(cluster, store) as (lister, _):
        await asyncio.wait_for(lister.synced.wait(), 5)
        cluster.drop(key_of(minimal(name="a")))
        cluster.put(minimal(name="b"))
        lister.poke()
        await eventually(lambda: names(store) == ["b"])


async def test_lists_follow_each_other_without_being_asked_for(store):
    async with listing(FakeCluster(), store, every_seconds=0.01) as (_, seen):
        await eventually(lambda: seen.asked > 3)


async def test_pages_are_put_together_before_anything_changes(store):
    cluster = FakeCluster(*(minimal(name=f"r{number:03}") for number in range(1201)))
    async with listing(cluster, store) as (lister, seen):
        await asyncio.wait_for(lister.synced.wait(), 5)
        assert len(store) == 1201
        assert seen.asked == 3


@pytest.mark.parametrize("error", [Unavailable("text"), Forbidden("text")], ids=lambda error: error.reason)
async def test_a_failure_is_told_and_tried_again_and_what_is_known_stays(store, error):
    cluster = FakeCluster(minimal(name="a"))
    async with listing(cluster, store) as (lister, seen):
        await asyncio.wait_for(lister.synced.wait(), 5)
        cluster.fail_next(lambda call: call.verb == "list", error)
        lister.poke()
        await eventually(lambda: seen.failures == [error.reason])
        assert names(store) == ["a"]
        await eventually(lambda: seen.asked == 3)


async def test_a_list_that_makes_no_sense_is_tried_again(store):
    class Nonsense(Counting):
        async def list(self, *args, **kwargs):
            page = await super().list(*args, **kwargs)
            if self._seen.asked == 1:
                page.items[0]["metadata"].pop("name")
            return page

    async with listing(FakeCluster(minimal(name="a")), store, wrap=Nonsense) as (lister, seen):
        await asyncio.wait_for(lister.synced.wait(), 5)
        assert seen.failures == ["Internal"]
        assert names(store) == ["a"]


async def test_a_subscriber_that_fails_does_not_end_it(store):
    told = []

    def subscriber(key, before, after):
        told.append(key.name)
        if len(told) == 1:
            raise RuntimeError("text")

    store.subscribe(subscriber)
    async with listing(FakeCluster(minimal(name="a"), minimal(name="b")), store) as (lister, seen):
        await asyncio.wait_for(lister.synced.wait(), 5)
        assert told == ["a", "b"]
        assert seen.failures == ["Internal"]


async def test_a_kind_that_is_missing_is_known_to_be_and_its_return_is_told(store):
    cluster = FakeCluster(minimal(name="a"))
    cluster.unserve(CRM_MONITORING)
    async with listing(cluster, store) as (lister, seen):
        await asyncio.wait_for(lister.synced.wait(), 5)
        assert store.synced
        assert not store.served
        cluster.serve(CRM_MONITORING)
        cluster.put(minimal(name="b"))
        lister.poke()
        await eventually(lambda: names(store) == ["b"])
        await eventually(lambda: seen.returns == 1)
        lister.poke()
        await eventually(lambda: seen.asked > 2)
        assert seen.returns == 1
        assert seen.failures == []


async def test_only_the_watched_namespace_is_listed(store):
    cluster = FakeCluster(minimal(name="a", namespace="shop"), minimal(name="b", namespace="other"))
    async with listing(cluster, store, namespace="shop") as (lister, _):
        await asyncio.wait_for(lister.synced.wait(), 5)
        assert names(store) == ["a"]
