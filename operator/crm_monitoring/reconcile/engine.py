"""Feeds the work queue from the caches, and runs the workers."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

from crm_monitoring.errors import ClusterError, NotLeading
from crm_monitoring.manifest import (
    ALERTMANAGER,
    CHILD_KINDS,
    CRM_MONITORING,
    PROMETHEUS,
    SECRET,
    SERVICE,
    WORKLOAD_KINDS,
    Manifest,
    ObjectKey,
    labels_of,
    owner_uids,
)
from crm_monitoring.reconcile.caches import Caches, target_keys
from crm_monitoring.reconcile.children import patience_of
from crm_monitoring.reconcile.merged_secrets import MergedSecrets
from crm_monitoring.reconcile.namespaces import Namespaces
from crm_monitoring.reconcile.queue import WorkQueue
from crm_monitoring.reconcile.resource_pass import PassResult, ResourcePass
from crm_monitoring.reconcile.workload import claimed_by
from crm_monitoring.reconcile.workload_pass import WorkloadPass
from crm_monitoring.render.names import INSTANCE_LABEL

REST_FACTOR = 1.0
LONGEST_REST_SECONDS = 5.0
"""A merged Secret rests after each merge for so many times as long as that took, and for so long at most.

Merging is the one step whose cost grows with what several authors write, up to 0.2 s: one who rotates a Secret ten times a
second would have the operator do nothing else.
"""


class Observer(Protocol):
    """What the engine tells of itself, for metrics and the log."""

    def passed(self, key: ObjectKey, result: PassResult | None, seconds: float) -> None:
        """Note a finished pass; `result` is None for a pass over something else than a resource."""

    def failed(self, key: ObjectKey, error: Exception, seconds: float, retry_seconds: float) -> None:
        """Note a pass that raised. Only the class of an error that is not ours may be shown, never its text."""


class Echoes:
    """Changes seen while a pass runs that may be its own writes: the watch is often faster than the answer."""

    def __init__(self) -> None:
        self._suspects: dict[ObjectKey, dict[ObjectKey, str]] = {}

    def suspect(self, resource: ObjectKey, key: ObjectKey, version: str) -> None:
        """Take note of a change of an object during a pass over a resource."""
        self._suspects.setdefault(resource, {})[key] = version

    def settle(self, key: ObjectKey, version: str) -> None:
        """Take note of the answer of an own write: a change to this version was an echo."""
        for changes in self._suspects.values():
            if changes.get(key) == version:
                del changes[key]

    def unsettled(self, resource: ObjectKey) -> bool:
        """Return whether somebody else changed an object during the pass that ends now, and forget the pass."""
        return bool(self._suspects.pop(resource, None))


class Engine:
    """Turns changes of the caches into keys, and keys into passes."""

    def __init__(
        self,
        caches: Caches,
        queue: WorkQueue,
        *,
        resources: ResourcePass,
        merged: MergedSecrets,
        workloads: WorkloadPass,
        namespaces: Namespaces,
        observer: Observer,
        clock: Callable[[], float],
    ) -> None:
        self._caches = caches
        self._queue = queue
        self._resources = resources
        self._merged = merged
        self._workloads = workloads
        self._namespaces = namespaces
        self._observer = observer
        self._clock = clock
        self._echoes = Echoes()
        self._running = False
        caches.on_own_write = self._echoes.settle
        self._subscribe()

    async def run(self, workers: int) -> None:
        """Work until cancelled. Call it once every cache is synced and this replica leads."""
        self._running = True
        for body in self._all_resources():
            self._queue.add(_resource_key(body))
        self._look_at_workloads_that_we_hold()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._namespaces.run(), name="namespaces")
            for number in range(workers):
                group.create_task(self._work(), name=f"worker {number}")

    def look_at_everything(self) -> None:
        """Ask for a look at every resource, for example because a kind came or went."""
        for body in self._all_resources():
            self._queue.add(_resource_key(body))

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            # A pass that finds nothing to do waits for nothing. A thousand of them in a row would lose the Lease.
            await asyncio.sleep(0)
            started = self._clock()
            try:
                result = await self._pass(key)
            except NotLeading:
                self._queue.done(key)
                continue
            except Exception as error:
                await self._fail(key, error, started)
            else:
                self._succeed(key, result, started)
            if key.kind == SECRET:
                self._queue.rest(key, min(LONGEST_REST_SECONDS, REST_FACTOR * (self._clock() - started)))
            if self._echoes.unsettled(key):
                self._queue.add(key)
            self._queue.done(key)

    async def _pass(self, key: ObjectKey) -> PassResult | None:
        if key.kind == CRM_MONITORING:
            return await self._resources.run(key)
        if key.kind == SECRET:
            if await self._merged.reconcile(key):
                self._queue.add_after(key, self._merged.recheck_seconds)
        else:
            retry = await self._workloads.release(key)
            if retry:
                self._queue.add_after(key, retry)
        return None

    def _succeed(self, key: ObjectKey, result: PassResult | None, started: float) -> None:
        outcome = result.outcome if result else None
        if outcome and outcome.transient:
            self._queue.failed(key, outcome.patience_seconds)
        else:
            self._queue.succeeded(key)
            if outcome and outcome.retry_seconds:
                self._queue.add_after(key, outcome.retry_seconds)
        self._observer.passed(key, result, self._clock() - started)

    async def _fail(self, key: ObjectKey, error: Exception, started: float) -> None:
        wait = self._queue.failed(key, patience_of(error))
        self._observer.failed(key, error, self._clock() - started, wait)
        if key.kind == CRM_MONITORING and not isinstance(error, ClusterError):
            with contextlib.suppress(Exception):  # it was told above; a worker must not end
                await self._resources.confess(key, error)

    def _subscribe(self) -> None:
        for store in self._caches.scopes(CRM_MONITORING).values():
            store.subscribe(self._resource_changed)
        for kind in CHILD_KINDS:
            for store in self._caches.scopes(kind).values():
                store.subscribe(self._child_changed)
                store.on_served(self.look_at_everything)
        for kind in WORKLOAD_KINDS:
            for store in self._caches.scopes(kind).values():
                store.subscribe(self._workload_changed)
        for store in self._caches.scopes(SERVICE).values():
            store.subscribe(self._service_changed)
        for kind in (ALERTMANAGER, PROMETHEUS):
            for store in self._caches.scopes(kind).values():
                store.subscribe(self._reader_changed)
                store.on_served(self.look_at_everything)

    def _resource_changed(self, key: ObjectKey, before: Manifest | None, after: Manifest | None) -> None:
        if after is None or (before and before["metadata"]["uid"] != after["metadata"]["uid"]):
            self._queue.forget(key)
            if before:
                self._resources.forget(key, before["metadata"]["uid"])
        if after is not None and _is_new_wish(before, after):
            self._queue.add(key)  # also when it comes with the answer of an own write, which never makes a generation
        elif after is not None and not self._caches.own_write:
            self._look_at(key, key, after)
        if before is None or after is None or claimed_by(before) != claimed_by(after):
            for body in (before, after):
                for target in target_keys(body) if body else ():
                    self._target_contested(target, key)

    def _target_contested(self, target: ObjectKey, but: ObjectKey) -> None:
        """Look at everybody who names the workload: a claim came or went; and at the workload, if nobody does."""
        for claimant in self._caches.index.by_target(target):
            if claimant != but:
                self._queue.add(claimant)
        self._queue.add(target)

    def _child_changed(self, key: ObjectKey, before: Manifest | None, after: Manifest | None) -> None:
        if self._caches.own_write:
            return
        for resource in {resource for body in (before, after) if body for resource in self._concerned(body)}:
            self._look_at(resource, key, after)

    def _concerned(self, child: Manifest) -> list[ObjectKey]:
        """Return the owners of a child, and who wants to have one of its name: an earlier resource's may be in the way."""
        owners = [self._caches.index.by_uid(uid) for uid in owner_uids(child)]
        instance = labels_of(child).get(INSTANCE_LABEL, "")
        namesake = ObjectKey(CRM_MONITORING, child["metadata"]["namespace"], instance)
        return [resource for resource in (*owners, namesake) if resource and self._caches.get(resource)]

    def _workload_changed(self, key: ObjectKey, before: Manifest | None, after: Manifest | None) -> None:
        if self._caches.own_write:
            return
        for resource in self._caches.index.by_target(key):
            self._look_at(resource, key, after)
        if after is not None and self._workloads.holds(after):
            self._queue.add(key)

    def _look_at(self, resource: ObjectKey, key: ObjectKey, after: Manifest | None) -> None:
        """Ask for a look at a resource because an object changed, which may turn out to be the echo of its own pass."""
        if after is not None and self._queue.is_active(resource):
            self._echoes.suspect(resource, key, after["metadata"]["resourceVersion"])
        else:
            self._queue.add(resource)

    def _service_changed(self, key: ObjectKey, before: Manifest | None, after: Manifest | None) -> None:
        # The list of a thousand Services would ask for each resource a thousand times before the first is looked at.
        if self._running and not _same_wish(before, after):
            for resource in self._caches.resource_keys_in(key.namespace):
                self._queue.add(resource)

    def _reader_changed(self, key: ObjectKey, before: Manifest | None, after: Manifest | None) -> None:
        if not _same_wish(before, after):
            self.look_at_everything()

    def _look_at_workloads_that_we_hold(self) -> None:
        for kind in WORKLOAD_KINDS:
            for store in self._caches.scopes(kind).values():
                for workload in store:
                    if self._workloads.holds(workload):
                        metadata = workload["metadata"]
                        self._queue.add(ObjectKey(kind, metadata["namespace"], metadata["name"]))

    def _all_resources(self) -> list[Manifest]:
        return [body for store in self._caches.scopes(CRM_MONITORING).values() for body in store]


def _resource_key(body: Manifest) -> ObjectKey:
    return ObjectKey(CRM_MONITORING, body["metadata"]["namespace"], body["metadata"]["name"])


def _is_new_wish(before: Manifest | None, after: Manifest) -> bool:
    return before is None or before["metadata"].get("generation") != after["metadata"].get("generation")


def _same_wish(before: Manifest | None, after: Manifest | None) -> bool:
    """Return whether an update changed nothing but the status."""
    if before is None or after is None:
        return False
    labels = [body["metadata"].get("labels") for body in (before, after)]
    return before.get("spec") == after.get("spec") and labels[0] == labels[1]
