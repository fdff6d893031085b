"""`spec.workload`, `spec.blackbox` and `spec.dashboards`."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from crm_monitoring.api.quantities import milliseconds
from crm_monitoring.api.v1alpha1 import patterns
from crm_monitoring.api.v1alpha1.base import Duration, Model, Port, UrlPath
from crm_monitoring.api.v1alpha1.rules import Advice, Rule, duration_within
from crm_monitoring.contract import health


class Probe(Model):
    """One HTTP probe of the kubelet."""

    path: UrlPath = Field(description="Path that answers 200 when all is well.")
    scheme: Literal["HTTP", "HTTPS"] = Field("HTTP", description="Protocol of the endpoint.")
    initial_delay_seconds: int = Field(
        0, ge=0, le=3600, description="Seconds between the container's start and the first probe."
    )
    period_seconds: int = Field(10, ge=5, le=300, description="Seconds between two probes.")
    timeout_seconds: int = Field(
        2, ge=1, le=60, description="Seconds after which a probe has failed. At most periodSeconds."
    )
    failure_threshold: int = Field(3, ge=2, le=120, description="Failures in a row after which the kubelet acts.")

    rules: ClassVar = (
        Rule(
            "must be at most periodSeconds",
            lambda it: it.timeout_seconds <= it.period_seconds,
            cel="self.timeoutSeconds <= self.periodSeconds",
            field="timeoutSeconds",
        ),
    )


class ReadinessProbe(Probe):
    """Decides whether the pod receives traffic."""

    path: UrlPath = Field(health.READINESS_PATH, description="Path that answers 200 when the pod can serve requests.")


class LivenessProbe(Probe):
    """Decides whether the container is restarted."""

    path: UrlPath = Field(
        health.LIVENESS_PATH,
        description="Path that answers 200 while the process works. It must not test dependencies: "
        "an outage of the database would restart every pod.",
    )

    advice: ClassVar = (
        Advice(
            f"tests dependencies, so an outage of one restarts every pod; {health.LIVENESS_PATH} does not",
            lambda it: it.path not in {health.HEALTH_PATH, health.READINESS_PATH},
            field="path",
        ),
    )


class StartupProbe(Probe):
    """Holds the other probes back until the container has started."""

    path: UrlPath = Field(health.LIVENESS_PATH, description="Path that answers 200 once the process has started.")
    failure_threshold: int = Field(
        30,
        ge=2,
        le=120,
        description="Failures in a row after which the container is restarted; times periodSeconds is the "
        "longest start that is allowed.",
    )


class Probes(Model):
    """Health-probe settings of the container. Each block that is present switches one probe on."""

    port: Port = Field("http", description="Port of the health endpoints: name or number of a container port.")
    readiness: ReadinessProbe | None = Field(
        None, description="Readiness probe: decides whether the pod receives traffic."
    )
    liveness: LivenessProbe | None = Field(
        None, description="Liveness probe: decides whether the container is restarted."
    )
    startup: StartupProbe | None = Field(
        None, description="Startup probe: holds the others back until the container has started."
    )

    rules: ClassVar = (
        Rule(
            "must hold at least one of readiness, liveness and startup",
            lambda it: any((it.readiness, it.liveness, it.startup)),
            cel="has(self.readiness) || has(self.liveness) || has(self.startup)",
            reason="FieldValueRequired",
        ),
    )


class Environment(Model):
    """Environment variables of the container. Fields that are absent are not set."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] | None = Field(
        None, description="Sets CRM_LOG_LEVEL: the lowest level that is logged."
    )
    json_logging: bool | None = Field(None, description="Sets CRM_ENABLE_JSON_LOGGING: one JSON object a line.")
    log_file: Annotated[str, Field(pattern=patterns.FILE_PATH, max_length=256)] | None = Field(
        None, description="Sets CRM_LOG_FILE: a file that receives the log, too. The path must be writable."
    )
    health_check_interval: Duration | None = Field(
        None,
        description="Sets CRM_HEALTH_CHECK_INTERVAL: time between two checks of the dependencies. From 1s to 1h, in whole "
        "seconds.",
    )
    metrics_port: Annotated[int, Field(ge=1, le=65535)] | None = Field(
        None, description="Sets CRM_METRICS_PORT: the port of the metrics endpoint."
    )
    metrics_path: UrlPath | None = Field(None, description="Sets CRM_METRICS_PATH: the path of the metrics endpoint.")

    rules: ClassVar = (
        Rule(
            "must set at least one variable: logLevel, jsonLogging, logFile, healthCheckInterval, metricsPort or metricsPath",
            lambda it: any(value is not None for _, value in it),
            cel="has(self.logLevel) || has(self.jsonLogging) || has(self.logFile) || has(self.healthCheckInterval)"
            " || has(self.metricsPort) || has(self.metricsPath)",
            reason="FieldValueRequired",
        ),
        duration_within("healthCheckInterval", "1s", "1h"),
        Rule(
            "must be whole seconds, such as 30s",
            lambda it: it.health_check_interval is None or milliseconds(it.health_check_interval) % 1_000 == 0,
            cel="!has(self.healthCheckInterval) || duration(self.healthCheckInterval).getMilliseconds() % 1000 == 0",
            field="healthCheckInterval",
        ),
    )


class Workload(Model):
    """Fields of the target's pod template. THE ONLY BLOCK THAT CHANGES PODS, AND SO RESTARTS THEM. Absent: never touched."""

    probes: Probes | None = Field(None, description="Health-probe settings. Each block inside switches one probe on.")
    env: Environment | None = Field(
        None, description="Environment variables. Alerting variables are never set: double paging."
    )
    conflict_policy: Literal["Respect", "TakeOver"] = Field(
        "Respect",
        description="What happens to a field that somebody else has set otherwise. Respect: it stays, and a condition says so. "
        "TakeOver: it is replaced, and restored on release.",
    )
    deletion_policy: Literal["Retain", "Remove"] = Field(
        "Retain",
        description="What happens to the fields when this resource lets go of them. Retain: the values stay, ownership is given "
        "up. Remove: they are removed or restored, which restarts the pods.",
    )

    rules: ClassVar = (
        Rule(
            "must hold probes, env or both; without them leave the whole block out",
            lambda it: it.probes is not None or it.env is not None,
            cel="has(self.probes) || has(self.env)",
            reason="FieldValueRequired",
        ),
    )


class Blackbox(Model):
    """A check of the health endpoint from outside, by the prober that the operator is configured with."""

    path: UrlPath = Field(health.HEALTH_PATH, description="Path that is checked.")
    port: Port = Field("http", description="Port of the Service: name or number.")
    scheme: Literal["http", "https"] = Field("http", description="Protocol of the endpoint.")
    module: Annotated[str, Field(pattern=patterns.PROBER_MODULE, max_length=63)] = Field(
        "http_2xx", description="Module of the blackbox exporter."
    )
    interval: Duration = Field("30s", description="Time between two checks. From 5s to 10m.")

    rules: ClassVar = (duration_within("interval", "5s", "10m"),)


class Dashboards(Model):
    """Grafana dashboards, delivered as a ConfigMap that Grafana's sidecar loads."""

    folder: Annotated[str, Field(pattern=patterns.FOLDER, max_length=63)] = Field(
        "CRM", description="Folder in Grafana."
    )
    audiences: tuple[Literal["Overview", "Operations", "Business", "SLO"], ...] = Field(
        ("Overview", "Operations", "Business", "SLO"),
        min_length=1,
        max_length=4,
        description="Dashboards to create. SLO is left out when the resource has no slos.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
