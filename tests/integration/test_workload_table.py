"""Every owner, every start, both policies, both releases: what the workload looks like after each step."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any, Literal

import pytest

from crm_monitoring.cluster.kube import KubeCluster
from crm_monitoring.cluster.port import FIELD_MANAGER
from crm_monitoring.manifest import Manifest
from crm_monitoring.reconcile.workload import (
    Claim,
    Policy,
    SlotState,
    WorkloadOutcome,
    holds_anything,
    reconcile_workload,
    release_workload,
)
from crm_monitoring.reconcile.workload.memory import ANNOTATION
from crm_monitoring.render.bundle import WorkloadFields
from support.owners import IMAGE_2, OWNERS, READINESS, Owner, first_container, look, template
from support.workload_operator import connected
from testbed.controlplane import ControlPlane

pytestmark = pytest.mark.integration

CLAIM = Claim("crm", "uid-of-crm")

STARTS: Mapping[str, dict[str, Any]] = {
    "probe-none": {},
    "probe-same": {"readinessProbe": READINESS},
    "probe-other-path": {"readinessProbe": {"httpGet": {"path": "/old", "port": 80}, "periodSeconds": 7}},
    "probe-tcp": {"readinessProbe": {"tcpSocket": {"port": 80}, "failureThreshold": 5}},
    "probe-exec": {"readinessProbe": {"exec": {"command": ["true"]}}},
    "variable-none": {"env": [{"name": "OTHER", "value": "1"}]},
    "variable-same": {"env": [{"name": "CRM_LOG_LEVEL", "value": "INFO"}]},
    "variable-other": {"env": [{"name": "OTHER", "value": "1"}, {"name": "CRM_LOG_LEVEL", "value": "DEBUG"}]},
    "variable-from": {
        "env": [
            {"name": "CRM_LOG_LEVEL", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "OTHER", "value": "$(CRM_LOG_LEVEL)"},
        ]
    },
}
UNMERGEABLE = ("probe-tcp", "probe-exec", "variable-from")


@dataclass(frozen=True)
class Case:
    start: str
    conflict: Literal["Respect", "TakeOver"]
    deletion: Literal["Retain", "Remove"]

    @property
    def name(self) -> str:
        return f"{self.start}-{self.conflict}-{self.deletion}".lower()

    @property
    def policy(self) -> Policy:
        return Policy(self.conflict, self.deletion)

    @property
    def wanted(self) -> WorkloadFields:
        if self.start.startswith("probe"):
            return WorkloadFields("api", {"readinessProbe": READINESS}, {})
        return WorkloadFields("api", {}, {"CRM_LOG_LEVEL": "INFO"})

    @property
    def ours(self) -> bool:
        """Whether the slot is ours while the resource exists."""
        return self.start.endswith("none") or (self.conflict == "TakeOver" and not self.start.endswith("same"))

    @property
    def state(self) -> SlotState:
        if self.ours:
            return SlotState.IN_SYNC
        return SlotState.SATISFIED if self.start.endswith("same") else SlotState.CONFLICT

    @property
    def undone(self) -> bool:
        """Whether the release puts back what was there before."""
        return self.ours and (self.deletion == "Remove" or self.start in UNMERGEABLE)


CONFLICTS: tuple[Literal["Respect", "TakeOver"], ...] = ("Respect", "TakeOver")
DELETIONS: tuple[Literal["Retain", "Remove"], ...] = ("Retain", "Remove")
CASES = [Case(*combination) for combination in product(STARTS, CONFLICTS, DELETIONS)]


@pytest.fixture
def owner(
    request: pytest.FixtureRequest,
    control_plane: ControlPlane,
    namespace: str,
    tool: Callable[[str], Path],
    tmp_path: Path,
) -> Owner:
    tool("helm"), tool("helm3"), tool("kubectl")
    return Owner(request.param, control_plane, namespace, tmp_path / "chart")


@pytest.fixture
async def cluster(admin: Path) -> AsyncIterator[KubeCluster]:
    async with connected(admin) as cluster:
        yield cluster


def now() -> datetime:
    return datetime.now(UTC)


def slot_of(live: Manifest) -> tuple[Any, Any]:
    """Return the probe and the variable."""
    container = first_container(live)
    variables = [entry for entry in container.get("env") or () if entry["name"] == "CRM_LOG_LEVEL"]
    return container.get("readinessProbe"), variables


def assert_no_trace(live: Manifest) -> None:
    assert not holds_anything(live)
    assert ANNOTATION not in live["metadata"].get("annotations", {})
    assert FIELD_MANAGER not in str(live["metadata"]["managedFields"])


async def reconcile(cluster: KubeCluster, live: Manifest, case: Case) -> WorkloadOutcome:
    return await reconcile_workload(cluster, live, case.wanted, policy=case.policy, claim=CLAIM, now=now())


@pytest.mark.parametrize("owner", OWNERS, indirect=True)
async def test_the_workload_after_each_step(owner: Owner, cluster: KubeCluster) -> None:
    workloads = {case.name: [STARTS[case.start]] for case in CASES}
    assert owner.deploy(workloads) is None

    for case in CASES:
        before = await look(cluster, owner.namespace, case.name)

        outcome = await reconcile(cluster, before, case)

        during = await look(cluster, owner.namespace, case.name)
        assert [verdict.state for verdict in outcome.verdicts] == [case.state], case
        assert bool(outcome.findings) is (case.state is SlotState.CONFLICT), case
        assert (template(during) != template(before)) is case.ours, case
        assert holds_anything(during) is case.ours, case
        if not case.ours:
            assert during == before, case
        entries = [e for e in during["metadata"]["managedFields"] if e["manager"] == FIELD_MANAGER]
        assert [entry["operation"] for entry in entries] == (["Apply"] if case.ours else []), case

        again = await reconcile(cluster, during, case)
        assert (again.writes, again.changes) == (0, ()), case

        released = await release_workload(cluster, during, now())

        after = await look(cluster, owner.namespace, case.name)
        assert_no_trace(after)
        assert slot_of(after) == slot_of(before if case.undone or not case.ours else during), case
        assert (template(after) != template(during)) is case.undone, case
        assert (await release_workload(cluster, after, now())).writes == 0, case
        assert released.live is not None

    # After the release every further deploy of the owner works: the same again, another image, another name.
    assert owner.deploy(workloads) is None
    assert owner.deploy({case.name: [{**STARTS[case.start], **IMAGE_2}] for case in CASES}) is None
    renamed = {"name": "web", **IMAGE_2}
    assert owner.deploy({case.name: [{**STARTS[case.start], **renamed}] for case in CASES}) is None
    for case in CASES:
        live = await look(cluster, owner.namespace, case.name)
        (container,) = template(live)["spec"]["containers"]
        assert (container["name"], container["image"]) == ("web", IMAGE_2["image"]), case
