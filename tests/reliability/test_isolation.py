"""Bad resources of every kind beside good ones: the good ones' objects, their writes and their speed stay as they were."""

import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from crm_monitoring.manifest import CRM_MONITORING, Manifest
from support.live import Tenant, eventually
from support.reliability.bad import BAD, RESTLESS, Make, Scene
from support.reliability.generated_live import clear
from support.reliability.neighbours import Neighbourhood
from support.reliability.oracles import Violations, clean_log, tracebacks
from support.reliability.outskirts import OUTSKIRTS
from support.reliability.record import Recorder
from support.reliability.snapshot import differences
from support.running import RunningOperator
from testbed.controlplane import ControlPlane

pytestmark = pytest.mark.integration

Record = Callable[..., Recorder]

GOOD, GOOD_IN_SAMPLE = 50, 10
EDITS, EDITS_IN_SAMPLE = 60, 12
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
FLAGS = ("--resync-seconds", "60", "--poll-seconds", "5")

SLOWER = 1.5
"""How much longer an edit of a good resource may take beside all bad ones."""

NOISE_P50_SECONDS, NOISE_P99_SECONDS = 0.25, 1.5
"""What a shared machine adds to edits now and then; no measure of the operator."""

CALM_SECONDS = 8.0
MOST_PASSES = 30
"""Passes over one bad resource in `CALM_SECONDS` while nobody touches it: retries back off, Secrets are polled."""


@dataclass(frozen=True, slots=True)
class Speed:
    """How long edits of good ones take, in seconds."""

    p50: float
    p99: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Speed":
        """Return the speed in a series of edits."""
        return cls(statistics.median(seconds), sorted(seconds)[-1 - len(seconds) // 100])


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
        self.operator = RunningOperator(plane, f"{name}-ops", directory, flags=FLAGS, name=name)

    def run(self, kinds: dict[str, Make], outskirts: dict[str, Make], edits: int) -> None:
        """Let the bad ones come one after the other, and compare."""
        self.hood.settle_in()
        self.operator.start()
        self.hood.all_ready()
        self.operator.settle()
        alone = Speed.of(self.hood.edit_seconds(edits))
        self.hood.all_ready()
        self.operator.settle()
        calm = {kind: make for kind, make in kinds.items() if kind not in RESTLESS}
        for kind, make in calm.items():
            self._come(kind, make, self.scene)
        for scene, (kind, make) in zip(self.outside, outskirts.items(), strict=False):
            self._plane.create_namespace(scene.tenant.name)
            scene.tenant.deploy()
            self._come(kind, make, scene)
        self._rest()
        for kind in kinds.keys() & RESTLESS:
            self._come(kind, kinds[kind], self.scene)
        self._compare_speed(alone, edits)
        self._end()

    def _come(self, kind: str, make: Make, scene: Scene) -> None:
        """Make a bad resource, wait until it is told of, and look at what became of the good ones."""
        before, mark, began = self.hood.state(), self.operator.mark(), time.monotonic()
        name = f"bad-{len(self._bad):02}"
        self._bad[kind] = name
        make(scene, name)
        told = _told(scene.tenant, name)
        time.sleep(0.3)
        violations: Violations = {
            "O1": differences(before, self.hood.state()),
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
        busy = [
            f"{name}: {times} passes in {CALM_SECONDS:.0f} s" for name, times in more.items() if times > MOST_PASSES
        ]
        self._recorder.add("all of them at rest", converged=True, violations={"O3": busy})

    def _compare_speed(self, alone: Speed, edits: int) -> None:
        beside = Speed.of(self.hood.edit_seconds(edits))
        slower = [
            f"{name} of an edit is {now:.3f} s, and {was:.3f} s without the bad ones"
            for name, now, was, noise in (
                ("p50", beside.p50, alone.p50, NOISE_P50_SECONDS),
                ("p99", beside.p99, alone.p99, NOISE_P99_SECONDS),
            )
            if now > SLOWER * was + noise
        ]
        plan = (
            f"edits beside all of them: p50 {beside.p50 * 1000:.0f} ms, p99 {beside.p99 * 1000:.0f} ms; "
            f"without: p50 {alone.p50 * 1000:.0f} ms, p99 {alone.p99 * 1000:.0f} ms"
        )
        self._recorder.add(plan, converged=not slower, violations={"O3": slower})

    def _end(self) -> None:
        for scene in (self.scene, *self.outside):
            scene.end()
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
        return eventually(all_told, within=20)
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
