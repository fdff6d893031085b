"""Does an Alertmanager load what we write? Judged from the Alertmanager objects as prometheus-operator does it."""

from collections.abc import Iterable, Mapping
from typing import Any

from crm_monitoring.manifest import Manifest, labels_of


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


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Return whether a Kubernetes label selector matches; the empty selector matches everything."""
    pairs = (selector.get("matchLabels") or {}).items()
    expressions: Iterable[Mapping[str, Any]] = selector.get("matchExpressions") or ()
    return all(labels.get(key) == value for key, value in pairs) and all(_holds(e, labels) for e in expressions)


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False
