"""Fixtures for tests against real components.

A component that is not there and cannot be made fails the test where `CI=true`. Elsewhere the test is skipped, and the
end of the run says in a section of its own what was not tested.
"""

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.skipping import NOT_TESTED
from testbed import binaries
from testbed.controlplane import ControlPlane
from testbed.errors import ToolMissing


def missing(problem: ToolMissing) -> None:
    """Fail in CI, skip elsewhere."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(str(problem), pytrace=False)
    pytest.skip(NOT_TESTED + str(problem))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the components that were missing, so that a green run without them does not look complete."""
    reasons = {
        report.longrepr[2].partition(NOT_TESTED)[2]
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and NOT_TESTED in report.longrepr[2]
    }
    if reasons:
        terminalreporter.section("NOT TESTED: real components are missing", yellow=True, bold=True)
        for reason in sorted(reasons):
            terminalreporter.line(reason, yellow=True)


@pytest.fixture(scope="session")
def tool() -> Callable[[str], Path]:
    """Return a function that gives the path of a real binary."""

    def find(name: str) -> Path:
        try:
            return binaries.find(name)
        except ToolMissing as problem:
            missing(problem)
            raise

    return find


def running(*, controller_manager: bool) -> Iterator[ControlPlane]:
    """Run a control plane as long as a fixture lives."""
    plane = ControlPlane(controller_manager=controller_manager)
    try:
        plane.start()
        binaries.find("kubectl")
    except ToolMissing as problem:
        plane.stop()
        missing(problem)
    try:
        yield plane
    finally:
        plane.stop()


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """Run etcd and kube-apiserver, once per session (per worker under xdist). No garbage collection."""
    yield from running(controller_manager=False)


@pytest.fixture(scope="session")
def managed_control_plane() -> Iterator[ControlPlane]:
    """Run a control plane of its own with kube-controller-manager: garbage collection, Deployments, namespaces."""
    yield from running(controller_manager=True)


@pytest.fixture(scope="session")
def admin(control_plane: ControlPlane) -> Path:
    """Return the administrator's kubeconfig."""
    return control_plane.kubeconfig()


@pytest.fixture
def namespace(control_plane: ControlPlane) -> str:
    """Create a namespace for one test and return its name."""
    name = f"test-{uuid.uuid4().hex[:10]}"
    control_plane.create_namespace(name)
    return name
