"""Runs in which a leader is kept from leading, while people are at work, and what must be true of each."""

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from random import Random

from aiohttp import web

from crm_monitoring.manifest import CRM_MONITORING, LEASE, PROMETHEUS_RULE, Manifest
from support.fault_proxy_actions import Delay, Exchange, Hang
from support.fault_proxy_requests import ANYTHING, Asked
from support.live import Tenant, eventually
from support.reliability import oracles
from support.reliability.leases import successions, trespasses
from support.reliability.oracles import Violations
from support.reliability.pairs import DURATION, Pair, Replica
from support.reliability.scenarios import WORDS
from support.reliability.snapshot import Snapshot, differences, fetch, snapshot
from support.reliability.world import polled
from support.resources import SLACK, merged, minimal

FOLLOWED_WITHIN = DURATION + 2.0
"""How soon after the last renewal another replica must lead, in seconds."""

LONGEST_WAIT = 30.0
STALLED_SECONDS = 1.0
"""From so many seconds on for which a busy machine did not let a replica run, or the API server kept everybody waiting, it
may lose its Lease. The time is added to what a succession may take: it is not the operator's."""

CONVERGED_WITHIN = 30.0
ENDS_WITHIN = LONGEST_WAIT
SLOW_SECONDS = 2 * DURATION
CHURN_SECONDS = 0.15
WRITE_SECONDS = 0.3

NAMES = ("crm-a", "crm-b", "crm-c", "crm-d")
_PLAIN = merged(minimal()["spec"], {"environment": "production", "alerts": {"extraLabels": {"edit": "0"}}})
_NOTIFIED = merged(_PLAIN, {"notifications": {"receivers": [SLACK]}})
_SPECS: Mapping[str, Manifest] = {name: _NOTIFIED if name == NAMES[0] else _PLAIN for name in NAMES}
_BASE = {"environment": "production", "alerts": {"extraLabels": {"edit": "0"}}, "metrics": {"monitor": "Auto"}}


class Churn:
    """People at work: each step is an edit, or a child that is deleted."""

    def __init__(self, tenant: Tenant, seed: int) -> None:
        self._tenant = tenant
        self._random = Random(seed)
        self._edits = 0

    def begin(self) -> None:
        """Create the resources."""
        for name, spec in _SPECS.items():
            self._tenant.monitor({"spec": spec}, name)
        self.rest()

    def step(self) -> None:
        """Do one thing."""
        name, self._edits = self._random.choice(NAMES), self._edits + 1
        change = self._random.randrange(4)
        if change == 0:
            path = self._tenant.path(PROMETHEUS_RULE, f"{name}-crm-stock")
            self._tenant.plane.api.request("DELETE", path)
        elif change == 1:
            monitor = self._random.choice(("Auto", "PodMonitor"))
            self._tenant.edit({"metrics": {"monitor": monitor}}, name)
        else:
            self._tenant.edit({"alerts": {"extraLabels": {"edit": str(self._edits)}}}, name)

    def everywhere(self) -> None:
        """Edit every resource."""
        for name in NAMES:
            self._edits += 1
            self._tenant.edit({"alerts": {"extraLabels": {"edit": str(self._edits)}}}, name)

    def rest(self) -> None:
        """Wish what was wished at the beginning."""
        for name in NAMES:
            self._tenant.edit(_BASE, name)


@dataclass(frozen=True)
class Late:
    """A path on which requests and answers take nearly as long as the leader waits. What was sent arrives."""

    random: Random

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        delivery = asyncio.ensure_future(self._delivered(exchange))
        delivery.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may wait any more
        return await asyncio.shield(delivery)

    async def _delivered(self, exchange: Exchange) -> web.StreamResponse:
        before, after = (0.0, self.random.uniform(0.6, 1.6)) if self.random.random() < 0.7 else (0.5, 0.3)
        await asyncio.sleep(before)
        answer = await exchange.forward()
        await asyncio.sleep(after)
        return answer


def _kill_path(leader: Replica, random: Random, churn: Churn) -> None:
    leader.path.refuse()


def _hang_path(leader: Replica, random: Random, churn: Churn) -> None:
    leader.path.plan(ANYTHING, Hang(), times=None)


def _stop(leader: Replica, random: Random, churn: Churn) -> None:
    """Stop it while its writes are answered, so that it has more to write when it goes on."""
    leader.path.plan(_is_work, Delay(WRITE_SECONDS), times=None)
    churn.everywhere()
    time.sleep(random.uniform(1.0, 2.0) * WRITE_SECONDS)
    leader.operator.pause()


def _kill(leader: Replica, random: Random, churn: Churn) -> None:
    leader.operator.kill()


def _slow_path(leader: Replica, random: Random, churn: Churn) -> None:
    leader.path.plan(_is_no_watch, Late(random), times=None)


def _is_work(asked: Asked) -> bool:
    return asked.writes and asked.resource != LEASE.plural


def _is_no_watch(asked: Asked) -> bool:
    return asked.verb != "watch"


FAULTS: Mapping[str, Callable[[Replica, Random, Churn], None]] = {
    "killed path": _kill_path,
    "hung path": _hang_path,
    "stopped process": _stop,
    "killed process": _kill,
    "slow path": _slow_path,
}
"""What happens to the leader, by a name."""


@dataclass
class Result:
    """What came of a run."""

    converged: bool
    seconds: float | None
    """How long the Lease was nobody's; None: the leader stayed, which only a slow path allows."""
    exits: int
    log: str
    violations: Violations


