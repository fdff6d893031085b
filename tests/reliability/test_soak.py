"""Half an hour of steady work: nothing that the operator holds grows, and it is silent once there is nothing to do."""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from support.live import eventually
from support.reliability import oracles
from support.reliability.oracles import Violations
from support.reliability.record import ROWS, Recorder
from support.reliability.scenarios import WORDS
from support.reliability.soak import Measure, Window, Work, growth, leanest
from support.reliability.window import MODULE
from support.reliability.world import World
from testbed import role
from testbed.controlplane import ControlPlane

pytestmark = pytest.mark.integration

SEED = 1
NAMESPACES = 3
RESYNC_SECONDS = 2
FLAGS = (
    *("--leader-election", "--lease-duration-seconds", "60", "--lease-renew-deadline-seconds", "50"),
    *("--resync-seconds", str(RESYNC_SECONDS), "--poll-seconds", "2"),
)
"""A busy machine must not cost it the Lease."""
PAUSE_SECONDS = 0.6
"""Between two pieces of work: the operator has all but caught up when the next one comes."""

SAMPLE_SECONDS = 20.0
WHOLE_SECONDS = float(os.environ.get("SOAK_SECONDS", "1800"))
LOOKS = 3
"""For one measure: lists and reads that are under way are not so at each."""
MEASURES = 30
"""How often the whole soak is measured."""


class Soak:
    """A world at work."""

    def __init__(self, world: World, directory: Path, book: Path) -> None:
        self.world = world
        self._book = book
        file = directory / "window.json"
        world.run_with(FLAGS, ("-m", MODULE, str(file)))
        self._offset, self._audited = 0, world.plane.audit_mark()
        self.places = [world.place() for _ in range(NAMESPACES)]
        self.work = Work(world, self.places, SEED)
        self._window = Window(world, file)
        self.measures: list[Measure] = []
        self.violations: Violations = {name: [] for name in oracles.NAMES}

    def go_on(self, seconds: float, every: float) -> None:
        """Work for so long, with a rest and a measure now and then; the first one ends the warm-up."""
        began = time.monotonic()
        due = min(every, 8.0)
        while (passed := time.monotonic() - began) < seconds:
            self.work.step()
            time.sleep(PAUSE_SECONDS)
            if passed > due:
                self.look(passed)
                due = passed + every
        self.look(seconds)

    def look(self, at: float) -> None:
        """Have everything Ready, measure, and look for words of Secrets in everything that was there meanwhile."""
        self.work.rest()
        for tenant, name in self.work.steady():
            tenant.ready(name, within=30)
        self.measures.append(leanest([self._window.measure(at) for _ in range(LOOKS)]))
        with self._book.open("a", encoding="utf-8") as book:
            book.write(json.dumps(asdict(self.measures[-1])) + "\n")
        for place in self.places:
            texts = oracles.texts(self.world.histories.changes(place.name))
            self.violations["O5"] += oracles.secrecy(WORDS, texts)
            self.world.histories.forget(place.name)

    def end(self) -> None:
        """Look for what must never be, and watch what it does when there is nothing to do."""
        world = self.world
        mark = world.plane.audit_mark()
        time.sleep(2 * 1.2 * RESYNC_SECONDS + 0.5)
        self.violations["O3"] = oracles.rest(world.plane.audit_since(mark, user=world.user))
        log, requests = world.log_since(self._offset), world.plane.audit_since(self._audited, user=world.user)
        granted = [rule for rules in role.rules().values() for rule in rules]
        health = world.operator.get("/healthz")[0]
        self.violations["O5"] += oracles.secrecy(WORDS, {"the log": log, "/metrics": world.operator.get("/metrics")[1]})
        self.violations["O7"] = oracles.clean_log(log)
        self.violations["O9"] = [
            *oracles.process(oracles.Ends(0 if world.running else 1, 0, health, self.measures[-1].rss_mib)),
            *growth(self.measures),
        ]
        self.violations["O10"] = oracles.permissions(requests, granted)


def soaked(soak: Soak, recorder: Recorder, seconds: float, every: float) -> None:
    """Work for so long, and record what came of it."""
    eventually(soak.world.operator.is_ready, 30)
    soak.go_on(seconds, every)
    soak.end()
    recorder.add(
        f"{seconds:.0f} s of steady work ({sum(soak.work.done.values())} steps)",
        converged=True,
        tracebacks=oracles.tracebacks(soak.world.log_since(0)),
        violations=soak.violations,
    )


@pytest.fixture
def world(served_plane: ControlPlane, tmp_path: Path, tool: Callable[[str], Path]) -> Iterator[World]:
    """Return a place to work in."""
    with World(served_plane, tmp_path, tool, name="soak") as world:
        yield world
        assert not world.histories.broken


def test_some_seconds_of_work_leave_nothing_behind(
    world: World, tmp_path: Path, record: Callable[..., Recorder]
) -> None:
    recorder = record("soak", SEED)
    soaked(Soak(world, tmp_path, tmp_path / "measures.jsonl"), recorder, SAMPLE_SECONDS, SAMPLE_SECONDS)
    assert not recorder.failures(), recorder.told()


@pytest.mark.reliability
@pytest.mark.timeout(2 * WHOLE_SECONDS + 300)
def test_half_an_hour_of_work_leaves_nothing_behind(
    world: World, tmp_path: Path, record: Callable[..., Recorder]
) -> None:
    recorder = record("soak", SEED)
    ROWS.mkdir(parents=True, exist_ok=True)
    book = ROWS / "soak-measures.json"
    book.unlink(missing_ok=True)
    soaked(Soak(world, tmp_path, book), recorder, WHOLE_SECONDS, WHOLE_SECONDS / MEASURES)
    assert not recorder.failures(), recorder.told()
