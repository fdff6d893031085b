"""The resource: metadata and spec. Its status is written, never read, so it has no model here."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from crm_monitoring.api.v1alpha1 import patterns, reserved
from crm_monitoring.api.v1alpha1.alerts import Alerts
from crm_monitoring.api.v1alpha1.base import LabelKey, LabelValue, Model, ObjectName
from crm_monitoring.api.v1alpha1.notifications import Notifications
from crm_monitoring.api.v1alpha1.rules import Advice, Rule
from crm_monitoring.api.v1alpha1.slos import Slo
from crm_monitoring.api.v1alpha1.target import Metrics, Target
from crm_monitoring.api.v1alpha1.workload import Blackbox, Dashboards, Workload

MAX_NAME_LENGTH = 40
"""Longest name of a resource: names and labels of its children are built from it."""


class Spec(Model):
    """What is monitored and how. A spec with only a target is useful: scraping, rules and dashboards."""

    mode: Literal["Enforce", "Observe"] = Field(
        "Enforce",
        description="Enforce: objects are created, changed and deleted. Observe: nothing is written but the status, which lists "
        "what would be done.",
    )
    target: Target = Field(description="The workload that runs the CRM, in the namespace of this resource.")
    environment: Annotated[str, Field(pattern=patterns.ENVIRONMENT, max_length=63)] = Field(
        "production",
        description="Environment, for example production or staging: a label of every alert and dashboard.",
    )
    object_labels: Annotated[dict[LabelKey, LabelValue], Field(max_length=20)] = Field(
        default_factory=dict,
        description="Labels of every object that is created, so that Prometheus and Alertmanager select them, for example "
        "release: kube-prometheus-stack.",
    )
    metrics: Metrics = Field(default_factory=Metrics, description="How Prometheus reads the CRM's metrics.")
    alerts: Alerts = Field(
        default_factory=Alerts, description="Alerting rules. Absent: the stock alerts with their defaults."
    )
    slos: tuple[Slo, ...] = Field(
        (),
        max_length=10,
        description="Service level objectives.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    notifications: Notifications | None = Field(
        None, description="Who is told of alerts. Absent: nobody is told by this resource."
    )
    workload: Workload | None = Field(
        None,
        description="Probe and environment fields of the target's pods. THE ONLY BLOCK THAT CHANGES PODS, AND SO RESTARTS THEM.",
    )
    blackbox: Blackbox | None = Field(None, description="Check of the health endpoint from outside. Absent: none.")
    dashboards: Dashboards = Field(
        default_factory=Dashboards, description="Grafana dashboards. Absent: all of them, in the folder CRM."
    )

    rules: ClassVar = (
        Rule(
            f"must not set {', '.join(reserved.OBJECT_LABELS)} or anything under "
            f"{', '.join(reserved.OBJECT_LABEL_PREFIXES)}: by those labels objects are found, and deleted, by their owner",
            lambda it: not any(map(reserved.is_object_label, it.object_labels)),
            cel=f"!has(self.objectLabels) || !self.objectLabels.exists(key, {reserved.is_object_label_in_cel('key')})",
            field="objectLabels",
            reason="FieldValueForbidden",
        ),
    )
    advice: ClassVar = (
        Advice(
            "differs from spec.metrics.path, where Prometheus looks for the metrics",
            lambda it: _env(it, "metrics_path") in {None, it.metrics.path},
            field="workload.env.metricsPath",
        ),
        Advice(
            "differs from spec.metrics.port, where Prometheus looks for the metrics",
            lambda it: isinstance(it.metrics.port, str) or _env(it, "metrics_port") in {None, it.metrics.port},
            field="workload.env.metricsPort",
        ),
    )


def _env(spec: Spec, name: str) -> object:
    """Return one variable of `spec.workload.env`, None when it is not set."""
    workload = spec.workload
    return getattr(workload.env, name, None) if workload else None


class Metadata(BaseModel):
    """The part of the object's metadata that the compiler uses. Offline, all but the name may be missing."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    name: ObjectName = Field(description=f"Name of the resource, at most {MAX_NAME_LENGTH} characters.")
    namespace: str = "default"
    uid: str = ""
    generation: int = 0


class CRMMonitoring(BaseModel):
    """One parsed resource."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    metadata: Metadata
    spec: Spec

    rules: ClassVar = (
        Rule(
            f"must be at most {MAX_NAME_LENGTH} characters: the names of all created objects are built from it",
            lambda it: len(it.metadata.name) <= MAX_NAME_LENGTH,
            cel=f"size(self.metadata.name) <= {MAX_NAME_LENGTH}",
            field="metadata.name",
        ),
    )
    advice: ClassVar = ()
