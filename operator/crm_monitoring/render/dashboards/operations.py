"""Operations: what is wrong, and where? For the people who are paged."""

from collections.abc import Iterator

from crm_monitoring.contract import labels, metrics, recorded
from crm_monitoring.render import promql
from crm_monitoring.render.dashboards.layout import Section
from crm_monitoring.render.dashboards.panel import Column, Panel, Query, table, timeseries
from crm_monitoring.render.dashboards.view import DETAIL_OF_SUCCESS, RATE_INTERVAL, VARIABLES, View

CHANNEL = labels.CHANNEL.name
API = labels.API.name


def sections(view: View) -> Iterator[Section]:
    """Yield the sections of the dashboard."""
    yield Section("Delivery time", [[_percentiles(view), _slow_channels(view)]])
    yield Section("Channels", [[_comparison(view)], [_success_by_channel(view), _availability(view)]])
    yield Section("Provider errors", [[_api_error_ratio(view), _api_errors(view)]])
    yield Section(
        "Retries and fallbacks", [[_retry_ratio(view), _retries(view)], [_fallback_ratio(view), _fallbacks(view)]]
    )
    yield Section("Queue and cache", [[_queue(view), _active(view), _cache(view)]])
    yield Section("Replicas", [list(_replicas(view))])


def _percentiles(view: View) -> Panel:
    buckets = view.raw(metrics.DELIVERY_TIME, "_bucket")
    rates = promql.total(f"rate({buckets}[{RATE_INTERVAL}])", view.scope, "le")
    return timeseries(
        "Delivery time",
        "Time from sending to confirmed delivery over all channels: half, 95 % and 99 % of deliveries were faster.",
        "s",
        [Query(promql.quantile(share, rates), f"p{share.removeprefix('0.')}") for share in ("0.50", "0.95", "0.99")],
        steps=view.steps(recorded.DELIVERY_TIME_P95),
    )


def _slow_channels(view: View) -> Panel:
    return timeseries(
        "95th percentile by channel",
        f"95 % of deliveries were faster, over {view.window(recorded.DELIVERY_TIME_P95)}. "
        + view.verdict(recorded.DELIVERY_TIME_P95),
        "s",
        [Query(view.recorded(recorded.DELIVERY_TIME_P95, CHANNEL), "{{channel}}")],
        steps=view.steps(recorded.DELIVERY_TIME_P95),
    )


def _comparison(view: View) -> Panel:
    columns = (
        ("Finished", recorded.CHANNEL_FINISHED, "short"),
        ("Success rate", recorded.CHANNEL_DELIVERY_RATIO, "percentunit"),
        ("95th percentile", recorded.DELIVERY_TIME_P95, "s"),
        ("Available somewhere", recorded.CHANNEL_BEST, "bool_yes_no"),
        ("Available everywhere", recorded.CHANNEL_WORST, "bool_yes_no"),
    )
    return table(
        "Channel comparison",
        f"Each channel now: volume and success over {view.window(recorded.CHANNEL_DELIVERY_RATIO)}, delivery time "
        f"over {view.window(recorded.DELIVERY_TIME_P95)}, and whether any and every replica can use it.",
        [Column(title, view.recorded(series, CHANNEL), unit) for title, series, unit in columns],
        hidden=tuple(VARIABLES.identity),
    )


def _success_by_channel(view: View) -> Panel:
    return timeseries(
        "Success rate by channel",
        f"Share of finished communications that were delivered, over {view.window(recorded.CHANNEL_DELIVERY_RATIO)}. "
        + view.verdict(recorded.CHANNEL_DELIVERY_RATIO),
        "percentunit",
        [Query(view.recorded(recorded.CHANNEL_DELIVERY_RATIO, CHANNEL), "{{channel}}")],
        steps=view.steps(recorded.CHANNEL_DELIVERY_RATIO),
        highest=1,
        detail_from=DETAIL_OF_SUCCESS,
    )


def _availability(view: View) -> Panel:
    share = promql.aggregate("avg", view.raw(metrics.CHANNEL_AVAILABILITY), view.scope, CHANNEL)
    return timeseries(
        "Channel availability",
        "Share of replicas that can use the channel. At 0 the channel is down and CRMChannelUnavailable fires.",
        "percentunit",
        [Query(share, "{{channel}}")],
        highest=1,
    )


def _api_error_ratio(view: View) -> Panel:
    return timeseries(
        "Provider error rate",
        f"Share of requests to a provider that failed, over {view.window(recorded.API_ERROR_RATIO)}. "
        + view.verdict(recorded.API_ERROR_RATIO),
        "percentunit",
        [Query(view.recorded(recorded.API_ERROR_RATIO, API), "{{api}}")],
        steps=view.steps(recorded.API_ERROR_RATIO),
    )


