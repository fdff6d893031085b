"""Fixtures for tests of the chart: real Helms, and an API server on which they install."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crm_monitoring.manifest import ALERTMANAGER, CHILD_KINDS, CONFIG_MAP, CRM_MONITORING, PROMETHEUS
from support import kinds
from support.charts import CHART, HELMS, NAMESPACE, RELEASE, helm
from testbed import crds
from testbed.controlplane import ControlPlane


@pytest.fixture(autouse=True)
def _helm(tool: Callable[[str], Path]) -> None:
    """Skip, or fail in CI, where Helm is missing."""
    tool("helm")


@pytest.fixture(params=HELMS)
def helm_version(request: pytest.FixtureRequest, tool: Callable[[str], Path]) -> str:
    """Return the binary of each Helm that is supported."""
    binary = HELMS[request.param]
    tool(binary)
    return binary


@pytest.fixture(scope="session")
def control_plane(tool: Callable[[str], Path]) -> Iterator[ControlPlane]:
    """Run an API server apart from that of the other tests: here our kind comes and goes with releases."""
    for name in ("kube-apiserver", "etcd", "kubectl"):
        tool(name)
    with ControlPlane() as plane:
        yield plane


@pytest.fixture(scope="session")
def chart_plane(control_plane: ControlPlane) -> ControlPlane:
    """Return an API server with prometheus-operator's kinds and not ours: the chart brings them."""
    kinds.install_theirs(control_plane, {*CHILD_KINDS, PROMETHEUS, ALERTMANAGER} - {CONFIG_MAP})
    return control_plane


class Releases:
    """Releases of the chart in one namespace."""

    def __init__(self, plane: ControlPlane, binary: str) -> None:
        self.plane = plane
        self.binary = binary

    def helm(self, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Helm in the namespace of the operator."""
        kubeconfig = self.plane.kubeconfig()
        return helm(*arguments, "--namespace", NAMESPACE, binary=self.binary, kubeconfig=kubeconfig, check=check)

    def install(self, *flags: str | Path, name: str = RELEASE, chart: Path = CHART) -> None:
        """Install the chart and wait until our kind is served."""
        self.helm("install", name, chart, "--create-namespace", *flags)
        crds.wait_until_served(self.plane.api, [CRM_MONITORING.crd_name], within=30)

    def names(self) -> list[str]:
        """Return the names of the releases that are installed."""
        return self.helm("list", "--short").stdout.split()

    def clear(self) -> None:
        """Uninstall everything and remove our kind with all resources."""
        for name in self.names():
            self.helm("uninstall", name)
        self._let_go()
        kinds.remove(self.plane, CRM_MONITORING)

    def _let_go(self) -> None:
        """Take finalizers off resources that a failed test left behind without an operator."""
        group = f"/apis/{CRM_MONITORING.api_version}"
        answer = self.plane.api.request("GET", f"{group}/{CRM_MONITORING.plural}")
        for item in answer.body["items"] if answer.status == 200 else ():
            path = (
                f"{group}/namespaces/{item['metadata']['namespace']}/{CRM_MONITORING.plural}/{item['metadata']['name']}"
            )
            self.plane.api.request("PATCH", path, {"metadata": {"finalizers": None}}, "application/merge-patch+json")


@pytest.fixture
def releases(chart_plane: ControlPlane) -> Iterator[Releases]:
    """Return releases by Helm 4; they are removed at the end."""
    yield from _releases(chart_plane, "helm")


@pytest.fixture
def releases_of_each(chart_plane: ControlPlane, helm_version: str) -> Iterator[Releases]:
    """Return releases by each Helm; they are removed at the end."""
    yield from _releases(chart_plane, helm_version)


def _releases(plane: ControlPlane, binary: str) -> Iterator[Releases]:
    releases = Releases(plane, binary)
    kinds.remove(plane, CRM_MONITORING)
    yield releases
    releases.clear()
