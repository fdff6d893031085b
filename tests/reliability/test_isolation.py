"""Bad resources of every kind beside good ones: the good ones' objects, their writes and their speed stay as they were."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from crm_monitoring.manifest import CRM_MONITORING, Manifest
from crm_monitoring.reconcile.queue import FIRST_RETRY_SECONDS
from support.live import Tenant, eventually
from support.reliability.bad import BAD, BAD_NAME, RESTLESS, Make, Scene
from support.reliability.generated_live import clear
from support.reliability.neighbours import Neighbourhood
from support.reliability.oracles import Violations, clean_log, tracebacks
from support.reliability.outskirts import OUTSKIRTS
from support.reliability.record import Recorder
from support.reliability.snapshot import Snapshot, differences
from support.reliability.speed import SLOWER_BESIDE_WORK, Speed, slower
from support.running import RunningOperator
from testbed.controlplane import ControlPlane

pytestmark = pytest.mark.integration

Record = Callable[..., Recorder]

GOOD, GOOD_IN_SAMPLE = 50, 10
EDITS, EDITS_IN_SAMPLE = 100, 4
"""How fast edits are is judged by a hundred, where nothing else runs; those of a sample have to come through."""
SAMPLED = (
    "an expression that is no PromQL",
    "a Secret that is not there",
    "a credential with two lines",
    "a workload that another resource has claimed",
    "names that are taken",
    "a Secret that no Alertmanager loads",
    "as much of everything as is allowed",
    "an edit every 50 ms",
)
RESYNC_SECONDS, POLL_SECONDS = 60, 5
FLAGS = ("--resync-seconds", str(RESYNC_SECONDS), "--poll-seconds", str(POLL_SECONDS))

SECONDS_TO_BE_TOLD = 60.0
"""Twenty-two resources at once, which fill a Secret, take a busy machine half of it."""

CALM_SECONDS = 8.0
SHORTEST = 0.8
"""By which every wait may be shortened: it is spread by 20 %."""


def most_passes(seconds: float) -> int:
    """Return how often one resource that nobody touches may be looked at: 8 times in 8 s.

    What stands in its way is polled (every 5 s), everything is looked at when resources are listed again (every 60 s),
    and what fails is retried after 0.5, 1, 2, 4, ... s. Each of the three may be just due when the time begins.
    """
    rechecks = int(seconds / (SHORTEST * POLL_SECONDS)) + 1
    resyncs = int(seconds / (SHORTEST * RESYNC_SECONDS)) + 1
    retries, due = 0, SHORTEST * FIRST_RETRY_SECONDS
    while due <= seconds:
        retries += 1
        due += SHORTEST * FIRST_RETRY_SECONDS * 2**retries
    return rechecks + resyncs + retries


class Isolation:
    """The neighbourhood, the operator, and what was seen before anything bad came."""

    def __init__(self, plane: ControlPlane, directory: Path, recorder: Recorder, good: int) -> None:
        self._plane = plane
        self._recorder = recorder
        name = f"isolation-{time.monotonic_ns():x}"
        self._name = name
        self.hood = Neighbourhood(plane, name, good)
        self.scene = Scene(self.hood.tenant)
        self.outside = [Scene(Tenant(plane, f"{name}-{number}")) for number in range(len(OUTSKIRTS))]
        self._bad: dict[str, str] = {}
        self._state: Snapshot = {}
        """What the good ones' was when it was last looked at."""
        self.operator = RunningOperator(plane, f"{name}-ops", directory, flags=FLAGS, name=name)

    def run(self, kinds: dict[str, Make], outskirts: dict[str, Make], edits: int) -> None:
        """Let the bad ones come one after the other, and compare."""
        self.hood.settle_in()
        self.operator.start()
        self.hood.all_ready()
        self.operator.settle()
        before = self.hood.edit_seconds(edits)
        self.hood.all_ready()
        self.operator.settle()
        self._state = self.hood.state()
        calm = {kind: make for kind, make in kinds.items() if kind not in RESTLESS}
        for kind, make in calm.items():
            self._come(kind, make, self.scene)
        for scene, (kind, make) in zip(self.outside, outskirts.items(), strict=False):
            self._plane.create_namespace(scene.tenant.name)
            scene.tenant.deploy()
            self._come(kind, make, scene)
        self._rest()
        beside = self.hood.edit_seconds(edits)
        self.hood.all_ready()
        self.operator.settle()
        self._state = self.hood.state()
        for kind in kinds.keys() & RESTLESS:
            self._come(kind, kinds[kind], self.scene)
        beside_work = self.hood.edit_seconds(edits)
        self._leave()
        after = self.hood.edit_seconds(edits)
        self._compare_speed("all of them at rest", slower(beside, before, after), beside, before, after)
        found = slower(beside_work, before, after, SLOWER_BESIDE_WORK)
        self._compare_speed("those that never rest", found, beside_work, before, after)
        self._end()

    def _come(self, kind: str, make: Make, scene: Scene) -> None:
        """Make a bad resource, wait until it is told of, and look at what became of the good ones."""
        mark, began = self.operator.mark(), time.monotonic()
        name = f"{BAD_NAME}{len(self._bad):02}"
        self._bad[kind] = name
        make(scene, name)
        # What changes faster than a busy machine looks at it must have a word on it once that is over: see `_leave`.
        told = kind in RESTLESS or _told(scene.tenant, name)
        time.sleep(0.3)
        before, self._state = self._state, self.hood.state()
        violations: Violations = {
            "O1": differences(before, self._state),
            "O2": self.hood.writes(self.operator.requests(mark)),
        }
        if not told:
            violations["O3"] = ["nothing is said of it"]
        self._recorder.add(kind, converged=told, seconds=time.monotonic() - began, violations=violations)

    def _rest(self) -> None:
        """No bad resource keeps the operator busy while nobody touches it."""
        passes = Counter(_passes(self.operator))
        time.sleep(CALM_SECONDS)
        more = Counter(_passes(self.operator)) - passes
        most = most_passes(CALM_SECONDS)
        busy = [f"{name}: {times} passes in {CALM_SECONDS:.0f} s" for name, times in more.items() if times > most]
        plan = f"all of them at rest: no resource has more than {max(more.values(), default=0)} passes"
        self._recorder.add(f"{plan} in {CALM_SECONDS:.0f} s", converged=True, violations={"O3": busy})

    def _leave(self) -> None:
        """Let all bad ones go. The good ones stay as they are."""
        for scene in (self.scene, *self.outside):
            scene.end()
        untold = [f"nothing is said of {kind}" for kind in self._bad.keys() & RESTLESS if not self._is_told(kind)]
        self.hood.all_ready()
        self.operator.settle()
        before, mark, began = self.hood.state(), self.operator.mark(), time.monotonic()
        for scene in (self.scene, *self.outside):
            scene.leave()
        self.operator.settle()
        violations: Violations = {
            "O1": differences(before, self.hood.state()),
            "O2": self.hood.writes(self.operator.requests(mark)),
            "O3": untold,
        }
        self._recorder.add("all of them gone", converged=True, seconds=time.monotonic() - began, violations=violations)

    def _is_told(self, kind: str) -> bool:
        return _told(self.scene.tenant, self._bad[kind])

    def _compare_speed(self, what: str, found: list[str], *series: list[float]) -> None:
        beside, before, after = map(Speed.of, series)
        plan = f"edits beside {what}: {beside}; before: {before}; after: {after}"
        self._recorder.add(plan, converged=not found, violations={"O3": found})

    def _end(self) -> None:
        self.hood.all_ready()
        self.operator.end()
        log = self.operator.log.read_text(encoding="utf-8")
        self._recorder.add("the log", converged=True, tracebacks=tracebacks(log), violations={"O7": clean_log(log)})

    def close(self) -> None:
        """End everything and leave nothing for others to look at."""
        for scene in (self.scene, *self.outside):
            scene.end()
        self.operator.kill()
        for scene in (self.scene, *self.outside):
            clear(scene.tenant)


