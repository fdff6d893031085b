"""Steady mixed work on a running operator, and what it holds before and after: nothing may grow."""

import json
import os
import signal
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import and_
from pathlib import Path
from random import Random
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from crm_monitoring.manifest import CHILD_KINDS, CRM_MONITORING, PROMETHEUS_RULE, SERVICE_MONITOR, Kind
from crm_monitoring.render.names import OWNER_UID_LABEL
from support.fault_proxy_actions import break_off, error_event, inject
from support.fault_proxy_requests import Match
from support.live import Tenant, eventually
from support.reliability.scenarios import CREDENTIALS, WORDS, credentials, spec
from support.reliability.world import Place, World, polled
from support.resources import PAGERDUTY, SLACK, merged, minimal

SETTLED_WITHIN = 30.0
"""How soon everything is Ready once the work rests, in seconds: a watch that was cut is resumed, kopf is started again."""

STEADY = ("crm-a", "crm-b", "crm-c")
"""Resources of each namespace that are there from the beginning to the end."""

_SPECS = (
    spec({"workload": None}),
    minimal()["spec"],
    merged(minimal()["spec"], {"notifications": {"receivers": [SLACK, PAGERDUTY]}}),
)
_EDITS: tuple[Mapping[str, Any], ...] = (
    *({"environment": name} for name in ("staging", "production", "test")),
    *({"alerts": {"extraLabels": {"team": name}}} for name in ("crm", "core")),
    {"alerts": {"overrides": {"CRMQueueSizeHigh": {"threshold": "250"}}}},
    {"alerts": {"overrides": {"CRMQueueSizeHigh": {"threshold": "500"}}}},
    *({"metrics": {"monitor": name}} for name in ("ServiceMonitor", "PodMonitor", "Auto")),
    {"dashboards": {"audiences": ["Overview", "SLO"]}},
    {"dashboards": {"audiences": ["Overview"]}},
    {"mode": "Observe"},
    {"mode": "Enforce"},
)
_FAULTS = (inject(error_event(410)), inject(b"no JSON\n"), break_off())
_WATCHED = ("prometheusrules", "servicemonitors", "configmaps", "deployments", "services", "crmmonitorings")

MOST_GROWTH_MIB = 2.0
"""In ten minutes, over the second half: arenas of the allocator still fill up in the first. A leak of 1 kB a pass would
be 6 MiB at this pace."""

MOST_SERIES = 500
MORE_FILES = 3
"""Connections that happen to be open: the pool keeps what was used lately."""

MORE_TASKS = 3
"""Reads of Secrets that happen to be under way."""

MORE_ITEMS: Mapping[str, int] = {
    "Announcer._said": 400,  # what was told in the last ten minutes, by resource and text
    "Alerts.extra_labels": 200,  # parts of what is kept there
    "Spec.object_labels": 200,
    "Replacement._listed": 200,  # a list that is under way
    "Lines._rest": 20,  # the beginning of a line that is under way
}
"""How much more a collection may hold than after the warm-up, where it is bounded by something else than resources."""

FEW = 3
"""Timers, reads under way and the like: some more or less from one moment to the next."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What the operator is made of at one moment of rest."""

    at: float
    """Seconds since the work began."""
    rss_mib: float
    files: int
    threads: int
    series: int
    depth: float
    tasks: Mapping[str, int]
    held: Mapping[str, int]
    """Items in every collection of every object of ours, by class and attribute."""
    objects: int
    """Everything that the garbage collector of Python knows."""


