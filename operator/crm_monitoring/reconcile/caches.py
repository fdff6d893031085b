"""Everything that is known of the cluster, kept up to date by reflectors, and which resource each object concerns."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from crm_monitoring.cluster.store import Store
from crm_monitoring.manifest import (
    CHILD_KINDS,
    CRM_MONITORING,
    DEPLOYMENT,
    PROMETHEUS,
    SERVICE,
    WORKLOAD_KINDS,
    Kind,
    Manifest,
    ObjectKey,
    key_of,
    labels_of,
)
from crm_monitoring.render.observed import Observed

Scope = str | None
"""One watched namespace, or None for the whole cluster."""


class Caches:
    """The stores of every watched kind. One store per kind and watched namespace, or one per kind for all."""

    def __init__(self, stores: Mapping[Kind, Mapping[Scope, Store]]) -> None:
        self._stores = stores
        self.own_write = False
        """True while subscribers of a store are told of the answer of an own write, which needs no further look."""
        self.on_own_write: Callable[[ObjectKey, str], None] = lambda key, version: None
        """Told of the object and the resourceVersion of each own write, whether its echo came before or not."""
        self.index = ResourceIndex()
        for store in stores[CRM_MONITORING].values():
            store.subscribe(self.index.update)
        self._services = ServiceIndex()
        for store in stores[SERVICE].values():
            store.subscribe(self._services.update)

    def stores(self) -> Iterator[Store]:
        """Yield every store."""
        for scopes in self._stores.values():
            yield from scopes.values()

    def scopes(self, kind: Kind) -> Mapping[Scope, Store]:
        """Return the stores of a kind by watched namespace."""
        return self._stores[kind]

    def store(self, kind: Kind, namespace: str) -> Store | None:
        """Return the store that holds a kind's objects of a namespace, or None when it is not watched."""
        scopes = self._stores[kind]
        return scopes[None] if None in scopes else scopes.get(namespace)

    def get(self, key: ObjectKey) -> Manifest | None:
        """Return an object as last seen, or None."""
        store = self.store(key.kind, key.namespace)
        return store.get(key) if store is not None else None

    def put(self, manifest: Manifest, *, brief: bool = False) -> None:
        """Take the answer of an own write; with `brief` it is metadata alone."""
        key = key_of(manifest)
        store = self.store(key.kind, key.namespace)
        if store is not None:
            with self._writing():
                store.put(manifest, brief=brief)
            self.on_own_write(key, manifest["metadata"]["resourceVersion"])

    def remove(self, key: ObjectKey) -> None:
        """Take note of an own delete."""
        store = self.store(key.kind, key.namespace)
        if store is not None:
            with self._writing():
                store.remove(key)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self.own_write = True
        try:
            yield
        finally:
            self.own_write = False

    def served(self, kind: Kind, namespace: str) -> bool:
        """Return whether the API server serves a kind; kinds that are not watched count as served."""
        if kind not in self._stores:
            return True
        store = self.store(kind, namespace)
        return store is not None and store.served

    @property
    def synced(self) -> bool:
        """Return whether every store has seen a full list."""
        return all(store.synced for store in self.stores())

    def owned_by(self, uid: str) -> dict[ObjectKey, Manifest]:
        """Return the live children of a resource, by key."""
        children = (
            child for kind in CHILD_KINDS for store in self._stores[kind].values() for child in store.by_owner(uid)
        )
        return {key_of(child): child for child in children}

    def in_namespace(self, kind: Kind, namespace: str) -> tuple[Manifest, ...]:
        """Return the objects of a kind in a namespace."""
        store = self.store(kind, namespace)
        return store.in_namespace(namespace) if store is not None else ()

    def all(self, kind: Kind) -> Iterator[Manifest]:
        """Yield the objects of a kind in every watched namespace."""
        for store in self._stores[kind].values():
            yield from store

    def resources_in(self, namespace: str) -> tuple[Manifest, ...]:
        """Return the CRMMonitoring resources of a namespace."""
        return self.in_namespace(CRM_MONITORING, namespace)

    def resource_keys_in(self, namespace: str) -> tuple[ObjectKey, ...]:
        """Return the keys of the CRMMonitoring resources of a namespace."""
        store = self.store(CRM_MONITORING, namespace)
        return store.keys_in(namespace) if store is not None else ()

    def observed(self, target: ObjectKey) -> Observed:
        """Return what the compiler must know for a resource with this target."""
        workload = self.get(target)
        keys = self._services.candidates(target.namespace, workload) if workload else ()
        services = [service for key in keys if (service := self.get(key))]
        return Observed.of(workload, services, self.all(PROMETHEUS))


class ResourceIndex:
    """Which resources an object concerns. Resources that do not pass validation are indexed as far as they go."""

    def __init__(self) -> None:
        self._key_by_uid: dict[str, ObjectKey] = {}
        self._by_target: dict[ObjectKey, set[ObjectKey]] = {}

    def update(self, key: ObjectKey, before: Manifest | None, after: Manifest | None) -> None:
        """Take a change of a resource (a subscriber of the store)."""
        if before:
            self._key_by_uid.pop(before["metadata"]["uid"], None)
            for target in target_keys(before):
                concerned = self._by_target.get(target, set())
                concerned.discard(key)
                if not concerned:
                    self._by_target.pop(target, None)
        if after:
            self._key_by_uid[after["metadata"]["uid"]] = key
            for target in target_keys(after):
                self._by_target.setdefault(target, set()).add(key)

    def by_uid(self, uid: str) -> ObjectKey | None:
        """Return the resource with a uid."""
        return self._key_by_uid.get(uid)

    def by_target(self, target: ObjectKey) -> frozenset[ObjectKey]:
        """Return the resources that name a workload as their target."""
        return frozenset(self._by_target.get(target, ()))


class ServiceIndex:
    """Services by one pair of their selectors: a namespace with many Services makes no pass over a resource slower."""

    def __init__(self) -> None:
        self._by_pair: dict[tuple[str, tuple[str, str]], set[ObjectKey]] = {}

    def update(self, key: ObjectKey, before: Manifest | None, after: Manifest | None) -> None:
        """Take a change of a Service (a subscriber of the store)."""
        if before and (pair := _pair_of(before)):
            alike = self._by_pair[key.namespace, pair]
            alike.discard(key)
            if not alike:
                del self._by_pair[key.namespace, pair]
        if after and (pair := _pair_of(after)):
            self._by_pair.setdefault((key.namespace, pair), set()).add(key)

    def candidates(self, namespace: str, workload: Manifest) -> Iterator[ObjectKey]:
        """Yield every Service that may select the workload's pods."""
        for pair in labels_of(workload["spec"]["template"]).items():
            yield from self._by_pair.get((namespace, pair), ())


def _pair_of(service: Manifest) -> tuple[str, str] | None:
    selector = (service.get("spec") or {}).get("selector")
    return min(selector.items()) if selector else None


def target_keys(body: Mapping[str, Any]) -> Iterable[ObjectKey]:
    """Return the key of the workload that a resource names, nothing when the resource is too broken to tell."""
    spec = body.get("spec")
    target = spec.get("target") if isinstance(spec, Mapping) else None
    if not isinstance(target, Mapping) or not isinstance(target.get("name"), str):
        return ()
    wanted = target.get("kind", DEPLOYMENT.name)
    namespace = body["metadata"].get("namespace", "")
    return tuple(ObjectKey(kind, namespace, target["name"]) for kind in WORKLOAD_KINDS if kind.name == wanted)
