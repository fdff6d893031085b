"""How often the pods of a workload on a real API server are restarted, restarts of the operator included."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from crm_monitoring.cluster.kube import KubeCluster
from crm_monitoring.errors import Unavailable
from crm_monitoring.manifest import Manifest, ObjectKey
from crm_monitoring.reconcile.workload import (
    Policy,
    SlotState,
    holds_anything,
    reconcile_workload,
    release_workload,
)
from crm_monitoring.render.bundle import WorkloadFields
from support.owners import READINESS, Owner, first_container, template
from support.workload_operator import (
    CLAIM,
    MINUTE,
    NAME,
    PROBE_ONLY,
    WANTED,
    Operator,
    connected,
    states,
)
from testbed.controlplane import ControlPlane

pytestmark = pytest.mark.integration


def other_level(level: str) -> WorkloadFields:
    return WorkloadFields("api", {"readinessProbe": READINESS}, {"CRM_LOG_LEVEL": level})


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


async def test_changes_within_ten_minutes_become_one_rollout(owner: Owner, operator: Operator) -> None:
    owner.deploy({NAME: [{}]})
    await operator.reconcile(WANTED)
    await operator.finish_rollout()

    for level in ("DEBUG", "ERROR", "WARNING"):
        operator.now += 2 * MINUTE
        outcome = await operator.reconcile(other_level(level))
        assert SlotState.RATE_LIMITED in states(outcome)
        assert outcome.writes == 0
    assert outcome.recheck_after_seconds == pytest.approx(240, abs=2)
    operator.now += 4 * MINUTE + timedelta(seconds=1)
    await operator.reconcile(other_level("WARNING"))

    assert first_container(await operator.live())["env"] == [{"name": "CRM_LOG_LEVEL", "value": "WARNING"}]
    assert operator.rollouts == 2


async def test_a_change_waits_for_the_rollout_of_the_last_one(owner: Owner, operator: Operator) -> None:
    owner.deploy({NAME: [{}]})
    await operator.reconcile(WANTED)
    await operator.finish_rollout(unavailableReplicas=1)
    operator.now += 11 * MINUTE

    waiting = await operator.reconcile(other_level("DEBUG"))
    assert SlotState.WAITING_FOR_ROLLOUT in states(waiting)
    assert waiting.writes == 0

    failed = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    await operator.finish_rollout(conditions=[failed])
    await operator.reconcile(other_level("DEBUG"))
    assert operator.rollouts == 2


async def test_giving_up_is_never_delayed(owner: Owner, operator: Operator) -> None:
    owner.deploy({NAME: [{}]})
    await operator.reconcile(WANTED)

    await operator.reconcile(PROBE_ONLY)

    container = first_container(await operator.live())
    assert container["env"] == [{"name": "CRM_LOG_LEVEL", "value": "INFO"}]
    assert operator.rollouts == 1
    assert "CRM_LOG_LEVEL" not in str(
        [e for e in (await operator.live())["metadata"]["managedFields"] if e["manager"] == "crm-monitoring-operator"]
    )


async def test_removing_one_variable_keeps_the_pace_and_removing_all_does_not(owner: Owner, operator: Operator) -> None:
    remove = Policy(deletion="Remove")
    owner.deploy({NAME: [{}]})
    await operator.reconcile(WANTED, remove)

    waiting = await operator.reconcile(PROBE_ONLY, remove)
    assert SlotState.RATE_LIMITED in states(waiting)
    assert "env" in first_container(await operator.live())

    await operator.release()
    assert first_container(await operator.live()).keys().isdisjoint({"env", "readinessProbe"})


class Dying:
    """A cluster whose connection is lost at one write: before it, or after it was carried out."""

    def __init__(self, cluster: KubeCluster, writes: int, *, carried_out: bool) -> None:
        self._cluster = cluster
        self._left = writes
        self._carried_out = carried_out

    async def get(self, key: ObjectKey) -> Manifest | None:
        return await self._cluster.get(key)

    async def apply(self, manifest: Mapping[str, Any], *, force: bool) -> Manifest:
        if self._alive():
            return await self._cluster.apply(manifest, force=force)
        if self._carried_out:
            await self._cluster.apply(manifest, force=force)
        raise Unavailable("the process ends here")

    async def json_patch(self, key: ObjectKey, operations: Sequence[Mapping[str, Any]]) -> Manifest:
        if self._alive():
            return await self._cluster.json_patch(key, operations)
        if self._carried_out:
            await self._cluster.json_patch(key, operations)
        raise Unavailable("the process ends here")

    def _alive(self) -> bool:
        self._left -= 1
        return self._left >= 0


@pytest.mark.parametrize("carried_out", [False, True])
async def test_a_restart_between_any_two_writes_changes_nothing(
    owner: Owner, operator: Operator, carried_out: bool
) -> None:
    before = {"readinessProbe": {"tcpSocket": {"port": 80}}, "env": [{"name": "CRM_LOG_LEVEL", "value": "DEBUG"}]}
    policy = Policy("TakeOver", "Remove")
    final = []
    for deaths in range(5):
        operator.plane.kubectl("delete", "deployment", NAME, "--ignore-not-found", "--namespace", operator.namespace)
        owner.deploy({NAME: [before]})
        original = template(await operator.live())
        templates = [original]
        dying: Any = Dying(operator.cluster, deaths, carried_out=carried_out)
        try:
            live = await operator.live()
            await reconcile_workload(dying, live, WANTED, policy=policy, claim=CLAIM, now=operator.now)
        except Unavailable:
            templates.append(template(await operator.live()))
        await operator.reconcile(WANTED, policy)
        templates.append(template(await operator.live()))
        final.append(templates[-1])
        assert sum(a != b for a, b in pairwise(templates)) == 1, deaths
        assert (await operator.reconcile(WANTED, policy)).writes == 0, deaths

        dying = Dying(operator.cluster, deaths, carried_out=carried_out)
        try:
            await release_workload(dying, await operator.live(), operator.now)
        except Unavailable:
            await operator.release()
        assert template(await operator.live()) == original, deaths
        assert not holds_anything(await operator.live()), deaths
    assert all(state == final[0] for state in final)