class Work:
    """People at work in some namespaces. Every value comes from a short list, so that what is kept by value is bounded."""

    def __init__(self, world: World, places: Sequence[Place], seed: int) -> None:
        self._world = world
        self._places = places
        self._random = Random(seed)
        self._guests: list[tuple[Tenant, str]] = []
        self._number = 0
        self.done: dict[str, int] = {}
        """How often each sort of work was done."""
        for place in places:
            for name, wanted in zip(STEADY, _SPECS, strict=True):
                place.tenant.monitor({"spec": wanted}, name)

    def step(self) -> None:
        """Do one thing."""
        sorts: tuple[tuple[int, Callable[[Tenant], None]], ...] = (
            (8, self._edit),
            (3, self._delete_child),
            (3, self._change_child),
            (2, self._rotate),
            (2, self._come),
            (2, self._go),
            (1, self._replace),
            (2, self._cut),
            (1, self._disturb),
        )
        (chosen,) = self._random.choices([work for _, work in sorts], [weight for weight, _ in sorts])
        name = chosen.__name__.strip("_")
        self.done[name] = self.done.get(name, 0) + 1
        chosen(self._random.choice(self._places).tenant)

    def rest(self) -> None:
        """Let guests go, and have every resource enforced."""
        self._world.proxy.clear()
        while self._guests:
            self._go(self._places[0].tenant)
        for tenant, name in self.steady():
            tenant.edit({"mode": "Enforce"}, name)

    def steady(self) -> Iterator[tuple[Tenant, str]]:
        """Yield the resources that stay."""
        for place in self._places:
            for name in STEADY:
                yield place.tenant, name

    def _edit(self, tenant: Tenant) -> None:
        tenant.edit(self._random.choice(_EDITS), self._random.choice(STEADY))

    def _delete_child(self, tenant: Tenant) -> None:
        kind, name = self._child()
        tenant.plane.api.request("DELETE", tenant.path(kind, name))

    def _change_child(self, tenant: Tenant) -> None:
        kind, name = self._child()
        part = "groups" if kind == PROMETHEUS_RULE else "endpoints"
        path = f"{tenant.path(kind, name)}?fieldManager=kubectl-edit"
        tenant.plane.api.request("PATCH", path, {"spec": {part: []}}, "application/merge-patch+json")

    def _child(self) -> tuple[Kind, str]:
        name = self._random.choice(STEADY)
        return self._random.choice(((PROMETHEUS_RULE, f"{name}-crm-stock"), (SERVICE_MONITOR, f"{name}-crm-metrics")))

    def _rotate(self, tenant: Tenant) -> None:
        tenant.rotate(CREDENTIALS, **credentials(self._random.choice(WORDS)))

    def _come(self, tenant: Tenant) -> None:
        self._number += 1
        name = f"guest-{self._number}"
        tenant.monitor({"spec": self._random.choice(_SPECS)}, name)
        self._guests.append((tenant, name))

    def _go(self, tenant: Tenant) -> None:
        if self._guests:
            self._remove(*self._guests.pop(0))

    def _replace(self, tenant: Tenant) -> None:
        name = self._random.choice(STEADY)
        self._remove(tenant, name)
        tenant.monitor({"spec": _SPECS[STEADY.index(name)]}, name)

    def _remove(self, tenant: Tenant, name: str) -> None:
        """Delete a resource, and what the garbage collector, which does not run here, would delete with it."""
        uid = tenant.look(CRM_MONITORING, name)["metadata"]["uid"]
        tenant.delete(CRM_MONITORING, name)
        eventually(lambda: not tenant.look(CRM_MONITORING, name))
        for kind in CHILD_KINDS:
            tenant.plane.api.request("DELETE", f"{tenant.path(kind)}?labelSelector={OWNER_UID_LABEL}={uid}")

    def _cut(self, _: Tenant) -> None:
        self._world.proxy.cut(Match("watch", self._random.choice(_WATCHED)))

    def _disturb(self, _: Tenant) -> None:
        match = Match("watch", self._random.choice(_WATCHED[:-1]))
        self._world.proxy.plan(match, self._random.choice(_FAULTS))
        self._world.proxy.cut(match)


