"""The PrometheusRule's own vocabulary: rules, groups and the object around them."""

from collections.abc import Iterable, Mapping
from typing import NotRequired, TypedDict

from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.manifest import PROMETHEUS_RULE, Manifest
from crm_monitoring.render import names

STOCK = "stock"
SLO = "slo"
ANOMALY = "anomaly"
META = "meta"
CUSTOM = "custom"
"""Purposes of the PrometheusRule objects. A rule that Prometheus refuses takes its whole object along, so the alerts
of one concern never share an object with those of another, and recording rules live with the alerts that read them."""


class RecordingRule(TypedDict):
    """A rule that writes a series."""

    record: str
    expr: str
    labels: NotRequired[dict[str, str]]


AlertingRule = TypedDict(
    "AlertingRule",
    {
        "alert": str,
        "expr": str,
        "for": str,
        "keep_firing_for": NotRequired[str],
        "labels": dict[str, str],
        "annotations": dict[str, str],
    },
)
"""A rule that raises an alert. prometheus-operator takes `keep_firing_for`; a `keepFiringFor` would be dropped."""

Rule = RecordingRule | AlertingRule


class RuleGroup(TypedDict):
    """Rules that are evaluated one after the other, so that a rule sees what earlier ones of the group wrote."""

    name: str
    interval: NotRequired[str]
    rules: list[Rule]


def rule_object(resource: CRMMonitoring, purpose: str, rules: Iterable[Rule], interval: str | None = None) -> Manifest:
    """Return the PrometheusRule for one concern. The group's name is unique in a whole Prometheus."""
    group: RuleGroup = {
        "name": f"crm-monitoring/{resource.metadata.namespace}/{resource.metadata.name}/{purpose}",
        "rules": list(rules),
    }
    if interval:
        group["interval"] = interval
    return names.child(resource, PROMETHEUS_RULE, purpose, {"spec": {"groups": [group]}})


def recording_rule(name: str, expr: str, labels: Mapping[str, str] | None = None) -> RecordingRule:
    """Return a recording rule; `labels` are set on the series that it writes."""
    rule: RecordingRule = {"record": name, "expr": expr}
    if labels:
        rule["labels"] = dict(sorted(labels.items()))
    return rule
