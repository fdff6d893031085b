"""The operator's own metrics. No series carries the name of a resource, so their number is bounded."""

from collections import Counter as Count
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from crm_monitoring.api.conditions import ConditionType
from crm_monitoring.cluster.kube import RequestRecord
from crm_monitoring.manifest import Kind, Manifest

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Telemetry:
    """Collectors in a registry of their own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.reconciles = Counter(
            "crm_operator_reconcile_total", "Passes by kind of key and result.", ("kind", "result"), registry=registry
        )
        self.reconcile_seconds = Histogram(
            "crm_operator_reconcile_duration_seconds",
            "Duration of passes.",
            ("kind",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.requests = Counter(
            "crm_operator_api_requests_total",
            "Requests to the API server; code is the HTTP code or why there was none.",
            ("verb", "kind", "code"),
            registry=registry,
        )
        self.request_seconds = Histogram(
            "crm_operator_api_request_duration_seconds",
            "Duration of requests to the API server, watches aside.",
            ("verb",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.watch_restarts = Counter(
            "crm_operator_watch_restarts_total",
            "Watches that were given up and begun anew.",
            ("kind", "reason"),
            registry=registry,
        )
        self.kopf_restarts = Counter(
            "crm_operator_kopf_restarts_total", "Restarts of kopf.", ("reason",), registry=registry
        )
        self.drift_corrections = Counter(
            "crm_operator_drift_corrections_total",
            "Objects restored after somebody else changed or deleted them.",
            ("kind",),
            registry=registry,
        )
        self.status_writes = Counter("crm_operator_status_writes_total", "Writes of a status.", registry=registry)
        self.events_failed = Counter(
            "crm_operator_events_failed_total", "Events that could not be posted.", registry=registry
        )
        self.leader = Gauge("crm_operator_leader", "1 while this replica leads, else 0.", registry=registry)
        self.build = Gauge(
            "crm_operator_build_info", "Versions; the value is 1.", ("version", "python", "kopf"), registry=registry
        )
        self.queue_depth = Gauge("crm_operator_queue_depth", "Keys that wait for a worker.", registry=registry)
        self.queue_age = Gauge(
            "crm_operator_queue_oldest_seconds", "How long the oldest key has waited.", registry=registry
        )

    def requested(self, record: RequestRecord) -> None:
        """Count a finished request."""
        self.requests.labels(record.verb, record.kind.name, record.outcome).inc()
        if record.verb != "watch":
            self.request_seconds.labels(record.verb).observe(record.seconds)

    def restarted(self, kind: Kind, reason: str) -> None:
        """Count a watch that began anew."""
        self.watch_restarts.labels(kind.name, reason).inc()

    def listed(self, kind: Kind, objects: int, seconds: float) -> None:
        """Take note of a complete list; requests are counted one by one, so there is nothing to add."""


class ConditionCollector(Collector):
    """Counts resources by condition and status when Prometheus asks."""

    def __init__(self, resources: Callable[[], Iterable[Manifest]]) -> None:
        self._resources = resources

    def collect(self) -> Iterable[Metric]:
        """Return one gauge family."""
        family = GaugeMetricFamily(
            "crm_operator_resources", "CRMMonitoring resources by condition and status.", labels=("condition", "status")
        )
        counts = Count(pair for body in self._resources() for pair in _conditions(body.get("status") or {}))
        known = {type_.value for type_ in ConditionType}
        for (condition, status), number in sorted(counts.items()):
            if condition in known and status in ("True", "False", "Unknown"):
                family.add_metric((condition, status), number)
        yield family


def _conditions(status: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for condition in status.get("conditions") or ():
        yield str(condition.get("type")), str(condition.get("status"))
