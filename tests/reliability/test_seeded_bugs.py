"""A campaign that finds nothing proves something only if it finds what is there: eleven known bugs, one at a time."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.live import eventually
from support.reliability.leases import trespasses
from support.reliability.oracles import Violations
from support.reliability.pairs import DURATION, READY_WITHIN, Pair
from support.reliability.record import Recorder
from support.reliability.runs import Reference, learn
from support.reliability.scenarios import SCENARIOS
from support.reliability.seeded import BUGS, seed
from support.reliability.seeded_plans import PLANS, SOON_SECONDS, Plan, tried
from support.reliability.successions import CHURN_SECONDS, NAMES, Churn
from support.reliability.world import World
from testbed.controlplane import ControlPlane
from testbed.operator import PROGRAM

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

SAMPLED = ("Ready is True while a child failed",)
"""Bugs that `make test` looks for; `make reliability` looks for all."""

OF_LEADERSHIP = "who does not hold the Lease writes"
STEPS = 20
"""Edits and deletes while two replicas run."""

SEED = 11


@pytest.fixture(scope="module")
def world(
    served_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory, tool: Callable[[str], Path]
) -> Iterator[World]:
    """Return a place to run plans in."""
    with World(served_plane, tmp_path_factory.mktemp("seeded"), tool, name="seeded") as world:
        yield world


class Known:
    """What is known of the operator without a bug, learnt once for each scenario and plan."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._references: dict[str, Reference] = {}
        self._found: dict[Plan, Violations] = {}

    def reference(self, scenario: str) -> Reference:
        """Return what a scenario is like undisturbed."""
        if scenario not in self._references:
            self._world.run_with((), PROGRAM)
            self._references[scenario] = learn(self._world, SCENARIOS[scenario])
        return self._references[scenario]

    def found(self, plan: Plan) -> Violations:
        """Return what a plan finds."""
        if plan not in self._found:
            reference = self.reference(plan.scenario)
            self._world.run_with((), PROGRAM)
            self._found[plan] = tried(self._world, plan, reference)
        return self._found[plan]


@pytest.fixture(scope="module")
def known(world: World) -> Known:
    """Return what is known of the operator without a bug."""
    return Known(world)


def test_every_bug_is_looked_for() -> None:
    assert {*PLANS, OF_LEADERSHIP} == set(BUGS)


@pytest.mark.parametrize("bug", SAMPLED)
def test_a_bug_is_found_and_without_it_nothing(
    world: World, known: Known, record: Callable[..., Recorder], tmp_path: Path, bug: str
) -> None:
    looked_for(bug, world, known, tmp_path, record("seeded_bugs", SEED))


@pytest.mark.reliability
@pytest.mark.parametrize("bug", PLANS)
def test_every_bug_is_found_and_without_it_nothing(
    world: World, known: Known, record: Callable[..., Recorder], tmp_path: Path, bug: str
) -> None:
    looked_for(bug, world, known, tmp_path, record("seeded_bugs", SEED))


def looked_for(bug: str, world: World, known: Known, directory: Path, recorder: Recorder) -> None:
    """Try a plan on the operator as it is, and with a bug."""
    plan = PLANS[bug]
    nothing, reference = known.found(plan), known.reference(plan.scenario)
    world.run_with((), seed(BUGS[bug], directory))
    found = tried(world, plan, reference, SOON_SECONDS)
    world.stop()
    _note(recorder, bug, found, nothing, plan.by)
    assert not recorder.failures(), recorder.told()


@pytest.mark.reliability
def test_who_writes_without_the_lease_is_found(
    served_plane: ControlPlane, record: Callable[..., Recorder], tmp_path: Path
) -> None:
    recorder = record("seeded_bugs", SEED)
    nothing = _worked(served_plane, tmp_path / "without", "without-bug", PROGRAM)
    found = _worked(served_plane, tmp_path / "with", "with-bug", seed(BUGS[OF_LEADERSHIP], tmp_path))
    _note(recorder, OF_LEADERSHIP, found, nothing, "O11")
    assert not recorder.failures(), recorder.told()


def _worked(plane: ControlPlane, directory: Path, name: str, program: tuple[str, ...]) -> Violations:
    """Let two replicas run while people are at work, and judge who wrote."""
    directory.mkdir()
    began = plane.audit_mark()
    with Pair(plane, directory, name, program) as pair:
        churn = Churn(pair.tenant, SEED)
        churn.begin()
        eventually(lambda: all(replica.operator.is_ready() for replica in pair.replicas.values()), READY_WITHIN)
        for _ in range(STEPS):
            churn.step()
            time.sleep(CHURN_SECONDS)
        churn.rest()
        for resource in NAMES:
            pair.tenant.ready(resource, within=30)
        users = {replica.user for replica in pair.replicas.values()}
        written = [event for event in plane.audit_since(began, writes_only=True) if event.user in users]
        said = trespasses(pair.history(), written, DURATION)
    return {"O11": said} if said else {}


def _note(recorder: Recorder, bug: str, found: Violations, nothing: Violations, by: str) -> None:
    """Record a plan: it is good when the oracle that is there for the bug finds it, and nothing is found without it."""
    seen = ", ".join(f"{oracle} ({len(said)})" for oracle, said in found.items()) or "nothing"
    recorder.add(f"{bug}: found by {seen}", converged=by in found, violations=nothing)
