"""Runs a scenario while requests of one sort are answered wrongly, and judges what came of it.

A plan is one sort of request and one fault. The operator goes on from plan to plan; it is started anew only where kopf,
which has a growing patience of its own, was made to end several times.
"""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from crm_monitoring.manifest import CRM_MONITORING, EVENT
from support.fault_proxy import Record, Rule
from support.fault_proxy_actions import error_event, inject
from support.fault_proxy_requests import Asked, Match
from support.reliability import oracles, truth
from support.reliability.lane import Lane, settled
from support.reliability.response_faults import Fault
from support.reliability.runs import Reference
from support.reliability.scenarios import WORDS, Create, Delete, Edit, Scenario, spec
from support.reliability.world import Place, polled
from testbed import role

TOUR = Scenario(
    (
        Create(spec({"workload": {"deletionPolicy": "Remove"}})),
        Edit(
            {
                "metrics": {"monitor": "PodMonitor"},
                "notifications": {"mode": "AlertmanagerConfig"},
                "blackbox": None,
                "environment": "staging",
            }
        ),
        Delete(),
    )
)
"""Creates, changes and deletes objects of nearly every kind."""

UNREACHED_SECONDS = 10.0
BACKOFF_SECONDS = 30.0
"""Longest wait of a watch that failed in plan after plan without an event in between, as watches of quiet kinds do."""

CALM_SECONDS = 0.3
EDIT = 1
"""The step of the scenario in which lists, watches and Leases are disturbed: there is something to be lost then."""

_GONE, _DEADLY = inject(error_event(410)), inject(error_event(500))
_OF_RESOURCES = Match("watch", CRM_MONITORING.plural)
_LISTER = "500"
"""Page of the lists of resources that are not kopf's."""


@dataclass(frozen=True, slots=True, order=True)
class Sort:
    """A sort of request, whatever its namespace and name."""

    verb: str
    resource: str
    subresource: str = ""
    limit: str = ""

    def __str__(self) -> str:
        by = f"in pages of {self.limit}" if self.limit and self.resource == CRM_MONITORING.plural else ""
        return " ".join(filter(None, (self.verb, self.resource, self.subresource, by)))

    @classmethod
    def of(cls, asked: Asked) -> "Sort":
        """Return the sort of a request."""
        return cls(asked.verb, asked.resource, asked.subresource, asked.limit)

    @property
    def is_provoked(self) -> bool:
        """Return whether it must be made to happen: no change of a resource causes it."""
        return self.verb in {"list", "watch"} or self.resource == "leases" or self.resource.startswith("/")

    @property
    def is_by_chance(self) -> bool:
        """Return whether it is made only when something comes in between, so that it may be missing the next time."""
        return self.verb == "get" and not self.is_provoked

    @property
    def ends_kopf(self) -> bool:
        """Return whether only a restart of kopf causes it."""
        return self.resource.startswith("/") or self.limit == _LISTER

    def provoke(self, lane: Lane) -> None:
        """Make the operator ask this."""
        watch = _OF_RESOURCES if self.ends_kopf else Match("watch", self.resource)
        if self.resource == "leases" and self.verb != "patch":
            lane.plane.api.request("DELETE", lane.lease)
        elif self.resource != "leases":
            settled(lane, watch)
            if self.verb != "watch":
                lane.proxy.plan(watch, _DEADLY if self.ends_kopf else _GONE)
            lane.proxy.cut(watch)
            lane.touch(self.resource)


@dataclass(frozen=True, slots=True)
class Plan:
    """One fault of one sort of request."""

    sort: Sort
    name: str
    fault: Fault

    def __str__(self) -> str:
        return f"{self.sort}: {self.name}"


@dataclass
class Result:
    """What came of a plan."""

    plan: str
    converged: bool
    seconds: float | None
    exits: int
    log: str
    violations: oracles.Violations


def sorts(trace: Iterable[Record]) -> list[Sort]:
    """Return the sorts of requests in a trace."""
    return sorted({Sort.of(record.asked) for record in trace})


@dataclass
class _Course:
    """One plan on its way through the scenario in a namespace of its own."""

    lane: Lane
    plan: Plan
    place: Place
    since: int
    rule: Rule | None = None
    seconds: float | None = None
    seen: int = -1
    same: bool = False
    done: bool = True
    problems: oracles.Violations = field(default_factory=dict)

    def mine(self, asked: Asked) -> bool:
        return Sort.of(asked) == self.plan.sort and asked.namespace in {
            self.place.name,
            "",
            self.lane.own_namespace,
        }

    def begin(self, step: int) -> None:
        self.seen, self.same, self.done = -1, False, False
        if step == (EDIT if self.plan.sort.is_provoked else 0):
            self.rule = self.lane.proxy.plan(self.mine, self.plan.fault.action, times=None if self._lasts else 1)
            if self.plan.sort.is_provoked:
                self.plan.sort.provoke(self.lane)

    @property
    def _lasts(self) -> bool:
        return self.plan.fault.lasting > 0

    def plays(self) -> list[Record]:
        return [record for record in self.lane.proxy.requests(self.mine, self.since) if record.planned]

    def look(self, reference: Reference, step: int, passed: float) -> None:
        """Find out whether everything is as it should be after a step, with the fault behind it."""
        if self.rule and self._lasts and self.rule.played and self._age() > self.plan.fault.lasting:
            self.rule.times = 0
        changes = len(self.lane.histories.changes(self.place.name))
        if changes != self.seen:
            self.seen, self.same = changes, self.lane.snapshot(self.place) == reference.states[step + 1]
        due = self.rule is not None and not self.rule.played and passed < UNREACHED_SECONDS
        if self.plan.sort.is_provoked and step != EDIT:
            due = False
        under_way = self.rule is not None and self.rule.played and self._lasts and self.rule.times is None
        if self.same and not under_way and not (due and (step == 2 or self.plan.sort.is_provoked)):
            self.done = self.lane.operator.is_ready() and self._goes_on()
            if self.done and self.rule and self.rule.played and self.seconds is None:
                self.seconds = self._age(last=True)

    def _goes_on(self) -> bool:
        """Say whether what is asked again and again is asked, and answered, once the fault is over."""
        sort, plays = self.plan.sort, self.plays()
        if sort.resource == "leases":
            later = self.lane.proxy.requests(Match(resource="leases"), self.since)
            return not plays or any(r.at > plays[-1].at and r.code in (200, 201) for r in later)
        if self.plan.fault.until_left:
            later = self.lane.proxy.requests(self.mine, self.since)
            return not plays or any(record.at > plays[-1].at for record in later)
        if sort.verb in {"list", "watch"}:
            return self.lane.proxy.streams(Match("watch", sort.resource)) > 0
        return True

    def _age(self, *, last: bool = False) -> float:
        plays = self.plays()
        return time.monotonic() - plays[-1 if last else 0].at if plays else 0.0


