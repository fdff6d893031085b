"""Users of different rights who write CRMMonitoring resources, before the chart's admission policy."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import yaml

from support.charts import objects, render
from testbed.apiclient import Answer, ApiClient
from testbed.controlplane import ControlPlane

NAMESPACE = "crm"
COLLECTION = f"/apis/monitoring.crm.io/v1alpha1/namespaces/{NAMESPACE}/crmmonitorings"
SECRET = "crm-alerting"

AUTHOR = "author"
"""May write CRMMonitoring resources and their status, and get one Secret that does not matter."""
READER = "reader"
"""May also get the Secret, by its name."""
DEPLOYER = "deployer"
"""May also patch the Deployment crm-api, by its name."""


@dataclass(frozen=True)
class Author:
    """A user who writes CRMMonitoring resources."""

    name: str
    client: ApiClient

    def create(self, spec: Mapping[str, Any], name: str = "crm", *, dry: bool = True) -> Answer:
        """Ask for a new resource; by default only as a dry run."""
        metadata = {"name": name, "namespace": NAMESPACE}
        body = {
            "apiVersion": "monitoring.crm.io/v1alpha1",
            "kind": "CRMMonitoring",
            "metadata": metadata,
            "spec": {"target": {"name": "crm-api"}, **copy.deepcopy(dict(spec))},
        }
        query = "fieldValidation=Strict" + ("&dryRun=All" if dry else "")
        return self.client.request("POST", f"{COLLECTION}?{query}", body)

    def patch(self, name: str, change: Mapping[str, Any], below: str = "") -> Answer:
        """Ask for a change by a merge patch."""
        return self.client.request("PATCH", f"{COLLECTION}/{name}{below}", change, "application/merge-patch+json")


class World:
    """A cluster with the policy of the chart in force, and its users."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.admin = self.author("admin")
        self._names = count()

    def author(self, name: str) -> Author:
        """Return one of the users."""
        return Author(name, ApiClient(self.plane.url, self.plane.token(name), self.plane.certificate_authority))

    def existing(self, spec: Mapping[str, Any]) -> str:
        """Create a resource as the administrator; return its name."""
        name = f"crm-{next(self._names)}"
        answer = self.admin.create(spec, name, dry=False)
        assert answer.status == 201, answer.body
        return name


def permissions() -> str:
    """Return the users' roles as YAML."""
    ours = {"apiGroups": ["monitoring.crm.io"], "resources": ["crmmonitorings"], "verbs": ["create", "patch", "update"]}
    status = {**ours, "resources": ["crmmonitorings/status"]}
    own = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["own"], "verbs": ["get"]}
    secret = {**own, "resourceNames": [SECRET]}
    deployment = {"apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": ["crm-api"], "verbs": ["patch"]}
    granted = {AUTHOR: [ours, status, own], READER: [ours, own, secret], DEPLOYER: [ours, own, deployment]}
    group = "rbac.authorization.k8s.io"
    return yaml.safe_dump_all(
        part
        for user, rules in granted.items()
        for metadata in [{"name": user, "namespace": NAMESPACE}]
        for part in (
            {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": rules},
            {
                "apiVersion": f"{group}/v1",
                "kind": "RoleBinding",
                "metadata": metadata,
                "roleRef": {"apiGroup": group, "kind": "Role", "name": user},
                "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
            },
        )
    )


def policy() -> list[dict[str, Any]]:
    """Return the policy of the chart and its binding."""
    return [part for kind in ("", "Binding") for part in objects(render(), f"ValidatingAdmissionPolicy{kind}")]
