"""Alerts about the monitoring itself: nothing is scraped, a metric is missing, a metric is not what it should be."""

from collections.abc import Iterator
from decimal import Decimal

from crm_monitoring.api import quantities
from crm_monitoring.contract import alerts, labels, metrics
from crm_monitoring.contract.metrics import Metric, MetricType
from crm_monitoring.render import promql
from crm_monitoring.render.promql import Match, Selector
from crm_monitoring.render.rules.alerting import CHECK, METRIC, Context, Firing, Settled, settle
from crm_monitoring.render.rules.model import AlertingRule
from crm_monitoring.render.rules.templates import NUMBER, label

ALERTS = (alerts.TARGETS_MISSING, alerts.METRIC_MISSING, alerts.CONTRACT_VIOLATION)
"""The alerts of this concern that overrides can change."""

_OPENED = ("opened", "clicked", "read")

_CHECKED_ALWAYS = (
    metrics.COMMUNICATIONS,
    metrics.CHANNEL_AVAILABILITY,
    metrics.ACTIVE_COMMUNICATIONS,
    metrics.QUEUE_SIZE,
    metrics.CACHE_HITS,
    metrics.CACHE_MISSES,
    metrics.INFO,
)
"""Metrics that a CRM at rest exports, too.

Retries and fallbacks are checked nowhere: a healthy CRM that never needed them looks exactly like one without the
metric, and an alert that fires for health is worse than none.
"""

_NEEDED_BY = {
    metrics.OPEN_RATE: alerts.EMAIL_OPEN_RATE_LOW,
    metrics.CACHE_HITS: alerts.CACHE_MISS_RATE_HIGH,
    metrics.CACHE_MISSES: alerts.CACHE_MISS_RATE_HIGH,
}
"""Metrics that only one alert reads: nobody misses them when it is switched off."""


def firings(context: Context, settled: Settled) -> Iterator[Firing]:
    """Yield the ways in which an alert of this concern can fire."""
    if settled.alert is alerts.TARGETS_MISSING:
        return _targets_missing(context)
    if settled.alert is alerts.METRIC_MISSING:
        return _metric_missing(context, settled)
    return _contract_violation(context)


def watchdog(context: Context) -> AlertingRule:
    """Return the alert that always fires, so that its absence shows that monitoring is broken."""
    firing = Firing(
        "vector(1)",
        f"{context.who}: monitoring works",
        "This alert always fires. The service that receives it raises the alarm when it stops coming.",
    )
    severity = alerts.WATCHDOG_SEVERITY
    return {
        "alert": alerts.WATCHDOG,
        "expr": firing.expr,
        "for": "0s",
        "labels": context.labels(severity, {}),
        "annotations": context.annotations(alerts.WATCHDOG, firing),
    }


def _targets_missing(context: Context) -> Iterator[Firing]:
    up = promql.select(promql.UP, context.scope)
    yield Firing(
        f"absent({up} == 1)",
        f"{context.who}: not a single replica is scraped",
        "Prometheus finds no target of the CRM or cannot read any, so no other alert of the CRM can fire. Check that pods "
        "run, that the metrics port is exposed, and that Prometheus selects the ServiceMonitor or PodMonitor.",
    )


def _metric_missing(context: Context, settled: Settled) -> Iterator[Firing]:
    scope, window = context.scope, settled.window
    up = promql.select(promql.UP, scope)
    scraped = promql.both(promql.number_of(f"{up} == 1", scope), promql.number_of(f"{up.offset(window)} == 1", scope))
    finished = _counted(promql.select(metrics.COMMUNICATIONS, scope, status=_any_of(labels.FINISHED_STATUSES)), window)
    delivered = _counted(promql.select(metrics.COMMUNICATIONS, scope, status=labels.DELIVERED), window)
    mailed = _counted(
        promql.select(metrics.COMMUNICATIONS, scope, status=labels.DELIVERED, channel=labels.EMAIL), window
    )
    requested = _seen(promql.select(metrics.API_REQUESTS, scope), window)
    evidence: dict[Metric, str | None] = {
        **dict.fromkeys(_CHECKED_ALWAYS),
        metrics.API_REQUESTS: finished,
        metrics.API_ERRORS: requested,
        metrics.DELIVERY_TIME: delivered,
        metrics.OPEN_RATE: mailed,
        metrics.CLICK_RATE: mailed,
    }
    for metric in metrics.ALL:
        reader = _NEEDED_BY.get(metric)
        if metric not in evidence or (reader and not settle(context.resource, reader)):
            continue
        expected = evidence[metric]
        due = scraped if expected is None else promql.both(scraped, promql.number_of(expected, scope))
        missing = promql.unless(due, promql.number_of(_seen(_series(metric, context), window), scope))
        yield Firing(
            missing,
            f"{context.who}: {metric.name} is not exported",
            f"Prometheus scrapes the CRM but saw no {metric.name} within {window}, so alerts that read it cannot fire. "
            "Export it as the metric contract says, or switch those alerts off.",
            {METRIC: metric.name},
        )


def _seen(series: Selector, window: str) -> str:
    return promql.over_time("present", series, window)


