"""What every layer says of a Kubernetes object: its kind, its key, its JSON."""

from collections.abc import Mapping
from typing import Any, NamedTuple

Manifest = dict[str, Any]
"""One Kubernetes object as JSON. Builders in `render` return TypedDicts of this shape."""


# Keys are made, hashed and compared for every object of every list, event and pass: tuples do that three times as fast
# as dataclasses.
class Kind(NamedTuple):
    """A kind of namespaced object, as the API server addresses it."""

    group: str
    version: str
    name: str
    plural: str

    @property
    def api_version(self) -> str:
        """Return the value of `apiVersion`: `v1` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def crd_name(self) -> str:
        """Return the name of the CustomResourceDefinition that serves this kind."""
        return f"{self.plural}.{self.group}"

    def __str__(self) -> str:
        return self.name


CRM_MONITORING = Kind("monitoring.crm.io", "v1alpha1", "CRMMonitoring", "crmmonitorings")

PROMETHEUS_RULE = Kind("monitoring.coreos.com", "v1", "PrometheusRule", "prometheusrules")
SERVICE_MONITOR = Kind("monitoring.coreos.com", "v1", "ServiceMonitor", "servicemonitors")
POD_MONITOR = Kind("monitoring.coreos.com", "v1", "PodMonitor", "podmonitors")
PROBE = Kind("monitoring.coreos.com", "v1", "Probe", "probes")
ALERTMANAGER_CONFIG = Kind("monitoring.coreos.com", "v1alpha1", "AlertmanagerConfig", "alertmanagerconfigs")
PROMETHEUS = Kind("monitoring.coreos.com", "v1", "Prometheus", "prometheuses")
ALERTMANAGER = Kind("monitoring.coreos.com", "v1", "Alertmanager", "alertmanagers")
CONFIG_MAP = Kind("", "v1", "ConfigMap", "configmaps")
SECRET = Kind("", "v1", "Secret", "secrets")
SERVICE = Kind("", "v1", "Service", "services")
EVENT = Kind("events.k8s.io", "v1", "Event", "events")
DEPLOYMENT = Kind("apps", "v1", "Deployment", "deployments")
STATEFUL_SET = Kind("apps", "v1", "StatefulSet", "statefulsets")
LEASE = Kind("coordination.k8s.io", "v1", "Lease", "leases")
NAMESPACE = Kind("", "v1", "Namespace", "namespaces")
"""Addressed as if it were in itself: that is how a Role in it can permit to read it."""
CUSTOM_RESOURCE_DEFINITION = Kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions")
"""Not namespaced, and only its metadata is read: to know when a kind comes or goes."""

CHILD_KINDS = (PROMETHEUS_RULE, SERVICE_MONITOR, POD_MONITOR, PROBE, ALERTMANAGER_CONFIG, CONFIG_MAP)
"""Kinds of the objects that one resource owns alone. The notification Secret is shared, so it is not here."""

WORKLOAD_KINDS = (DEPLOYMENT, STATEFUL_SET)
"""Kinds that `spec.target.kind` accepts."""

KINDS = (
    CRM_MONITORING,
    *CHILD_KINDS,
    PROMETHEUS,
    ALERTMANAGER,
    SECRET,
    SERVICE,
    EVENT,
    *WORKLOAD_KINDS,
    LEASE,
)
"""Every kind that the operator reads or writes."""

_KIND_BY_NAMES = {(kind.api_version, kind.name): kind for kind in KINDS}


class ObjectKey(NamedTuple):
    """Where one object lives: kind, namespace and name."""

    kind: Kind
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind.name} {self.namespace}/{self.name}"


def kind_of(manifest: Mapping[str, Any]) -> Kind:
    """Return the kind of an object; raise KeyError for a kind that the operator does not handle."""
    wanted = (manifest["apiVersion"], manifest["kind"])
    kind = _KIND_BY_NAMES.get(wanted)
    if kind is None:
        raise KeyError(f"{wanted[1]} ({wanted[0]})")
    return kind


def key_of(manifest: Mapping[str, Any]) -> ObjectKey:
    """Return the key of an object that carries apiVersion, kind and metadata."""
    metadata = manifest["metadata"]
    return ObjectKey(kind_of(manifest), metadata.get("namespace", ""), metadata["name"])


def labels_of(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels of an object, empty when it has none."""
    return manifest.get("metadata", {}).get("labels") or {}


def annotations_of(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the annotations of an object, empty when it has none."""
    return manifest.get("metadata", {}).get("annotations") or {}


def owner_uids(manifest: Mapping[str, Any]) -> frozenset[str]:
    """Return the uids in an object's ownerReferences."""
    references = manifest.get("metadata", {}).get("ownerReferences") or ()
    return frozenset(reference["uid"] for reference in references)
