"""The resource: metadata and spec. Its status is written, never read, so it has no model here."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from crm_monitoring.api.v1alpha1.alerts import Alerts
from crm_monitoring.api.v1alpha1.base import LabelKey, LabelValue, Model
from crm_monitoring.api.v1alpha1.notifications import Notifications
from crm_monitoring.api.v1alpha1.slos import Slo
from crm_monitoring.api.v1alpha1.target import Metrics, Target
from crm_monitoring.api.v1alpha1.workload import Blackbox, Dashboards, Workload


class Spec(Model):
    """What is monitored and how. A spec with only a target is useful: scraping, rules and dashboards."""

    mode: Literal["Enforce", "Observe"] = Field(
        "Enforce",
        description="Enforce: objects are created, changed and deleted. Observe: nothing is written but the status, which lists "
        "what would be done.",
    )
    target: Target = Field(description="The workload that runs the CRM, in the namespace of this resource.")
    environment: Annotated[str, Field(pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$", max_length=63)] = Field(
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
    dashboards: Dashboards = Field(default_factory=Dashboards, description="Grafana dashboards.")


class Metadata(BaseModel):
    """The part of the object's metadata that the compiler uses. Offline, all but the name may be missing."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    name: str
    namespace: str = "default"
    uid: str = ""
    generation: int = 0


class CRMMonitoring(BaseModel):
    """One parsed resource."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    metadata: Metadata
    spec: Spec
