"""From an alert's defaults and a resource's overrides to an alerting rule with all its labels and annotations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from crm_monitoring.api import quantities
from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.api.v1alpha1.alerts import Override
from crm_monitoring.contract import labels, metrics, recorded
from crm_monitoring.contract.alerts import Alert, Unit
from crm_monitoring.render import names
from crm_monitoring.render.promql import Scope
from crm_monitoring.render.rules.model import AlertingRule
from crm_monitoring.render.rules.templates import disarmed
from crm_monitoring.render.settings import RenderSettings

VOLUME = "volume"
"""Label that tells the low-traffic variant of an alert from the normal one."""
LOW_VOLUME = "low"
CHECK = "check"
"""Label of CRMContractViolation: what is wrong."""
METRIC = "metric"
"""Label of CRMMetricMissing: what is missing."""

RESERVED = frozenset(
    {
        labels.ALERT_NAME,
        labels.SEVERITY,
        *labels.IDENTITY,
        labels.CLUSTER,
        labels.ENVIRONMENT.name,
        labels.SCOPE,
        labels.SLO,
        labels.DIRECTION,
        VOLUME,
        CHECK,
        METRIC,
        "prometheus",
        "prometheus_replica",
        *(name for metric in metrics.ALL for name in metric.label_names),
        *(name for series in recorded.ALL for name in series.labels),
    }
)
"""Labels that tell alerts apart or say where they come from. A user's value would merge or hide alerts."""


_NO_OVERRIDE = Override()


@dataclass(frozen=True, slots=True)
class Settled:
    """An alert as it is in force for one resource. Durations are as Prometheus prints them."""

    alert: Alert
    override: Override
    threshold_text: str
    window: str
    for_: str
    keep_firing_for: str
    severity: str
    minimum_volume: int

    @property
    def threshold(self) -> Decimal:
        """Return the threshold as PromQL compares it: a share from 0 to 1, seconds, or a count."""
        if self.alert.unit is Unit.RATIO:
            return quantities.ratio(self.threshold_text)
        if self.alert.unit is Unit.SECONDS:
            return Decimal(quantities.milliseconds(self.threshold_text)) / 1000
        return Decimal(self.threshold_text)


def settle(resource: CRMMonitoring, alert: Alert) -> Settled | None:
    """Return the alert with the resource's overrides, or None when they switch it off."""
    override = resource.spec.alerts.overrides.of(alert.name) or _NO_OVERRIDE
    if not override.enabled:
        return None
    volume = override.minimum_volume if override.minimum_volume is not None else alert.minimum_volume
    return Settled(
        alert=alert,
        override=override,
        threshold_text=resource.spec.alerts.overrides.threshold_of(alert) or "0",
        window=quantities.prometheus_duration(override.window or alert.window or "0s"),
        for_=quantities.prometheus_duration(override.for_ or alert.for_),
        keep_firing_for=quantities.prometheus_duration(override.keep_firing_for or alert.keep_firing_for),
        severity=override.severity or alert.severity.value,
        minimum_volume=volume or 0,
    )


@dataclass(frozen=True, slots=True)
class Firing:
    """One way in which an alert can fire."""

    expr: str
    summary: str
    """What is wrong, with the current value. May hold references to labels and the value."""
    description: str
    """What it means and what to do next."""
    labels: Mapping[str, str] = field(default_factory=dict)
    audience: str = "Operations"
    """The dashboard to look at."""


@dataclass(frozen=True, slots=True)
class Context:
    """What every rule of a resource shares."""

    resource: CRMMonitoring
    settings: RenderSettings
    scope: Scope

    @classmethod
    def of(cls, resource: CRMMonitoring, settings: RenderSettings) -> "Context":
        """Return the context of a resource."""
        return cls(resource, settings, Scope.of(resource))

    @property
    def who(self) -> str:
        """Return how summaries name the resource."""
        return f"CRM {self.resource.metadata.namespace}/{self.resource.metadata.name}"

    def labels(self, severity: str, own: Mapping[str, str], changed: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the labels of an alert: the user's first, then ours, which win."""
        alerts = self.resource.spec.alerts
        user = {**alerts.extra_labels, **(changed or {})}
        mapped: dict[str, str] = dict(alerts.severity_map.items())
        merged = {
            **{name: disarmed(value) for name, value in user.items() if usable(name)},
            **own,
            **({labels.CLUSTER: self.settings.cluster} if self.settings.cluster else {}),
            labels.ENVIRONMENT.name: self.resource.spec.environment,
            labels.SEVERITY: mapped.get(severity, severity),
            **self.scope.identity,
        }
        return dict(sorted(merged.items()))

    def annotations(self, name: str, firing: Firing, changed: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the annotations of an alert: ours first, then the user's, which win."""
        base = self.resource.spec.alerts.runbook_base_url or self.settings.runbook_base_url
        merged = {
            "summary": firing.summary,
            "description": firing.description,
            "runbook_url": disarmed(f"{base.rstrip('/')}/{name}.md"),
            **({name: disarmed(value) for name, value in changed.items()} if changed else {}),
        }
        if firing.audience in self.resource.spec.dashboards.audiences:
            merged.setdefault("dashboard_uid", names.dashboard_uid(self.resource, firing.audience))
        return dict(sorted(merged.items()))

    def rule(self, settled: Settled, firing: Firing) -> AlertingRule:
        """Return the alerting rule."""
        rule: AlertingRule = {
            "alert": settled.alert.name,
            "expr": firing.expr,
            "for": settled.for_,
            "labels": self.labels(settled.severity, firing.labels, settled.override.labels),
            "annotations": self.annotations(settled.alert.name, firing, settled.override.annotations),
        }
        if settled.keep_firing_for != "0s":
            rule["keep_firing_for"] = settled.keep_firing_for
        return rule


def usable(label: str) -> bool:
    """Return whether a user may set this label on an alert."""
    return label not in RESERVED and not label.startswith("__")
