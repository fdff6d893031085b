"""Runs of scenarios: one undisturbed, from which everything is learnt, and others that are compared with it."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from crm_monitoring.manifest import Manifest
from support.fault_proxy import Rule
from support.reliability import oracles, truth
from support.reliability.crash import Kill, Point, points
from support.reliability.history import Change
from support.reliability.scenarios import WORDS, Scenario, Step
from support.reliability.snapshot import KINDS, Snapshot
from support.reliability.world import RESYNC_SECONDS, Place, World, polled
from testbed import role

WITHIN_SECONDS = 60.0
"""How soon everything must be as it should be after a step, crash or not."""

UNREACHED_SECONDS = 3.0
"""How long a crash is waited for when everything is as it should be already."""

CALM_SECONDS = 2 * RESYNC_SECONDS + 0.2


@dataclass(frozen=True, slots=True)
class Reference:
    """What an undisturbed run of a scenario was like."""

    states: Sequence[Snapshot]
    """After the beginning, and after each step."""
    writes_before: int
    """Requests to write until the steps began."""
    written: Counter[str]
    wanted: truth.Wanted
    points: Sequence[Point]


@dataclass
class Run:
    """A run that ended and is to be judged."""

    place: Place
    began: int
    """Where the audit log was, and the log of the operator below."""
    log_began: int
    rested: int = 0
    converged: bool = False
    reached: bool = True
    seconds: float | None = None
    ends: oracles.Ends = field(default_factory=oracles.Ends)
    found: Snapshot = field(default_factory=dict)
    present: list[Manifest] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    log: str = ""
    metrics: str = ""


def learn(world: World, scenario: Scenario) -> Reference:
    """Run a scenario undisturbed, with a long look at each state of rest."""
    world.run_with(())
    place, began = world.place(), world.plane.audit_mark()
    _take(world, place, scenario.before)
    _rest(world, place)
    states, moments = [world.snapshot(place)], [_moment(world, place, scenario)]
    mark = len(world.proxy.trace)
    before = _writes(world, place)
    for step in scenario.steps:
        _take(world, place, [step])
        _rest(world, place)
        states.append(world.snapshot(place))
        moments.append(_moment(world, place, scenario))
    audit = [event for event in world.plane.audit_since(began, user=world.user) if event.namespace == place.name]
    reference = Reference(
        states,
        before,
        oracles.written(audit),
        truth.joined(*moments),
        points(world.proxy.trace[mark:], place.name),
    )
    world.clear(place)
    return reference


def run(
    world: World,
    scenario: Scenario,
    reference: Reference,
    point: Point | None = None,
    *,
    within: float = WITHIN_SECONDS,
) -> Run:
    """Run a scenario, with a crash if `point` says where, to the state that the reference has in the end."""
    world.run_with(())
    offset = world.log.stat().st_size if world.log.exists() else 0
    place, began = world.place(), world.plane.audit_mark()
    result = Run(place, began, offset)
    attempt = _Attempt(world, place, within)
    _take(world, place, scenario.before)
    result.converged = attempt.until(reference.states[0])
    for _ in polled(UNREACHED_SECONDS):
        if _writes(world, place) >= reference.writes_before:
            break
    if point:
        attempt.crash_at(point)
    for number, step in enumerate(scenario.steps, 1):
        if result.converged:
            _take(world, place, [step])
            is_last = number == len(scenario.steps)
            result.converged = attempt.until(reference.states[number], with_crash=is_last)
    result.rested = world.plane.audit_mark()
    result.reached, result.seconds = attempt.reached, attempt.seconds
    world.proxy.clear()
    _look(world, result, attempt)
    return result


def judged(world: World, result: Run, reference: Reference, scenario: Scenario) -> oracles.Violations:
    """Return what the oracles say of a run. Call it two resyncs after its end; the namespace is cleared."""
    name = result.place.name
    late = world.plane.audit_since(result.rested, user=world.user)
    everything = world.plane.audit_since(result.began, user=world.user)
    own = [event for event in everything if event.namespace == name]
    places = {**oracles.texts(result.changes), "the log": result.log, "/metrics": result.metrics}
    granted = [rule for rules in role.rules().values() for rule in rules]
    crashes = result.ends.planned
    world.clear(result.place)
    return {
        "O1": oracles.end_state(reference.states[-1], result.found),
        "O2": oracles.write_summary(reference.written, oracles.written(own), crashes=crashes),
        "O3": oracles.rest((event for event in late if event.namespace == name), _plurals(result.found)),
        "O4": truth.truth(result.changes, name, reference.wanted),
        "O5": oracles.secrecy(WORDS, places),
        "O6": oracles.ownership(result.place.foreign, result.present),
        "O7": oracles.clean_log(result.log),
        "O8": oracles.consumers(result.present, world.tools),
        "O9": oracles.process(result.ends),
        "O10": oracles.permissions(everything, granted),
    }


class _Attempt:
    """Waits for states, starts the operator again when it ended, and takes the time."""

    def __init__(self, world: World, place: Place, within: float) -> None:
        self._world, self._place, self._within = world, place, within
        self._kill: Kill | None = None
        self._rule: Rule | None = None
        self.exits = 0
        self.seconds: float | None = None

    def crash_at(self, point: Point) -> None:
        world = self._world
        self._kill = Kill(lambda: world.operator.pid, point.commit)
        self._rule = world.proxy.plan(point.match(self._place.name), self._kill, skip=point.occurrence - 1)

    @property
    def planned(self) -> int:
        return self._rule.played if self._rule else 0

    @property
    def reached(self) -> bool:
        """Say whether the process was killed and started again, if that was planned."""
        return self._kill is None or (self._kill.at > 0 and self.exits > 0)

    def until(self, wanted: Snapshot, *, with_crash: bool = False) -> bool:
        """Return whether a state is reached in time, and stays until the planned crash was, if that is to come."""
        seen, same, same_since = -1, False, 0.0
        for passed in polled(self._within):
            self._start_again()
            changes = len(self._world.histories.changes(self._place.name))
            if changes != seen:
                seen, same = changes, self._world.snapshot(self._place) == wanted
                same_since = passed
            if not (same and self._world.operator.is_ready()):
                continue
            if self.reached or not with_crash or passed - same_since > UNREACHED_SECONDS:
                if self._kill and self._kill.at and self.seconds is None:
                    self.seconds = time.monotonic() - self._kill.at
                return True
        return False

    def _start_again(self) -> None:
        if not self._world.running:
            self.exits += 1
            self._world.start()


def _plurals(found: Snapshot) -> set[str]:
    """Return the names of objects as requests have them."""
    plurals = {kind.name: kind.plural for kind in KINDS}
    return {f"{plurals[item['kind']]} {item['metadata']['name']}" for item in found.values()}


def _look(world: World, result: Run, attempt: _Attempt) -> None:
    """Take down what is to be seen of a run at its end."""
    operator, name = world.operator, result.place.name
    health = operator.get("/healthz")[0] if world.running else 0
    rss = operator.peak_rss_mib() if world.running else 0.0
    result.ends = oracles.Ends(attempt.exits, attempt.planned, health, rss)
    result.metrics = operator.get("/metrics")[1]
    result.log = world.log_since(result.log_began)
    result.found = world.snapshot(result.place)
    result.present = world.histories.state(name)
    result.changes = world.histories.changes(name)


def _take(world: World, place: Place, steps: Sequence[Step]) -> None:
    for step in steps:
        step.do(place.tenant)
        if step.flags is not None:
            world.run_with(step.flags)


def _rest(world: World, place: Place) -> None:
    """Wait until nothing has changed in a namespace for two resyncs of an operator that is ready."""
    known, since = -1, time.monotonic()
    for _ in polled(2 * WITHIN_SECONDS):
        changes = len(world.histories.changes(place.name))
        if changes != known or not world.operator.is_ready():
            known, since = changes, time.monotonic()
        if time.monotonic() - since > CALM_SECONDS:
            return
    raise AssertionError(f"{place.name} does not come to rest")


def _moment(world: World, place: Place, scenario: Scenario) -> dict[tuple[str, int], dict[str, str]]:
    return truth.acceptable(world.histories.state(place.name), place.name, workloads=scenario.judges_workload)


def _writes(world: World, place: Place) -> int:
    return len(world.proxy.requests(lambda asked: asked.writes and asked.namespace == place.name))
