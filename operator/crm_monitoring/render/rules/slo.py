"""Objectives: recorded error ratios and budgets, and the alerts on how fast a budget is spent.

Every event weighs the same: long windows divide sums of events, never averages of ratios. They are sums over the
recorded 5-minute rates, because weeks of raw counters would be too many samples for one query.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from crm_monitoring.api import quantities
from crm_monitoring.api.v1alpha1.slos import Slo
from crm_monitoring.contract import alerts, labels, metrics, recorded
from crm_monitoring.contract.recorded import Recorded
from crm_monitoring.manifest import Manifest
from crm_monitoring.render import promql
from crm_monitoring.render import slo as burning
from crm_monitoring.render.promql import Scope, Selector
from crm_monitoring.render.rules import model
from crm_monitoring.render.rules.alerting import Context, Firing, Settled, settle
from crm_monitoring.render.rules.model import RecordingRule, Rule, recording_rule
from crm_monitoring.render.rules.templates import PERCENTAGE
from crm_monitoring.render.slo import BurnWindow

ALERTS = (alerts.ERROR_BUDGET_BURN_FAST, alerts.ERROR_BUDGET_BURN_SLOW, alerts.ERROR_BUDGET_EXHAUSTED)
"""The alerts of this concern."""

_INTERVAL = "1m"
_SECONDS_PER_SAMPLE = 60
"""Rates are recorded once a minute, so the sum of their samples times 60 is a number of events."""
_BASE = recorded.SLO_ERROR_RATIO.window
_HISTORY_SHARE = 10
"""A budget is judged after a tenth of its window: a ratio over the first hours says nothing about weeks."""


@dataclass(frozen=True, slots=True)
class Objective:
    """One objective, in numbers."""

    slo: Slo
    scope: Scope

    @property
    def objective(self) -> Decimal:
        """Return the share that must be good."""
        return quantities.ratio(self.slo.objective)

    @property
    def budget(self) -> Decimal:
        """Return the share that may be bad."""
        return 1 - self.objective

    @property
    def period_minutes(self) -> int:
        """Return the length of the objective's window."""
        return quantities.milliseconds(self.slo.window) // 60_000

    def windows(self, burns: tuple[burning.Burn, ...]) -> tuple[BurnWindow, ...]:
        """Return the burn-rate windows that fit the budget."""
        return tuple(burning.burn_window(burn, self.budget, self.period_minutes) for burn in burns)

    def read(self, series: Recorded, window: str | None = None) -> Selector:
        """Return a recorded series of this objective."""
        return promql.recorded(series, self.scope, window, **{labels.SLO: self.slo.name})


def rule_object(context: Context) -> Manifest:
    """Return the PrometheusRule with the rules of every objective."""
    rules: list[Rule] = []
    for slo in context.resource.spec.slos:
        objective = Objective(slo, context.scope)
        rules += _recording(objective)
        rules += [
            context.rule(settled, firing)
            for alert in ALERTS
            if (settled := settle(context.resource, alert))
            for firing in _firings(context, settled, objective)
        ]
    return model.rule_object(context.resource, model.SLO, rules, interval=_INTERVAL)


def _events_and_errors(objective: Objective) -> tuple[str, str]:
    """Return the rate of all events that count, and of those that were not good."""
    scope, slo = objective.scope, objective.slo

    def rate(metric: metrics.Metric, suffix: str = "", **matchers: str | promql.Match) -> str:
        series = promql.select(metric, scope, suffix=suffix, **matchers)
        return promql.total(promql.rate(series, _BASE), scope)

    if slo.sli == "Delivery":
        events = rate(metrics.COMMUNICATIONS, status=promql.one_of(*labels.FINISHED_STATUSES))
        errors = rate(metrics.COMMUNICATIONS, status=promql.one_of(*labels.FAILED_STATUSES))
        return events, promql.zero_filled(errors, events)
    if slo.sli == "API":
        events = rate(metrics.API_REQUESTS)
        return events, promql.zero_filled(rate(metrics.API_ERRORS), events)
    bound = Decimal(quantities.milliseconds(slo.threshold or "0s")) / 1000
    events = rate(metrics.DELIVERY_TIME, "_count")
    good = rate(metrics.DELIVERY_TIME, "_bucket", le=promql.bucket_bound(bound))
    return events, f"clamp_min({events} - {good}, 0)"


