"""The CustomResourceDefinition: names, columns, subresource and schema of CRMMonitoring."""

from typing import Any

from crm_monitoring.api.crd.schema import structural, validations
from crm_monitoring.api.crd.status import status_schema
from crm_monitoring.api.v1alpha1 import CRMMonitoring, Spec
from crm_monitoring.manifest import CRM_MONITORING, Manifest

SHORT_NAME = "crmmon"
CATEGORY = "crm"


def crd() -> Manifest:
    """Return the CustomResourceDefinition that serves v1alpha1."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": CRM_MONITORING.crd_name},
        "spec": {
            "group": CRM_MONITORING.group,
            "scope": "Namespaced",
            "names": {
                "kind": CRM_MONITORING.name,
                "listKind": f"{CRM_MONITORING.name}List",
                "plural": CRM_MONITORING.plural,
                "singular": CRM_MONITORING.name.lower(),
                "shortNames": [SHORT_NAME],
                "categories": [CATEGORY],
            },
            "versions": [_version()],
        },
    }


def _version() -> dict[str, Any]:
    return {
        "name": CRM_MONITORING.version,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "selectableFields": [{"jsonPath": ".spec.target.name"}],
        "additionalPrinterColumns": _columns(),
        "schema": {"openAPIV3Schema": _root()},
    }


def _root() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "Everything that monitors one CRM communication engine: scraping, rules, notifications, dashboards "
        "and probes.",
        "required": ["spec"],
        "properties": {
            "apiVersion": {
                "type": "string",
                "description": f"Version of this resource: {CRM_MONITORING.api_version}.",
            },
            "kind": {"type": "string", "description": f"Kind of this resource: {CRM_MONITORING.name}."},
            "metadata": {"type": "object", "properties": {"name": {"type": "string"}}},
            "spec": structural(Spec),
            "status": status_schema(),
        },
        "x-kubernetes-validations": validations(CRMMonitoring.rules),
    }


def _columns() -> list[dict[str, Any]]:
    ready = '.status.conditions[?(@.type=="Ready")]'
    return [
        _column("Ready", f"{ready}.status", "Whether everything that was asked for is in place."),
        _column("Reason", f"{ready}.reason", "Why, in one word."),
        _column("Target", ".spec.target.name", "Workload that is monitored."),
        _column("Rules", ".status.rules.alerting", "Number of alerting rules.", type="integer"),
        _column("Message", f"{ready}.message", "Why, in words.", priority=1),
        _column("Age", ".metadata.creationTimestamp", "Time since it was created.", type="date"),
    ]


def _column(name: str, path: str, description: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "jsonPath": path, "description": description, "type": "string", **more}
