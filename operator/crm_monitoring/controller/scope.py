"""Which kinds are watched, in which namespaces, and what of each object is kept."""

from collections.abc import Callable, Sequence
from typing import Any

from crm_monitoring.cluster.port import Reader
from crm_monitoring.cluster.reflector import Observer, Pace, Reflector
from crm_monitoring.cluster.store import Store
from crm_monitoring.controller.lister import Lister
from crm_monitoring.controller.shard import Shard
from crm_monitoring.manifest import (
    ALERTMANAGER,
    CHILD_KINDS,
    CRM_MONITORING,
    CUSTOM_RESOURCE_DEFINITION,
    PROMETHEUS,
    SERVICE,
    WORKLOAD_KINDS,
    Kind,
    Manifest,
    ObjectKey,
)
from crm_monitoring.reconcile import fingerprint
from crm_monitoring.reconcile.caches import Caches, Scope
from crm_monitoring.render.names import CHILD_SELECTOR

_WATCHED: tuple[Kind, ...] = (*CHILD_KINDS, *WORKLOAD_KINDS, SERVICE, PROMETHEUS, ALERTMANAGER)

_SHARED = (PROMETHEUS, ALERTMANAGER)


def build_caches(namespaces: Sequence[str], shard: Shard | None = None) -> Caches:
    """Return empty caches for the watched namespaces, all of them when none is given.

    Of what a shard does not serve only Prometheus and Alertmanager objects are kept: they select across namespaces.
    """
    serves = (shard or Shard()).serves
    scopes: tuple[Scope, ...] = tuple(namespaces) or (None,)
    kinds = (CRM_MONITORING, *_WATCHED)
    return Caches(
        {
            kind: {
                scope: Store(kind, transform=_kept_of(kind), serves=_anywhere if kind in _SHARED else serves)
                for scope in scopes
            }
            for kind in kinds
        }
    )


def reflectors(reader: Reader, caches: Caches, observer: Observer, pace: Pace) -> list[Reflector]:
    """Return a reflector for each store but those of the resources, which kopf feeds."""
    return [
        Reflector(
            reader,
            store,
            namespace=scope,
            label_selector=CHILD_SELECTOR if kind in CHILD_KINDS else "",
            pace=pace,
            observer=observer,
        )
        for kind in _WATCHED
        for scope, store in caches.scopes(kind).items()
    ]


def definitions(
    reader: Reader, observer: Observer, pace: Pace, watchers: Sequence[Reflector], listers: Sequence[Lister]
) -> Reflector:
    """Return a reflector of CustomResourceDefinitions. It pokes who waits for a kind when its definition changes."""

    def changed(key: ObjectKey, *_: Manifest | None) -> None:
        for reflector in watchers:
            if reflector.kind.crd_name == key.name and not reflector.served:
                reflector.poke()
        for lister in listers:
            if lister.kind.crd_name == key.name:
                lister.poke()

    store = Store(CUSTOM_RESOURCE_DEFINITION, transform=_named)
    store.subscribe(changed)
    return Reflector(reader, store, pace=pace, observer=observer)


def _named(manifest: Manifest) -> Manifest:
    return {"metadata": {"name": manifest["metadata"]["name"]}}


def _anywhere(_: str) -> bool:
    return True


def _kept_of(kind: Kind) -> Callable[[Manifest], Manifest]:
    """Return what drops the parts of an object that nobody looks at and that can be large."""
    if kind in CHILD_KINDS:
        return fingerprint.condensed
    return _without_last_applied if kind in WORKLOAD_KINDS else _without_managed_fields


def _without_managed_fields(manifest: Manifest) -> Manifest:
    metadata = _without_last_applied(manifest)["metadata"]
    return {**manifest, "metadata": {name: value for name, value in metadata.items() if name != "managedFields"}}


def _without_last_applied(manifest: Manifest) -> Manifest:
    annotations: dict[str, Any] = manifest["metadata"].get("annotations") or {}
    last_applied = "kubectl.kubernetes.io/last-applied-configuration"
    if last_applied not in annotations:
        return manifest
    slim = {name: value for name, value in annotations.items() if name != last_applied}
    return {**manifest, "metadata": {**manifest["metadata"], "annotations": slim}}