def _recording(objective: Objective) -> Iterator[RecordingRule]:
    own = {labels.SLO: objective.slo.name}
    events, errors = _events_and_errors(objective)
    yield recording_rule(recorded.SLO_EVENTS.name(), events, own)
    yield recording_rule(recorded.SLO_ERRORS.name(), errors, own)
    all_events, all_errors = objective.read(recorded.SLO_EVENTS), objective.read(recorded.SLO_ERRORS)
    yield recording_rule(recorded.SLO_ERROR_RATIO.name(), f"{all_errors} / ({all_events} > 0)", own)
    burns = (*objective.windows(burning.FAST), *objective.windows(burning.SLOW))
    lengths = {60} | {length for window in burns for length in (window.long_minutes, window.short_minutes)}
    for length in sorted(lengths):
        window = burning.minutes(length)
        if window != _BASE:
            yield recording_rule(recorded.SLO_ERROR_RATIO.name(window), _error_ratio(objective, window), own)
    identity = {**objective.scope.identity, **own}
    objective_value = quantities.plain_number(objective.objective)
    yield recording_rule(recorded.SLO_OBJECTIVE.name(), f"vector({objective_value})", identity)
    yield from _budget(objective, own)


def _error_ratio(objective: Objective, window: str) -> str:
    errors = promql.over_time("sum", objective.read(recorded.SLO_ERRORS), window)
    events = promql.over_time("sum", objective.read(recorded.SLO_EVENTS), window)
    return f"{errors} / ({events} > 0)"


def _budget(objective: Objective, own: dict[str, str]) -> Iterator[RecordingRule]:
    budget = quantities.plain_number(objective.budget)
    period = objective.period_minutes * 60
    yield recording_rule(
        recorded.SLO_WINDOW_ERROR_RATIO.name(),
        _error_ratio(objective, quantities.prometheus_duration(objective.slo.window)),
        own,
    )
    spent = f"{objective.read(recorded.SLO_WINDOW_ERROR_RATIO)} / {budget}"
    yield recording_rule(recorded.SLO_BUDGET_REMAINING.name(), f"1 - {spent}", own)
    last_hour = objective.read(recorded.SLO_ERROR_RATIO, recorded.SLO_BURN_RATE.window)
    yield recording_rule(recorded.SLO_BURN_RATE.name(), f"{last_hour} / {budget}", own)
    left = f"clamp_min({objective.read(recorded.SLO_BUDGET_REMAINING)}, 0)"
    burn_rate = objective.read(recorded.SLO_BURN_RATE)
    yield recording_rule(recorded.SLO_EXHAUSTION.name(), f"{left} * {period} / ({burn_rate} > 0)", own)


def _firings(context: Context, settled: Settled, objective: Objective) -> Iterator[Firing]:
    slo, own = objective.slo, {labels.SLO: objective.slo.name}
    if settled.alert is alerts.ERROR_BUDGET_EXHAUSTED:
        yield Firing(
            promql.both(
                promql.compare(objective.read(recorded.SLO_BUDGET_REMAINING), "<=", 0),
                _history(objective, objective.period_minutes, objective.period_minutes // _HISTORY_SHARE),
            ),
            f"{context.who}: the error budget of {slo.name} is spent ({PERCENTAGE} left)",
            f"The objective of {slo.objective} over {slo.window} is missed. Hold risky changes back until the budget recovers, "
            "and look in the dashboard for the days that cost most.",
            own,
            "SLO",
        )
        return
    fast = settled.alert is alerts.ERROR_BUDGET_BURN_FAST
    windows = objective.windows(burning.FAST if fast else burning.SLOW)
    yield Firing(
        promql.either(*(_burning(objective, window, settled.minimum_volume) for window in windows)),
        f"{context.who}: {slo.name} spends its error budget too fast ({PERCENTAGE} of events are not good)",
        f"The objective is {slo.objective} over {slo.window}. "
        + " ".join(
            f"At {quantities.plain_number(window.factor)} times the allowed rate for {window.long}, "
            f"{quantities.plain_number(_share(window, objective))} % of the budget are gone."
            for window in windows
        )
        + " Find the failing channel or provider in the dashboard and stop the change that caused it.",
        own,
        "SLO",
    )


def _share(window: BurnWindow, objective: Objective) -> Decimal:
    return (window.factor * window.long_minutes * 100 / objective.period_minutes).quantize(Decimal(1))


def _burning(objective: Objective, window: BurnWindow, minimum_volume: int) -> str:
    threshold = window.threshold(objective.budget)
    events = promql.over_time("sum", objective.read(recorded.SLO_EVENTS), window.long)
    return promql.both(
        promql.compare(objective.read(recorded.SLO_ERROR_RATIO, window.long), ">", threshold),
        promql.compare(objective.read(recorded.SLO_ERROR_RATIO, window.short), ">", threshold),
        promql.compare(f"{events} * {_SECONDS_PER_SAMPLE}", ">=", minimum_volume),
        _history(objective, window.long_minutes, window.short_minutes),
    )


def _history(objective: Objective, length: int, least: int) -> str:
    """Return the condition that so many minutes were recorded within the window, with or without gaps."""
    samples = promql.over_time("count", objective.read(recorded.SLO_EVENTS), burning.minutes(length))
    return promql.compare(samples, ">=", least)
