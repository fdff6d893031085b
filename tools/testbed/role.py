"""The operator's permissions, from the chart's one source of them, given to a service account."""

from pathlib import Path
from typing import Any, Protocol

import yaml

SOURCE = Path(__file__).resolve().parents[2] / "charts" / "crm-monitoring-operator" / "files" / "rbac.yaml"

Rules = list[dict[str, Any]]


def rules() -> dict[str, Rules]:
    """Return the rules by where they hold: `watched`, `listed`, `cluster` and `own`."""
    loaded: dict[str, Rules] = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    return loaded


def manifests(account: str, own_namespace: str, watched: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Return the roles and bindings of an operator: Roles in the watched namespaces, or a ClusterRole for all."""
    granted = rules()
    if watched:
        rules_there = granted["watched"] + granted["listed"]
        bound = [part for namespace in watched for part in _role(account, own_namespace, namespace, rules_there)]
    else:
        bound = _cluster_role(account, own_namespace, granted["watched"] + granted["cluster"])
    return bound + _role(f"{account}-own", own_namespace, own_namespace, granted["own"], account)


class Grantor(Protocol):
    """A cluster in which accounts and roles can be made."""

    def create_namespace(self, name: str) -> None:
        """Create a namespace unless it exists."""

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """Return the kubeconfig of a service account."""

    def apply(self, manifest: str) -> None:
        """Apply YAML text."""


def grant(plane: Grantor, account: str, own_namespace: str, watched: tuple[str, ...] = ()) -> Path:
    """Create the account, its roles and their bindings; return the account's kubeconfig."""
    plane.create_namespace(own_namespace)
    kubeconfig = plane.service_account_kubeconfig(own_namespace, account)
    plane.apply(yaml.safe_dump_all(manifests(account, own_namespace, watched)))
    return kubeconfig


def _role(
    name: str, account_namespace: str, namespace: str, granted: Rules, account: str | None = None
) -> list[dict[str, Any]]:
    metadata = {"name": name, "namespace": namespace}
    return [
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata, "rules": granted},
        _binding("RoleBinding", metadata, "Role", account or name, account_namespace),
    ]


def _cluster_role(account: str, account_namespace: str, granted: Rules) -> list[dict[str, Any]]:
    metadata = {"name": f"{account_namespace}-{account}"}
    return [
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": metadata, "rules": granted},
        _binding("ClusterRoleBinding", metadata, "ClusterRole", account, account_namespace),
    ]


def _binding(kind: str, metadata: dict[str, str], role: str, account: str, namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": metadata["name"]},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
    }