class Runs:
    """Runs on one pair, one after the other."""

    def __init__(self, pair: Pair, seed: int) -> None:
        self.pair = pair
        self._random = Random(seed)
        self.churn = Churn(pair.tenant, seed)
        self.churn.begin()
        for name in NAMES:
            pair.tenant.ready(name, within=30)
        self.reference = eventually(lambda: steady(pair.tenant), 20)

    def run(self, fault: str) -> Result:
        """Do something to the leader in the middle of its work, and judge what follows."""
        pair = self.pair
        leader, standby = pair.roles()
        before = {replica.account: replica.starts for replica in (leader, standby)}
        mark, known = pair.plane.audit_mark(), len(pair.history())
        for _ in range(self._random.randrange(3, 8)):
            self._work()
        stalled = standby.stalled()
        FAULTS[fault](leader, self._random, self.churn)
        followed, slow = self._followed(fault, leader, standby)
        stalled = standby.stalled() - stalled + slow
        said = self._healed(fault, leader, followed=followed)
        if not leader.running:
            pair.start(leader)
        for _ in range(3):
            self._work()
        self.churn.rest()
        found, converged = self._converged()
        said["O1"] = differences(self.reference, found)
        now, other = pair.roles()
        said["O11"] += self._one(now, other)
        starts = sum(replica.starts - before[replica.account] for replica in (leader, standby))
        result = self._judged(said, mark, known, stalled)
        return replace(result, converged=converged, exits=starts - 1 if starts > 1 and stalled < STALLED_SECONDS else 0)

    def _work(self) -> None:
        self.churn.step()
        time.sleep(CHURN_SECONDS)

    def _followed(self, fault: str, leader: Replica, standby: Replica) -> tuple[bool, float]:
        """Go on working until the other leads; say how long the API server kept people waiting meanwhile.

        On a slow path the leader may stay.
        """
        limit = SLOW_SECONDS if fault == "slow path" else LONGEST_WAIT
        slow = last = 0.0
        for passed in polled(limit):
            slow, last = slow + max(0.0, passed - last - 2 * CHURN_SECONDS), passed
            self._work()
            if standby.leads():
                return True, slow
        return False, slow

    def _healed(self, fault: str, leader: Replica, *, followed: bool) -> Violations:
        """End the fault; return what is wrong about who still runs."""
        said: Violations = {"O9": [], "O11": []}
        if fault == "stopped process":
            self._work()
            leader.operator.resume()
        elif fault == "killed path" and followed:
            _ended(leader)  # by itself, before anybody mends its path
        if fault == "killed path":
            leader.path.accept()
        if not followed and fault != "slow path":
            said["O11"].append("nobody followed")
        elif followed and not _ended(leader):
            said["O9"].append("the process that lost the Lease goes on")
        leader.path.clear()
        if not leader.running and fault != "killed process" and leader.operator.exit_code != 1:
            said["O9"].append(f"the process that lost the Lease ended with code {leader.operator.exit_code}")
        return said

    def _converged(self) -> tuple[Snapshot, bool]:
        found: Snapshot = {}
        for _ in polled(CONVERGED_WITHIN):
            found = steady(self.pair.tenant) or found
            if found == self.reference:
                return found, True
            time.sleep(0.2)
        return found, False

    def _one(self, leader: Replica, other: Replica) -> list[str]:
        if other.leads() or self.pair.holder() != f"{leader.account}-{leader.starts}":
            return [f"{leader.account} leads, and the Lease names {self.pair.holder()!r}"]
        return []

    def _judged(self, said: Violations, mark: int, known: int, stalled: float) -> Result:
        pair = self.pair
        history = pair.history()
        requests = pair.plane.audit_since(mark, namespace=pair.tenant.name, writes_only=True)
        ours = [event for event in requests if event.user in {r.user for r in pair.replicas.values()}]
        new = list(successions(history[max(0, known - 1) :]))
        said["O11"] += trespasses(history, ours, DURATION)
        said["O11"] += [
            f"{each.after} followed {each.before} after {each.seconds:.1f} s"
            for each in new[:1]  # who loses the Lease once more on a busy machine has no standby yet
            if each.seconds > FOLLOWED_WITHIN + stalled
        ]
        log = "".join(replica.log() for replica in pair.replicas.values())
        said["O5"] = oracles.secrecy(WORDS, {"the log": log})
        said["O7"] = oracles.clean_log(own_lines(log))
        silent = [each.seconds for each in new if not each.released]
        return Result(True, max(silent, default=None), 0, log, said)


def steady(tenant: Tenant) -> Snapshot:
    """Return what is in a namespace, without what tells how often it was changed; empty while a status is behind."""
    found = snapshot(fetch(tenant), tenant.name)
    for item in found.values():
        item["metadata"].pop("managedFields", None)
        generation = item["metadata"].pop("generation", None)
        if item["kind"] != CRM_MONITORING.name:
            continue
        conditions = (item.get("status") or {}).get("conditions") or []
        seen = {
            item["status"].pop("observedGeneration", None),
            *(each.pop("observedGeneration") for each in conditions),
        }
        if seen != {generation}:
            return {}
    return found


def own_lines(log: str) -> str:
    """Leave out what kopf says of requests that failed: it is ended and started again, and we say so."""
    lines: Iterable[str] = log.splitlines()
    return "\n".join(line for line in lines if not str(json.loads(line).get("logger")).startswith("kopf."))


def _ended(replica: Replica) -> bool:
    return any(not replica.running for _ in polled(ENDS_WITHIN))
