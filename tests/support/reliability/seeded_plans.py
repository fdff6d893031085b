"""By which plans the seeded bugs are found: small parts of the campaigns, each judged by the campaigns' own oracles."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from crm_monitoring.manifest import CRM_MONITORING, SERVICE_MONITOR, Manifest
from support.fault_proxy_actions import Exchange, Reply, swallow
from support.fault_proxy_requests import Match
from support.live import Tenant, eventually
from support.reliability.oracles import Violations
from support.reliability.runs import WITHIN_SECONDS, Reference, judged, run
from support.reliability.scenarios import SCENARIOS, Scenario, Step
from support.reliability.world import World

CREATE, PRUNE, EDIT = "create the smallest resource", "edit metrics to a PodMonitor", "edit alerts"
EVERY, LEAVE = "create a resource with every block", "delete with Remove"

SOON_SECONDS = 12.0
"""How long a state is waited for that a bug may never let come. The operator without one needs 1 or 2 s."""


class Fault:
    """Something that goes wrong at the moment of the last step. The one of the base class is nothing."""

    def begin(self, world: World, tenant: Tenant) -> None:
        """Make it go wrong."""

    @property
    def foreign(self) -> list[Manifest]:
        """Return objects of others that came with it."""
        return []


@dataclass(frozen=True, slots=True)
class Refused(Fault):
    """Requests are answered with an error, some times."""

    match: Match
    times: int

    def begin(self, world: World, tenant: Tenant) -> None:
        world.proxy.plan(self.match, Reply(500), times=self.times)


class Unobserved(Fault):
    """The watch on resources says nothing any more, and does not end."""

    def begin(self, world: World, tenant: Tenant) -> None:
        watch = Match("watch", CRM_MONITORING.plural)
        world.proxy.plan(watch, swallow(), times=None)
        world.proxy.cut(watch)
        eventually(lambda: world.proxy.streams(watch))


@dataclass
class Replaced(Fault):
    """While a delete is on its way the object is replaced by somebody else's of the same name."""

    made: list[Manifest] = field(default_factory=list)

    @property
    def foreign(self) -> list[Manifest]:
        return self.made

    def begin(self, world: World, tenant: Tenant) -> None:
        self._tenant = tenant
        world.proxy.plan(Match("delete", SERVICE_MONITOR.plural, namespace=tenant.name), self)

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        await asyncio.to_thread(self._replace, exchange.asked.name)
        return await exchange.forward()

    def _replace(self, name: str) -> None:
        tenant = self._tenant
        tenant.delete(SERVICE_MONITOR, name)
        made = tenant.create(SERVICE_MONITOR, name, {"spec": {"selector": {}, "endpoints": []}})
        self.made.append({**made, "apiVersion": SERVICE_MONITOR.api_version, "kind": SERVICE_MONITOR.name})


@dataclass(frozen=True, slots=True)
class Plan:
    """A part of a campaign."""

    by: str
    """The oracle that finds it, maybe among others."""
    scenario: str
    fault: Callable[[], Fault] = Fault
    crash: str = ""
    """A crash of the crash campaign, in its words."""
    unjudged: frozenset[str] = frozenset()
    """Oracles that have no reference for this: a failed request explains a status more, somebody's object a difference."""


PLANS: Mapping[str, Plan] = {
    "nothing is compared": Plan("O3", CREATE),
    "what is left over is not pruned": Plan("O1", PRUNE),
    "every second change is lost, and nothing is listed again": Plan("O1", EDIT),
    "nothing is listed again": Plan("O1", EDIT, Unobserved, unjudged=frozenset({"O2"})),
    "the status comes before the children": Plan(
        "O4", CREATE, crash="kill -9 before apply prometheusrules crm-crm-stock"
    ),
    "children get other names from second to second": Plan("O1", CREATE),
    "an error quotes what was to be written": Plan(
        "O5", EVERY, lambda: Refused(Match("apply", "secrets"), 1), unjudged=frozenset({"O2"})
    ),
    "a delete has no precondition": Plan("O6", PRUNE, Replaced, unjudged=frozenset({"O1", "O2"})),
    "the finalizer is never removed": Plan("O1", LEAVE),
    "Ready is True while a child failed": Plan(
        "O4", CREATE, lambda: Refused(Match("apply", "prometheusrules"), 2), unjudged=frozenset({"O2"})
    ),
}
"""Plans by the bug that each finds."""


@dataclass(frozen=True, slots=True)
class _Faulty:
    """A step that is taken while something goes wrong."""

    step: Step
    fault: Fault
    world: World

    def do(self, tenant: Tenant) -> None:
        self.fault.begin(self.world, tenant)
        self.step.do(tenant)

    @property
    def flags(self) -> tuple[str, ...] | None:
        return self.step.flags


def tried(world: World, plan: Plan, reference: Reference, within: float = WITHIN_SECONDS) -> Violations:
    """Carry out a plan on the operator that the world runs; return what the oracles say, without those that say nothing."""
    scenario, fault = SCENARIOS[plan.scenario], plan.fault()
    point = next((point for point in reference.points if str(point) == plan.crash), None)
    assert bool(point) == bool(plan.crash), f"{plan.scenario} has no {plan.crash!r}"
    *steps, last = scenario.steps
    faulty = Scenario((*steps, _Faulty(last, fault, world)), scenario.before)
    result = run(world, faulty, reference, point, within=within)
    result.place.foreign.extend(fault.foreign)
    world.restart()
    found = judged(world, result, reference, scenario)
    return {name: said for name, said in found.items() if said and name not in plan.unjudged}
