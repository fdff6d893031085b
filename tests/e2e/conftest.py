"""The cluster of the stories, the release in it, and a CRM of each story's own."""

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from crm_monitoring.manifest import CRM_MONITORING, DEPLOYMENT
from support.cluster import Cluster, Release
from support.existing_cluster import ExistingCluster
from support.live import Tenant
from support.testbed_cluster import TestbedCluster
from testbed import binaries, crds
from testbed.controlplane import ControlPlane


@pytest.fixture(scope="session")
def cluster(tool: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return the cluster that E2E_KUBECONFIG leads to, else one of the test bed."""
    for name in ("kubectl", "helm"):
        tool(name)
    directory = tmp_path_factory.mktemp("cluster")
    given = os.environ.get("E2E_KUBECONFIG")
    if given:
        existing = ExistingCluster(
            Path(given),
            directory,
            image=os.environ["E2E_IMAGE"],
            sample_image=os.environ["E2E_SAMPLE_IMAGE"],
            prometheus_operator_image=os.environ.get("E2E_PROMETHEUS_OPERATOR_IMAGE", ""),
        )
        yield from _prepared(existing)
        return
    for name in ("kube-apiserver", "etcd", "kube-controller-manager"):
        tool(name)
    with ControlPlane(controller_manager=True) as plane:
        yield from _prepared(TestbedCluster(plane, directory))


def _prepared(cluster: Cluster) -> Iterator[Cluster]:
    """Give a cluster prometheus-operator and its kinds."""
    try:
        files = [part for path in binaries.crds() for part in ("-f", path)]
        applied = cluster.kubectl("apply", "--server-side", "--force-conflicts", "-o", "name", *files).stdout
        names = [line.partition("/")[2] for line in applied.splitlines()]
        crds.wait_until_served(cluster.api, names, within=60)
        cluster.run_prometheus_operator()
        yield cluster
    finally:
        cluster.close()


@pytest.fixture
def release(cluster: Cluster) -> Release:
    """Return the release, installed and ready with the settings of `Release`."""
    release = Release(cluster)
    release.install()
    crds.wait_until_served(cluster.api, [CRM_MONITORING.crd_name], within=30)
    return release


@pytest.fixture
def crm(cluster: Cluster) -> Iterator[Tenant]:
    """Return a namespace in which a CRM is deployed, with a Secret; it goes at the end."""
    name = f"crm-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    tenant = Tenant(cast(ControlPlane, cluster), name)
    tenant.deploy()
    if not cluster.no_kubelet:
        container = {"name": "api", "image": cluster.sample_image}
        pods = {"spec": {"template": {"spec": {"containers": [container]}}}}
        path = tenant.path(DEPLOYMENT, "crm-api") + "?fieldManager=owner"
        cluster.api.request("PATCH", path, pods, "application/strategic-merge-patch+json")
        cluster.kubectl("rollout", "status", "deployment/crm-api", "-n", name, "--timeout=120s")
    tenant.secret("crm-alerting", url="https://hooks.example.com/one")
    yield tenant
    cluster.kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")


@pytest.fixture
def kubelet(cluster: Cluster) -> None:
    """Skip what only a cluster with nodes can show."""
    if cluster.no_kubelet:
        pytest.skip(f"{cluster.no_kubelet}; make e2e shows it on kind")
