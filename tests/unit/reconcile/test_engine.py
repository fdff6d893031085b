"""The engine: whatever changes in the caches leads to the right passes, and no pass that fails delays another."""

import asyncio
import time
from itertools import pairwise

import pytest

from crm_monitoring.cluster.port import FIELD_MANAGER
from crm_monitoring.errors import Forbidden, NotLeading, Refused, Unavailable
from crm_monitoring.manifest import (
    CRM_MONITORING,
    PROMETHEUS_RULE,
    SECRET,
    SERVICE,
    SERVICE_MONITOR,
    ObjectKey,
    key_of,
)
from crm_monitoring.reconcile.status import ready_of
from support.engine_world import STOCK, alertmanager, deployment, running, service, slack_secret
from support.reliability.window import held
from support.resources import minimal, quickstart
from unit.cluster.server import eventually

CRM = (minimal(), deployment(), service())


async def test_a_resource_leads_to_its_objects_and_a_second_look_writes_nothing():
    async with running(*CRM) as world:
        assert world.ready() == "True"
        assert world.child()
        written = len(world.writes())
        world.engine.look_at_everything()
        await world.rest()
        assert len(world.writes()) == written


async def test_a_restart_writes_nothing():
    async with running(*CRM) as world:
        objects = [*world.cluster.objects()]
    async with running(*objects) as again:
        assert again.ready() == "True"
        assert again.writes() == []


