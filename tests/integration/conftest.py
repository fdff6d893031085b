"""Fixtures for tests of the whole operator on a real API server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from crm_monitoring.manifest import ALERTMANAGER, CHILD_KINDS, CONFIG_MAP, PROMETHEUS
from support.kinds import install_ours, install_theirs
from support.live import Tenant
from support.running import RunningOperator, Start
from testbed.controlplane import ControlPlane


@pytest.fixture(scope="session")
def served_plane(control_plane: ControlPlane) -> ControlPlane:
    """Return the session's control plane with prometheus-operator's kinds and ours."""
    install_theirs(control_plane, {*CHILD_KINDS, PROMETHEUS, ALERTMANAGER} - {CONFIG_MAP})
    install_ours(control_plane)
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
