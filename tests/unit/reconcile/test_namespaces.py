"""A namespace that is being deleted: its resources are let go, nothing is taken off its workloads, and nobody is told twice."""

import asyncio

import pytest

from crm_monitoring.cluster.address import path_of
from crm_monitoring.cluster.answers import Call
from crm_monitoring.errors import Forbidden, Unavailable
from crm_monitoring.manifest import CRM_MONITORING, DEPLOYMENT, NAMESPACE, ObjectKey
from crm_monitoring.reconcile.namespaces import LOOK_SECONDS, REFUSED_SECONDS, Namespaces
from crm_monitoring.reconcile.workload_pass import FINALIZER
from support.engine_world import deployment, running, service
from support.resources import minimal

REMOVE = {"workload": {"env": {"logLevel": "INFO"}, "deletionPolicy": "Remove"}}
CRM = (minimal(REMOVE), deployment(), service())


def finalizers(world):
    return world.body()["metadata"].get("finalizers") or []


def workload(world):
    (found,) = world.cluster.objects(DEPLOYMENT)
    return found


async def test_a_namespace_that_stays_costs_its_resources_nothing():
    async with running(*CRM) as world:
        written = len(world.writes())
        await world.namespaces.look("crm")
        await world.rest()
        assert finalizers(world) == [FINALIZER]
        assert len(world.writes()) == written


async def test_the_resources_of_one_that_goes_lose_the_finalizer_and_its_workloads_keep_their_fields():
    async with running(*CRM) as world:
        before = workload(world)["spec"]
        world.cluster.terminate("crm")
        await world.namespaces.look("crm")
        await world.rest()
        assert finalizers(world) == []
        assert workload(world)["spec"] == before
        world.engine.look_at_everything()
        await world.rest()
        assert finalizers(world) == []


async def test_one_that_is_made_again_under_the_same_name_is_served_like_any_other():
    async with running(*CRM) as world:
        world.cluster.terminate("crm")
        await world.namespaces.look("crm")
        await world.rest()
        world.cluster.revive("crm")
        await world.namespaces.look("crm")
        world.engine.look_at_everything()
        await world.rest()
        assert finalizers(world) == [FINALIZER]


async def test_a_namespace_in_which_nothing_could_be_held_up_is_not_read():
    async with running(minimal(), deployment(), service()) as world:
        reads = Reads()
        await Namespaces(reads, world.caches, ("crm",), world.queue.add).look("crm")
        assert reads.keys == []


class Reads:
    """Keeps what is asked for, and the pauses in between; answers with errors as long as there are some."""

    def __init__(self, *errors):
        self.keys = []
        self.pauses = []
        self._errors = list(errors)

    async def get(self, key):
        self.keys.append(key)
        if self._errors:
            raise self._errors.pop(0)
        return {"metadata": {"name": key.name}}

    async def sleep(self, seconds):
        self.pauses.append(seconds)
        if len(self.pauses) == 2:
            raise asyncio.CancelledError


FAILURES = {
    "time is short, so a read that fails is soon repeated": (Unavailable("busy"), [LOOK_SECONDS, LOOK_SECONDS]),
    "a read that is refused is left alone for a while": (Forbidden("no"), [REFUSED_SECONDS, LOOK_SECONDS]),
}


@pytest.mark.parametrize("case", FAILURES)
async def test_a_failure_does_not_end_the_watch(case):
    error, pauses = FAILURES[case]
    async with running(*CRM) as world:
        reads = Reads(error)
        with pytest.raises(asyncio.CancelledError):
            await Namespaces(reads, world.caches, ("crm",), world.queue.add, reads.sleep).run()
        assert reads.keys == [ObjectKey(NAMESPACE, "crm", "crm")] * 2
        assert reads.pauses == pauses


async def test_an_operator_of_the_whole_cluster_reads_none():
    async with running(*CRM) as world:
        await Namespaces(Reads(), world.caches, (), world.queue.add).run()


def test_a_namespace_is_addressed_as_a_role_in_it_permits():
    assert path_of(Call("get", NAMESPACE, "crm", "crm")) == "/api/v1/namespaces/crm"
    assert path_of(Call("get", CRM_MONITORING, "crm", "a")).endswith("/namespaces/crm/crmmonitorings/a")
