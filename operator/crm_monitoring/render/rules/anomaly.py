"""The volume of communications, compared with the same hour of earlier weeks: notices that nothing is sent at all.

The median of some weeks is what is usual: holidays and outages of one week do not move it, and a rhythm of days and of
the week is part of it. A spread over the last days would not do as the margin, since with a rhythm by day and night it is
as large as the volume itself. The margin is a share of the median, and three standard deviations of a count (Poisson).
"""

from collections.abc import Iterator

from crm_monitoring.api import quantities
from crm_monitoring.api.v1alpha1.anomaly import Anomaly
from crm_monitoring.contract import alerts, labels, metrics, recorded
from crm_monitoring.manifest import Manifest
from crm_monitoring.render import promql
from crm_monitoring.render.promql import Scope
from crm_monitoring.render.rules import model
from crm_monitoring.render.rules.alerting import Context, Firing, Settled, settle
from crm_monitoring.render.rules.model import RecordingRule, Rule, recording_rule
from crm_monitoring.render.rules.templates import NUMBER

ALERTS = (alerts.TRAFFIC_ANOMALOUS,)
"""The alerts of this concern."""

DAYS_PER_WEEK = 7
_WEEK = "weeks_ago"
"""Label that keeps the weeks apart until their median is taken."""


def rule_object(context: Context, anomaly: Anomaly) -> Manifest | None:
    """Return the PrometheusRule with the band and its alert, or None when an override switches the alert off."""
    settled = settle(context.resource, alerts.TRAFFIC_ANOMALOUS)
    if settled is None:
        return None
    rules: list[Rule] = [*_recording(context.scope, anomaly)]
    rules += [context.rule(settled, firing) for firing in _firings(context, settled, anomaly)]
    return model.rule_object(context.resource, model.ANOMALY, rules)


def _recording(scope: Scope, anomaly: Anomaly) -> Iterator[RecordingRule]:
    yield recording_rule(recorded.TRAFFIC.name(), _traffic(scope))
    yield recording_rule(recorded.TRAFFIC_EXPECTED.name(), _median(scope, anomaly.weeks))
    expected = promql.recorded(recorded.TRAFFIC_EXPECTED, scope)
    margin = quantities.ratio(anomaly.margin)
    low, high = quantities.plain_number(1 - margin), quantities.plain_number(1 + margin)
    noise = f"3 * sqrt({expected})"
    yield recording_rule(recorded.TRAFFIC_LOWEST.name(), f"clamp_min({low} * {expected} - {noise}, 0)")
    yield recording_rule(recorded.TRAFFIC_HIGHEST.name(), f"{high} * {expected} + {noise}")


def _traffic(scope: Scope) -> str:
    """Return the communications of the last hour, nothing unless replicas are scraped now and were an hour ago.

    Otherwise the first hour after a start, which is incomplete, would be what is usual a week later.
    """
    window = recorded.TRAFFIC.window
    finished = promql.select(metrics.COMMUNICATIONS, scope, status=promql.one_of(*labels.FINISHED_STATUSES))
    up = promql.select(promql.UP, scope)
    return promql.both(
        promql.total(promql.increase(finished, window), scope),
        promql.number_of(f"{up} == 1", scope),
        promql.number_of(f"{up.offset(window)} == 1", scope),
    )


def _median(scope: Scope, weeks: int) -> str:
    traffic = promql.recorded(recorded.TRAFFIC, scope)
    earlier = (
        f'label_replace({traffic.offset(f"{DAYS_PER_WEEK * week}d")}, "{_WEEK}", "{week}", "", "")'
        for week in range(1, weeks + 1)
    )
    return promql.aggregate("quantile", f"0.5, {' or '.join(earlier)}", scope)


def _firings(context: Context, settled: Settled, anomaly: Anomaly) -> Iterator[Firing]:
    traffic = promql.recorded(recorded.TRAFFIC, context.scope)
    expected = promql.recorded(recorded.TRAFFIC_EXPECTED, context.scope)
    usual = f"the median of the same hour in the last {anomaly.weeks} weeks, as far as Prometheus has them"
    sides = (
        ("low", "<", recorded.TRAFFIC_LOWEST, expected, "far fewer than usual", "Does anything reach the CRM at all? "),
        ("high", ">", recorded.TRAFFIC_HIGHEST, traffic, "far more than usual", "Does something send twice, or loop? "),
    )
    for direction, operator, edge, volume, words, question in sides:
        yield Firing(
            promql.both(
                f"{traffic} {operator} {promql.recorded(edge, context.scope)}",
                promql.compare(volume, ">=", settled.minimum_volume),
            ),
            f"{context.who}: {NUMBER} communications in an hour, {words}",
            f"Usual is {usual}; the alert fires beyond {anomaly.margin} and three standard deviations of a count. "
            f"{question}Compare the message types in the dashboard, then what runs on a schedule and what changed.",
            {labels.DIRECTION: direction},
            "Business",
        )
