"""A cluster of the test bed: the real control plane and its controllers, pods of the operator as processes, no kubelet."""

import subprocess
from pathlib import Path
from typing import Any

from crm_monitoring.manifest import DEPLOYMENT
from support.charts import NAMESPACE, RELEASE
from support.live import Tenant
from testbed.apiclient import ApiClient
from testbed.controlplane import ControlPlane
from testbed.operator import Operator


class TestbedCluster:
    """Runs each replica of the operator's Deployment with its account, permissions and variables."""

    __test__ = False
    name = "test bed"
    no_kubelet = "the test bed has no kubelet: pods do not run"
    image = "registry.example.com/crm:1"

    def __init__(self, plane: ControlPlane, directory: Path) -> None:
        self.plane = plane
        self.api: ApiClient = plane.api
        self._directory = directory
        self._running: list[Operator] = []
        self._template: dict[str, Any] = {}
        self._started = 0

    def kubectl(self, *args: str | Path, input: str | None = None) -> subprocess.CompletedProcess[str]:  # noqa: A002
        """Run kubectl as the administrator."""
        return self.plane.kubectl(*args, input=input)

    def kubeconfig(self) -> Path:
        """Return the administrator's kubeconfig."""
        return self.plane.kubeconfig()

    def image_flags(self) -> list[str]:
        """Return nothing: the image is not run."""
        return []

    def follow(self) -> None:
        """Roll as a Deployment does: each new one is ready before an old one is told to stop."""
        wanted = Tenant(self.plane, NAMESPACE).look(DEPLOYMENT, RELEASE).get("spec")
        pod = wanted["template"] if wanted else {}
        old = [one for one in self._running if one.running and pod != self._template]
        kept = [one for one in self._running if one.running and one not in old]
        self._template = pod
        new = [self._start(pod["spec"]) for _ in range(len(kept), wanted["replicas"] if wanted else 0)]
        for one in old:
            one.stop()
        self._running = kept + new

    def kill(self, holder: str) -> None:
        """End the process that holds the Lease."""
        (found,) = [one for one in self._running if one.log.stem == holder]
        found.kill()

    def close(self) -> None:
        """End all processes."""
        for one in self._running:
            one.stop()

    def _start(self, pod: dict[str, Any]) -> Operator:
        self._started += 1
        (container,) = pod["containers"]
        operator = Operator(
            self.plane.service_account_kubeconfig(NAMESPACE, pod["serviceAccountName"]),
            lease_namespace=NAMESPACE,
            env={one["name"]: one["value"] for one in container["env"] if "value" in one},
            directory=self._directory,
            name=f"{RELEASE}-{self._started}",
        )
        operator.start()
        return operator
