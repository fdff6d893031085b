"""The part of a pass that concerns the target: whose it is, what to do to it, and how to let go of it."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crm_monitoring.api.conditions import ConditionType, Finding, Reason
from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.cluster.port import Cluster
from crm_monitoring.contract import event_reasons
from crm_monitoring.errors import ClusterError
from crm_monitoring.manifest import CRM_MONITORING, Manifest, ObjectKey, key_of
from crm_monitoring.reconcile.caches import Caches, target_keys
from crm_monitoring.reconcile.children import is_transient, patience_of, reason_of
from crm_monitoring.reconcile.outcome import ObjectOutcome, State
from crm_monitoring.reconcile.presence import Presence
from crm_monitoring.reconcile.workload import (
    Claim,
    Memory,
    Policy,
    SlotState,
    Verdict,
    WorkloadOutcome,
    claims,
    holds_anything,
    reconcile_workload,
    release_workload,
)
from crm_monitoring.render.bundle import Bundle

FINALIZER = "monitoring.crm.io/workload"
"""Held only by resources with `workload.deletionPolicy: Remove`: the fields go before the resource does."""


_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")

UNKNOWN_CLAIMS_SECONDS = 60.0
"""How soon to look again at a workload whose claims cannot be known: an API server that starts serves no custom kinds."""


@dataclass(frozen=True, slots=True)
class WorkloadResult:
    """What the pass over a resource must know of its workload."""

    findings: tuple[Finding, ...] = ()
    warnings: tuple[str, ...] = ()
    objects: tuple[ObjectOutcome, ...] = ()
    announcements: tuple[tuple[event_reasons.EventReason, str], ...] = ()
    retry_seconds: float | None = None
    transient: bool = False
    patience_seconds: float = 0.0


class WorkloadPass:
    """Sets fields on targets and lets go of them.

    `now` returns the wall clock, to pace changes; `terminating` says whether a namespace is being deleted: its workloads
    go anyway, so nothing is taken off them, and no resource is held up.
    """

    def __init__(
        self,
        cluster: Cluster,
        caches: Caches,
        now: Callable[[], datetime],
        terminating: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._cluster = cluster
        self._caches = caches
        self._now = now
        self._terminating = terminating

    @staticmethod
    def holds(workload: Manifest) -> bool:
        """Return whether a live workload has fields of ours."""
        return holds_anything(workload)

    async def run(
        self, body: Manifest, resource: CRMMonitoring, bundle: Bundle, presence: Presence, *, observe: bool
    ) -> WorkloadResult:
        """Bring the target to what the resource asks. Failures are returned as findings. `presence` is asked first."""
        try:
            await self._keep_finalizer(body, resource, observe=observe)
            if resource.spec.workload is None:
                return WorkloadResult()
            (target,) = target_keys(body)
            claim = self._claim(target)
            if claim is None or claim.uid != resource.metadata.uid:
                return WorkloadResult(findings=(_claimed(target, claim),))
            if bundle.workload is None:
                return WorkloadResult()
            policy = Policy(
                conflict=resource.spec.workload.conflict_policy, deletion=resource.spec.workload.deletion_policy
            )
            outcome = await reconcile_workload(
                self._cluster,
                self._caches.get(target),
                bundle.workload,
                policy=policy,
                claim=claim,
                now=self._now(),
                observe=observe,
                before_write=presence.confirm,
            )
        except ClusterError as error:
            finding = Finding(ConditionType.WORKLOAD, reason_of(error), error.message)
            return WorkloadResult(
                findings=(finding,), transient=is_transient(error), patience_seconds=patience_of(error)
            )
        if outcome.live is not None and outcome.writes:
            self._caches.put(outcome.live)
        return _result(target, outcome, observe=observe)

    async def release(self, target: ObjectKey) -> float | None:
        """Let go of a workload if nobody claims it (any more). Return when to look again, in seconds."""
        live = self._caches.get(target)
        if live is None or not holds_anything(live) or self._claim(target) is not None:
            return None
        if not self._caches.served(CRM_MONITORING, target.namespace):
            return UNKNOWN_CLAIMS_SECONDS
        if await self._is_claimed(live, target):
            return UNKNOWN_CLAIMS_SECONDS
        outcome = await release_workload(self._cluster, live, self._now())
        if outcome.live is not None and outcome.writes:
            self._caches.put(outcome.live)
        return outcome.recheck_after_seconds

    async def finish(self, body: Manifest) -> None:
        """Let go of the workload of a resource that is being deleted, then let the resource go."""
        if FINALIZER not in _finalizers(body):
            return
        goes_anyway = self._terminating(body["metadata"]["namespace"])
        for target in () if goes_anyway else target_keys(body):
            live = await self._cluster.get(target)
            if live is not None and self._leaves_with(body, target, live):
                outcome = await release_workload(self._cluster, live, self._now(), deletion="Remove")
                if outcome.live is not None:
                    self._caches.put(outcome.live)
        await self._set_finalizer(body, wanted=False)

    async def _is_claimed(self, live: Manifest, target: ObjectKey) -> bool:
        """Ask for the resource that a workload remembers: what is known may be older than its claim."""
        author = Memory.of(live).resource
        if not _NAME.fullmatch(author):  # anybody who may change the workload may write anything there
            return False
        body = await self._cluster.get(ObjectKey(CRM_MONITORING, target.namespace, author))
        return body is not None and target in claims([body])

    def _leaves_with(self, body: Manifest, target: ObjectKey, live: Manifest) -> bool:
        """Return whether the fields of a workload go with a resource: not when they are, or become, another's."""
        author = Memory.of(live).uid
        return holds_anything(live) and self._claim(target) is None and author in ("", body["metadata"]["uid"])

    def _claim(self, target: ObjectKey) -> Claim | None:
        bodies = (self._caches.get(key) for key in self._caches.index.by_target(target))
        return claims(body for body in bodies if body).get(target)

    async def _keep_finalizer(self, body: Manifest, resource: CRMMonitoring, *, observe: bool) -> None:
        """Have the finalizer on the resource before the first field is set, and only while it is needed."""
        workload = resource.spec.workload
        wanted = workload is not None and workload.deletion_policy == "Remove"
        wanted = wanted and not self._terminating(resource.metadata.namespace)
        present = FINALIZER in _finalizers(body)
        if wanted != present and not observe:
            self._caches.put(await self._set_finalizer(body, wanted=wanted))

    async def _set_finalizer(self, body: Manifest, *, wanted: bool) -> Manifest:
        metadata = body["metadata"]
        others = [name for name in _finalizers(body) if name != FINALIZER]
        operations: list[Mapping[str, Any]] = [
            {"op": "test", "path": "/metadata/uid", "value": metadata["uid"]},
            {"op": "test", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
            {"op": "add", "path": "/metadata/finalizers", "value": [*others, FINALIZER] if wanted else others},
        ]
        return await self._cluster.json_patch(key_of(body), operations)


def _finalizers(body: Manifest) -> list[str]:
    return body["metadata"].get("finalizers") or []


def _claimed(target: ObjectKey, claim: Claim | None) -> Finding:
    by = f"CRMMonitoring {claim.resource}, which is older" if claim else "nobody yet"
    message = (
        f"{target.kind.name} {target.name} is claimed by {by}; its fields are not touched by this resource. "
        f"Remove spec.workload from one of the two."
    )
    return Finding(ConditionType.WORKLOAD, Reason.TARGET_CLAIMED, message)


def _result(target: ObjectKey, outcome: WorkloadOutcome, *, observe: bool) -> WorkloadResult:
    changed = [verdict for verdict in outcome.changes if verdict.state is not SlotState.RELEASED]
    planned = observe and outcome.changes
    state = State.WOULD_CHANGE if planned else State.CHANGED if outcome.writes else State.IN_SYNC
    what = _listed(outcome.changes) if observe else ""
    return WorkloadResult(
        findings=outcome.findings,
        warnings=outcome.warnings,
        objects=(ObjectOutcome(target, state, what),),
        announcements=() if observe or not changed else (_announcement(target, changed),),
        retry_seconds=outcome.recheck_after_seconds,
    )


def _announcement(target: ObjectKey, changed: Iterable[Verdict]) -> tuple[event_reasons.EventReason, str]:
    changes = list(changed)
    taken = any(verdict.state is SlotState.TAKEN for verdict in changes)
    reason = event_reasons.TAKEN_OVER if taken else event_reasons.WORKLOAD_CHANGED
    return reason, f"{target.kind.name} {target.name}, which restarts its pods: {_listed(changes)}."


def _listed(verdicts: Iterable[Verdict]) -> str:
    return ", ".join(f"{verdict.slot} {verdict.state.value}" for verdict in verdicts)
