"""R4: reads are answered from the past, and nothing is undone because of it; in the end everything is right.

In its own lists the API server answers from the present, by contract. Caches that break it, a restored backup, and an
operator that starts beside a server which lags are what this is about.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crm_monitoring.manifest import (
    ALERTMANAGER,
    CHILD_KINDS,
    CRM_MONITORING,
    PROMETHEUS,
    SECRET,
    SERVICE,
    WORKLOAD_KINDS,
)
from support.reliability import oracles
from support.reliability.fleet import Fleet, fleet, side_by_side
from support.reliability.lane import Lane
from support.reliability.record import Recorder
from support.reliability.scenarios import CREDENTIALS
from support.reliability.staleness import FLAGS, Plan, shown
from testbed.controlplane import ControlPlane

pytestmark = pytest.mark.integration

LANES = 4
LISTED = (CRM_MONITORING, *CHILD_KINDS, *WORKLOAD_KINDS, SERVICE, PROMETHEUS, ALERTMANAGER)
CHANGES = ("edit", "deletion")

PLANS = [
    *(Plan("list", kind.plural, change) for kind in LISTED for change in CHANGES),
    *(Plan("list", kind.plural, "edit", restarted=True) for kind in LISTED),
    *(Plan("list", "", change, restarted) for change in CHANGES for restarted in (False, True)),
    *(Plan("get and list", "", change) for change in CHANGES),
    *(Plan("get", SECRET.plural, "rotation", name=name) for name in (CREDENTIALS, "alertmanager-crm", None)),
    Plan("get", SECRET.plural, "edit"),
]
SAMPLED = [Plan("list", CRM_MONITORING.plural, change) for change in CHANGES]


@pytest.fixture(scope="module")
def ships(
    served_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory, tool: Callable[[str], Path]
) -> Iterator[Fleet]:
    """Run operators that list and read often: the past must be asked for to be shown."""
    with fleet(served_plane, tmp_path_factory.mktemp("stale"), tool, "stale", LANES, flags=FLAGS) as found:
        yield found


def carry_out(ships: Fleet, plans: list[Plan], recorder: Recorder) -> None:
    """Run plans and record what came of each."""

    def work(lane: Lane, plan: Plan) -> None:
        found = shown(lane, ships.reference, plan)
        recorder.add(
            str(plan),
            converged=found.converged,
            seconds=found.seconds,
            exits=found.exits,
            tracebacks=oracles.tracebacks(found.log),
            violations=found.violations,
        )

    side_by_side(ships.lanes, plans, work)


def test_a_list_of_resources_from_the_past_undoes_nothing(ships: Fleet, record: Callable[..., Recorder]) -> None:
    recorder = record("stale_reads")
    carry_out(ships, SAMPLED, recorder)
    assert not recorder.failures(), recorder.told()


@pytest.mark.reliability
@pytest.mark.timeout(1800)
def test_no_read_from_the_past_undoes_anything(ships: Fleet, record: Callable[..., Recorder]) -> None:
    recorder = record("stale_reads")
    carry_out(ships, PLANS, recorder)
    assert not recorder.failures(), recorder.told()
