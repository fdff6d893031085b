"""R9: whatever keeps a leader from leading, another follows in time, and nobody writes whose Lease has ended."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.reliability import oracles
from support.reliability.pairs import Pair
from support.reliability.record import Recorder
from support.reliability.successions import FAULTS, Runs
from testbed.controlplane import ControlPlane

pytestmark = pytest.mark.integration

WHOLE = 100
SIDE_BY_SIDE = 4
SAMPLED = ("stopped process", "slow path")
SEED = 9


def carried_out(
    plane: ControlPlane, directory: Path, name: str, faults: Sequence[tuple[int, str]], recorder: Recorder
) -> None:
    """Run faults on a pair of their own, and record what came of each."""
    with Pair(plane, directory, name) as pair:
        runs = Runs(pair, SEED + faults[0][0])
        for number, fault in faults:
            found = runs.run(fault)
            recorder.add(
                f"run {number}: {fault}",
                converged=found.converged,
                seconds=found.seconds,
                exits=found.exits,
                tracebacks=oracles.tracebacks(found.log),
                violations=found.violations,
            )


@pytest.mark.timeout(180)
def test_some_leaders_are_followed_and_write_no_more(
    served_plane: ControlPlane, tmp_path: Path, record: Callable[..., Recorder]
) -> None:
    recorder = record("leadership", SEED)
    carried_out(served_plane, tmp_path, "lead-sample", list(enumerate(SAMPLED)), recorder)
    assert not recorder.failures(), recorder.told()


@pytest.mark.reliability
@pytest.mark.timeout(3600)
def test_a_hundred_leaders_are_followed_and_write_no_more(
    served_plane: ControlPlane, tmp_path: Path, record: Callable[..., Recorder]
) -> None:
    recorder, names = record("leadership", SEED), list(FAULTS)
    every = [(number, names[number % len(names)]) for number in range(WHOLE)]

    def work(lane: int) -> None:
        (directory := tmp_path / f"pair-{lane}").mkdir()
        mine = every[lane * WHOLE // SIDE_BY_SIDE : (lane + 1) * WHOLE // SIDE_BY_SIDE]
        carried_out(served_plane, directory, f"lead-{lane}", mine, recorder)

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        list(pool.map(work, range(SIDE_BY_SIDE)))
    assert not recorder.failures(), recorder.told()
