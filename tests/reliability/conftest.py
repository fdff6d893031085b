"""Fixtures of the campaigns: a control plane with every kind, and the rows of the report."""

from collections.abc import Callable

import pytest

from crm_monitoring.manifest import ALERTMANAGER, CHILD_KINDS, CONFIG_MAP, PROMETHEUS
from support.kinds import install_ours, install_theirs
from support.reliability.record import ROWS, Recorder
from testbed.controlplane import ControlPlane

Record = Callable[..., Recorder]
"""The fixture `record`: (campaign, seed=0) gives a recorder. Only plans of tests marked `reliability` reach the report."""


@pytest.fixture(scope="session")
def served_plane(control_plane: ControlPlane) -> ControlPlane:
    """Return the session's control plane with prometheus-operator's kinds and ours."""
    install_theirs(control_plane, {*CHILD_KINDS, PROMETHEUS, ALERTMANAGER} - {CONFIG_MAP})
    install_ours(control_plane)
    return control_plane


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Record:
    """Return a function that gives a recorder for a campaign."""
    whole = request.node.get_closest_marker("reliability") is not None

    def recorder(campaign: str, seed: int = 0) -> Recorder:
        return Recorder(campaign, seed=seed, directory=ROWS if whole else None)

    return recorder
