"""SLO: are the promises kept, and for how long still? For owners of the service."""

from collections.abc import Iterator

from crm_monitoring.contract import labels, recorded
from crm_monitoring.render.dashboards.layout import Section
from crm_monitoring.render.dashboards.panel import Panel, Query, above, below, stat, timeseries
from crm_monitoring.render.dashboards.view import View

LEGEND = "{{slo}}"


def sections(view: View) -> Iterator[Section]:
    """Yield the sections of the dashboard."""
    yield Section(
        "Objectives in $environment", [[_objective(view), _attained(view), budget_remaining(view), _exhaustion(view)]]
    )
    yield Section("Error budgets", [[budget_course(view), _burn_rate(view)], [_error_ratio(view)]])


def _objective(view: View) -> Panel:
    promises = "; ".join(f"{slo.name} {slo.objective} over {slo.window}" for slo in view.resource.spec.slos)
    return stat(
        "Objective",
        f"Share of events that must be good: {promises}.",
        "percentunit",
        [Query(view.recorded(recorded.SLO_OBJECTIVE, labels.SLO), LEGEND)],
    )


def _attained(view: View) -> Panel:
    return stat(
        "Attained",
        "Share of events that were good over the objective's own window, each event weighing the same.",
        "percentunit",
        [Query(f"1 - {view.recorded(recorded.SLO_WINDOW_ERROR_RATIO, labels.SLO)}", LEGEND)],
    )


def budget_remaining(view: View) -> Panel:
    """Return how much of each error budget is left."""
    return stat(
        "Error budget left",
        "Share of the error budget that is left in the objective's window. Below 0 the objective is missed.",
        "percentunit",
        [Query(view.recorded(recorded.SLO_BUDGET_REMAINING, labels.SLO), LEGEND)],
        steps=below(0),
    )


def _exhaustion(view: View) -> Panel:
    return stat(
        "Time until the budget is spent",
        "How long the rest of the budget lasts at the current burn rate. No data: nothing is being spent.",
        "s",
        [Query(view.recorded(recorded.SLO_EXHAUSTION, labels.SLO), LEGEND)],
    )


def budget_course(view: View) -> Panel:
    """Return how each error budget was spent."""
    panel = timeseries(
        "Error budget over time",
        "Share of the error budget that is left in the objective's window. Below 0 the objective is missed.",
        "percentunit",
        [Query(view.recorded(recorded.SLO_BUDGET_REMAINING, labels.SLO), LEGEND)],
        steps=below(0),
        highest=1,
    )
    del panel["fieldConfig"]["defaults"]["min"]  # an overspent budget is negative
    return panel


def _burn_rate(view: View) -> Panel:
    budget = f"(1 - {view.recorded(recorded.SLO_OBJECTIVE, labels.SLO)})"
    now = f"{view.recorded(recorded.SLO_ERROR_RATIO, labels.SLO)} / {budget}"
    return timeseries(
        "Burn rate",
        "Speed at which the budget is spent. 1 spends it exactly by the end of the window; above 1 it will not last.",
        "none",
        [
            Query(
                view.recorded(recorded.SLO_BURN_RATE, labels.SLO), f"{LEGEND}, {view.window(recorded.SLO_BURN_RATE)}"
            ),
            Query(now, f"{LEGEND}, {view.window(recorded.SLO_ERROR_RATIO)}"),
        ],
        steps=above(1),
    )


def _error_ratio(view: View) -> Panel:
    return timeseries(
        "Events that were not good",
        f"Share of events that were not good, over {view.window(recorded.SLO_ERROR_RATIO)}.",
        "percentunit",
        [Query(view.recorded(recorded.SLO_ERROR_RATIO, labels.SLO), LEGEND)],
    )
