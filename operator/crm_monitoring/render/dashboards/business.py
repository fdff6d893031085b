"""Business: what is sent, and what do recipients make of it? For product and marketing."""

from collections.abc import Iterator

from crm_monitoring.contract import labels, metrics, recorded
from crm_monitoring.render import promql
from crm_monitoring.render.dashboards.layout import Section
from crm_monitoring.render.dashboards.panel import Column, Panel, Query, table, timeseries
from crm_monitoring.render.dashboards.view import VARIABLES, View

TYPE, CHANNEL = labels.MESSAGE_TYPE.name, labels.CHANNEL.name


def sections(view: View) -> Iterator[Section]:
    """Yield the sections of the dashboard."""
    yield Section("E-mail engagement", [[_open_rate(view), _click_rate(view)], [_engagement(view)]])
    lines = [[_volume(view, TYPE, "type"), _volume(view, CHANNEL, "channel")], [_matrix(view)]]
    yield Section("Volume", [*([[_band(view)]] if view.resource.spec.alerts.anomaly else []), *lines])


def _clicks(view: View) -> str:
    return promql.aggregate("avg", view.raw(metrics.CLICK_RATE), view.scope, TYPE)


def _open_rate(view: View) -> Panel:
    return timeseries(
        "Open rate by message type",
        f"Share of delivered e-mails that were opened, mean over {view.window(recorded.OPEN_RATE)}. "
        + view.verdict(recorded.OPEN_RATE),
        "percentunit",
        [Query(view.recorded(recorded.OPEN_RATE, TYPE), "{{message_type}}")],
        steps=view.steps(recorded.OPEN_RATE),
        highest=1,
    )


def _click_rate(view: View) -> Panel:
    return timeseries(
        "Click rate by message type",
        "Share of delivered e-mails in which a link was followed.",
        "percentunit",
        [Query(_clicks(view), "{{message_type}}")],
        highest=1,
    )


def _engagement(view: View) -> Panel:
    return table(
        "Engagement by message type",
        f"Each message type now: e-mails delivered over {view.window(recorded.EMAILS_DELIVERED)}, and how many were opened "
        "and clicked. Rates of types with few e-mails say little.",
        [
            Column("Delivered e-mails", view.recorded(recorded.EMAILS_DELIVERED, TYPE), "short"),
            Column("Open rate", view.recorded(recorded.OPEN_RATE, TYPE), "percentunit"),
            Column("Click rate", _clicks(view), "percentunit"),
        ],
        hidden=tuple(VARIABLES.identity),
    )


def _delivered(view: View, *by: str, window: str) -> str:
    delivered = view.raw(metrics.COMMUNICATIONS, status=labels.DELIVERED)
    return promql.total(f"increase({delivered}[{window}])", view.scope, *by)


def _volume(view: View, label: str, word: str) -> Panel:
    return timeseries(
        f"Delivered per hour by {word}",
        f"Communications that were delivered within the last hour, by {word}.",
        "short",
        [Query(_delivered(view, label, window="1h"), "{{" + label + "}}")],
        stacked=True,
    )


def _band(view: View) -> Panel:
    return timeseries(
        "Finished per hour, and what is usual",
        "Communications that were delivered or failed within the last hour, between the edges of what is usual in that hour "
        "of the week. No edges: there is no earlier week yet.",
        "short",
        [
            Query(view.recorded(recorded.TRAFFIC), "finished"),
            Query(view.recorded(recorded.TRAFFIC_LOWEST), "least that is usual"),
            Query(view.recorded(recorded.TRAFFIC_HIGHEST), "most that is usual"),
        ],
    )


def _matrix(view: View) -> Panel:
    return table(
        "Delivered by type and channel",
        "Communications that were delivered within the dashboard's time range, by message type and channel.",
        [Column("Delivered", _delivered(view, TYPE, CHANNEL, window="$__range"), "short")],
        hidden=tuple(VARIABLES.identity),
    )
