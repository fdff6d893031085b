"""What the dashboards of one resource have in common: whose series they show, and which limits apply."""

from dataclasses import dataclass, replace

from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.contract import alerts, recorded
from crm_monitoring.contract.alerts import Alert
from crm_monitoring.contract.metrics import Metric
from crm_monitoring.contract.recorded import Recorded
from crm_monitoring.render import promql
from crm_monitoring.render.dashboards.panel import Step, above, below
from crm_monitoring.render.promql import Match, Scope, Selector
from crm_monitoring.render.rules.alerting import Settled, settle

RATE_INTERVAL = "$__rate_interval"
"""Grafana's shortest window that holds four scrapes at the chosen zoom."""

DETAIL_OF_SUCCESS = 0.8
"""Where the scale of success rates begins as long as none is lower."""

_WATCHED_BY: dict[Recorded, Alert] = {
    recorded.FINISHED: alerts.DELIVERY_RATE_LOW,
    recorded.DELIVERY_RATIO: alerts.DELIVERY_RATE_LOW,
    recorded.CHANNEL_FINISHED: alerts.DELIVERY_RATE_LOW,
    recorded.CHANNEL_DELIVERY_RATIO: alerts.DELIVERY_RATE_LOW,
    recorded.API_ERROR_RATIO: alerts.API_ERROR_RATE_HIGH,
    recorded.RETRY_RATIO: alerts.RETRY_RATE_HIGH,
    recorded.OPEN_RATE: alerts.EMAIL_OPEN_RATE_LOW,
    recorded.FALLBACK_RATIO: alerts.FALLBACK_USAGE_HIGH,
    recorded.CACHE_MISS_RATIO: alerts.CACHE_MISS_RATE_HIGH,
    recorded.DELIVERY_TIME_P95: alerts.DELIVERY_TIME_SLOW,
    recorded.QUEUE_SIZE: alerts.QUEUE_SIZE_HIGH,
}
"""The alert that reads a series over its own window, so that a panel shows what the alert sees."""

_FIRES_BELOW = frozenset({alerts.DELIVERY_RATE_LOW, alerts.EMAIL_OPEN_RATE_LOW})

VARIABLES = Scope("$namespace", "$resource")
"""Series that carry the identity, as the dashboard's variables give it."""


@dataclass(frozen=True, slots=True)
class View:
    """Queries about one resource."""

    resource: CRMMonitoring
    cluster: str = ""
    """Name of the cluster, where Grafana may also see series of others."""

    @property
    def variables(self) -> Scope:
        """Return the scope of series that carry the identity."""
        return replace(VARIABLES, cluster=self.cluster)

    @property
    def scope(self) -> Scope:
        """Return whose series the CRM's own metrics are: those of an existing job, or those with the identity."""
        job = "$job" if self.job else None
        return replace(self.variables, job=job)

    @property
    def job(self) -> str | None:
        """Return the job that something else scrapes, or None when the resource's own monitor does."""
        return Scope.of(self.resource).job

    def raw(self, metric: Metric | str, suffix: str = "", **matchers: str | Match) -> Selector:
        """Return series of the CRM itself."""
        return promql.select(metric, self.scope, suffix=suffix, **matchers)

    def recorded(self, series: Recorded, *by: str) -> str:
        """Return a recorded series without its name."""
        return promql.largest(promql.recorded(series, self.variables, self.window(series)), self.variables, *by)

    def window(self, series: Recorded) -> str:
        """Return the length of the range behind a series: as its alert has it where a resource changed that."""
        watch = self._watch(series)
        return watch.window if watch and series.window else series.window

    def verdict(self, series: Recorded) -> str:
        """Return a sentence on the alert that watches the series, to end a description."""
        watch = self._watch(series)
        if watch is None:
            return f"Alert {_WATCHED_BY[series].name} is off."
        side = "below" if watch.alert in _FIRES_BELOW else "above"
        return f"Alert {watch.alert.name} fires {side} {watch.threshold_text} for {watch.for_}."

    def steps(self, series: Recorded) -> list[Step]:
        """Return the colors on both sides of the threshold; all green when the alert is off."""
        watch = self._watch(series)
        limit = None if watch is None else float(watch.threshold)
        return below(limit) if _WATCHED_BY[series] in _FIRES_BELOW else above(limit)

    def _watch(self, series: Recorded) -> Settled | None:
        alert = _WATCHED_BY.get(series)
        return settle(self.resource, alert) if alert else None

    def per_minute(self, series: Selector, *by: str) -> str:
        """Return events of a counter per minute, over all replicas."""
        return f"60 * {promql.total(f'rate({series}[{RATE_INTERVAL}])', self.scope, *by)}"

    def firing(self) -> Selector:
        """Return the alerts that fire now, without the one that always does."""
        others = promql.other_than(alerts.WATCHDOG)
        return promql.select("ALERTS", self.variables, alertstate="firing", alertname=others)
