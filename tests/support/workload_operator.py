"""The operator of a test that acts on one Deployment, and what its resource asks for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from crm_monitoring.cluster.connection import Connection
from crm_monitoring.cluster.kube import KubeCluster
from crm_monitoring.manifest import Manifest
from crm_monitoring.reconcile.workload import (
    Claim,
    Policy,
    SlotState,
    WorkloadOutcome,
    reconcile_workload,
    release_workload,
)
from crm_monitoring.render.bundle import WorkloadFields
from support.owners import READINESS, first_container, look, template
from testbed.controlplane import ControlPlane

NAME = "crm-api"
CLAIM = Claim("crm", "uid-of-crm")
RESPECT, TAKE_OVER = Policy(), Policy("TakeOver")
WANTED = WorkloadFields("api", {"readinessProbe": READINESS}, {"CRM_LOG_LEVEL": "INFO"})
PROBE_ONLY = WorkloadFields("api", {"readinessProbe": READINESS}, {})
OLD_PROBE = {"readinessProbe": {"httpGet": {"path": "/old", "port": 80}}}
MINUTE = timedelta(minutes=1)


def states(outcome: WorkloadOutcome) -> list[SlotState]:
    """Return the state of each slot."""
    return [verdict.state for verdict in outcome.verdicts]


@asynccontextmanager
async def connected(kubeconfig: Path) -> AsyncIterator[KubeCluster]:
    """Give a cluster that may write."""
    async with KubeCluster(Connection.load(str(kubeconfig)), may_write=lambda: True) as cluster:
        yield cluster


@dataclass
class Operator:
    """The operator of a test: its clock stands still until it is moved, and every rollout that it causes is counted."""

    cluster: KubeCluster
    plane: ControlPlane
    namespace: str
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    rollouts: int = 0

    async def live(self) -> Manifest:
        return await look(self.cluster, self.namespace, NAME)

    async def reconcile(
        self, wanted: WorkloadFields = PROBE_ONLY, policy: Policy = RESPECT, claim: Claim = CLAIM
    ) -> WorkloadOutcome:
        before = await self.live()
        outcome = await reconcile_workload(self.cluster, before, wanted, policy=policy, claim=claim, now=self.now)
        self.rollouts += template(await self.live()) != template(before)
        return outcome

    async def release(self) -> WorkloadOutcome:
        return await release_workload(self.cluster, await self.live(), self.now)

    async def probe(self) -> Any:
        return first_container(await self.live()).get("readinessProbe")

    async def finish_rollout(self, **status: Any) -> None:
        """Play the Deployment controller."""
        generation = (await self.live())["metadata"]["generation"]
        done = {"observedGeneration": generation, "replicas": 1, "updatedReplicas": 1}
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{NAME}/status"
        body = {"status": {**done, **status}}
        answer = self.plane.api.request("PATCH", path, body, "application/merge-patch+json")
        assert answer.status == 200, answer
