"""The framework itself: it sees what happens, kills where it says, and finds mistakes that are made on purpose."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crm_monitoring.manifest import CRM_MONITORING, PROMETHEUS_RULE
from support.live import eventually
from support.reliability.bugs import BUGS, MODULE
from support.reliability.crash import Kill, Point
from support.reliability.history import states
from support.reliability.runs import Reference, judged, learn, run
from support.reliability.scenarios import SCENARIOS
from support.reliability.snapshot import differences, fetch, snapshot
from support.reliability.world import World
from support.resources import minimal
from testbed.controlplane import ControlPlane
from testbed.operator import PROGRAM

pytestmark = pytest.mark.integration

CREATE, DELETE, PRUNE = "create the smallest resource", "delete with Remove", "edit metrics to a PodMonitor"
LEAVE = "edit notifications to an AlertmanagerConfig"
SOON_SECONDS = 6.0

Learn = Callable[[str], Reference]


@pytest.fixture(scope="module")
def world(
    served_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory, tool: Callable[[str], Path]
) -> Iterator[World]:
    """Return a place to run plans in."""
    with World(served_plane, tmp_path_factory.mktemp("framework"), tool, name="framework") as world:
        yield world


@pytest.fixture(scope="module")
def reference(world: World) -> Learn:
    """Return a function that learns a scenario once, from an operator without mistakes."""
    known: dict[str, Reference] = {}

    def of(name: str) -> Reference:
        if name not in known:
            world.run_with((), PROGRAM)
            known[name] = learn(world, SCENARIOS[name])
        return known[name]

    return of


def test_the_history_holds_every_version_and_ends_with_what_is_there(world: World) -> None:
    world.run_with((), PROGRAM)
    place = world.place()
    place.tenant.monitor(minimal())
    place.tenant.ready()
    place.tenant.delete(PROMETHEUS_RULE, "crm-crm-stock")
    eventually(lambda: place.tenant.look(PROMETHEUS_RULE, "crm-crm-stock"))

    wanted = snapshot(fetch(place.tenant), place.name)
    eventually(lambda: differences(wanted, world.snapshot(place)) == [])

    changes = world.histories.changes(place.name)
    seen = ["PrometheusRule crm-crm-stock" in present for _, present in states(changes)]
    assert [one for one, before in zip(seen, [None, *seen], strict=False) if one != before] == [
        False,
        True,
        False,
        True,
    ]
    assert not world.histories.broken
    world.clear(place)


@pytest.mark.parametrize("commit", [False, True], ids=["before", "after"])
def test_a_crash_is_where_the_plan_says(world: World, reference: Learn, commit: bool) -> None:
    (point,) = [
        point
        for point in reference(CREATE).points
        if point.asked.resource == "prometheusrules" and "stock" in point.asked.name and point.commit == commit
    ]
    world.run_with((), PROGRAM)
    place = world.place()
    attempt = _killing(world, point, place.name)
    place.tenant.monitor(minimal())
    eventually(lambda: not world.running)
    assert attempt.at
    assert bool(place.tenant.look(PROMETHEUS_RULE, "crm-crm-stock")) == commit
    assert not place.tenant.look(CRM_MONITORING, "crm")["status"].get("observedGeneration")
    world.proxy.clear()
    world.clear(place)


FOUND_BY: dict[str, tuple[str, str, str]] = {
    "Ready comes first": (CREATE, "", "O4"),
    "nothing is compared": (CREATE, "", "O3"),
    "what was is forgotten": (LEAVE, "kill -9 before delete secrets alertmanager-crm", "O1"),
    "prune is forgotten": (PRUNE, "", "O1"),
    "times are renewed": (CREATE, "", "O3"),
    "a Secret is logged": (DELETE, "", "O5"),
    "others' objects are overwritten": (CREATE, "", "O6"),
    "an error is let through": (CREATE, "", "O7"),
    "a rule does not parse": (CREATE, "", "O8"),
    "the process ends": (CREATE, "", "O9"),
    "Secrets are listed": (CREATE, "", "O10"),
}
"""Mistakes by scenario, crash if it takes one, and the oracle that finds it."""

FEW = 2
"""Mistakes that `make test` makes; the whole campaign makes all."""


def test_every_mistake_is_looked_for() -> None:
    assert set(FOUND_BY) == set(BUGS)


@pytest.mark.parametrize(
    "mistake",
    [name if at < FEW else pytest.param(name, marks=pytest.mark.reliability) for at, name in enumerate(FOUND_BY)],
)
def test_a_mistake_made_on_purpose_is_found(world: World, reference: Learn, mistake: str) -> None:
    name, crash, oracle = FOUND_BY[mistake]
    known = reference(name)
    point = next((point for point in known.points if str(point) == crash), None)
    assert bool(crash) == bool(point)
    world.run_with((), ("-m", MODULE, mistake))

    result = run(world, SCENARIOS[name], known, point, within=SOON_SECONDS)
    world.restart()

    assert judged(world, result, known, SCENARIOS[name])[oracle]


def _killing(world: World, point: Point, namespace: str) -> Kill:
    action = Kill(lambda: world.operator.pid, point.commit)
    world.proxy.plan(point.match(namespace), action)
    return action
