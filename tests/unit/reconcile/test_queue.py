"""The work queue: once per key, in turns, with patience."""

import asyncio

import pytest

from crm_monitoring.manifest import CRM_MONITORING, ObjectKey
from crm_monitoring.reconcile.queue import WorkQueue


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def key(name: str, namespace: str = "crm") -> ObjectKey:
    return ObjectKey(CRM_MONITORING, namespace, name)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> WorkQueue:
    return WorkQueue(clock, lambda: 1.0)


async def test_a_key_that_is_added_twice_is_handed_out_once(queue: WorkQueue) -> None:
    queue.add(key("a"))
    queue.add(key("a"))
    assert await queue.get() == key("a")
    assert queue.depth == 0


async def test_a_key_is_never_with_two_workers_and_comes_back_when_added_meanwhile(queue: WorkQueue) -> None:
    queue.add(key("a"))
    taken = await queue.get()
    queue.add(key("a"))
    assert queue.depth == 0
    queue.done(taken)
    assert await queue.get() == key("a")


async def test_namespaces_take_turns(queue: WorkQueue) -> None:
    for number in range(100):
        queue.add(key(f"noisy-{number}", "big"))
    queue.add(key("a", "small"))
    first, second = await queue.get(), await queue.get()
    assert {first.namespace, second.namespace} == {"big", "small"}


async def test_a_worker_waits_until_a_key_comes(queue: WorkQueue) -> None:
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add(key("a"))
    assert await waiting == key("a")


async def test_retries_back_off_exponentially_up_to_a_bound_and_success_forgets(queue: WorkQueue) -> None:
    waits = [queue.failed(key("a")) for _ in range(12)]
    assert waits[:4] == [0.5, 1.0, 2.0, 4.0]
    assert waits[-1] == 300.0
    queue.succeeded(key("a"))
    assert queue.failed(key("a")) == 0.5
    queue.close()


async def test_a_retry_waits_at_least_as_long_as_the_server_asked(queue: WorkQueue) -> None:
    assert queue.failed(key("a"), 7.0) == 7.0
    queue.close()


async def test_a_planned_look_happens_and_an_earlier_one_replaces_a_later_one(queue: WorkQueue) -> None:
    queue.add_after(key("a"), 60)
    queue.add_after(key("a"), 0.001)
    queue.add_after(key("a"), 60)
    assert await asyncio.wait_for(queue.get(), 5) == key("a")


async def test_a_look_that_is_asked_for_now_drops_the_planned_one(queue: WorkQueue) -> None:
    queue.add_after(key("a"), 0.001)
    queue.add(key("a"))
    queue.done(await queue.get())
    await asyncio.sleep(0.01)
    assert queue.depth == 0


async def test_the_age_of_the_oldest_key_is_told(queue: WorkQueue, clock: Clock) -> None:
    assert queue.oldest_seconds == 0
    queue.add(key("a"))
    clock.now = 3.0
    queue.add(key("b"))
    assert queue.oldest_seconds == 3.0


async def test_a_closed_queue_hands_out_nothing_and_can_be_drained(queue: WorkQueue) -> None:
    queue.add(key("a"))
    queue.add(key("b"))
    taken = await queue.get()
    queue.close()
    waiting = asyncio.create_task(queue.get())
    drained = asyncio.create_task(queue.drained())
    await asyncio.sleep(0)
    assert not drained.done()
    queue.done(taken)
    await asyncio.wait_for(drained, 5)
    assert not waiting.done()
    waiting.cancel()


async def test_a_key_that_rests_is_handed_out_once_afterwards_however_often_it_was_asked_for(queue: WorkQueue) -> None:
    queue.add(key("a"))
    taken = await queue.get()
    queue.rest(taken, 0.02)
    queue.add(key("a"))
    queue.done(taken)
    queue.add(key("a"))
    assert queue.depth == 0
    assert not queue.idle
    started = asyncio.get_running_loop().time()
    assert await queue.get() == key("a")
    assert asyncio.get_running_loop().time() - started >= 0.015
    queue.done(taken)
    assert queue.idle


async def test_a_key_that_rested_and_was_not_asked_for_is_not_handed_out(queue: WorkQueue) -> None:
    queue.add(key("a"))
    taken = await queue.get()
    queue.rest(taken, 0.0)
    queue.done(taken)
    await asyncio.sleep(0.01)
    assert queue.idle
    queue.add(key("a"))
    assert queue.depth == 1


async def test_a_rest_that_ends_while_a_worker_still_has_the_key_changes_nothing(queue: WorkQueue) -> None:
    queue.add(key("a"))
    taken = await queue.get()
    queue.rest(taken, 0.0)
    queue.add(key("a"))
    await asyncio.sleep(0.01)
    assert queue.depth == 0
    queue.done(taken)
    assert queue.depth == 1