def _counted(series: Selector, window: str) -> str:
    return promql.compare(promql.increase(series, window), ">", 0)


def _any_of(values: tuple[str, ...]) -> Match:
    return promql.one_of(*values)


def _series(metric: Metric, context: Context) -> Selector:
    """Return series whose presence proves that a metric is exported."""
    if metric.type is MetricType.INFO:
        # Some client libraries append `_info` to a name that ends with it already.
        return Selector("", context.scope, {"__name__": promql.one_of(metric.name, metric.name + "_info")})
    suffix = "_count" if metric.type is MetricType.HISTOGRAM else ""
    return promql.select(metric, context.scope, suffix=suffix)


def _contract_violation(context: Context) -> Iterator[Firing]:
    scope = context.scope
    for metric in (metrics.OPEN_RATE, metrics.CLICK_RATE):
        yield _violation(
            context,
            f"{metric.name}_unit",
            promql.compare(promql.largest(promql.select(metric, scope), scope), ">", 1),
            f"{metric.name} is {NUMBER}, but it is a share from 0 to 1",
            "Export the share, not a percentage: alerts compare it to 0.4, not to 40.",
        )
    availability = promql.select(metrics.CHANNEL_AVAILABILITY, scope)
    yield _violation(
        context,
        "channel_availability_value",
        promql.number_of(f"({availability} != 0) != 1", scope),
        f"{metrics.CHANNEL_AVAILABILITY.name} has values other than 0 and 1",
        "Export 1 for a channel that can be used and 0 for one that cannot.",
    )
    statuses = (*labels.STATUS.values, labels.OTHER)
    yield _violation(
        context,
        "status_value",
        promql.number_of(
            promql.select(metrics.COMMUNICATIONS, scope, status=promql.none_of(*statuses)), scope, "status"
        ),
        f"{metrics.COMMUNICATIONS.name} has the unknown status {label('status')}",
        f"Such communications count as neither delivered nor failed. Known statuses: {', '.join(labels.STATUS.values)}.",
    )
    opened = promql.select(metrics.COMMUNICATIONS, scope, status=_any_of(_OPENED))
    delivered = promql.select(metrics.COMMUNICATIONS, scope, status=labels.DELIVERED)
    yield _violation(
        context,
        "delivered_not_counted",
        promql.unless(
            promql.number_of(f"{opened} > 0", scope, "channel"), promql.number_of(delivered, scope, "channel")
        ),
        f"communications on {label('channel')} are opened or read, but none is counted as delivered",
        "Count each state once when it is reached: the delivery rate is computed from status delivered.",
    )
    yield from _buckets(context)
    yield _violation(
        context,
        "multiprocess_gauge",
        promql.number_of(promql.select(metrics.QUEUE_SIZE, scope, pid=promql.other_than("")), scope),
        f"{metrics.QUEUE_SIZE.name} has one series per process (label pid)",
        "Sums over replicas count the queue once per worker process. Set multiprocess_mode of the gauge.",
    )


def _buckets(context: Context) -> Iterator[Firing]:
    """Compare the histogram's bounds with the alert's threshold and with the objectives'."""
    scope, resource = context.scope, context.resource
    buckets = promql.select(metrics.DELIVERY_TIME, scope, suffix="_bucket")
    threshold = resource.spec.alerts.overrides.threshold_of(alerts.DELIVERY_TIME_SLOW) or "0s"
    finite = promql.select(metrics.DELIVERY_TIME, scope, suffix="_bucket", le=promql.other_than("+Inf"))
    infinite = promql.select(metrics.DELIVERY_TIME, scope, suffix="_bucket", le="+Inf")
    # A quantile that falls into the last bucket is reported as the largest finite bound: put everything there.
    beyond = f"0 * {promql.total(finite, scope, 'le')} or 0 * {promql.total(infinite, scope, 'le')} + 1"
    yield _violation(
        context,
        "delivery_time_bucket_range",
        promql.compare(promql.quantile("1", beyond), "<=", _seconds(threshold)),
        f"the largest bucket of {metrics.DELIVERY_TIME.name} ends at {NUMBER} s, CRMDeliveryTimeSlow looks for {threshold}",
        "Add buckets beyond the threshold, as the metric contract lists them; until then the alert cannot fire.",
    )
    for bound in sorted({slo.threshold for slo in resource.spec.slos if slo.threshold}):
        exact = promql.select(metrics.DELIVERY_TIME, scope, suffix="_bucket", le=promql.bucket_bound(_seconds(bound)))
        yield _violation(
            context,
            f"delivery_time_bucket_{bound}",
            promql.unless(promql.number_of(buckets, scope), promql.number_of(exact, scope)),
            f"{metrics.DELIVERY_TIME.name} has no bucket that ends at {bound}",
            "The objective counts deliveries within that time, which needs a bucket with exactly this bound.",
        )


def _seconds(duration: str) -> Decimal:
    return Decimal(quantities.milliseconds(duration)) / 1000


def _violation(context: Context, check: str, expr: str, what: str, then: str) -> Firing:
    return Firing(expr, f"{context.who}: {what}", then, {CHECK: check})
