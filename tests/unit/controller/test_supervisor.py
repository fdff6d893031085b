"""The supervisor keeps a thread running: one after the other, with longer and longer waits, until it is stopped."""

import asyncio
import itertools
import random
import threading

from crm_monitoring.controller.supervisor import (
    GOOD_RUN_SECONDS,
    LONGEST_WAIT_SECONDS,
    SHORTEST_WAIT_SECONDS,
    Supervisor,
)
from unit.cluster.server import eventually


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Runs:
    """Runs that end as told, after some seconds of the clock; when none is left, one that works until stopped."""

    def __init__(self, clock, *ends):
        self._clock = clock
        self._ends = list(ends)
        self.flags = []
        self.working = threading.Event()

    def __call__(self, stop, ready):
        self.flags.append(stop)
        ready.set()
        if self._ends:
            seconds, error = self._ends.pop(0)
            self._clock.now += seconds
            if error:
                raise error
            return
        self.working.set()
        stop.wait(10)


class Sleeps:
    def __init__(self):
        self.seconds = []

    async def __call__(self, seconds):
        self.seconds.append(seconds)


async def supervised(*ends):
    """Let runs end like this, then stop while one works; return (reasons, waits, supervisor, runs)."""
    clock, sleeps, reasons = Clock(), Sleeps(), []
    runs = Runs(clock, *ends)
    made = Supervisor(runs, on_restart=reasons.append, clock=clock, sleep=sleeps, rng=random.Random(1))
    task = asyncio.create_task(made.run())
    assert await asyncio.to_thread(runs.working.wait, 10)
    assert made.ready
    made.stop()
    await asyncio.wait_for(task, 10)
    return reasons, sleeps.seconds, made, runs


async def test_a_run_that_fails_is_followed_by_another_and_its_error_is_named():
    reasons, waits, made, _ = await supervised((0, ValueError("text")), (0, None))
    assert reasons == ["ValueError", "Ended"]
    assert len(waits) == 2
    assert not made.ready


async def test_waits_grow_from_the_shortest_to_the_longest():
    _, waits, made, _ = await supervised(*[(0, None)] * 8)
    assert 0.8 * SHORTEST_WAIT_SECONDS <= waits[0] <= 1.2 * SHORTEST_WAIT_SECONDS
    assert all(later > earlier for earlier, later in itertools.pairwise(waits[:5]))
    assert max(waits) <= 1.2 * LONGEST_WAIT_SECONDS
    assert made.failures == 8


async def test_a_long_run_was_a_good_one_and_the_waits_start_anew():
    _, waits, made, _ = await supervised((0, None), (0, None), (0, None), (GOOD_RUN_SECONDS, None))
    assert waits[3] <= 1.2 * SHORTEST_WAIT_SECONDS < waits[2]
    assert made.failures == 0


async def test_each_run_gets_a_stop_flag_of_its_own_so_that_a_dead_run_can_use_it_to_clean_up():
    _, _, _, runs = await supervised((0, None))
    first, second = runs.flags
    assert first is not second


async def test_a_run_may_set_its_stop_flag_without_ending_the_supervisor():
    class SetsItsFlag(Runs):
        def __call__(self, stop, ready):
            if self._ends:
                stop.set()
            super().__call__(stop, ready)

    clock, reasons = Clock(), []
    runs = SetsItsFlag(clock, (0, None))
    made = Supervisor(runs, on_restart=reasons.append, clock=clock, sleep=Sleeps())
    task = asyncio.create_task(made.run())
    assert await asyncio.to_thread(runs.working.wait, 10)
    made.stop()
    await asyncio.wait_for(task, 10)
    assert reasons == ["Ended"]


async def test_a_run_that_was_asked_to_end_is_followed_by_another_and_counts_as_no_failure():
    reasons, sleeps, began = [], Sleeps(), []

    def work(stop, ready):
        began.append(stop)
        stop.wait(10)

    made = Supervisor(work, on_restart=reasons.append, clock=Clock(), sleep=sleeps)
    task = asyncio.create_task(made.run())
    await eventually(lambda: len(began) == 1)
    made.restart()
    await eventually(lambda: len(began) == 2)
    made.stop()
    await asyncio.wait_for(task, 10)
    assert reasons == ["Asked"]
    assert made.failures == 0


async def test_a_supervisor_that_was_stopped_before_it_began_runs_nothing():
    runs = Runs(Clock())
    made = Supervisor(runs, on_restart=lambda _: None, clock=Clock())
    made.stop()
    await asyncio.wait_for(made.run(), 10)
    assert runs.flags == []


def test_a_thread_that_outlives_the_main_loop_ends_quietly():
    complaints, threads, began, leave = [], [], threading.Event(), threading.Event()

    def work(stop, ready):
        threads.append(threading.current_thread())
        began.set()
        leave.wait(10)

    async def main():
        made = Supervisor(work, on_restart=lambda _: None, clock=Clock())
        task = asyncio.create_task(made.run())
        assert await asyncio.to_thread(began.wait, 10)
        task.cancel()

    before, threading.excepthook = threading.excepthook, complaints.append
    try:
        asyncio.run(main())
        leave.set()
        threads[0].join(10)
    finally:
        threading.excepthook = before
    assert complaints == []
