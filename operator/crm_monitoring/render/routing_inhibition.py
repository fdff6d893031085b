"""Which alerts of a resource silence which others: the cause is told, its consequences are not.

Every rule demands the resource's identity on both sides. `equal` alone would not do: labels that are missing on both
sides count as equal, so a rule without identity would mute alerts of others. For the same reason a rule on a scope
demands that the label is there: a critical alert without `api` says nothing about other alerts without `api`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.contract import alerts, labels
from crm_monitoring.contract.alerts import Alert, Severity
from crm_monitoring.render.routing_tree import Matcher, exported_severities, identity, identity_labels, one_of
from crm_monitoring.render.settings import RenderSettings

SCOPES = (labels.API.name, labels.CHANNEL.name, labels.SLO)
"""Labels that say which part of the CRM an alert is about."""


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While an alert that passes `source` fires, those that pass `target` and share the labels in `equal` are silent."""

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...]


def inhibitions(resource: CRMMonitoring, settings: RenderSettings) -> tuple[Inhibition, ...]:
    """Return the rules of a resource, every one scoped to it."""
    own = identity(resource)
    shared = identity_labels(settings)
    rules = (*_critical_over_milder(resource), *_causes_over_consequences())
    return tuple(
        Inhibition((*own, *rule.source), (*own, *rule.target), tuple(dict.fromkeys((*shared, *rule.equal))))
        for rule in rules
    )


def _critical_over_milder(resource: CRMMonitoring) -> Iterator[Inhibition]:
    exported = exported_severities(resource)
    critical = exported[Severity.CRITICAL]
    milder = tuple(name for name in dict.fromkeys(exported.values()) if name != critical)
    if not milder:
        return
    for scope in SCOPES:
        present = Matcher(scope, ".+", "=~")
        yield Inhibition(
            (Matcher(labels.SEVERITY, critical), present),
            (one_of(labels.SEVERITY, milder), present),
            SCOPES,
        )


def _causes_over_consequences() -> Iterator[Inhibition]:
    on_channel = (
        alerts.DELIVERY_RATE_LOW,
        alerts.RETRY_RATE_HIGH,
        alerts.FALLBACK_USAGE_HIGH,
        alerts.DELIVERY_TIME_SLOW,
        alerts.CHANNEL_PARTIALLY_UNAVAILABLE,
        alerts.CHANNEL_FLAPPING,
    )
    yield _rule(alerts.ALL_CHANNELS_FAILED, (alerts.CHANNEL_UNAVAILABLE, *on_channel))
    yield _rule(alerts.TARGETS_MISSING, (alerts.METRIC_MISSING, alerts.CONTRACT_VIOLATION))
    yield _rule(alerts.CHANNEL_UNAVAILABLE, on_channel, labels.CHANNEL.name)
    slower = (alerts.ERROR_BUDGET_BURN_SLOW, alerts.ERROR_BUDGET_EXHAUSTED)
    yield _rule(alerts.ERROR_BUDGET_BURN_FAST, slower, labels.SLO)


def _rule(cause: Alert, consequences: tuple[Alert, ...], scope: str = "") -> Inhibition:
    present = (Matcher(scope, ".+", "=~"),) if scope else ()
    return Inhibition(
        (Matcher(labels.ALERT_NAME, cause.name), *present),
        (one_of(labels.ALERT_NAME, tuple(alert.name for alert in consequences)), *present),
        (scope,) if scope else (),
    )
