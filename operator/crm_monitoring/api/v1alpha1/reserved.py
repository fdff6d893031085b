"""Labels that an author cannot set, and why."""

from crm_monitoring.contract import labels

_IDENTITY = "says which resource an alert belongs to"
_SELECTED = "is set by the alert's own expression and tells its instances apart"
_PROMETHEUS = "is set by Prometheus"

ALERT_LABELS: dict[str, str] = {
    labels.NAMESPACE: _IDENTITY,
    labels.RESOURCE: _IDENTITY,
    "alertname": "is the alert's name",
    labels.SEVERITY: "is set by the field severity",
    labels.ENVIRONMENT.name: "is set by spec.environment",
    "cluster": "is set by the operator's administrator",
    "prometheus": _PROMETHEUS,
    "prometheus_replica": _PROMETHEUS,
    "job": _SELECTED,
    "instance": _SELECTED,
    "pod": _SELECTED,
    "le": _SELECTED,
    "scope": _SELECTED,
    "volume": _SELECTED,
    "slo": _SELECTED,
    labels.DIRECTION: _SELECTED,
    "sli": _SELECTED,
    "window": _SELECTED,
    labels.CHANNEL.name: _SELECTED,
    labels.API.name: _SELECTED,
    labels.PRIORITY.name: _SELECTED,
    labels.MESSAGE_TYPE.name: _SELECTED,
    labels.ERROR_TYPE.name: _SELECTED,
}
"""Labels of alerts with the reason why `labels` and `extraLabels` must not set them."""

OBJECT_LABELS = ("app.kubernetes.io/managed-by", "app.kubernetes.io/instance")
"""Labels of objects by which the operator finds what it owns."""

OBJECT_LABEL_PREFIXES = ("monitoring.crm.io/", "argocd.argoproj.io/", "kustomize.toolkit.fluxcd.io/")
"""Ours, and those by which deployment tools find what they own: they would delete our objects as strangers."""


def is_object_label(key: str) -> bool:
    """Return whether a label key is one that authors must not set on objects."""
    return key in OBJECT_LABELS or key.startswith(OBJECT_LABEL_PREFIXES)


def is_object_label_in_cel(key: str) -> str:
    """Return the CEL expression that says the same of the variable `key`."""
    names = [f"{key} == '{name}'" for name in OBJECT_LABELS]
    prefixes = [f"{key}.startsWith('{prefix}')" for prefix in OBJECT_LABEL_PREFIXES]
    return " || ".join([*names, *prefixes])
