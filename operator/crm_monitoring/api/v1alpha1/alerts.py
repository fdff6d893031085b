"""`spec.alerts`: changes to the stock alerts, and alerts of the user's own."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, create_model

from crm_monitoring.api.quantities import milliseconds
from crm_monitoring.api.v1alpha1 import patterns, reserved
from crm_monitoring.api.v1alpha1.anomaly import Anomaly
from crm_monitoring.api.v1alpha1.base import Count, Duration, LabelName, Model, Name, Ratio, Text
from crm_monitoring.api.v1alpha1.rules import Rule, attribute, duration_within, ratio_within
from crm_monitoring.contract import alerts, metrics
from crm_monitoring.contract.alerts import Alert, Unit

SeverityName = Literal["critical", "high", "medium", "low"]

AlertLabels = Annotated[dict[LabelName, Annotated[str, Field(max_length=128)]], Field(max_length=20)]
AlertAnnotations = Annotated[dict[LabelName, Text], Field(max_length=20)]

RESERVED_PREFIX = "CRM"
"""How the names of all stock alerts begin, those of later versions included."""

SLOWEST_BOUND = max(metrics.DELIVERY_TIME.buckets)
"""Largest bucket bound of the delivery time in seconds: a quantile is never above it."""


def _label_rules(field: str) -> tuple[Rule, ...]:
    """Return what holds for labels that are added to alerts."""
    name = f"self.{field}"
    banned = ", ".join(f"'{label}'" for label in reserved.ALERT_LABELS)

    def labels(it: Any) -> Mapping[str, str]:
        return getattr(it, attribute(field)) or {}

    return (
        Rule(
            f"must not set {', '.join(reserved.ALERT_LABELS)}, nor names that begin with __; they have a meaning of their own",
            lambda it: not any(label in reserved.ALERT_LABELS or label.startswith("__") for label in labels(it)),
            cel=f"!has({name}) || {name}.all(label, !(label in [{banned}]) && !label.startsWith('__'))",
            field=field,
            reason="FieldValueForbidden",
        ),
        Rule(
            "must be plain text; a template would change the identity of the alert each time it is evaluated",
            lambda it: not any("{{" in value for value in labels(it).values()),
            cel=f"!has({name}) || {name}.all(label, !{name}[label].contains('{{{{'))",
            field=field,
        ),
    )


class Override(Model):
    """What can be changed on every stock alert. Fields that are absent keep the default."""

    enabled: bool = Field(True, description="false removes the alert.")
    window: Duration | None = Field(
        None, description="Length of the range that the alert looks at, for example 30m. From 1m to 24h."
    )
    for_: Duration | None = Field(
        None,
        alias="for",
        description="How long the condition must hold before the alert fires, for example 5m. 0s: at once.",
    )
    keep_firing_for: Duration | None = Field(
        None,
        description="How long the alert goes on after the condition ended, so that a flapping condition pages once.",
    )
    severity: SeverityName | None = Field(None, description="Severity label of the alert; it decides who is notified.")
    minimum_volume: int | None = Field(
        None,
        ge=0,
        le=1000000,
        description="Number of events within the window below which the ratio is not trusted. 0: always trust it.",
    )
    labels: AlertLabels = Field(
        default_factory=dict,
        description="Labels added to the alert, as plain text. alertname, severity, namespace, crm_monitoring and the labels "
        "that tell an alert's instances apart cannot be set here.",
    )
    annotations: AlertAnnotations = Field(
        default_factory=dict,
        description="Annotations added to the alert, or put in place of its own. They may contain {{ $value }}, "
        "{{ $labels.name }} and {{ humanize $value }}.",
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        duration_within("window", "1m", "24h"),
        duration_within("for", "0s", "24h"),
        duration_within("keepFiringFor", "0s", "24h"),
        *_label_rules("labels"),
    )


class RatioOverride(Override):
    """Changes to an alert on a share."""

    threshold: Ratio | None = Field(
        None, description="Threshold as a percentage, for example 95%. Above 0% and below 100%."
    )

    rules: ClassVar = (*Override.rules, ratio_within("threshold", "0%", "100%", open_ends=True))


class DurationOverride(Override):
    """Changes to an alert on a time."""

    threshold: Duration | None = Field(
        None,
        description=f"Threshold as a time, for example 300s. At most {SLOWEST_BOUND:.0f}s, the largest bucket bound.",
    )

    rules: ClassVar = (
        *Override.rules,
        Rule(
            f"must be above 0s and below {SLOWEST_BOUND:.0f}s, the largest bucket bound: no quantile is above that",
            lambda it: it.threshold is None or 0 < milliseconds(it.threshold) < SLOWEST_BOUND * 1_000,
            cel="!has(self.threshold) || (duration(self.threshold) > duration('0s')"
            f" && duration(self.threshold) < duration('{SLOWEST_BOUND:.0f}s'))",
            field="threshold",
        ),
    )


class CountOverride(Override):
    """Changes to an alert on a number."""

    threshold: Count | None = Field(None, description='Threshold as a whole number in quotes, for example "100".')


_OVERRIDES: dict[Unit, type[Override]] = {
    Unit.RATIO: RatioOverride,
    Unit.SECONDS: DurationOverride,
    Unit.COUNT: CountOverride,
    Unit.NONE: Override,
}


def _described(alert: Alert) -> str:
    defaults = [f"severity {alert.severity}", f"for {alert.for_}"]
    if alert.threshold:
        defaults.insert(0, f"threshold {alert.threshold}")
    if alert.window:
        defaults.append(f"window {alert.window}")
    if alert.minimum_volume is not None:
        defaults.append(f"minimumVolume {alert.minimum_volume} {alert.volume_of}")
    return f"Fires when {alert.condition}. Defaults: {', '.join(defaults)}."


def _inapplicable(alert: Alert) -> tuple[Rule, ...]:
    """Return the rules that a field is not set on an alert which has no use for it."""
    rules = []
    if alert.window is None:
        rules.append(_unused(alert, "window", "this alert looks at the latest values, not at a window; remove it"))
    if alert.minimum_volume is None:
        rules.append(_unused(alert, "minimumVolume", "this alert needs no minimum volume; remove it"))
    return tuple(rules)


def _unused(alert: Alert, field: str, message: str) -> Rule:
    return Rule(
        message,
        lambda it: getattr(it.of(alert.name), attribute(field), None) is None,
        cel=f"!has(self.{alert.name}) || !has(self.{alert.name}.{field})",
        field=f"{alert.name}.{field}",
        reason="FieldValueForbidden",
    )


def _field(alert: Alert) -> Any:
    return (
        _OVERRIDES[alert.unit] | None,
        Field(None, alias=alert.name, description=_described(alert)),
    )


class _Overrides(Model):
    """Changes to stock alerts, one property per alert."""

    rules: ClassVar = tuple(rule for alert in alerts.ALL for rule in _inapplicable(alert))

    def of(self, name: str) -> Override | None:
        """Return the changes to the stock alert with this name, or None when it keeps its defaults."""
        return getattr(self, name, None)

    def threshold_of(self, alert: Alert) -> str | None:
        """Return the threshold in force for an alert: the override's, or the default."""
        override = self.of(alert.name)
        return getattr(override, "threshold", None) or alert.threshold


