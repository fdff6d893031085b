"""How far back rules look, and whether the Prometheus that runs them keeps series that long.

Nothing fails when it does not: an error budget over 30 days is then computed from what is there, and is wrong.
"""

from collections.abc import Iterator

from crm_monitoring.api.conditions import ConditionType, Finding, Reason
from crm_monitoring.api.quantities import milliseconds, prometheus_duration
from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.contract import recorded
from crm_monitoring.render import names
from crm_monitoring.render.bundle import Part, Secrets
from crm_monitoring.render.observed import Observed, Prometheus
from crm_monitoring.render.rules.anomaly import DAYS_PER_WEEK
from crm_monitoring.render.settings import RenderSettings


def part(resource: CRMMonitoring, observed: Observed, secrets: Secrets, settings: RenderSettings) -> Part:
    """Return findings on objectives, and a warning on the traffic's band, that look back further than Prometheus keeps."""
    runners = running(resource, observed)
    return Part(findings=tuple(_findings(resource, runners)), warnings=tuple(_warnings(resource, runners)))


def running(resource: CRMMonitoring, observed: Observed) -> tuple[Prometheus, ...]:
    """Return every Prometheus that runs the rules of a resource and whose retention is known."""
    labels, namespace = names.child_labels(resource), resource.metadata.namespace
    return tuple(p for p in observed.prometheuses if p.retention and p.runs_rules(namespace, labels))


def _keeps(prometheus: Prometheus, length: str) -> bool:
    return milliseconds(length) <= milliseconds(prometheus.retention)


def _findings(resource: CRMMonitoring, runners: tuple[Prometheus, ...]) -> Iterator[Finding]:
    for prometheus in runners:
        short = [slo for slo in resource.spec.slos if not _keeps(prometheus, slo.window)]
        if not short:
            continue
        objectives = ", ".join(f"{slo.name} over {slo.window}" for slo in short)
        needed = max((slo.window for slo in short), key=milliseconds)
        message = (
            f"Prometheus {prometheus.namespace}/{prometheus.name} keeps {prometheus.retention}, so error budgets are "
            f"computed from that alone: {objectives}. Set its spec.retention to at least {needed}, or choose a shorter "
            f"window in spec.slos."
        )
        yield Finding(ConditionType.OBJECTIVES, Reason.WINDOW_EXCEEDS_RETENTION, message)


def _warnings(resource: CRMMonitoring, runners: tuple[Prometheus, ...]) -> Iterator[str]:
    anomaly = resource.spec.alerts.anomaly
    if anomaly is None:
        return
    week = milliseconds(f"{DAYS_PER_WEEK}d")
    needed = prometheus_duration(f"{anomaly.weeks * week + milliseconds(recorded.TRAFFIC.window)}ms")
    for prometheus in runners:
        if not _keeps(prometheus, needed):
            whole = max(0, (milliseconds(prometheus.retention) - milliseconds(recorded.TRAFFIC.window)) // week)
            outcome = f"{whole} of {anomaly.weeks} weeks are compared" if whole else "CRMTrafficAnomalous cannot fire"
            yield (
                f"spec.alerts.anomaly.weeks: looks back {needed}, but Prometheus {prometheus.namespace}/{prometheus.name} "
                f"keeps {prometheus.retention}: {outcome}. Set its spec.retention to at least {needed}."
            )
