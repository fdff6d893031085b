"""A cluster in memory, for tests: same port, same errors, no network and no clock.

It serves all kinds of `manifest.KINDS` until told otherwise, and every namespace exists. It is stricter than useful
in no way and more lenient in two: no schema is checked, and lists are owned as a whole (see `fake_fields`).
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crm_monitoring.cluster import fake_fields as fields
from crm_monitoring.cluster.answers import Call, fields_conflict, missing_kind
from crm_monitoring.cluster.fake_json import PatchFailed, copied, json_patched, merged
from crm_monitoring.cluster.fake_watch import Journal, selects
from crm_monitoring.cluster.port import FIELD_MANAGER, Expired, Page, WatchEvent
from crm_monitoring.errors import ClusterError, Conflict, NamespaceTerminating, NotLeading
from crm_monitoring.manifest import NAMESPACE, Kind, Manifest, ObjectKey, key_of, kind_of, owner_uids

_US = (FIELD_MANAGER, "Apply")


@dataclass(frozen=True, slots=True)
class Write:
    """One write that was accepted: the call, the key it went to, and its body as sent."""

    call: Call
    key: ObjectKey
    body: Any


class FakeCluster:
    """`port.Cluster` in memory, with what a test needs to play the rest of the world.

    `writes` holds every accepted write of the code under test, in order; dry runs and the test's own `put` and `drop`
    are not in it. Returned objects are copies.
    """

    def __init__(self, *manifests: Manifest, may_write: Callable[[], bool] = lambda: True) -> None:
        self.writes: list[Write] = []
        self.journal = Journal()
        self._objects: dict[ObjectKey, Manifest] = {}
        self._unserved: set[Kind] = set()
        self._terminating: set[str] = set()
        self._faults: list[tuple[Callable[[Call], bool], ClusterError]] = []
        self._may_write = may_write
        self._made = 0
        for manifest in manifests:
            self.put(manifest)

    # What the test plays.

    def put(self, manifest: Manifest, *, manager: str = "somebody") -> Manifest:
        """Create or replace an object as another manager would, bypassing faults; return it as stored."""
        key, manifest = key_of(manifest), copied(manifest)
        live = self._objects.get(key)
        if "managedFields" not in manifest["metadata"]:
            manifest["metadata"]["managedFields"] = copied(live["metadata"]["managedFields"]) if live else []
            fields.track(live, manifest, (manager, "Update"))
        return self._store(key, manifest)

    def drop(self, key: ObjectKey) -> None:
        """Delete an object as somebody else would. What it owned stays until `collect_garbage`."""
        manifest = self._objects.pop(key, None)
        if manifest:
            gone = copied(manifest)
            gone["metadata"]["resourceVersion"] = str(self.journal.next_version())
            self.journal.note("DELETED", key, manifest, gone)

    def collect_garbage(self) -> list[ObjectKey]:
        """Delete, as the garbage collector would, each object none of whose owners exist; return their keys."""
        collected: list[ObjectKey] = []
        while True:
            alive = {manifest["metadata"]["uid"] for manifest in self._objects.values()}
            lost = [
                key
                for key, manifest in self._objects.items()
                if owner_uids(manifest) and not owner_uids(manifest) & alive
            ]
            if not lost:
                return collected
            for key in lost:
                self.drop(key)
            collected += lost

    def serve(self, kind: Kind) -> None:
        """Install the CustomResourceDefinition of a kind."""
        self._unserved.discard(kind)

    def unserve(self, kind: Kind) -> None:
        """Remove a CustomResourceDefinition: its objects are gone and its watches end."""
        for key in [key for key in self._objects if key.kind == kind]:
            self.drop(key)
        self._unserved.add(kind)
        self.journal.end_streams(kind)

    def terminate(self, namespace: str) -> None:
        """Begin to delete a namespace: nothing can be created in it any more."""
        self._terminating.add(namespace)

    def revive(self, namespace: str) -> None:
        """Create a namespace again that was deleted."""
        self._terminating.discard(namespace)

    def fail_next(self, predicate: Callable[[Call], bool], error: ClusterError) -> None:
        """Let the next call for which `predicate` is true raise `error` once, before it does anything."""
        self._faults.append((predicate, error))

    def objects(self, kind: Kind | None = None) -> list[Manifest]:
        """Return copies of all objects, or of one kind, ordered by key."""
        return [copied(self._objects[key]) for key in sorted(self._objects) if kind in {None, key.kind}]

    # The port.

    async def get(self, key: ObjectKey) -> Manifest | None:
        """See `port.Reader.get`."""
        await self._enter(Call("get", key.kind, key.namespace, key.name))
        if key.kind == NAMESPACE:
            going = {"deletionTimestamp": "2024-01-01T00:00:00Z"} if key.name in self._terminating else {}
            return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": key.name, **going}}
        manifest = self._objects.get(key)
        return copied(manifest) if manifest else None

    async def list(
        self,
        kind: Kind,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        limit: int = 500,
        continue_token: str | None = None,
    ) -> Page:
        """See `port.Reader.list`."""
        await self._enter(Call("list", kind, namespace))
        version, start = str(self.journal.version), 0
        if continue_token:
            version, _, offset = continue_token.partition("/")
            start = int(offset)
            if int(version) < self.journal.oldest:
                raise Expired(f"list {kind.plural}: the version asked for is too old")
        wanted = [
            manifest
            for key, manifest in sorted(self.journal.as_of(int(version), kind, self._objects).items())
            if namespace in {None, key.namespace} and selects(label_selector, manifest)
        ]
        end = start + limit if limit else len(wanted)
        return Page(tuple(copied(wanted[start:end])), version, f"{version}/{end}" if end < len(wanted) else None)

    async def watch(
        self,
        kind: Kind,
        *,
        resource_version: str,
        namespace: str | None = None,
        label_selector: str = "",
    ) -> AsyncGenerator[WatchEvent, None]:
        """See `port.Reader.watch`."""
        await self._enter(Call("watch", kind, namespace))
        async for event in self.journal.follow(kind, int(resource_version), namespace, label_selector):
            yield event

    async def apply(
        self, manifest: Mapping[str, Any], *, force: bool, dry_run: bool = False, brief: bool = False
    ) -> Manifest:
        """See `port.Writer.apply`."""
        key = ObjectKey(kind_of(manifest), manifest["metadata"]["namespace"], manifest["metadata"]["name"])
        call = Call("apply", key.kind, key.namespace, key.name)
        await self._enter(call)
        live = copied(self._objects.get(key) or _bare(key))
        version = live["metadata"].get("resourceVersion")
        if version and manifest["metadata"].get("resourceVersion", version) != version:
            raise Conflict(f"{call}: the object changed since it was read")
        wanted = fields.leaves(copied(dict(manifest)))
        taken = fields.conflicts(live, wanted, FIELD_MANAGER)
        if taken and not force:
            raise fields_conflict(call, {fields.dotted(path): other for path, other in taken.items()})
        fields.disown(live, taken, but=_US)
        fields.merge(live, wanted, FIELD_MANAGER)
        answer = self._write(call, key, live, manifest, dry_run=dry_run)
        return {name: answer[name] for name in ("apiVersion", "kind", "metadata")} if brief else answer

    async def json_patch(self, key: ObjectKey, operations: Sequence[Mapping[str, Any]]) -> Manifest:
        """See `port.Writer.json_patch`."""
        call = Call("patch", key.kind, key.namespace, key.name, json_patch=True)
        await self._enter(call)
        live = self._live(call, key)
        try:
            patched = json_patched(live, operations)
        except PatchFailed:
            patched = None
        if patched is None:
            raise Conflict(f"{call}: the object does not look as the patch expects")
        if patched["metadata"].get("managedFields") == live["metadata"].get("managedFields"):
            fields.track(live, patched, (FIELD_MANAGER, "Update"))
        return self._write(call, key, patched, list(operations))

    async def patch_status(
        self, key: ObjectKey, uid: str, status: Mapping[str, Any], *, resource_version: str | None = None
    ) -> Manifest:
        """See `port.Writer.patch_status`."""
        call = Call("patch", key.kind, key.namespace, key.name)
        await self._enter(call)
        live = self._live(call, key)
        if live["metadata"]["uid"] != uid:
            raise Conflict(f"{call}: the object was replaced by another of the same name")
        if resource_version not in (None, live["metadata"]["resourceVersion"]):
            raise Conflict(f"{call}: the object changed since it was read")
        patched = {**live, "status": merged(live.get("status"), status)}
        return self._write(call, key, patched, dict(status))

    async def delete(self, key: ObjectKey, *, uid: str) -> None:
        """See `port.Writer.delete`."""
        call = Call("delete", key.kind, key.namespace, key.name)
        await self._enter(call)
        live = self._objects.get(key)
        if live and live["metadata"]["uid"] != uid:
            raise Conflict(f"{call}: the object changed since it was read")
        self.writes.append(Write(call, key, {"uid": uid}))
        self.drop(key)

    async def create(self, manifest: Mapping[str, Any]) -> Manifest:
        """See `port.Writer.create`. A `generateName` gets a number behind it."""
        made = copied(dict(manifest))
        metadata = made["metadata"]
        call = Call("create", kind_of(made), metadata["namespace"])
        await self._enter(call)
        metadata.setdefault("name", f"{metadata.get('generateName', '')}{self._made + 1}")
        key = key_of(made)
        if key in self._objects:
            raise Conflict(f"{call}: the object exists already")
        fields.own(made, (FIELD_MANAGER, "Update"), set(fields.leaves(made)))
        return self._write(call, key, made, manifest)

    async def _enter(self, call: Call) -> None:
        """Give others a turn, as a request would, then raise what the API server would say before it looks."""
        await asyncio.sleep(0)
        if call.verb in {"create", "apply", "patch", "delete"} and not self._may_write():
            raise NotLeading(f"{call}: this replica does not lead and must not write")
        for fault in self._faults:
            if fault[0](call):
                self._faults.remove(fault)
                raise fault[1]
        if call.kind in self._unserved:
            raise missing_kind(call.kind)

    def _live(self, call: Call, key: ObjectKey) -> Manifest:
        if key not in self._objects:
            raise Conflict(f"{call}: the object does not exist")
        live: Manifest = copied(self._objects[key])
        return live

    def _write(self, call: Call, key: ObjectKey, manifest: Manifest, body: Any, *, dry_run: bool = False) -> Manifest:
        if key.namespace in self._terminating and key not in self._objects:
            raise NamespaceTerminating(f"{call}: namespace {key.namespace} is being deleted")
        if dry_run:
            return manifest
        self.writes.append(Write(call, key, copied(body)))
        return self._store(key, manifest)

    def _store(self, key: ObjectKey, manifest: Manifest) -> Manifest:
        """Keep an object, with what the server stamps on it. What equals the live object changes nothing."""
        live = self._objects.get(key)
        metadata = manifest["metadata"]
        metadata.setdefault("namespace", key.namespace)
        stamps = ("uid", "creationTimestamp", "generation", "resourceVersion")
        if live:
            metadata.update({name: live["metadata"][name] for name in stamps})
            if manifest == live:
                return manifest
            metadata["generation"] += _essence(manifest) != _essence(live)
        else:
            self._made += 1
            metadata.setdefault("uid", f"00000000-0000-4000-8000-{self._made:012d}")
            metadata.setdefault("creationTimestamp", "2024-01-01T00:00:00Z")
            metadata["generation"] = 1
        metadata["resourceVersion"] = str(self.journal.next_version())
        self._objects[key] = copied(manifest)
        self.journal.note("MODIFIED" if live else "ADDED", key, live, self._objects[key])
        return manifest


def _bare(key: ObjectKey) -> Manifest:
    return {
        "apiVersion": key.kind.api_version,
        "kind": key.kind.name,
        "metadata": {"name": key.name, "namespace": key.namespace},
    }


def _essence(manifest: Manifest) -> Manifest:
    return {name: value for name, value in manifest.items() if name not in {"metadata", "status"}}
