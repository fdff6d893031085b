"""A child that loses our label leaves the watch. When it is not wanted any more it must go all the same."""

import pytest

from crm_monitoring.manifest import SERVICE_MONITOR
from support.engine_world import deployment, running, service
from support.resources import minimal

CRM = (minimal(), deployment(), service())
MONITOR = "crm-crm-metrics"


def without_labels(world, **metadata):
    child = world.child(MONITOR, SERVICE_MONITOR)
    return {**child, "metadata": {**child["metadata"], "labels": {}, **metadata}}


def take_away(world, mode="Enforce", **metadata):
    """Take the labels from the monitor, and the wish for it, at once."""
    world.cluster.put(without_labels(world, **metadata), manager="kubectl-edit")
    world.edit({"mode": mode, "metrics": {"monitor": "None", "existingJob": "crm"}})


async def test_a_child_without_labels_goes_with_the_block_that_wanted_it():
    async with running(*CRM) as world:
        take_away(world)
        await world.rest()
        assert world.child(MONITOR, SERVICE_MONITOR) is None
        assert world.ready() == "True"


async def test_it_goes_also_when_both_happened_while_no_operator_ran():
    async with running(*CRM) as world:
        pass
    take_away(world)
    async with running(*world.cluster.objects()) as again:
        assert again.child(MONITOR, SERVICE_MONITOR) is None


async def test_an_observer_only_says_that_it_would_go():
    async with running(*CRM) as world:
        take_away(world, mode="Observe")
        await world.rest()
        assert world.child(MONITOR, SERVICE_MONITOR)
        states = {entry["name"]: entry["state"] for entry in world.body()["status"]["resources"]}
        assert states[MONITOR] == "WouldDelete"


OTHERS = {
    "somebody else owns it": [],
    "another resource owns it": [{"kind": "X", "apiVersion": "x/v1", "name": "x", "uid": "x"}],
}


@pytest.mark.parametrize("owners", OTHERS.values(), ids=OTHERS.keys())
async def test_what_a_status_names_is_left_alone_when(owners):
    async with running(*CRM) as world:
        take_away(world, ownerReferences=owners)
        await world.rest()
        assert world.child(MONITOR, SERVICE_MONITOR)
        assert world.ready() == "True"
