"""Live workloads in memory, with who owns what in managedFields."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from crm_monitoring.cluster.port import FIELD_MANAGER
from crm_monitoring.manifest import Manifest
from crm_monitoring.reconcile.workload import Claim, Policy, Slot
from crm_monitoring.reconcile.workload.memory import ANNOTATION, Memory
from crm_monitoring.render.bundle import WorkloadFields
from support.owners import READINESS

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=5)
CLAIM = Claim("crm", "uid")
PROBE = Slot("api", "readinessProbe")
WANTED = WorkloadFields("api", {"readinessProbe": READINESS}, {})
LEVEL = WorkloadFields("api", {}, {"CRM_LOG_LEVEL": "INFO"})
RESPECT, TAKE_OVER = Policy(), Policy("TakeOver")

HELM, OURS, PATCHED = ("helm", "Update"), (FIELD_MANAGER, "Apply"), (FIELD_MANAGER, "Update")
ALL = [
    f"readinessProbe.{leaf}"
    for leaf in (
        "httpGet.path",
        "httpGet.port",
        "httpGet.scheme",
        "periodSeconds",
        "timeoutSeconds",
        "failureThreshold",
    )
]
OTHER = {**READINESS, "httpGet": {"path": "/old", "port": 80, "scheme": "HTTP"}}
TCP = {"tcpSocket": {"port": 80}}


def remembered(**memory: Any) -> dict[str, str]:
    return {ANNOTATION: Memory("crm", "uid", **memory).text()}


def live(probe: Any = None, owners: Any = None, **memory: Any) -> Manifest:
    container = {} if probe is None else {"readinessProbe": probe}
    owners = dict(owners or {})
    annotations = {}
    if OURS in owners or memory:
        owners[OURS] = [*owners.get(OURS, ()), f"@{ANNOTATION}"]
        annotations = remembered(**memory)
    return recorded(container, owners, annotations=annotations)


TWICE = {PROBE: (LONG_AGO, LONG_AGO)}
"""Takes after which a slot is left alone."""


def recorded(
    container: Mapping[str, Any],
    owners: Mapping[tuple[str, str], Sequence[str]] | None = None,
    *,
    annotations: Mapping[str, str] | None = None,
    times: Mapping[str, str] | None = None,
    kind: str = "Deployment",
    status: Mapping[str, Any] | None = None,
    spec: Mapping[str, Any] | None = None,
) -> Manifest:
    """Return a live workload in memory, with managedFields.

    `owners` maps (manager, operation) to the fields that it owns in the container: "readinessProbe.httpGet.path",
    "env.CRM_LOG_LEVEL.value", or "@name" for an annotation. `times` maps a manager to the time of its entry.
    """
    name = container.get("name", "api")
    managed = []
    for (manager, operation), fields in (owners or {}).items():
        when = (times or {}).get(manager, "2026-01-01T00:00:00Z")
        managed.append({"manager": manager, "operation": operation, "time": when, "fieldsV1": _tree(name, fields)})
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {
            "name": "crm-api",
            "namespace": "shop",
            "uid": "uid-of-workload",
            "resourceVersion": "7",
            "generation": 1,
            "annotations": dict(annotations or {}),
            "managedFields": managed,
        },
        "spec": {"template": {"spec": {"containers": [{"name": name, **container}]}}, **(spec or {})},
        "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, **(status or {})},
    }


def _tree(container: str, fields: Sequence[str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for field in fields:
        if field.startswith("@"):
            path = ["f:metadata", "f:annotations", f"f:{field[1:]}"]
        else:
            path = ["f:spec", "f:template", "f:spec", "f:containers", _item(container), *_steps(field.split("."))]
        branch = tree
        for key in path:
            branch = branch.setdefault(key, {})
            if key.startswith("k:"):
                branch.setdefault(".", {})
                branch.setdefault("f:name", {})
    return tree


def _steps(parts: list[str]) -> list[str]:
    return ["f:env", _item(parts[1]), *_named(parts[2:])] if parts[0] == "env" else _named(parts)


def _named(parts: list[str]) -> list[str]:
    return [f"f:{part}" for part in parts]


def _item(name: str) -> str:
    return "k:" + json.dumps({"name": name}, separators=(",", ":"))
