"""`spec.target` and `spec.metrics`: what is monitored and how it is scraped."""

from typing import ClassVar, Literal

from pydantic import Field

from crm_monitoring.api.quantities import milliseconds
from crm_monitoring.api.v1alpha1 import patterns
from crm_monitoring.api.v1alpha1.base import Duration, Model, Name, ObjectName, Port, SecretKeyRef, UrlPath
from crm_monitoring.api.v1alpha1.rules import Rule, duration_within
from crm_monitoring.contract import health


class Target(Model):
    """The workload that runs the CRM, in the namespace of this resource."""

    kind: Literal["Deployment", "StatefulSet"] = Field("Deployment", description="Kind of the workload.")
    name: ObjectName = Field(description="Name of the workload, for example crm-api. It may be created later.")
    container: Name | None = Field(
        None, description="Container that runs the CRM. Needed only when the pod has several containers."
    )
    service: Name | None = Field(
        None,
        description="Service that exposes the metrics port. Needed only when several Services select the pods and expose it.",
    )


class Tls(Model):
    """How to verify the metrics endpoint when scheme is https."""

    ca_secret_ref: SecretKeyRef | None = Field(
        None,
        description="Secret key that holds the CA certificate in PEM. Absent: the CAs that Prometheus trusts.",
    )
    server_name: ObjectName | None = Field(
        None, description="Name that the certificate must carry. Absent: the address that is scraped."
    )


class Metrics(Model):
    """How Prometheus reads the CRM's metrics."""

    monitor: Literal["Auto", "ServiceMonitor", "PodMonitor", "None"] = Field(
        "Auto",
        description="Object that makes Prometheus scrape the CRM. Auto: a ServiceMonitor when a Service exposes the port, "
        "else a PodMonitor. None: nothing is created, and existingJob says whose series the rules use.",
    )
    port: Port = Field(
        "metrics",
        description="Port of the metrics endpoint: the name or number of a Service port or container port.",
    )
    path: UrlPath = Field(health.METRICS_PATH, description="Path of the metrics endpoint.")
    scheme: Literal["http", "https"] = Field("http", description="Protocol of the metrics endpoint.")
    tls: Tls | None = Field(None, description="Verification of the endpoint's certificate; needs scheme: https.")
    bearer_token_secret_ref: SecretKeyRef | None = Field(
        None, description="Secret key that holds a bearer token which Prometheus sends with each scrape."
    )
    interval: Duration = Field("15s", description="Time between two scrapes, for example 15s. From 1s to 5m.")
    scrape_timeout: Duration = Field(
        "10s",
        description="Time after which a scrape is given up. At most interval, else Prometheus refuses the target.",
    )
    sample_limit: int = Field(
        10000, ge=100, le=1000000, description="Number of samples above which a scrape is refused as a whole."
    )
    queue_scope: Literal["PerReplica", "Shared"] = Field(
        "PerReplica",
        description="What crm_queue_size of one replica says. PerReplica: its own queue, so replicas are summed. "
        "Shared: one queue that all replicas see, so the largest value counts.",
    )
    existing_job: str | None = Field(
        None,
        min_length=1,
        max_length=253,
        pattern=patterns.JOB,
        description="Value of the label job of series that something else scrapes; only and always with monitor: None.",
    )

    rules: ClassVar = (
        duration_within("interval", "1s", "5m"),
        duration_within("scrapeTimeout", "100ms", "5m"),
        Rule(
            "must be at most interval; set both when interval is below 10s",
            lambda it: milliseconds(it.scrape_timeout) <= milliseconds(it.interval),
            cel="duration(self.scrapeTimeout) <= duration(self.interval)",
            field="scrapeTimeout",
        ),
        Rule(
            "must be set with monitor: None and only then: it names the job whose series the rules use",
            lambda it: (it.monitor == "None") == (it.existing_job is not None),
            cel="(self.monitor == 'None') == has(self.existingJob)",
            field="existingJob",
        ),
        Rule(
            "needs scheme: https",
            lambda it: it.tls is None or it.scheme == "https",
            cel="!has(self.tls) || self.scheme == 'https'",
            field="tls",
            reason="FieldValueForbidden",
        ),
    )