class Window:
    """Looks into an operator that runs as `support.reliability.window`."""

    def __init__(self, world: World, file: Path) -> None:
        self._world = world
        self._file = file
        self._times = 0

    def measure(self, at: float) -> Measure:
        """Wait until the operator is at rest, and measure."""
        self._settle()
        self._times += 1
        operator = self._world.operator
        os.kill(operator.pid, signal.SIGUSR1)
        seen = eventually(self._seen, 20)
        samples = self._samples()
        proc = Path(f"/proc/{operator.pid}")
        return Measure(
            at=at,
            rss_mib=_rss_mib(proc),
            files=len(list((proc / "fd").iterdir())),
            threads=len(list((proc / "task").iterdir())),
            series=len(samples),
            depth=samples.get("crm_operator_queue_depth{}", 0.0),
            tasks=seen["tasks"],
            held=seen["held"],
            objects=seen["objects"],
        )

    def _seen(self) -> dict[str, Any]:
        seen: dict[str, Any] = json.loads(self._file.read_bytes()) if self._file.exists() else {}
        return seen if seen.get("times") == self._times else {}

    def _settle(self, calm: float = 1.0) -> None:
        """Wait until no key waits and no status was written for a moment. Passes go on: Secrets are polled."""
        known, since = -1.0, 0.0
        for passed in polled(SETTLED_WITHIN):
            samples = self._samples()
            writes = samples.get("crm_operator_status_writes_total{}", 0.0)
            if writes != known or samples.get("crm_operator_queue_depth{}"):
                known, since = writes, passed
            if passed - since > calm:
                return
        raise AssertionError(f"the operator does not come to rest within {SETTLED_WITHIN:.0f} s")

    def _samples(self) -> dict[str, float]:
        code, text = self._world.operator.get("/metrics")
        assert code == 200, "the operator does not answer"
        return {
            f"{sample.name}{sample.labels or '{}'}": sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


def leanest(measures: Sequence[Measure]) -> Measure:
    """Return what was there in every one of several looks in a row: what only passes through is missing in one."""
    held = [Counter(each.held) for each in measures]
    tasks = [Counter(each.tasks) for each in measures]
    return replace(
        min(measures, key=lambda each: each.rss_mib),
        files=min(each.files for each in measures),
        depth=min(each.depth for each in measures),
        tasks=dict(reduce(and_, tasks)),
        held=dict(reduce(and_, held)),
    )


def slope(measures: Iterable[Measure]) -> float:
    """Return by how many MiB the resident memory grows in ten minutes: a straight line through all measures."""
    points = [(each.at, each.rss_mib) for each in measures]
    return statistics.linear_regression(*zip(*points, strict=True)).slope * 600


def growth(measures: Sequence[Measure]) -> list[str]:
    """Return what grew between the end of the warm-up and the end, as sentences."""
    half = [each for each in measures if each.at >= measures[-1].at / 2]
    first = half[0] if len(half) > 2 else measures[0]
    last, said = measures[-1], []
    if len(half) >= 8 and (grown := slope(half)) > MOST_GROWTH_MIB:
        said.append(f"resident memory grows by {grown:.1f} MiB in ten minutes")
    if last.files > first.files + MORE_FILES:
        said.append(f"{last.files} open files, {first.files} before")
    if last.threads > first.threads:
        said.append(f"{last.threads} threads, {first.threads} before")
    if sum(last.tasks.values()) > sum(first.tasks.values()) + MORE_TASKS:
        said.append(f"tasks: {dict(last.tasks)}, before: {dict(first.tasks)}")
    if last.depth:
        said.append(f"{last.depth:.0f} keys wait although nothing happens")
    if last.series > MOST_SERIES:
        said.append(f"{last.series} series on /metrics")
    for name, items in last.held.items():
        more = MORE_ITEMS.get(name, FEW)
        if items > first.held.get(name, 0) + more:
            said.append(f"{name} holds {items} items, {first.held.get(name, 0)} before")
    return said


def _rss_mib(proc: Path) -> float:
    for line in (proc / "status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("the operator ended")
