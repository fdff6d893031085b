"""What the stories of tests/e2e need of a cluster, whatever it is: pods of a release that run, and somebody who looks."""

import subprocess
from pathlib import Path
from typing import Any, Protocol

from support.charts import CHART, NAMESPACE, RELEASE, helm
from testbed.apiclient import ApiClient

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/{RELEASE}"


class Cluster(Protocol):
    """A cluster in which releases of the chart are installed."""

    name: str
    no_kubelet: str
    """Why pods do not run here; empty where they do."""
    api: ApiClient
    image: str
    """The operator's image."""
    sample_image: str
    """The image of examples/sample-crm, the CRM of the stories."""

    def kubectl(self, *args: str | Path, input: str | None = None) -> subprocess.CompletedProcess[str]:  # noqa: A002
        """Run kubectl as the administrator."""

    def kubeconfig(self) -> Path:
        """Return the administrator's kubeconfig."""

    def image_flags(self) -> list[str]:
        """Return the flags of Helm that name the image."""

    def run_prometheus_operator(self) -> None:
        """Run prometheus-operator, whose kinds are there, unless the cluster has its own; return when it works."""

    def follow(self) -> None:
        """Make the operator's pods what the Deployment says, and wait until they are ready."""

    def kill(self, holder: str) -> None:
        """End the pod that holds the Lease under this identity without warning."""

    def close(self) -> None:
        """End what was started."""


class Release:
    """The release of the chart in a cluster."""

    settings = (
        "--set=replicas=2,settings.pollSeconds=2,settings.resyncSeconds=5",
        "--set=leaderElection.leaseDurationSeconds=5,leaderElection.renewDeadlineSeconds=3,leaderElection.retrySeconds=1",
    )

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def helm(self, *arguments: str | Path) -> str:
        """Run Helm in the operator's namespace."""
        return helm(*arguments, "--namespace", NAMESPACE, kubeconfig=self.cluster.kubeconfig()).stdout

    def install(self, *flags: str) -> None:
        """Install the chart or upgrade to these settings; return when the operator is ready."""
        given = (*self.settings, *self.cluster.image_flags(), *flags)
        self.helm("upgrade", "--install", RELEASE, CHART, "--create-namespace", *given)
        self.cluster.follow()

    def roll_back(self) -> None:
        """Go back to the revision before; return when the operator is ready."""
        self.helm("rollback", RELEASE)
        self.cluster.follow()

    def uninstall(self) -> None:
        """Remove the release; return when no operator runs."""
        self.helm("uninstall", RELEASE)
        self.cluster.follow()

    def leader(self) -> str:
        """Return the identity that holds the Lease, empty when nobody does."""
        answer = self.cluster.api.request("GET", LEASE)
        spec: dict[str, Any] = answer.body["spec"] if answer.status == 200 else {}
        return str(spec.get("holderIdentity") or "")
