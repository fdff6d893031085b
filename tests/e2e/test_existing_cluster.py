"""The way to a cluster with nodes, walked on the test bed's API server where only the nodes are pretended."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from crm_monitoring.manifest import CRM_MONITORING
from support.charts import NAMESPACE, RELEASE
from support.cluster import Release
from support.existing_cluster import ACCOUNT, ExistingCluster
from support.live import Tenant, eventually
from support.pretended_nodes import PretendedNodes
from testbed import prometheus_operator
from testbed.controlplane import ControlPlane

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
IMAGES = {"image": "registry.example.com/team/operator:1.2", "sample_image": "registry.example.com/team/sample:1.2"}


@pytest.fixture(scope="module")
def plane(tool: Callable[[str], Path]) -> Iterator[ControlPlane]:
    """Run a control plane with controllers, on which every pod of the release and of prometheus-operator is ready."""
    for name in ("kube-apiserver", "etcd", "kube-controller-manager", "kubectl", "helm"):
        tool(name)
    with (
        ControlPlane(controller_manager=True) as plane,
        PretendedNodes(plane.api, NAMESPACE, prometheus_operator.NAMESPACE),
    ):
        yield plane


@pytest.fixture
def cluster(plane: ControlPlane, tmp_path: Path) -> ExistingCluster:
    """Return the control plane as a cluster that somebody runs, once nothing of the last test is left."""
    eventually(lambda: plane.api.request("GET", f"/api/v1/namespaces/{NAMESPACE}").status == 404, within=60)
    return ExistingCluster(plane.kubeconfig(), tmp_path, **IMAGES)


def pods(plane: ControlPlane) -> set[str]:
    """Return the names of the release's pods."""
    return {pod["metadata"]["name"] for pod in plane.api.request("GET", PODS).body["items"]}


def test_a_release_is_followed_from_its_first_rollout_to_its_last_pod(
    plane: ControlPlane, cluster: ExistingCluster
) -> None:
    release = Release(cluster)

    release.install()
    first = pods(plane)
    (image,) = {pod["spec"]["containers"][0]["image"] for pod in plane.api.request("GET", PODS).body["items"]}
    assert (len(first), image) == (2, IMAGES["image"])

    victim = sorted(first)[0]
    cluster.kill(f"{victim}-0a1b2c3d")
    assert victim not in pods(plane)
    cluster.follow()
    assert len(pods(plane)) == 2

    release.install("--set=settings.logLevel=DEBUG")
    assert not pods(plane) & first
    release.roll_back()
    assert len(pods(plane)) == 2

    release.uninstall()
    assert not pods(plane)
    cluster.close()


def test_prometheus_operator_is_deployed_by_its_own_manifests_and_goes_at_the_end(
    plane: ControlPlane, cluster: ExistingCluster
) -> None:
    path = f"/apis/apps/v1/namespaces/{prometheus_operator.NAMESPACE}/deployments/prometheus-operator"

    cluster.run_prometheus_operator()
    assert plane.api.request("GET", path).body["status"]["availableReplicas"] == 1
    account = f"system:serviceaccount:{prometheus_operator.NAMESPACE}:prometheus-operator"
    may = cluster.kubectl("auth", "can-i", "create", "statefulsets.apps", f"--as={account}", "-n", "default")
    assert may.stdout == "yes\n"

    cluster.close()
    eventually(lambda: plane.api.request("GET", path).status == 404, within=60)


def test_nothing_of_ours_is_left_and_a_cluster_that_uses_the_kind_is_refused(
    plane: ControlPlane, cluster: ExistingCluster, tmp_path: Path
) -> None:
    Release(cluster).install()
    Tenant(cast(ControlPlane, cluster), "default").monitor({"spec": {"target": {"name": "crm-api"}}})
    with pytest.raises(AssertionError, match="the cluster has CRMMonitoring already"):
        ExistingCluster(plane.kubeconfig(), tmp_path, **IMAGES)

    cluster.close()

    named = ("clusterroles,clusterrolebindings,validatingadmissionpolicies,crds", "-o", "name")
    left = plane.kubectl("get", *named).stdout
    assert not [
        line for line in left.splitlines() if RELEASE in line or ACCOUNT in line or CRM_MONITORING.crd_name in line
    ]
    gone = f"/api/v1/namespaces/{NAMESPACE}"
    eventually(lambda: plane.api.request("GET", gone).status == 404, within=60)
