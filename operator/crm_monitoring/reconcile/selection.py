"""Does an Alertmanager load what we write? Judged from the Alertmanager objects as prometheus-operator does it."""

from collections.abc import Mapping
from typing import Any

from crm_monitoring.manifest import Manifest, labels_of
from crm_monitoring.render.selectors import matches


def loads_secret(alertmanager: Manifest, secret_name: str) -> bool:
    """Return whether an Alertmanager object takes its configuration from the Secret, in its own namespace."""
    config_secret = (alertmanager.get("spec") or {}).get("configSecret")
    return (config_secret or f"alertmanager-{alertmanager['metadata']['name']}") == secret_name


def selects_config(alertmanager: Manifest, config: Mapping[str, Any]) -> bool:
    """Return whether an Alertmanager object selects an AlertmanagerConfig, as far as can be told.

    A selector on the labels of namespaces counts as matching: the operator does not read Namespaces.
    """
    spec = alertmanager.get("spec") or {}
    named = (spec.get("alertmanagerConfiguration") or {}).get("name")
    same_namespace = alertmanager["metadata"].get("namespace") == config["metadata"].get("namespace")
    if named and same_namespace and named == config["metadata"]["name"]:
        return True
    selector = spec.get("alertmanagerConfigSelector")
    if selector is None or not matches(selector, labels_of(config)):
        return False
    return spec.get("alertmanagerConfigNamespaceSelector") is not None or same_namespace
