"""R1: the operator is killed before and after every write of every scenario, and puts everything right again."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.reliability.campaign import carry_out
from support.reliability.record import Recorder
from support.reliability.runs import learn
from support.reliability.scenarios import SCENARIOS
from support.reliability.world import World
from testbed.controlplane import ControlPlane

pytestmark = pytest.mark.integration

SAMPLED = ("create the smallest resource", "delete with Remove")
SAMPLE_SIZE = 2
"""Crashes of each sampled scenario that `make test` tries."""


@pytest.fixture(scope="module")
def world(
    served_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory, tool: Callable[[str], Path]
) -> Iterator[World]:
    """Return a place to run plans in."""
    with World(served_plane, tmp_path_factory.mktemp("crash"), tool) as world:
        yield world
        assert not world.histories.broken


@pytest.mark.parametrize("name", SAMPLED)
def test_a_crash_at_some_writes_is_recovered_from(world: World, record: Callable[..., Recorder], name: str) -> None:
    recorder, reference = record("crash"), learn(world, SCENARIOS[name])
    points = random.Random(name).sample(list(reference.points), SAMPLE_SIZE)
    carry_out(world, SCENARIOS, {name: reference}, [(name, point) for point in points], recorder)
    assert not recorder.failures(), recorder.told()


@pytest.mark.reliability
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_crash_before_and_after_every_write_is_recovered_from(
    world: World, record: Callable[..., Recorder], name: str
) -> None:
    recorder, reference = record("crash"), learn(world, SCENARIOS[name])
    plans = [(name, None), *((name, point) for point in reference.points)]
    carry_out(world, SCENARIOS, {name: reference}, plans, recorder)
    assert not recorder.failures(), recorder.told()