CHANGES = {
    "the resource is edited": lambda world: world.edit({"objectLabels": {"edited": "yes"}}),
    "a child is deleted": lambda world: world.cluster.drop(key_of(world.child())),
    "a child is changed": lambda world: world.cluster.put({**world.child(), "spec": {"groups": []}}),
    "a child loses its labels": lambda world: world.cluster.put(
        {**world.child(), "metadata": {**world.child()["metadata"], "labels": {}}}
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_what_changes_is_made_right_within_one_pass(change):
    async with running(*CRM) as world:
        before, wanted = len(world.seen.passed_keys), world.child()["spec"]
        change(world)
        await asyncio.sleep(0.01)
        await world.rest()
        child = world.child()
        assert child["spec"] == wanted
        assert child["metadata"]["labels"].get("app.kubernetes.io/managed-by") == "crm-monitoring-operator"
        assert world.ready() == "True"
        assert len(world.seen.passed_keys) - before <= 3


async def test_a_target_that_comes_and_a_service_that_goes_are_noticed():
    async with running(minimal()) as world:
        assert world.ready() == "False"
        world.cluster.put(deployment())
        world.cluster.put(service())
        await eventually(lambda: world.ready() == "True")
        assert world.child("crm-crm-metrics", SERVICE_MONITOR)
        world.cluster.drop(ObjectKey(SERVICE, "crm", "crm-api"))
        await eventually(lambda: world.child("crm-crm-metrics", SERVICE_MONITOR) is None)


async def test_a_kind_that_comes_later_is_used_then():
    async with running(*CRM, unserved=[SERVICE_MONITOR]) as world:
        assert ready_of(world.body()["status"])["reason"] == "DependencyMissing"
        assert world.child(), "the other objects do not wait"
        world.cluster.serve(SERVICE_MONITOR)
        await eventually(lambda: world.child("crm-crm-metrics", SERVICE_MONITOR) is None)
        world.engine.look_at_everything()
        await eventually(lambda: world.ready() == "True")


async def test_a_resource_that_is_gone_is_forgotten_and_nothing_is_written_about_it():
    async with running(*CRM) as world:
        written = len(world.cluster.writes)
        world.cluster.drop(key_of(world.body()))
        world.cluster.collect_garbage()
        await asyncio.sleep(0.01)
        await world.rest()
        assert world.cluster.writes[written:] == []
        assert world.cluster.objects(PROMETHEUS_RULE) == []


NOTIFIED = (deployment(), service(), alertmanager(), slack_secret())


@pytest.mark.parametrize("comes_back", [False, True], ids=["for good", "and another comes in its place"])
async def test_a_resource_that_goes_during_its_own_pass_is_forgotten_at_the_end_of_it(comes_back):
    after = quickstart({"environment": "staging"}, uid="another")
    async with running(*NOTIFIED, *([after] if comes_back else [])) as world:
        wanted = remembered(world)
    async with running(*NOTIFIED, quickstart()) as world:
        resource = key_of(world.body())
        staying = [resource]

        def goes(call):
            if staying and call.verb == "apply" and call.name == STOCK:
                world.cluster.drop(staying.pop())
                world.caches.remove(resource)
                world.cluster.collect_garbage()
            return False

        world.cluster.fail_next(goes, Unavailable("never"))
        world.edit({"objectLabels": {"edited": "yes"}})
        await eventually(lambda: not world.caches.get(resource))
        await world.rest()
        if comes_back:
            world.cluster.collect_garbage()
            world.cluster.put(after)
            await eventually(lambda: world.ready() == "True")
            await world.rest()
        assert remembered(world) == wanted


def remembered(world):
    """Return of how many resources each part of the passes remembers what."""
    passes = vars(world.engine)["_resources"]
    return held([passes, *(vars(passes)[part] for part in ("_merged", "_secrets"))])


async def test_a_failure_of_one_resource_delays_no_other():
    async with running(*CRM, minimal(name="other", uid="uid-other")) as world:
        for _ in range(50):
            world.cluster.fail_next(
                lambda call: call.verb == "apply" and str(call.name).startswith("crm-crm"), Unavailable("text")
            )
        world.edit({"objectLabels": {"edited": "yes"}})
        world.edit({"objectLabels": {"edited": "yes"}}, name="other")
        await eventually(lambda: "edited" in world.child("other-crm-stock")["metadata"]["labels"])
        assert "edited" not in world.child()["metadata"]["labels"]


@pytest.mark.parametrize("times", [1, 2], ids=["once", "and raises again when it wants to say so"])
async def test_a_pass_that_raises_is_told_and_tried_again(times):
    async with running(*CRM) as world:
        for _ in range(times):
            world.cluster.fail_next(lambda call: call.verb == "patch", RuntimeError("text"))
        world.cluster.put({**minimal({"environment": "staging"}), "status": {}})
        await eventually(lambda: world.seen.failures == [("crm", "RuntimeError", 0.5)])
        await eventually(lambda: world.ready() == "True")


async def test_the_server_is_left_alone_as_long_as_it_asked_whatever_changes():
    async with running(*CRM) as world:
        refusal = Unavailable("text", retry_after_seconds=0.4)
        world.cluster.fail_next(lambda call: call.verb == "apply" and call.name == STOCK, refusal)
        began = time.monotonic()
        world.edit({"objectLabels": {"edited": "1"}})
        await eventually(lambda: world.ready() == "False")
        world.edit({"objectLabels": {"edited": "2"}})
        await eventually(lambda: world.child()["metadata"]["labels"].get("edited") == "2")
        assert time.monotonic() - began >= 0.4
        await eventually(lambda: world.ready() == "True")


@pytest.mark.parametrize("error", [Refused("text"), Forbidden("text")], ids=lambda error: error.reason)
async def test_what_is_refused_now_is_tried_again_because_a_policy_or_a_role_may_change(error):
    async with running(*CRM) as world:
        world.cluster.fail_next(lambda call: call.verb == "apply" and call.name == STOCK, error)
        world.edit({"objectLabels": {"edited": "1"}})
        await eventually(lambda: ready_of(world.body()["status"])["reason"] == error.reason)
        await eventually(lambda: world.ready() == "True")
        assert world.child()["metadata"]["labels"]["edited"] == "1"


async def test_a_replica_that_does_not_lead_writes_nothing_and_plans_no_retry():
    async with running(*CRM) as world:
        world.cluster.fail_next(lambda call: call.verb == "apply", NotLeading("text"))
        world.cluster.fail_next(lambda call: call.verb == "patch", NotLeading("text"))
        world.edit({"objectLabels": {"edited": "1"}})
        await asyncio.sleep(0.01)
        await world.rest()
        assert world.seen.failures == []


NOTIFYING = (quickstart(), deployment(), service(), alertmanager(), slack_secret())
MERGED = "alertmanager-crm"


async def test_patience_is_kept_while_a_pass_waits_for_the_merged_secret():
    async with running(*NOTIFYING) as world:
        refusal = Unavailable("text", retry_after_seconds=0.4)
        world.cluster.fail_next(lambda call: call.verb == "apply" and call.name == STOCK, refusal)
        began = time.monotonic()
        group_by = ["namespace", "crm_monitoring", "severity"]
        notifications = {**world.body()["spec"]["notifications"], "groupBy": group_by}
        world.edit({"objectLabels": {"edited": "1"}, "notifications": notifications})
        await eventually(lambda: world.child()["metadata"]["labels"].get("edited") == "1")
        assert time.monotonic() - began >= 0.4
        await eventually(lambda: world.ready() == "True")


async def test_a_definition_that_seems_gone_for_a_moment_costs_no_notification():
    async with running(*NOTIFYING) as world:
        assert world.child(MERGED, SECRET)
        (store,) = world.caches.scopes(CRM_MONITORING).values()
        listed = list(store)
        store.unserve()
        await world.rest()
        assert world.child(MERGED, SECRET), "nobody can say who shares it while resources cannot be listed"
        store.replace(listed, "1000000")
        await world.rest()
        assert world.child(MERGED, SECRET)
        assert world.ready() == "True"


def held_deployment():
    """Return a workload with a probe that the operator set, by its managedFields."""
    path = {"f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"api"}': {"f:readinessProbe": {}}}}}}}
    entry = {"manager": FIELD_MANAGER, "operation": "Apply", "apiVersion": "apps/v1", "fieldsV1": path}
    probe = {"httpGet": {"path": "/api/crm/health/readiness", "port": "http"}}
    body = deployment(readinessProbe=probe)
    return {**body, "metadata": {**body["metadata"], "managedFields": [entry]}}


async def test_a_workload_that_nobody_claims_is_let_go():
    async with running(held_deployment(), service()) as world:
        assert world.writes()


async def test_nothing_is_let_go_while_the_definition_seems_gone_as_when_an_api_server_starts():
    async with running(held_deployment(), service(), unserved=[CRM_MONITORING]) as world:
        assert world.writes() == []


async def test_an_edit_that_leaves_the_claim_to_a_workload_alone_concerns_nobody_else():
    """An author who edits without end would have every other resource of the same workload looked at each time."""
    beside = [minimal({"workload": {"env": {"logLevel": "INFO"}}}, name=name, uid=f"uid-{name}") for name in ("a", "b")]
    async with running(*CRM, *beside) as world:
        before = len(world.seen.passed_keys)
        world.edit({"environment": "staging"})
        await asyncio.sleep(0.01)
        await world.rest()
        assert {key.name for key in world.seen.passed_keys[before:] if key.kind == CRM_MONITORING} == {"crm"}


async def test_passes_that_find_nothing_to_do_leave_room_for_others():
    names = [f"crm-{number}" for number in range(40)]
    async with running(deployment(), service(), *(minimal(name=name, uid=f"uid-{name}") for name in names)) as world:
        passed = len(world.seen.passed_keys)
        world.engine.look_at_everything()
        in_between = []
        while not world.queue.idle:
            await asyncio.sleep(0)
            in_between.append(len(world.seen.passed_keys))
        assert in_between[-1] - passed == len(names)
        assert max(after - before for before, after in pairwise(in_between)) <= 4
