"""One pass over one resource: load, compile, apply what differs, prune what is left over, tell the truth.

The pass looks at states, never at what happened: an event, a timer and a restart all lead here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from crm_monitoring.api.conditions import ConditionType, Finding, Reason
from crm_monitoring.api.references import secret_references
from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.api.validation import Verdict, load_and_judge
from crm_monitoring.cluster.port import Cluster
from crm_monitoring.errors import ClusterError, Conflict, InvalidSpec, Unavailable
from crm_monitoring.manifest import ALERTMANAGER, ALERTMANAGER_CONFIG, SECRET, Manifest, ObjectKey, key_of
from crm_monitoring.reconcile import selection
from crm_monitoring.reconcile.announcements import Announcer, transitions
from crm_monitoring.reconcile.caches import Caches, target_keys
from crm_monitoring.reconcile.children import Children, ChildResult, known_of, patience_of, reason_of
from crm_monitoring.reconcile.merged_secrets import MergedSecrets, noted
from crm_monitoring.reconcile.outcome import PLANNED, ObjectOutcome, Outcome, State
from crm_monitoring.reconcile.presence import Presence
from crm_monitoring.reconcile.secret_reader import POLL_SECONDS, SecretReader
from crm_monitoring.reconcile.shares import Share
from crm_monitoring.reconcile.status import Status, summarise
from crm_monitoring.reconcile.workload_pass import WorkloadPass, WorkloadResult
from crm_monitoring.render import retention
from crm_monitoring.render.bundle import Bundle
from crm_monitoring.render.compiler import render
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.settings import RenderSettings


@dataclass(frozen=True, slots=True)
class PassResult:
    """What the queue and the log must know of a pass."""

    outcome: Outcome | None
    """None: the resource is gone."""
    ready: str = "Unknown"
    reason: str = ""
    wrote_status: bool = False


class ResourcePass:
    """Runs passes over resources. `now` returns the wall clock, used for condition times only.

    An object that is not ours is not watched, so one that stands in the way is looked at again after `recheck_seconds`.
    """

    def __init__(
        self,
        cluster: Cluster,
        caches: Caches,
        *,
        secrets: SecretReader,
        merged: MergedSecrets,
        workloads: WorkloadPass,
        announcer: Announcer,
        settings: RenderSettings,
        now: Callable[[], datetime],
        recheck_seconds: float = POLL_SECONDS,
    ) -> None:
        self._cluster = cluster
        self._caches = caches
        self._secrets = secrets
        self._merged = merged
        self._workloads = workloads
        self._announcer = announcer
        self._settings = settings
        self._now = now
        self._recheck_seconds = recheck_seconds
        self._children = Children(cluster, caches)
        self._rendered: dict[str, str] = {}
        """Digests of what was in place after the last pass: a write although nothing else is wanted undoes a change."""

    def forget(self, key: ObjectKey, uid: str) -> None:
        """Take note that a resource is gone: its objects go with it, by the garbage collector."""
        self._secrets.forget(key)
        self._merged.forget(key)
        self._rendered.pop(uid, None)

    async def confess(self, key: ObjectKey, error: Exception) -> None:
        """Write into the status that a pass ended with an error that is not the API server's: a bug of ours."""
        body = self._caches.get(key)
        if body is not None and not body["metadata"].get("deletionTimestamp"):
            message = (
                f"The operator failed with {type(error).__name__}; its log says where. Its objects stay as they are."
            )
            finding = Finding(ConditionType.APPLIED, Reason.INTERNAL_ERROR, message)
            await self._tell(key, body, Outcome(body["metadata"]["generation"], findings=(finding,)))

    async def run(self, key: ObjectKey) -> PassResult:
        """Make the cluster match one resource, and write its status if that changed.

        Raise ClusterError when the status cannot be written; everything else that fails is in the outcome.
        """
        body = self._caches.get(key)
        if body is None:
            return PassResult(None)
        try:
            return await self._run(key, body)
        finally:
            self._forget_who_went(key, body["metadata"]["uid"])

    def _forget_who_went(self, key: ObjectKey, uid: str) -> None:
        """Forget what a pass noted of a resource that went while it was under way: nobody would tell of that again."""
        present = self._caches.get(key)
        if present is None:
            self.forget(key, uid)
        elif present["metadata"]["uid"] != uid:
            self._rendered.pop(uid, None)

    async def _run(self, key: ObjectKey, body: Manifest) -> PassResult:
        if body["metadata"].get("deletionTimestamp"):
            await self._workloads.finish(body)
            return PassResult(None)
        try:
            resource, judged = load_and_judge(body)
        except InvalidSpec as invalid:
            outcome = self._invalid(body, invalid)
        else:
            outcome = await self._enforce(key, body, resource, judged)
        if outcome.waiting:
            await self._announcer.announce(body, outcome.announcements)
            return PassResult(outcome)
        return await self._tell(key, body, outcome)

    def _invalid(self, body: Manifest, invalid: InvalidSpec) -> Outcome:
        self._merged.hold(key_of(body))
        owned = self._caches.owned_by(body["metadata"]["uid"])
        kept = [ObjectOutcome(key, State.HELD) for key in (*owned, *noted(body))]
        return Outcome(body["metadata"]["generation"], problems=invalid.problems, objects=tuple(kept))

    async def _enforce(self, key: ObjectKey, body: Manifest, resource: CRMMonitoring, judged: Verdict) -> Outcome:
        observe = resource.spec.mode == "Observe"
        generation = body["metadata"]["generation"]
        (target,) = target_keys(body)
        observed = self._caches.observed(target)
        concerns = _concerns(resource, observed)
        names = sorted({reference.name for reference in secret_references(resource)})
        try:
            secrets = await self._secrets.read(key, [ObjectKey(SECRET, key.namespace, name) for name in names])
        except ClusterError as error:
            finding = Finding(ConditionType.APPLIED, reason_of(error), error.message)
            patience = patience_of(error)
            return Outcome(
                generation, findings=(finding,), transient=True, concerns=concerns, patience_seconds=patience
            )
        bundle = render(resource, observed, secrets, self._settings)
        share = _share(resource, bundle)
        verdict = self._merged.submit(key, share, noted(body), observe=observe)
        presence = Presence(self._cluster, body)
        results = await self._apply(body, resource, bundle, presence, observe=observe)
        workload = await self._workloads.run(body, resource, bundle, presence, observe=observe)
        outcome = replace(self._outcome(resource, judged, bundle, results, workload), concerns=concerns)
        left = [*self._merged.left(key).values()]
        if (share is not None and verdict is None) or None in left:
            return replace(outcome, waiting=True)
        for failed in filter(None, left):
            findings = (*outcome.findings, *filter(None, [failed.finding]))
            outcome = replace(outcome, objects=(*outcome.objects, failed.outcome), findings=findings)
        unselected = self._unselected(resource, bundle)
        if verdict is not None:
            said = [finding for finding in (verdict.finding, unselected) if finding]
            outcome = replace(outcome, objects=(*outcome.objects, verdict.outcome), findings=(*outcome.findings, *said))
        elif unselected:
            outcome = replace(outcome, findings=(*outcome.findings, unselected))
        return _observing(outcome) if observe else outcome

    async def _apply(
        self, body: Manifest, resource: CRMMonitoring, bundle: Bundle, presence: Presence, *, observe: bool
    ) -> list[ChildResult]:
        uid = resource.metadata.uid
        known = self._rendered.get(uid)
        results = [
            await self._children.apply(child, uid, observe=observe, presence=presence) for child in bundle.children
        ]
        digest = "".join(result.wanted for result in results)
        complete = not any(result.finding for result in results)
        if complete:
            wanted = [key_of(child) for child in bundle.children]
            results += await self._children.prune(
                uid, wanted, bundle.held, known_of(body), observe=observe, presence=presence
            )
        if not complete:
            self._rendered.pop(uid, None)
        elif not observe:
            self._rendered[uid] = digest
        return [_restored(result) for result in results] if known == digest else results

    def _unselected(self, resource: CRMMonitoring, bundle: Bundle) -> Finding | None:
        """Return a finding when it can be told that no Alertmanager loads what is written."""
        notifications, namespace = resource.spec.notifications, resource.metadata.namespace
        if notifications is None or not self._caches.served(ALERTMANAGER, namespace):
            return None
        if notifications.mode == "Secret":
            alertmanagers = self._caches.in_namespace(ALERTMANAGER, namespace)
            loaded = any(selection.loads_secret(each, notifications.secret_name) for each in alertmanagers)
            message = (
                f"No Alertmanager in namespace {namespace} loads Secret {notifications.secret_name}, so nobody is told. "
                f"Name one {notifications.secret_name.removeprefix('alertmanager-')}, set its spec.configSecret, or "
                f"change spec.notifications.secretName or mode."
            )
        else:
            configs = [child for child in bundle.children if child["kind"] == ALERTMANAGER_CONFIG.name]
            alertmanagers = tuple(self._caches.all(ALERTMANAGER))
            loaded = not configs or any(selection.selects_config(each, configs[0]) for each in alertmanagers)
            message = (
                "No Alertmanager selects the AlertmanagerConfig, so nobody is told. Compare the Alertmanager's "
                "spec.alertmanagerConfigSelector and alertmanagerConfigNamespaceSelector with spec.objectLabels."
            )
        return None if loaded else Finding(ConditionType.NOTIFICATIONS, Reason.NOT_SELECTED, message)

    def _outcome(
        self,
        resource: CRMMonitoring,
        judged: Verdict,
        bundle: Bundle,
        results: list[ChildResult],
        workload: WorkloadResult,
    ) -> Outcome:
        conflict = any(result.outcome.state is State.CONFLICT for result in results)
        waits = [wait for wait in (workload.retry_seconds, self._recheck_seconds if conflict else None) if wait]
        findings = (*bundle.findings, *(r.finding for r in results if r.finding), *workload.findings)
        held = self._held(bundle)
        return Outcome(
            resource.metadata.generation,
            findings=findings,
            warnings=(*map(str, judged.warnings), *bundle.warnings, *workload.warnings),
            objects=(*(result.outcome for result in results), *held, *workload.objects),
            rules=bundle.rules,
            retry_seconds=min(waits, default=None),
            transient=workload.transient or any(result.transient for result in results),
            patience_seconds=max((workload.patience_seconds, *(result.patience_seconds for result in results))),
            announcements=workload.announcements,
        )

    def _held(self, bundle: Bundle) -> list[ObjectOutcome]:
        """Return the objects that stay although they cannot be computed now; those that never existed are not shown."""
        return [ObjectOutcome(key, State.HELD) for key in sorted(bundle.held) if self._caches.get(key)]

    async def _tell(self, key: ObjectKey, body: Manifest, outcome: Outcome) -> PassResult:
        previous: Mapping[str, Any] = body.get("status") or {}
        status = summarise(outcome, previous, self._now())
        ready = status["conditions"][0]
        wrote = False
        if status != previous:
            self._caches.put(await self._write(key, body, status))
            wrote = True
        await self._announcer.announce(body, transitions(previous, status, outcome))
        return PassResult(outcome, ready["status"], ready["reason"], wrote)

    async def _write(self, key: ObjectKey, body: Manifest, status: Status) -> Manifest:
        # The version fences: a write that a sleeping ex-leader had on its way fails, once its successor has written.
        version = (self._caches.get(key) or body)["metadata"]["resourceVersion"]
        try:
            return await self._cluster.patch_status(key, body["metadata"]["uid"], status, resource_version=version)
        except Conflict as error:
            raise Unavailable(error.message) from None