if TYPE_CHECKING:
    Overrides = _Overrides
else:
    Overrides = create_model(
        "Overrides",
        __base__=_Overrides,
        __doc__=_Overrides.__doc__,
        **{alert.name: _field(alert) for alert in alerts.ALL},
    )


class CustomAlert(Model):
    """An alert of your own. Its expression is confined to the series of this resource."""

    alert: str = Field(
        pattern=patterns.ALERT_NAME,
        min_length=3,
        max_length=80,
        description="Name of the alert in CamelCase, unique within the resource. Names that begin with CRM are reserved.",
    )
    expr: str = Field(
        min_length=1,
        max_length=1024,
        description="PromQL expression that gives an instant vector. Every selector names a metric and is given this "
        "resource's namespace and crm_monitoring labels. It looks back at most 1d.",
    )
    for_: Duration = Field(
        "5m", alias="for", description="How long the expression must hold before the alert fires. From 0s to 24h."
    )
    severity: SeverityName = Field("medium", description="Severity label of the alert; it decides who is notified.")
    summary: Annotated[str, Field(min_length=1, max_length=256)] = Field(
        description="One sentence for the person who is paged. It may contain {{ $value }}, {{ $labels.name }} and "
        "{{ humanize $value }}."
    )
    description: Text | None = Field(
        None, description="What it means and what to do. The same templates as in summary are allowed."
    )

    rules: ClassVar = (
        Rule(
            f"must not begin with {RESERVED_PREFIX}: those names belong to the stock alerts",
            lambda it: not it.alert.startswith(RESERVED_PREFIX),
            cel=f"!self.alert.startsWith('{RESERVED_PREFIX}')",
            field="alert",
        ),
        duration_within("for", "0s", "24h"),
    )


class Alerts(Model):
    """The alerting rules."""

    overrides: Overrides = Field(
        default_factory=Overrides,
        description="Changes to the stock alerts, by the name of the alert.",
    )
    extra_labels: AlertLabels = Field(
        default_factory=dict,
        description="Labels added to every alert, as plain text, for example team: crm. alertname, severity, namespace, "
        "crm_monitoring and the labels that tell an alert's instances apart cannot be set here.",
    )
    severity_map: dict[SeverityName, Name] = Field(
        default_factory=dict,
        max_length=4,
        description="Names under which severities are exported, for an Alertmanager shared with others, "
        "for example high: critical.",
    )
    anomaly: Anomaly | None = Field(
        None,
        description="Alert CRMTrafficAnomalous: far fewer or far more communications than in the same hour of earlier weeks. "
        "Absent: no such alert. It says nothing in the first week.",
    )
    runbook_base_url: Annotated[str, Field(pattern=patterns.RUNBOOKS, max_length=512)] | None = Field(
        None,
        description="Address, http or https, under which a page named after each alert explains it. "
        "Absent: the project's runbooks.",
    )
    custom: tuple[CustomAlert, ...] = Field(
        (),
        max_length=20,
        description="Alerts of your own; they live in a PrometheusRule of their own.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["alert"]},
    )

    rules: ClassVar = (
        *_label_rules("extraLabels"),
        Rule(
            "must not map to none: common Alertmanager configurations drop that severity",
            lambda it: "none" not in it.severity_map.values(),
            cel="!has(self.severityMap) || self.severityMap.all(severity, self.severityMap[severity] != 'none')",
            field="severityMap",
        ),
    )
