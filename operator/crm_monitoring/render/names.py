"""Names, labels and owner references of everything that is created."""

import hashlib
from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.manifest import CRM_MONITORING, Kind, Manifest, ObjectKey

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "crm-monitoring-operator"
INSTANCE_LABEL = "app.kubernetes.io/instance"
OWNER_UID_LABEL = "monitoring.crm.io/owner-uid"

CHILD_SELECTOR = f"{MANAGED_BY_LABEL}={MANAGED_BY}"
"""Label selector of every object that we own."""


class OwnerReference(TypedDict):
    """What makes the garbage collector delete a child with its resource."""

    apiVersion: str
    kind: str
    name: str
    uid: str
    controller: bool
    blockOwnerDeletion: bool


class ChildMetadata(TypedDict):
    """Metadata of a child."""

    name: str
    namespace: str
    labels: dict[str, str]
    annotations: NotRequired[dict[str, str]]
    ownerReferences: list[OwnerReference]


def child_name(resource: CRMMonitoring, purpose: str) -> str:
    """Return `<resource>-crm-<purpose>`."""
    return f"{resource.metadata.name}-crm-{purpose}"


def child_key(resource: CRMMonitoring, kind: Kind, purpose: str) -> ObjectKey:
    """Return the key of a child."""
    return ObjectKey(kind, resource.metadata.namespace, child_name(resource, purpose))


def dashboard_uid(resource: CRMMonitoring, audience: str) -> str:
    """Return the uid of the Grafana dashboard for an audience: stable, unique in a Grafana, at most 40 characters."""
    identity = "/".join((resource.metadata.namespace, resource.metadata.name, audience))
    return "crm-" + hashlib.sha256(identity.encode()).hexdigest()[:24]


def owner_reference(name: str, uid: str, *, controller: bool = True) -> OwnerReference:
    """Return the reference to a resource. Objects with several owners have no controller."""
    return {
        "apiVersion": CRM_MONITORING.api_version,
        "kind": CRM_MONITORING.name,
        "name": name,
        "uid": uid,
        "controller": controller,
        "blockOwnerDeletion": False,
    }


def child_labels(resource: CRMMonitoring, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the labels of a child: the resource's objectLabels, `extra`, and ours, which win."""
    labels = {
        **resource.spec.object_labels,
        **(extra or {}),
        MANAGED_BY_LABEL: MANAGED_BY,
        INSTANCE_LABEL: resource.metadata.name,
        OWNER_UID_LABEL: resource.metadata.uid,
    }
    return dict(sorted(labels.items()))


def child(
    resource: CRMMonitoring,
    kind: Kind,
    purpose: str,
    content: Mapping[str, Any],
    extra_labels: Mapping[str, str] | None = None,
    *,
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    """Return a complete child object: apiVersion, kind, metadata and the given content (`spec` or `data`)."""
    metadata: ChildMetadata = {
        "name": child_name(resource, purpose),
        "namespace": resource.metadata.namespace,
        "labels": child_labels(resource, extra_labels),
        "ownerReferences": [owner_reference(resource.metadata.name, resource.metadata.uid)],
    }
    if annotations:
        metadata["annotations"] = dict(sorted(annotations.items()))
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, **content}