def _share(resource: CRMMonitoring, bundle: Bundle) -> Share | None:
    notifications = resource.spec.notifications
    if notifications is None or notifications.mode != "Secret":
        return None
    secret = ObjectKey(SECRET, resource.metadata.namespace, notifications.secret_name)
    return Share(secret, resource.metadata.uid, bundle.fragment)


def _concerns(resource: CRMMonitoring, observed: Observed) -> frozenset[ConditionType]:
    spec = resource.spec
    concerns = {ConditionType.SCRAPE}
    if spec.notifications is not None:
        concerns.add(ConditionType.NOTIFICATIONS)
    if spec.workload is not None:
        concerns.add(ConditionType.WORKLOAD)
    if spec.slos and retention.running(resource, observed):
        concerns.add(ConditionType.OBJECTIVES)
    return frozenset(concerns)


def _restored(result: ChildResult) -> ChildResult:
    """Name a write what it is when the desired state is the same as at the last pass: somebody else changed the object."""
    if result.outcome.state in (State.CREATED, State.CHANGED):
        return replace(result, outcome=replace(result.outcome, state=State.RESTORED))
    return result


def _observing(outcome: Outcome) -> Outcome:
    planned = [entry for entry in outcome.objects if entry.state in PLANNED]
    if not planned:
        return outcome
    message = f"spec.mode is Observe: {len(planned)} objects differ and nothing is written; see status.resources."
    finding = Finding(ConditionType.APPLIED, Reason.OBSERVE_ONLY, message)
    return replace(outcome, findings=(finding, *outcome.findings))
