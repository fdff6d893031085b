"""A cluster of the test bed: the real control plane and its controllers, pods of the operator as processes, no kubelet."""

import subprocess
from pathlib import Path

from support.pods import Pods
from testbed.apiclient import ApiClient
from testbed.controlplane import ControlPlane
from testbed.prometheus_operator import PrometheusOperator


class TestbedCluster:
    """Runs each replica of the operator's Deployments."""

    __test__ = False
    name = "test bed"
    no_kubelet = "the test bed has no kubelet: pods do not run"
    image = "registry.example.com/operator:1"
    sample_image = "registry.example.com/crm:1"

    def __init__(self, plane: ControlPlane, directory: Path) -> None:
        self.plane = plane
        self.api: ApiClient = plane.api
        self._pods = Pods(plane, directory)
        self._prometheus_operator = PrometheusOperator(plane.kubeconfig(), directory=directory)

    def kubectl(self, *args: str | Path, input: str | None = None) -> subprocess.CompletedProcess[str]:  # noqa: A002
        """Run kubectl as the administrator."""
        return self.plane.kubectl(*args, input=input)

    def kubeconfig(self) -> Path:
        """Return the administrator's kubeconfig."""
        return self.plane.kubeconfig()

    def image_flags(self) -> list[str]:
        """Return nothing: the image is not run."""
        return []

    def run_prometheus_operator(self) -> None:
        """Start the real one as a process."""
        self._prometheus_operator.start()

    def follow(self) -> None:
        """Make the processes what the Deployments say."""
        self._pods.follow()

    def kill(self, holder: str) -> None:
        """End the process that holds the Lease."""
        self._pods.kill(holder)

    def close(self) -> None:
        """End all processes."""
        self._pods.close()
        self._prometheus_operator.stop()
