"""Fixtures for tests of the whole operator on a real API server."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from crm_monitoring.api.crd import crd
from crm_monitoring.manifest import CRM_MONITORING
from support.live import Tenant
from support.running import RunningOperator
from testbed import binaries, crds
from testbed.controlplane import ControlPlane

Start = Callable[..., RunningOperator]


def install_crm(plane: ControlPlane) -> None:
    """Install the CustomResourceDefinition of CRMMonitoring and wait until it is served."""
    plane.apply(yaml.safe_dump(crd()))
    crds.wait_until_served(plane.api, [CRM_MONITORING.crd_name], within=30)


@pytest.fixture(scope="session")
def served_plane(control_plane: ControlPlane) -> ControlPlane:
    """Return the session's control plane with prometheus-operator's kinds and ours."""
    control_plane.install_crds(binaries.crds())
    install_crm(control_plane)
    return control_plane


@pytest.fixture
def tenant(served_plane: ControlPlane, namespace: str) -> Tenant:
    """Return a namespace of the test's own, in which a CRM is deployed."""
    tenant = Tenant(served_plane, namespace)
    tenant.deploy()
    return tenant


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts an operator in a plane; they are stopped and judged at the end."""
    started: list[RunningOperator] = []

    def start(
        plane: ControlPlane, own_namespace: str, *namespaces: str, flags: tuple[str, ...] = (), wait: bool = True
    ) -> RunningOperator:
        name = f"operator-{len(started)}"
        operator = RunningOperator(plane, own_namespace, tmp_path, namespaces=namespaces, flags=flags, name=name)
        started.append(operator)
        operator.start(wait=wait)
        return operator

    yield start
    for operator in started:
        operator.end()
    complaints = [complaint for operator in started for complaint in operator.complaints()]
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def operator(start: Start, tenant: Tenant) -> RunningOperator:
    """Return an operator that watches the test's namespace and looks again every two seconds."""
    own = f"{tenant.name}-operator"
    return start(tenant.plane, own, tenant.name, flags=("--resync-seconds", "2", "--poll-seconds", "2"))
