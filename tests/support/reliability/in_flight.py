"""Writes that left a leader while it led, and arrive when another has led for long: a network can do that.

Asking for leadership before a write cannot prevent it. What such a write says is what was wanted some time ago.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from support.fault_proxy_actions import Exchange
from support.fault_proxy_requests import Match
from support.live import eventually
from support.reliability.oracles import Violations
from support.reliability.pairs import Pair
from support.reliability.snapshot import differences
from support.reliability.successions import FOLLOWED_WITHIN, steady
from support.reliability.world import polled
from support.resources import SLACK
from testbed.audit import AuditEvent

HEALED_WITHIN = 8.0
"""A resync and a poll of Secrets take 2.4 s at most here, on an idle machine."""

RESOURCE = "crm-late"
NOTIFIED = {"receivers": [SLACK], "groupWait": "10s"}


@dataclass
class Held:
    """Keeps requests on their way until they are let go; they arrive although nobody waits for the answer any more."""

    waiting: int = 0
    _gate: asyncio.Event = field(default_factory=asyncio.Event)
    _loop: asyncio.AbstractEventLoop | None = None

    def let_go(self) -> None:
        """Pass on what waits, and what comes from now on."""
        assert self._loop is not None, "nothing waits"
        self._loop.call_soon_threadsafe(self._gate.set)

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        self._loop = asyncio.get_running_loop()
        delivery = asyncio.ensure_future(self._deliver(exchange))
        delivery.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody waits any more
        return await asyncio.shield(delivery)

    async def _deliver(self, exchange: Exchange) -> web.StreamResponse:
        self.waiting += 1
        await self._gate.wait()
        return await exchange.forward()


@dataclass(frozen=True, slots=True)
class Case:
    """A write that is late, and the wishes of which it is the older one's."""

    match: Match
    older: Mapping[str, Any]
    newer: Mapping[str, Any]


CASES: Mapping[str, Case] = {
    "a changed rule": Case(
        Match("apply", "prometheusrules", f"{RESOURCE}-crm-stock"),
        {"alerts": {"extraLabels": {"team": "older"}}},
        {"alerts": {"extraLabels": {"team": "newer"}}},
    ),
    "a merged Secret": Case(
        Match("apply", "secrets"),
        {"notifications": {**NOTIFIED, "groupWait": "20s"}},
        {"notifications": {**NOTIFIED, "groupWait": "30s"}},
    ),
    "a new child that is no longer wanted": Case(
        Match("apply", "podmonitors"), {"metrics": {"monitor": "PodMonitor"}}, {"metrics": {"monitor": "Auto"}}
    ),
    "the end of a child that is wanted again": Case(
        Match("delete", "servicemonitors"), {"metrics": {"monitor": "PodMonitor"}}, {"metrics": {"monitor": "Auto"}}
    ),
    "a status": Case(
        Match("patch", "crmmonitorings", RESOURCE, "status"), {"environment": "older"}, {"environment": "newer"}
    ),
    "a variable of the workload": Case(
        Match("apply", "deployments"),
        {"workload": {"env": {"logLevel": "DEBUG"}}},
        {"workload": {"env": {"logLevel": "WARNING"}}},
    ),
}


@dataclass
class Arrival:
    """What became of a late write."""

    codes: list[int]
    """What the API server answered: 200 when it did what was wanted some time ago, 409 when it did not."""
    converged: bool
    seconds: float
    """From the arrival until everything was again as wanted last."""
    violations: Violations


def arrived(pair: Pair, case: Case) -> Arrival:
    """Stop a leader with a write on its way, let another follow, let the write arrive, and judge what is left of it."""
    leader, standby = pair.roles()
    held = Held()
    leader.path.plan(case.match, held, times=None)
    pair.tenant.edit(case.older, RESOURCE)
    eventually(lambda: held.waiting)
    leader.operator.pause()
    pair.tenant.edit(case.newer, RESOURCE)
    eventually(standby.leads, FOLLOWED_WITHIN + 4)
    pair.tenant.ready(RESOURCE)
    wanted = eventually(lambda: steady(pair.tenant))
    mark = pair.plane.audit_mark()
    held.let_go()

    def late() -> list[AuditEvent]:
        return [event for event in pair.plane.audit_since(mark, user=leader.user) if event.is_write]

    came = eventually(late)
    seconds, converged = _healed(lambda: steady(pair.tenant) == wanted)
    leader.operator.resume()
    eventually(lambda: not leader.running)
    leader.path.clear()
    found = eventually(lambda: steady(pair.tenant))
    return Arrival([event.code for event in came], converged, seconds, {"O1": differences(wanted, found)})


def _healed(is_right: Callable[[], bool]) -> tuple[float, bool]:
    """Wait for the moment from which on everything was as wanted; it must not be wrong again within a resync."""
    right_since: float | None = None
    for passed in polled(HEALED_WITHIN):
        if not is_right():
            right_since = None
        elif right_since is None:
            right_since = passed
        if right_since is not None and passed - right_since > 3.0:
            return right_since, True
        time.sleep(0.1)
    return HEALED_WITHIN, False
