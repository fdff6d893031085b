"""Overview: is the CRM well? For everybody."""

from collections.abc import Iterator

from crm_monitoring.contract import labels, metrics, recorded
from crm_monitoring.render import promql
from crm_monitoring.render.dashboards import slo
from crm_monitoring.render.dashboards.layout import Section
from crm_monitoring.render.dashboards.panel import Column, Panel, Query, above, below, stat, table, timeseries
from crm_monitoring.render.dashboards.view import DETAIL_OF_SUCCESS, VARIABLES, View


def sections(view: View) -> Iterator[Section]:
    """Yield the sections of the dashboard."""
    yield Section("Now in $environment", [list(_now(view))])
    yield Section("Communications", [[_volume(view), _success(view)]])
    if view.resource.spec.slos:
        yield Section("Error budgets", [[slo.budget_remaining(view), slo.budget_course(view)]])
    yield Section("Alerts", [[_alerts(view)]])


def _now(view: View) -> Iterator[Panel]:
    yield stat(
        "Success rate",
        f"Share of finished communications that were delivered, over {view.window(recorded.DELIVERY_RATIO)}. "
        + view.verdict(recorded.DELIVERY_RATIO),
        "percentunit",
        [Query(view.recorded(recorded.DELIVERY_RATIO), "delivered")],
        steps=view.steps(recorded.DELIVERY_RATIO),
    )
    yield stat(
        "Finished communications",
        f"Communications that were delivered or failed, over {view.window(recorded.FINISHED)}.",
        "short",
        [Query(view.recorded(recorded.FINISHED), "finished")],
    )
    yield stat(
        "Firing alerts",
        "Alerts of this CRM that fire now. They are listed below.",
        "none",
        [Query(f"count({view.firing()}) or vector(0)", "firing")],
        steps=above(1),
    )
    yield stat(
        "Unavailable channels",
        "Channels that no replica can use. Operations shows which.",
        "none",
        [Query(f"count({view.recorded(recorded.CHANNEL_BEST, 'channel')} == 0) or vector(0)", "channels")],
        steps=above(1),
    )
    yield stat(
        "Replicas",
        "Replicas of the CRM that Prometheus reads without error.",
        "none",
        [Query(f"sum({view.raw(promql.UP)})", "up")],
        steps=below(1),
    )


def _volume(view: View) -> Panel:
    return timeseries(
        "Communications per minute",
        "Communications by the state they reached. Each is counted once in every state on its way, so the states do not add up.",
        "cpm",
        [Query(view.per_minute(view.raw(metrics.COMMUNICATIONS), labels.STATUS.name), "{{status}}")],
    )


def _success(view: View) -> Panel:
    return timeseries(
        "Success rate by channel",
        f"Share of finished communications that were delivered, over {view.window(recorded.DELIVERY_RATIO)}. "
        + view.verdict(recorded.DELIVERY_RATIO),
        "percentunit",
        [
            Query(view.recorded(recorded.DELIVERY_RATIO), "all channels"),
            Query(
                view.recorded(recorded.CHANNEL_DELIVERY_RATIO, labels.CHANNEL.name),
                "{{channel}}",
            ),
        ],
        steps=view.steps(recorded.DELIVERY_RATIO),
        highest=1,
        detail_from=DETAIL_OF_SUCCESS,
    )


def _alerts(view: View) -> Panel:
    return table(
        "Alerts that fire now",
        "Alerts of this CRM, with the labels that say what they are about.",
        [Column("Firing", str(view.firing()), "none")],
        hidden=("__name__", "alertstate", *VARIABLES.identity),
    )
