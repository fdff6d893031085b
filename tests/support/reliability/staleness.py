"""Runs in which an operator is shown a past that is over, and what it does then."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from crm_monitoring.manifest import CRM_MONITORING
from support.fault_proxy_requests import Asked
from support.live import eventually
from support.reliability import oracles, truth
from support.reliability.faulting import TOUR, Result
from support.reliability.lane import Lane
from support.reliability.past import Past
from support.reliability.runs import Reference
from support.reliability.scenarios import CREDENTIALS, WORDS, Delete, Edit, Rotate, Step
from support.reliability.stream_faults import silence
from support.reliability.world import Place, polled

STALE_SECONDS = 4.0
"""How long the past is shown after it was first asked for."""

CALM_SECONDS = 6.0
"""How long nothing may happen afterwards: more than a list of everything takes to come round."""

FLAGS = ("--resync-seconds", "2", "--poll-seconds", "2")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is read from the past, after which change, and whether by an operator that has just been started."""

    verb: str
    resource: str
    change: str
    restarted: bool = False
    name: str | None = None

    def __str__(self) -> str:
        what = f"{self.verb} {self.resource or 'everything'}{f' {self.name}' if self.name else ''}"
        return f"{what} as before the {self.change}{', after a restart' if self.restarted else ''}"

    def reads(self, asked: Asked) -> bool:
        """Return whether a request is answered from the past."""
        if asked.resource == "leases" or asked.resource.startswith("/") or asked.verb not in {"get", "list"}:
            return False
        verb = self.verb in ("get and list", asked.verb)
        return verb and self.resource in ("", asked.resource) and self.name in (None, asked.name)

    def watches(self, asked: Asked) -> bool:
        """Return whether a request is a watch that would tell the truth too soon."""
        return asked.verb == "watch" and self.resource in ("", asked.resource) and "list" in self.verb


_CHANGES: dict[str, tuple[Step, int]] = {
    "edit": (TOUR.steps[1], 2),
    "deletion": (Delete(), 3),
    "rotation": (Rotate(), 1),
}
assert isinstance(TOUR.steps[1], Edit)


def shown(lane: Lane, reference: Reference, plan: Plan) -> Result:
    """Carry out one plan."""
    lane.healthy()
    lane.proxy.clear()
    offset, exits = lane.log.stat().st_size, lane.exits
    place, past = lane.place(), Past()
    until = _Until(lane, place)
    TOUR.steps[0].do(place.tenant)
    problems: oracles.Violations = {"O1": [], "O2": []}
    until(lambda: lane.snapshot(place) == reference.states[1], problems, "created")
    lane.proxy.plan(plan.reads, past, times=None)
    _remember(lane, plan, past)
    step, number = _CHANGES[plan.change]
    if plan.change == "deletion":
        TOUR.steps[1].do(place.tenant)
        until(lambda: lane.snapshot(place) == reference.states[2], problems, "edited")
    past.frozen = True
    step.do(place.tenant)
    until(lambda: _is_changed(lane, place, plan, reference, number), problems, "changed")
    wanted = lane.snapshot(place)
    mark = lane.plane.audit_mark()
    past.replaying = True
    silenced = lane.proxy.plan(plan.watches, silence(), times=None)
    if plan.restarted:
        lane.stop()
        lane.start()
    lane.proxy.cut(plan.watches)
    until(lambda: past.replayed > 0, problems, "shown", within=30)
    time.sleep(STALE_SECONDS)
    past.replaying = False
    silenced.times = 0
    lane.proxy.clear()
    over = time.monotonic()
    lane.proxy.cut(plan.watches)
    until(lambda: lane.leads() and lane.snapshot(place) == wanted, problems, "right again", within=40)
    seconds = time.monotonic() - over
    late = lane.plane.audit_mark()
    time.sleep(CALM_SECONDS)
    problems["O3"] = oracles.rest(e for e in lane.plane.audit_since(late, user=lane.user) if e.namespace == place.name)
    problems["O1"] += oracles.end_state(wanted, lane.snapshot(place))
    own = [event for event in lane.plane.audit_since(mark, user=lane.user) if event.namespace == place.name]
    for write, times in sorted(oracles.written(own).items()):
        verb, what, *_ = write.split()
        if plan.restarted and plan.change == "edit" and what == "secrets":
            continue  # an operator that knows nothing else makes the Secret of the earlier wish, and takes it back
        if verb in {"create", "delete"} and what != "events":
            problems["O2"].append(f"{write}: {times} times because of the past")
    return _judged(lane, reference, plan, place, problems, offset=offset, exits=exits, seconds=seconds)


def _remember(lane: Lane, plan: Plan, past: Past) -> None:
    """Have the present read once more, so that it can become the past."""
    kinds = {plan.resource} if plan.resource else {CRM_MONITORING.plural, "prometheusrules", "podmonitors"}
    eventually(lambda: kinds <= {question[1] for question in past.remembered}, within=30)


def _is_changed(lane: Lane, place: Place, plan: Plan, reference: Reference, number: int) -> bool:
    if plan.change == "rotation":
        routing = str(place.tenant.routing())
        return WORDS[1] in routing and WORDS[0] not in routing
    return lane.snapshot(place) == reference.states[number]


@dataclass(frozen=True, slots=True)
class _Until:
    lane: Lane
    place: Place

    def __call__(
        self, check: Callable[[], object], problems: oracles.Violations, what: str, within: float = 25.0
    ) -> None:
        for _ in polled(within):
            self.lane.revive()
            if check():
                return
        problems["O1"].append(f"not {what} within {within:.0f} s")


def _judged(
    lane: Lane,
    reference: Reference,
    plan: Plan,
    place: Place,
    problems: oracles.Violations,
    *,
    offset: int,
    exits: int,
    seconds: float,
) -> Result:
    log, changes = lane.log_since(offset), lane.histories.changes(place.name)
    ends = oracles.Ends(lane.exits - exits, 0, lane.operator.get("/healthz")[0], lane.operator.peak_rss_mib())
    texts = {**oracles.texts(changes), "the log": log}
    violations = {
        **problems,
        "O4": [] if plan.change == "rotation" else truth.truth(changes, place.name, reference.wanted),
        "O5": oracles.secrecy(WORDS, texts),
        "O6": [s for s in oracles.ownership(place.foreign, lane.histories.state(place.name)) if CREDENTIALS not in s],
        "O7": oracles.clean_log("\n".join(line for line in log.splitlines() if '"logger":"kopf.' not in line)),
        "O9": oracles.process(ends),
    }
    lane.clear(place)
    return Result(str(plan), not problems["O1"], seconds, ends.exits, log, violations)
