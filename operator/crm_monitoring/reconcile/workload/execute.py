"""Carry out plans until nothing is left to do."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from crm_monitoring.api.conditions import ConditionType, Finding, Reason
from crm_monitoring.cluster.port import Cluster, FieldConflict
from crm_monitoring.errors import Conflict, Refused
from crm_monitoring.manifest import Manifest, key_of
from crm_monitoring.reconcile.workload.decide import Claim, Plan, decide
from crm_monitoring.reconcile.workload.judge import Policy
from crm_monitoring.reconcile.workload.memory import DeletionPolicy, Memory
from crm_monitoring.reconcile.workload.slots import Slot
from crm_monitoring.reconcile.workload.verdicts import CHANGES, SlotState, Verdict, findings, warnings
from crm_monitoring.reconcile.workload.writes import Apply, Write
from crm_monitoring.render.bundle import WorkloadFields

RETRY_REFUSED_SECONDS = 600.0
"""When a value that the API server refused is tried again: a policy or the workload may have changed."""

_MOST_WRITES = 8
"""A pass needs at most four; more means that somebody writes against us at this moment."""

_MOST_CONFLICTS = 3


@dataclass(frozen=True, slots=True)
class WorkloadOutcome:
    """How a pass over one workload went."""

    verdicts: tuple[Verdict, ...]
    """The state of each wanted slot at the end of the pass."""
    changes: tuple[Verdict, ...] = ()
    """What the pass did (in mode Observe: would do first): Applied, Taken, Released, Removed, Restored."""
    findings: tuple[Finding, ...] = ()
    """Why WorkloadConfigured is not True; empty when it is."""
    warnings: tuple[str, ...] = ()
    recheck_after_seconds: float | None = None
    writes: int = 0
    live: Manifest | None = None
    """The workload as the last write left it."""


async def reconcile_workload(
    cluster: Cluster,
    live: Manifest | None,
    desired: WorkloadFields,
    *,
    policy: Policy,
    claim: Claim,
    now: datetime,
    observe: bool = False,
    before_write: Callable[[], Awaitable[None]] | None = None,
) -> WorkloadOutcome:
    """Bring a workload's slots to what its resource asks, as far as its other owners and the pace of change allow.

    `live` may come from a cache: a write against an old version fails and is decided again from a fresh read. `None`
    is an absent workload, which is never created. With `observe` nothing is written; `before_write` may raise. Raise ClusterError; a Conflict
    only when the workload changes faster than it can be read.
    """
    if live is None:
        message = "the target does not exist; its fields are set when it does"
        finding = Finding(ConditionType.WORKLOAD, Reason.TARGET_NOT_FOUND, message)
        return WorkloadOutcome((), findings=(finding,))
    plan = partial(decide, desired=desired, policy=policy, claim=claim, now=now)
    return await _run(cluster, live, plan, observe=observe, before_write=before_write)


async def release_workload(
    cluster: Cluster, live: Manifest | None, now: datetime, deletion: DeletionPolicy | None = None
) -> WorkloadOutcome:
    """Let go of everything that we hold of a workload, at once.

    `deletion` is the policy of the resource that lets go; without it (the resource is gone) what the workload's
    annotation says, else Retain. Nothing held is nothing written. Raise ClusterError.
    """
    if live is None:
        return WorkloadOutcome(())
    memory = Memory.of(live)
    policy = Policy(deletion=deletion or memory.deletion)
    claim = Claim(memory.resource, memory.uid)
    return await _run(cluster, live, lambda live: decide(live, None, policy, claim, now))


async def _run(
    cluster: Cluster,
    live: Manifest,
    next_plan: Callable[[Manifest], Plan],
    *,
    observe: bool = False,
    before_write: Callable[[], Awaitable[None]] | None = None,
) -> WorkloadOutcome:
    key = key_of(live)
    changes: dict[Slot, Verdict] = {}
    written = conflicts = 0
    while True:
        plan = next_plan(live)
        if plan.write is None or observe:
            planned = {verdict.slot: verdict for verdict in plan.verdicts if verdict.state in CHANGES}
            return _outcome(plan, planned or changes, written, live)
        if written >= _MOST_WRITES:
            raise Conflict(f"{key}: it changes faster than it can be written")
        if before_write:
            await before_write()
        try:
            live = await _execute(cluster, live, plan.write)
            written += 1
            for verdict in plan.verdicts:
                if verdict.slot in plan.write.slots or verdict.state is SlotState.RELEASED:
                    changes.setdefault(verdict.slot, verdict)
        except FieldConflict as problem:
            managers = tuple(sorted(set(problem.owners.values())))
            return _outcome(_stopped(plan, SlotState.CONFLICT, managers=managers), changes, written, live)
        except Refused as problem:
            if not plan.write.slots:
                raise
            stopped = _stopped(plan, SlotState.REFUSED, note=problem.message)
            return _outcome(stopped, changes, written, live)
        except Conflict:
            conflicts += 1
            fresh = await cluster.get(key)
            if conflicts >= _MOST_CONFLICTS or fresh is None:
                raise
            live = fresh


async def _execute(cluster: Cluster, live: Manifest, write: Write) -> Manifest:
    if isinstance(write, Apply):
        return await cluster.apply(write.manifest, force=write.force)
    return await cluster.json_patch(key_of(live), write.operations)


def _stopped(plan: Plan, state: SlotState, *, managers: tuple[str, ...] = (), note: str = "") -> Plan:
    """Return the plan as it stands when the API server said no to its write."""
    concerned = plan.write.slots if plan.write else ()
    verdicts = tuple(
        Verdict(verdict.slot, state, managers, note=note) if verdict.slot in concerned else verdict
        for verdict in plan.verdicts
    )
    return replace(plan, verdicts=verdicts, recheck_after_seconds=RETRY_REFUSED_SECONDS)


def _outcome(plan: Plan, changes: Mapping[Slot, Verdict], written: int, live: Manifest) -> WorkloadOutcome:
    return WorkloadOutcome(
        plan.verdicts,
        tuple(changes[slot] for slot in sorted(changes)),
        findings(plan.verdicts),
        warnings(plan.verdicts),
        plan.recheck_after_seconds,
        written,
        live,
    )
