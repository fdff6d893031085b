"""`spec.alerts`: changes to the stock alerts, and alerts of the user's own."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, create_model

from crm_monitoring.api.v1alpha1.base import Count, Duration, LabelName, Model, Name, Ratio, Text
from crm_monitoring.contract import alerts
from crm_monitoring.contract.alerts import Alert, Unit

SeverityName = Literal["critical", "high", "medium", "low"]

AlertLabels = Annotated[dict[LabelName, Annotated[str, Field(max_length=128)]], Field(max_length=20)]
AlertAnnotations = Annotated[dict[LabelName, Text], Field(max_length=20)]


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
        description="Labels added to the alert. alertname, severity, namespace and crm_monitoring cannot be set here.",
    )
    annotations: AlertAnnotations = Field(
        default_factory=dict, description="Annotations added to the alert, or put in place of its own."
    )


class RatioOverride(Override):
    """Changes to an alert on a share."""

    threshold: Ratio | None = Field(None, description="Threshold as a percentage, for example 95%.")


class DurationOverride(Override):
    """Changes to an alert on a time."""

    threshold: Duration | None = Field(None, description="Threshold as a time, for example 300s.")


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


def _field(alert: Alert) -> Any:
    return (
        _OVERRIDES[alert.unit] | None,
        Field(None, alias=alert.name, description=_described(alert)),
    )


class _Overrides(Model):
    """Changes to stock alerts, one property per alert."""

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
        pattern=r"^[A-Z][A-Za-z0-9]*$",
        min_length=3,
        max_length=80,
        description="Name of the alert in CamelCase. It must not be the name of a stock alert.",
    )
    expr: str = Field(
        min_length=1,
        max_length=1024,
        description="PromQL expression. Every selector is given this resource's namespace and crm_monitoring labels.",
    )
    for_: Duration = Field("5m", alias="for", description="How long the expression must hold before the alert fires.")
    severity: SeverityName = Field("medium", description="Severity label of the alert; it decides who is notified.")
    summary: Annotated[str, Field(min_length=1, max_length=256)] = Field(
        description="One sentence for the person who is paged."
    )
    description: Text | None = Field(None, description="What it means and what to do.")


class Alerts(Model):
    """The alerting rules."""

    overrides: Overrides = Field(
        default_factory=Overrides,
        description="Changes to the stock alerts, by the name of the alert.",
    )
    extra_labels: AlertLabels = Field(
        default_factory=dict,
        description="Labels added to every alert, for example team: crm. "
        "alertname, severity, namespace and crm_monitoring cannot be set here.",
    )
    severity_map: dict[SeverityName, Name] = Field(
        default_factory=dict,
        max_length=4,
        description="Names under which severities are exported, for an Alertmanager shared with others, "
        "for example high: critical.",
    )
    runbook_base_url: Annotated[str, Field(pattern=r"^https?://[^\s\"'<>{}\\]+$", max_length=512)] | None = Field(
        None,
        description="Address under which a page named after each alert explains it. Absent: the project's runbooks.",
    )
    custom: tuple[CustomAlert, ...] = Field(
        (), max_length=20, description="Alerts of your own; they live in a PrometheusRule of their own."
    )