def disturbed(lane: Lane, scenario: Scenario, reference: Reference, plans: Sequence[Plan]) -> list[Result]:
    """Run the scenario once for each plan, all at the same time, each in a namespace of its own."""
    lane.healthy()
    lane.proxy.clear()
    offset, exits = lane.log.stat().st_size, lane.exits
    began, since = lane.plane.audit_mark(), len(lane.proxy.trace)
    courses = [_Course(lane, plan, lane.place(), since) for plan in plans]
    within = max(plan.fault.within for plan in plans) + 4 * lane.kopf_deaths()
    within += BACKOFF_SECONDS * any(plan.sort.is_provoked for plan in plans)
    for number, step in enumerate(scenario.steps):
        for course in courses:
            course.begin(number)
        for course in courses:
            step.do(course.place.tenant)
        if not _awaited(lane, reference, courses, number, within):
            break
        if number == EDIT:
            _calm(lane, courses)
    lane.proxy.clear()
    log = lane.log_since(offset)
    results = [_judged(course, reference, began, log, lane.exits - exits) for course in courses]
    for course in courses:
        lane.clear(course.place)
    return results


def _awaited(lane: Lane, reference: Reference, courses: Sequence[_Course], step: int, within: float) -> bool:
    for passed in polled(within):
        lane.revive()
        for course in courses:
            if not course.done:
                course.look(reference, step, passed)
        if all(course.done for course in courses):
            break
    for course in courses:
        if not course.done:
            found = lane.snapshot(course.place)
            course.problems["O1"] = oracles.end_state(reference.states[step + 1], found) or ["/readyz is not 200"]
            course.problems["O1"].insert(0, f"after step {step + 1}, within {within:.0f} s:")
        else:
            foreign = oracles.ownership(course.place.foreign, lane.histories.state(course.place.name))
            course.problems.setdefault("O6", []).extend(foreign)
    return all(course.done for course in courses)


def _calm(lane: Lane, courses: Sequence[_Course]) -> None:
    mark = lane.plane.audit_mark()
    time.sleep(CALM_SECONDS)
    late = lane.plane.audit_since(mark, user=lane.user)
    for course in courses:
        course.problems["O3"] = oracles.rest(event for event in late if event.namespace == course.place.name)


def _judged(course: _Course, reference: Reference, began: int, log: str, exits: int) -> Result:
    lane, name = course.lane, course.place.name
    everything = lane.plane.audit_since(began, user=lane.user)
    own = [event for event in everything if event.namespace == name]
    changes = lane.histories.changes(name)
    plays = course.rule.played if course.rule else 0
    granted = [rule for rules in role.rules().values() for rule in rules]
    places = {**oracles.texts(changes), "the log": log, "/metrics": lane.operator.get("/metrics")[1]}
    ends = oracles.Ends(exits, 0, lane.operator.get("/healthz")[0], lane.operator.peak_rss_mib())
    violations: oracles.Violations = {
        **course.problems,
        "O2": bounded(reference.written, oracles.written(own), plays),
        "O4": truth.truth(changes, name, reference.wanted),
        "O5": oracles.secrecy(WORDS, places),
        "O7": _clean(log),
        "O9": oracles.process(ends),
        "O10": oracles.permissions(everything, granted),
    }
    asked = "" if plays else ", not asked this time"
    if not plays and not course.plan.sort.is_by_chance:
        violations["O2"].append("the request was never made")
    converged = course.done and not course.problems.get("O1")
    return Result(f"{course.plan}{asked}", converged, course.seconds, exits, log, violations)


def bounded(wanted: Counter[str], found: Counter[str], faults: int) -> list[str]:
    """O2 for faults: nothing is created or deleted more often than without; a patch may be repeated once a fault.

    A status may say in between what went wrong, and then that it is right; Events tell of both.
    """
    said = []
    for write, times in sorted(found.items()):
        verb, what, *_ = write.split()
        more = 0
        if what == EVENT.plural:
            more = 3 + 3 * faults
        elif what == f"{CRM_MONITORING.plural}/status":
            more = 1 + 2 * faults
        elif verb == "patch":
            more = faults
        if times > wanted[write] + more:
            said.append(f"{write}: {times} times instead of {wanted[write]}")
    return said


def _clean(log: str) -> list[str]:
    """O7: as always. kopf may complain of what its own requests met: it is ended and started again, and we say so."""
    lines = [line for line in log.splitlines() if '"logger": "kopf.' not in line and '"logger":"kopf.' not in line]
    return oracles.clean_log("\n".join(lines))
