"""A write that leaves in time and arrives too late does no lasting harm, and what was fenced does none at all."""

from collections.abc import Callable, Iterator

import pytest

from support.reliability.in_flight import CASES, NOTIFIED, RESOURCE, arrived
from support.reliability.pairs import Pair
from support.reliability.record import Recorder
from support.resources import merged, minimal
from testbed.controlplane import ControlPlane

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

FENCED = ("a status", "a variable of the workload")
"""Carry the version of what they change: they are refused when they come late."""

SAMPLED = ("a changed rule", "a merged Secret")
SEED = 9


@pytest.fixture(scope="module")
def pair(served_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Return two replicas and a resource."""
    with Pair(served_plane, tmp_path_factory.mktemp("in-flight"), "late") as pair:
        pair.tenant.monitor({"spec": merged(minimal()["spec"], {"notifications": NOTIFIED})}, RESOURCE)
        pair.tenant.ready(RESOURCE, within=30)
        yield pair


@pytest.mark.parametrize("name", SAMPLED)
def test_a_write_that_arrives_when_another_leads_is_put_right(
    pair: Pair, record: Callable[..., Recorder], name: str
) -> None:
    judged(pair, name, record("leadership", SEED))


@pytest.mark.reliability
@pytest.mark.parametrize("name", CASES)
def test_every_write_that_arrives_when_another_leads_is_put_right(
    pair: Pair, record: Callable[..., Recorder], name: str
) -> None:
    judged(pair, name, record("leadership", SEED))


def judged(pair: Pair, name: str, recorder: Recorder) -> None:
    """Let one write arrive late."""
    found = arrived(pair, CASES[name])
    recorder.add(f"late: {name}", converged=found.converged, seconds=found.seconds, violations=found.violations)
    assert not recorder.failures(), recorder.told()
    assert all(code == 409 for code in found.codes) == (name in FENCED), found.codes
