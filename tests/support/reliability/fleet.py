"""Several lanes at once: while one operator waits for its patience to end, others work."""

import queue
import random
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from crm_monitoring.controller.shard import Shard
from support.reliability import oracles
from support.reliability.faulting import TOUR, Plan, Sort, disturbed, sorts
from support.reliability.history import Histories
from support.reliability.lane import Lane
from support.reliability.record import Recorder
from support.reliability.response_faults import Fault
from support.reliability.runs import Reference, learn
from testbed.controlplane import ControlPlane

T = TypeVar("T")

SIDE_BY_SIDE = 6
"""Plans that wait long and share an operator: requests under way are bounded."""


@dataclass
class Fleet:
    """Lanes, and what one of them did undisturbed."""

    lanes: list[Lane]
    reference: Reference
    sorts: list[Sort]

    def run(self, plans: Iterable[Plan], recorder: Recorder) -> None:
        """Run plans and record what came of each."""

        def work(lane: Lane, some: tuple[Plan, ...]) -> None:
            for found in disturbed(lane, TOUR, self.reference, some):
                recorder.add(
                    f"{found.plan}{', one namespace' if lane.namespaced else ''}",
                    converged=found.converged,
                    seconds=found.seconds,
                    exits=found.exits,
                    tracebacks=oracles.tracebacks(found.log),
                    violations=found.violations,
                )

        side_by_side(self.lanes, _jobs(list(plans)), work)


def every(sorts: Iterable[Sort], faults: Mapping[str, Fault], seed: int) -> list[Plan]:
    """Return every fault of every sort, mixed, so that the first of them are a sample."""
    plans = [Plan(sort, name, fault) for name, fault in faults.items() for sort in sorts]
    random.Random(seed).shuffle(plans)
    return plans


@contextmanager
def fleet(
    plane: ControlPlane,
    directory: Path,
    tool: Callable[[str], Path],
    name: str,
    count: int,
    *,
    namespaced: bool = False,
    flags: tuple[str, ...] = (),
    touch: Callable[[str], None] = lambda plural: None,
) -> Iterator[Fleet]:
    """Run operators that share a cluster, or that have one namespace each."""
    with ExitStack() as stack:
        histories = stack.enter_context(Histories(plane))
        lanes = []
        for number in range(1, count + 1):
            (own := directory / f"{name}-{number}").mkdir()
            shard = None if namespaced else Shard(number, count)
            called = f"{name}-{number}"
            lane = Lane(plane, own, tool, histories, name=called, shard=shard, namespaced=namespaced, flags=flags)
            lane.touch = touch
            lanes.append(stack.enter_context(lane))
        reference = learn(lanes[0], TOUR)
        assert {("crm", 1), ("crm", 2)} <= {*reference.wanted}, "the undisturbed run was not Ready after each step"
        yield Fleet(lanes, reference, sorts(lanes[0].proxy.trace))
        assert not histories.broken, histories.broken


def side_by_side(lanes: Sequence[Lane], jobs: Iterable[T], work: Callable[[Lane, T], None]) -> None:
    """Do every job in some lane. Raise what the first job raised that failed; the others are done all the same.

    A lane belongs to one thread, which lives until all jobs are done: operators end with the thread that started them.
    """
    waiting: queue.SimpleQueue[T] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    problems: list[Exception] = []

    def follow(lane: Lane) -> None:
        while True:
            try:
                job = waiting.get_nowait()
            except queue.Empty:
                break
            try:
                work(lane, job)
            except Exception as problem:
                problems.append(problem)
                lane.stop()
        lane.stop()

    threads = [threading.Thread(target=follow, args=(lane,), name=lane.own_namespace) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


def _jobs(plans: Sequence[Plan]) -> list[tuple[Plan, ...]]:
    """Return what is done at once: slow plans in groups, unless they need a kopf of their own or each other's end."""
    slow = [plan for plan in plans if plan.fault.is_slow and not plan.sort.ends_kopf]
    groups: list[list[Plan]] = []
    for plan in slow:
        fits = (g for g in groups if len(g) < SIDE_BY_SIDE and plan.sort.resource not in {p.sort.resource for p in g})
        group = next(fits, None)
        if group is None:
            groups.append(group := [])
        group.append(plan)
    return [*map(tuple, groups), *((plan,) for plan in plans if plan not in slow)]