def _api_errors(view: View) -> Panel:
    by = (API, labels.ERROR_TYPE.name)
    return timeseries(
        "Provider errors per minute",
        "Failed requests by provider and class of error. Any error of class auth fires CRMAuthenticationFailure.",
        "cpm",
        [Query(view.per_minute(view.raw(metrics.API_ERRORS), *by), "{{api}} {{error_type}}")],
        stacked=True,
    )


def _retry_ratio(view: View) -> Panel:
    return timeseries(
        "Retry rate",
        f"Retries per finished communication, over {view.window(recorded.RETRY_RATIO)}. "
        + view.verdict(recorded.RETRY_RATIO),
        "percentunit",
        [Query(view.recorded(recorded.RETRY_RATIO), "retries")],
        steps=view.steps(recorded.RETRY_RATIO),
    )


def _retries(view: View) -> Panel:
    by = (CHANNEL, labels.ATTEMPT_NUMBER.name)
    return timeseries(
        "Retries per minute",
        "Attempts to send again by channel and number of the attempt. High numbers mean that retrying does not help.",
        "cpm",
        [Query(view.per_minute(view.raw(metrics.RETRY_ATTEMPTS), *by), "{{channel}}, retry {{attempt_number}}")],
        stacked=True,
    )


def _fallback_ratio(view: View) -> Panel:
    return timeseries(
        "Fallback usage",
        f"Fallbacks per finished communication, over {view.window(recorded.FALLBACK_RATIO)}. "
        + view.verdict(recorded.FALLBACK_RATIO),
        "percentunit",
        [Query(view.recorded(recorded.FALLBACK_RATIO), "fallbacks")],
        steps=view.steps(recorded.FALLBACK_RATIO),
    )


def _fallbacks(view: View) -> Panel:
    by = (labels.PRIMARY_CHANNEL.name, labels.FALLBACK_CHANNEL.name)
    return timeseries(
        "Fallbacks per minute",
        "Communications that went through another channel than the first choice, from which to which.",
        "cpm",
        [Query(view.per_minute(view.raw(metrics.FALLBACK_USED), *by), "{{primary_channel}} to {{fallback_channel}}")],
        stacked=True,
    )


def _queue(view: View) -> Panel:
    priority = labels.PRIORITY.name
    return timeseries(
        "Queue size",
        "Communications that wait, by priority. " + view.verdict(recorded.QUEUE_SIZE),
        "short",
        [Query(view.recorded(recorded.QUEUE_SIZE, priority), "{{priority}}")],
        steps=view.steps(recorded.QUEUE_SIZE),
    )


def _active(view: View) -> Panel:
    return timeseries(
        "In progress",
        "Communications being processed now, over all replicas. 0 while the queue grows: processing is stuck.",
        "short",
        [Query(promql.total(view.raw(metrics.ACTIVE_COMMUNICATIONS), view.scope), "in progress")],
    )


def _cache(view: View) -> Panel:
    return timeseries(
        "Cache miss rate",
        f"Share of look-ups that the cache could not answer, over {view.window(recorded.CACHE_MISS_RATIO)}. "
        + view.verdict(recorded.CACHE_MISS_RATIO),
        "percentunit",
        [Query(view.recorded(recorded.CACHE_MISS_RATIO), "misses")],
        steps=view.steps(recorded.CACHE_MISS_RATIO),
        highest=1,
    )


def _replicas(view: View) -> Iterator[Panel]:
    yield timeseries(
        "Replicas that answer",
        "1 while Prometheus reads the replica's metrics without error, 0 when it cannot.",
        "none",
        [Query(str(view.raw(promql.UP)), "{{pod}} {{instance}}")],
        highest=1,
    )
    sent = view.raw(metrics.COMMUNICATIONS, status=promql.one_of(*labels.FINISHED_STATUSES))
    yield timeseries(
        "Finished per minute and replica",
        "Communications that each replica finished. A replica far below the others may be stuck.",
        "cpm",
        [Query(view.per_minute(sent, "instance"), "{{instance}}")],
    )
    if view.resource.spec.blackbox is not None:
        yield timeseries(
            "Health check from outside",
            "1 while the blackbox exporter finds the health endpoint well, 0 when it does not.",
            "none",
            [Query(str(promql.select("probe_success", view.variables)), "{{instance}}")],
            highest=1,
        )
