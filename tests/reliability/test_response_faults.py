"""R6: whatever one request is answered, once or for a while, everything is right in the end and nobody was told a lie."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.reliability.fleet import Fleet, every, fleet
from support.reliability.record import Recorder
from support.reliability.response_faults import LASTING, RESPONSES
from testbed.controlplane import ControlPlane

pytestmark = pytest.mark.integration

LANES = 4
SEED = 6
SAMPLED = 6
NAMESPACED = (
    *("HTTP 401", "HTTP 403", "HTTP 404", "HTTP 410", "HTTP 429, Retry-After 2", "HTTP 500"),
    *("garbage instead of JSON", "a reset before it arrived"),
)
"""Lists and watches of one namespace meet these; everything else is asked as in the whole cluster."""


@pytest.fixture(scope="module")
def cluster_wide(
    served_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory, tool: Callable[[str], Path]
) -> Iterator[Fleet]:
    """Run operators that share a cluster."""
    with fleet(served_plane, tmp_path_factory.mktemp("responses"), tool, "all", LANES) as ships:
        yield ships


@pytest.fixture(scope="module")
def namespaced(
    served_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory, tool: Callable[[str], Path]
) -> Iterator[Fleet]:
    """Run operators that have one namespace each."""
    with fleet(served_plane, tmp_path_factory.mktemp("responses"), tool, "one", LANES, namespaced=True) as ships:
        yield ships


def test_some_faults_of_some_requests_cost_nothing_but_time(
    cluster_wide: Fleet, record: Callable[..., Recorder]
) -> None:
    recorder = record("response_faults", SEED)
    quick = {name: fault for name, fault in RESPONSES.items() if not fault.is_slow}
    sorts = [sort for sort in cluster_wide.sorts if not sort.ends_kopf]
    cluster_wide.run(every(sorts, quick, SEED)[:SAMPLED], recorder)
    assert not recorder.failures(), recorder.told()


@pytest.mark.reliability
@pytest.mark.timeout(3600)
def test_every_fault_of_every_request_costs_nothing_but_time(
    cluster_wide: Fleet, record: Callable[..., Recorder]
) -> None:
    recorder = record("response_faults", SEED)
    cluster_wide.run(every(cluster_wide.sorts, {**RESPONSES, **LASTING}, SEED), recorder)
    assert not recorder.failures(), recorder.told()


@pytest.mark.reliability
@pytest.mark.timeout(1800)
def test_what_an_operator_of_one_namespace_asks_differently_may_fail_as_well(
    namespaced: Fleet, record: Callable[..., Recorder]
) -> None:
    recorder = record("response_faults", SEED)
    own = [sort for sort in namespaced.sorts if sort.verb in {"list", "watch"} or sort.resource.startswith("/")]
    namespaced.run(every(own, {name: RESPONSES[name] for name in NAMESPACED}, SEED), recorder)
    assert not recorder.failures(), recorder.told()