@contextmanager
def isolation(plane: ControlPlane, directory: Path, recorder: Recorder, good: int) -> Iterator[Isolation]:
    """Give an isolation campaign, and clear up after it."""
    campaign = Isolation(plane, directory, recorder, good)
    try:
        with campaign.hood:
            yield campaign
    finally:
        campaign.close()


@pytest.mark.timeout(240)
def test_a_few_bad_resources_do_not_concern_good_ones(
    served_plane: ControlPlane, record: Record, tmp_path: Path
) -> None:
    recorder = record("isolation")
    with isolation(served_plane, tmp_path, recorder, GOOD_IN_SAMPLE) as campaign:
        campaign.run({kind: BAD[kind] for kind in SAMPLED}, {}, EDITS_IN_SAMPLE)
    assert not recorder.failures(), recorder.told()


@pytest.mark.reliability
@pytest.mark.timeout(1200)
def test_no_bad_resource_concerns_good_ones(served_plane: ControlPlane, record: Record, tmp_path: Path) -> None:
    recorder = record("isolation")
    with isolation(served_plane, tmp_path, recorder, GOOD) as campaign:
        campaign.run(BAD, OUTSKIRTS, EDITS)
    assert not recorder.failures(), recorder.told()


def _told(tenant: Tenant, name: str) -> bool:
    """Wait until every resource of this name, or a series of it, has a condition."""

    def all_told() -> bool:
        bodies = [body for body in tenant.every(CRM_MONITORING) if body["metadata"]["name"].startswith(name)]
        return bool(bodies) and all(_says_something(body) for body in bodies)

    try:
        return eventually(all_told, within=SECONDS_TO_BE_TOLD)
    except AssertionError:
        return False


def _says_something(body: Manifest) -> bool:
    conditions = body.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] != "Unknown" for each in conditions) or bool(
        body["metadata"].get("deletionTimestamp")
    )


def _passes(operator: RunningOperator) -> Iterator[str]:
    """Yield the name of the resource of every pass that the log tells of."""
    for line in operator.lines():
        if line["event"] in {"reconciled", "reconcile_failed"}:
            yield f"{line['namespace']}/{line['resource']}"
