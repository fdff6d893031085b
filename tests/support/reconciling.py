"""The parts that a pass needs, over a cluster in memory."""

from collections.abc import Iterable
from typing import Any

from crm_monitoring.cluster.fake import FakeCluster
from crm_monitoring.cluster.store import Store
from crm_monitoring.controller.scope import build_caches
from crm_monitoring.manifest import CONFIG_MAP, CRM_MONITORING, Kind, Manifest, ObjectKey, kind_of
from crm_monitoring.reconcile.caches import Caches
from crm_monitoring.render.names import MANAGED_BY, MANAGED_BY_LABEL

UID = "11111111-2222-3333-4444-555555555555"


def caches_of(cluster: FakeCluster, *, unserved: Iterable[Kind] = ()) -> Caches:
    """Return caches that hold what is in the cluster now."""
    caches = build_caches(())
    for store in caches.stores():
        if store.kind in unserved:
            store.unserve()
        else:
            store.replace(cluster.objects(store.kind), "0")
    return caches


def store_of(caches: Caches, kind: Kind) -> Store:
    """Return the store of a kind."""
    return caches.scopes(kind)[None]


def owner(uid: str = UID, name: str = "crm") -> dict[str, Any]:
    """Return a reference to a resource."""
    return {
        "apiVersion": CRM_MONITORING.api_version,
        "kind": CRM_MONITORING.name,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def config_map(name: str = "crm-crm-dashboards", data: dict[str, str] | None = None, **metadata: Any) -> Manifest:
    """Return a child as the compiler makes it."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "namespace": "crm",
            "labels": {MANAGED_BY_LABEL: MANAGED_BY},
            "ownerReferences": [owner()],
            **metadata,
        },
        "data": {"a.json": "{}"} if data is None else data,
    }


def live(cluster: FakeCluster, kind: Kind = CONFIG_MAP) -> dict[str, Manifest]:
    """Return the objects of a kind in the cluster, by name."""
    return {manifest["metadata"]["name"]: manifest for manifest in cluster.objects(kind)}


def key(manifest: Manifest) -> ObjectKey:
    """Return the key of an object."""
    return ObjectKey(kind_of(manifest), manifest["metadata"]["namespace"], manifest["metadata"]["name"])


def edit(cluster: FakeCluster, manifest: Manifest, manager: str = "kubectl-edit") -> Manifest:
    """Replace an object as somebody else would, and return it as stored."""
    metadata = {name: value for name, value in manifest["metadata"].items() if name != "managedFields"}
    return cluster.put({**manifest, "metadata": metadata}, manager=manager)
