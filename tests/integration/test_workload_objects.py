"""Odd objects on a real API server: absent, replaced, tampered with, refused, shared, not a Deployment."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from crm_monitoring.errors import Conflict
from crm_monitoring.manifest import DEPLOYMENT, STATEFUL_SET, ObjectKey
from crm_monitoring.reconcile.workload import (
    Claim,
    Policy,
    Slot,
    SlotState,
    holds_anything,
    reconcile_workload,
    release_workload,
)
from crm_monitoring.reconcile.workload.memory import ANNOTATION
from crm_monitoring.render.bundle import WorkloadFields
from support.owners import READINESS, Owner, first_container, template
from support.workload_operator import (
    CLAIM,
    NAME,
    OLD_PROBE,
    PROBE_ONLY,
    RESPECT,
    TAKE_OVER,
    WANTED,
    Operator,
    connected,
    states,
)
from testbed.controlplane import ControlPlane

pytestmark = pytest.mark.integration


@pytest.fixture
async def operator(admin: Path, control_plane: ControlPlane, namespace: str) -> AsyncIterator[Operator]:
    async with connected(admin) as cluster:
        yield Operator(cluster, control_plane, namespace)


@pytest.fixture
def owner(
    request: pytest.FixtureRequest,
    control_plane: ControlPlane,
    namespace: str,
    tool: Callable[[str], Path],
    tmp_path: Path,
) -> Owner:
    for name in ("kubectl", "helm", "helm3"):
        tool(name)
    return Owner(getattr(request, "param", "client-side apply"), control_plane, namespace, tmp_path / "chart")


async def test_a_workload_that_is_gone_is_not_created(owner: Owner, operator: Operator) -> None:
    owner.deploy({NAME: [{}]})
    stale = await operator.live()
    operator.plane.kubectl("delete", "deployment", NAME, "--namespace", operator.namespace)

    with pytest.raises(Conflict):
        await reconcile_workload(operator.cluster, stale, WANTED, policy=RESPECT, claim=CLAIM, now=operator.now)

    assert await operator.cluster.get(ObjectKey(DEPLOYMENT, operator.namespace, NAME)) is None


async def test_a_workload_that_was_replaced_meanwhile_is_looked_at_afresh(owner: Owner, operator: Operator) -> None:
    owner.deploy({NAME: [{}]})
    stale = await operator.live()
    operator.plane.kubectl("delete", "deployment", NAME, "--namespace", operator.namespace)
    owner.deploy({NAME: [OLD_PROBE]})

    outcome = await reconcile_workload(
        operator.cluster, stale, PROBE_ONLY, policy=RESPECT, claim=CLAIM, now=operator.now
    )

    assert states(outcome) == [SlotState.CONFLICT]
    assert (await operator.probe())["httpGet"]["path"] == "/old"


async def test_our_annotation_is_mended_when_somebody_writes_into_it(owner: Owner, operator: Operator) -> None:
    owner.deploy({NAME: [{}]})
    await operator.reconcile()
    text = (await operator.live())["metadata"]["annotations"][ANNOTATION]
    annotate = ("annotate", "deployment", NAME, "--overwrite", "--namespace", operator.namespace)
    operator.plane.kubectl(*annotate, f"{ANNOTATION}={{garbage")

    await operator.reconcile()

    mended = json.loads((await operator.live())["metadata"]["annotations"][ANNOTATION])
    assert mended == {key: value for key, value in json.loads(text).items() if key in mended}
    assert mended["uid"] == CLAIM.uid
    assert operator.rollouts == 1


async def test_an_annotation_cannot_make_us_write_into_a_slot_that_is_not_ours(
    owner: Owner, operator: Operator
) -> None:
    owner.deploy({NAME: [{**OLD_PROBE}]})
    await operator.reconcile(WANTED)
    evil = {
        "uid": CLAIM.uid,
        "deletionPolicy": "Remove",
        "originals": {"api/readinessProbe": {"exec": {"command": ["sh", "-c", "id"]}}, "api/image": "evil"},
    }
    annotate = ("annotate", "deployment", NAME, "--overwrite", "--namespace", operator.namespace)
    operator.plane.kubectl(*annotate, f"{ANNOTATION}={json.dumps(evil)}")

    await operator.release()

    assert (await operator.probe())["httpGet"]["path"] == "/old"
    assert first_container(await operator.live())["image"] == "registry.example.com/crm:1"
    assert not holds_anything(await operator.live())


async def test_a_value_that_the_api_server_refuses_is_reported(owner: Owner, operator: Operator) -> None:
    owner.deploy({NAME: [{}]})
    invalid = WorkloadFields("api", {"readinessProbe": {**READINESS, "periodSeconds": -1}}, {})

    outcome = await operator.reconcile(invalid)

    assert states(outcome) == [SlotState.REFUSED]
    assert outcome.changes == ()
    assert "periodSeconds" in outcome.findings[0].message


async def test_observing_writes_nothing_and_says_what_would_be_done(owner: Owner, operator: Operator) -> None:
    owner.deploy({NAME: [OLD_PROBE]})
    before = await operator.live()

    outcome = await reconcile_workload(
        operator.cluster, before, WANTED, policy=TAKE_OVER, claim=CLAIM, now=operator.now, observe=True
    )

    assert [(str(verdict.slot), verdict.state) for verdict in outcome.changes] == [
        ("api/env/CRM_LOG_LEVEL", SlotState.APPLIED),
        ("api/readinessProbe", SlotState.TAKEN),
    ]
    assert await operator.live() == before


async def test_another_resource_that_claims_the_workload_takes_up_where_the_first_left_off(
    owner: Owner, operator: Operator
) -> None:
    owner.deploy({NAME: [OLD_PROBE]})
    await operator.reconcile(policy=TAKE_OVER)

    outcome = await operator.reconcile(policy=TAKE_OVER, claim=Claim("second", "uid-of-second"))

    assert states(outcome) == [SlotState.IN_SYNC]
    memory = json.loads((await operator.live())["metadata"]["annotations"][ANNOTATION])
    assert memory["resource"] == "second"
    assert memory["originals"]["api/readinessProbe"]["httpGet"]["path"] == "/old"
    assert operator.rollouts == 1


async def test_a_sidecar_keeps_its_own_probe_and_variables(owner: Owner, operator: Operator) -> None:
    sidecar = {"name": "proxy", "env": [{"name": "CRM_LOG_LEVEL", "value": "DEBUG"}], **OLD_PROBE}
    owner.deploy({NAME: [sidecar, {}]})

    await operator.reconcile(WANTED)
    await operator.release()

    proxy, api = template(await operator.live())["spec"]["containers"]
    assert proxy["env"] == sidecar["env"]
    assert proxy["readinessProbe"]["httpGet"]["path"] == "/old"
    assert api["env"] == [{"name": "CRM_LOG_LEVEL", "value": "INFO"}]


async def test_a_stateful_set_is_treated_alike(operator: Operator, control_plane: ControlPlane) -> None:
    template_ = {
        "metadata": {"labels": {"app": NAME}},
        "spec": {"containers": [{"name": "api", "image": "registry.example.com/crm:1", **OLD_PROBE}]},
    }
    spec = {"serviceName": NAME, "selector": {"matchLabels": {"app": NAME}}, "template": template_}
    manifest = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": NAME}, "spec": spec}
    control_plane.apply(json.dumps(manifest), namespace=operator.namespace)
    key = ObjectKey(STATEFUL_SET, operator.namespace, NAME)
    before = await operator.cluster.get(key)
    policy = Policy("TakeOver", "Remove")

    await reconcile_workload(operator.cluster, before, WANTED, policy=policy, claim=CLAIM, now=operator.now)
    during = await operator.cluster.get(key)
    assert during is not None
    assert first_container(during)["readinessProbe"]["httpGet"] == READINESS["httpGet"]
    await release_workload(operator.cluster, during, operator.now)

    after = await operator.cluster.get(key)
    assert before is not None
    assert after is not None
    assert template(after) == template(before)
    assert not holds_anything(after)


async def test_a_slot_is_known_by_its_container_and_field(owner: Owner, operator: Operator) -> None:
    owner.deploy({NAME: [{}]})

    outcome = await operator.reconcile(WANTED)

    assert [verdict.slot for verdict in outcome.changes] == [
        Slot.env("api", "CRM_LOG_LEVEL"),
        Slot("api", "readinessProbe"),
    ]
