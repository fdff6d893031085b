"""Workloads and Services for tests, as the API server would hand them over."""

from collections.abc import Mapping, Sequence
from typing import Any

from crm_monitoring.manifest import Manifest
from support.resources import NAMESPACE

POD_LABELS = {"app.kubernetes.io/name": "crm-api"}

PORTS = ({"name": "http", "containerPort": 8080}, {"name": "metrics", "containerPort": 8000})
SERVICE_PORTS = ({"name": "http", "port": 80}, {"name": "metrics", "port": 8000})


def container(name: str = "api", ports: Sequence[Mapping[str, Any]] = PORTS, **fields: Any) -> dict[str, Any]:
    """Return one container of a pod template."""
    return {"name": name, "image": "crm-api:1", "ports": [dict(port) for port in ports], **fields}


def workload(
    name: str = "crm-api",
    containers: Sequence[Mapping[str, Any]] | None = None,
    *,
    kind: str = "Deployment",
    pod_labels: Mapping[str, str] = POD_LABELS,
    selector: Mapping[str, Any] | None = None,
    namespace: str = NAMESPACE,
) -> Manifest:
    """Return a Deployment or StatefulSet; its selector matches all labels of its pods unless given."""
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "selector": dict(selector or {"matchLabels": dict(pod_labels)}),
            "template": {
                "metadata": {"labels": dict(pod_labels)},
                "spec": {"containers": [dict(c) for c in containers or (container(),)]},
            },
        },
    }


def service(
    name: str = "crm-api",
    ports: Sequence[Mapping[str, Any]] = SERVICE_PORTS,
    *,
    labels: Mapping[str, str] = POD_LABELS,
    selector: Mapping[str, str] = POD_LABELS,
    namespace: str = NAMESPACE,
) -> Manifest:
    """Return a Service."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels)},
        "spec": {"selector": dict(selector), "ports": [dict(port) for port in ports]},
    }
