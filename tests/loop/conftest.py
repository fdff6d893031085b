"""The loop in a namespace of its own, with our operator under the role that it is given in a real cluster."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from crm_monitoring.manifest import ALERTMANAGER, CHILD_KINDS, CONFIG_MAP, PROMETHEUS
from support import loop
from support.kinds import install_ours, install_theirs
from support.loop import Loop
from support.running import RunningOperator
from testbed.controlplane import ControlPlane


@contextmanager
def closed(plane: ControlPlane, namespace: str, directory: Path) -> Iterator[Loop]:
    """Run the loop, print its timeline at the end, and judge what the operator did meanwhile."""
    install_theirs(plane, {*CHILD_KINDS, PROMETHEUS, ALERTMANAGER} - {CONFIG_MAP})
    install_ours(plane)
    plane.create_namespace(namespace)
    operator = RunningOperator(plane, f"{namespace}-operator", directory, namespaces=[namespace])
    operator.start()
    try:
        with loop.running(plane, namespace, directory, say=print) as found:
            yield found
    finally:
        operator.end()
    assert not operator.complaints()


@pytest.fixture(scope="module")
def run(
    control_plane: ControlPlane,
    tool: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Loop]:
    """Return a loop that is healthy so far."""
    for name in loop.TOOLS:
        tool(name)
    short = request.module.__name__.rpartition("test_")[2].replace("_", "-")
    with closed(control_plane, f"loop-{short}", tmp_path_factory.mktemp("loop")) as found:
        yield found
