"""R3 and R5: whatever a watch carries, or keeps to itself, the process lives on and everything is right in the end."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.reliability.bystanders import Bystanders
from support.reliability.fleet import Fleet, every, fleet
from support.reliability.record import Recorder
from support.reliability.stream_faults import STREAMS, UNSEEN
from testbed.controlplane import ControlPlane

pytestmark = pytest.mark.integration

LANES = 4
SEED = 5
SAMPLED = 6


@pytest.fixture(scope="module")
def bystanders(served_plane: ControlPlane) -> Iterator[Bystanders]:
    """Have an object of every kind that is watched."""
    with Bystanders(served_plane) as those:
        yield those


@pytest.fixture(scope="module")
def rarely_listing(
    served_plane: ControlPlane,
    bystanders: Bystanders,
    tmp_path_factory: pytest.TempPathFactory,
    tool: Callable[[str], Path],
) -> Iterator[Fleet]:
    """Run operators that list as rarely as in production."""
    directory = tmp_path_factory.mktemp("streams")
    with fleet(served_plane, directory, tool, "rare", LANES, touch=bystanders.touch) as ships:
        yield ships


@pytest.fixture(scope="module")
def often_listing(
    served_plane: ControlPlane,
    bystanders: Bystanders,
    tmp_path_factory: pytest.TempPathFactory,
    tool: Callable[[str], Path],
) -> Iterator[Fleet]:
    """Run operators that list every other second."""
    directory, flags = tmp_path_factory.mktemp("streams"), ("--resync-seconds", "2")
    with fleet(served_plane, directory, tool, "often", LANES, flags=flags, touch=bystanders.touch) as ships:
        yield ships


def test_some_faults_of_some_watches_end_nothing(rarely_listing: Fleet, record: Callable[..., Recorder]) -> None:
    recorder = record("stream_faults", SEED)
    watches = [sort for sort in rarely_listing.sorts if sort.verb == "watch"]
    quick = {name: fault for name, fault in STREAMS.items() if not fault.is_slow}
    rarely_listing.run(every(watches, quick, SEED)[:SAMPLED], recorder)
    assert not recorder.failures(), recorder.told()


@pytest.mark.reliability
@pytest.mark.timeout(1800)
def test_every_fault_of_every_watch_ends_nothing(rarely_listing: Fleet, record: Callable[..., Recorder]) -> None:
    recorder = record("stream_faults", SEED)
    watches = [sort for sort in rarely_listing.sorts if sort.verb == "watch"]
    rarely_listing.run(every(watches, STREAMS, SEED), recorder)
    assert not recorder.failures(), recorder.told()


@pytest.mark.reliability
@pytest.mark.timeout(1800)
def test_events_that_are_lost_or_in_disorder_are_made_up_for_by_a_list(
    often_listing: Fleet, record: Callable[..., Recorder]
) -> None:
    recorder = record("stream_faults", SEED)
    watches = [sort for sort in often_listing.sorts if sort.verb == "watch"]
    often_listing.run(every(watches, UNSEEN, SEED), recorder)
    assert not recorder.failures(), recorder.told()
