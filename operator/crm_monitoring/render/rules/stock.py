"""The stock alerts that watch the CRM's work: when each one fires and what it tells the person who is paged."""

from collections.abc import Callable, Iterator

from crm_monitoring.api import quantities
from crm_monitoring.contract import alerts, labels, metrics, recorded
from crm_monitoring.contract.alerts import Alert
from crm_monitoring.contract.recorded import Recorded
from crm_monitoring.render import promql
from crm_monitoring.render.promql import Selector
from crm_monitoring.render.rules.alerting import LOW_VOLUME, VOLUME, Context, Firing, Settled
from crm_monitoring.render.rules.templates import DURATION, NUMBER, PERCENTAGE, label

_OVERALL, _CHANNEL = "overall", "channel"
_LEAST_FAILURES = 2
"""Below the minimum volume an alert needs more failures than this: one lost message is no reason to wake anybody."""


def _enough(series: Selector, settled: Settled) -> str:
    return promql.compare(series, ">=", settled.minimum_volume)


def _authentication_failure(context: Context, settled: Settled) -> Iterator[Firing]:
    refused = promql.select(metrics.API_ERRORS, context.scope, error_type=promql.one_of(*labels.AUTHENTICATION_ERRORS))
    grown = promql.total(promql.increase(refused, settled.window), context.scope, "api")
    born = promql.total(promql.born_within(refused, settled.window), context.scope, "api")
    yield Firing(
        promql.either(promql.compare(grown, ">", 0), promql.compare(born, ">", 0)),
        f"{context.who}: {label('api')} refuses the credentials ({NUMBER} times in {settled.window})",
        f"The provider {label('api')} answers that our credentials are wrong or were revoked; nothing is sent through it. "
        "Check the credential's expiry and its Secret, rotate it, and restart the CRM if it reads it only at start.",
    )


def _all_channels_failed(context: Context, settled: Settled) -> Iterator[Firing]:
    scope, window = context.scope, settled.window
    none_available = promql.compare(promql.largest(promql.recorded(recorded.CHANNEL_BEST, scope), scope), "==", 0)
    failed = promql.select(metrics.COMMUNICATIONS, scope, status=promql.one_of(*labels.FAILED_STATUSES))
    failures = promql.total(promql.increase(failed, window), scope)
    delivered = promql.select(metrics.COMMUNICATIONS, scope, status=promql.one_of(*labels.DELIVERED_STATUSES))
    alive = promql.either(
        promql.compare(promql.total(promql.increase(delivered, window), scope), ">", 0),
        promql.compare(promql.total(f"{delivered} unless {delivered.offset(window)}", scope), ">", 0),
    )
    enough = promql.compare(failures, ">=", settled.minimum_volume) if settled.minimum_volume else failures + " > 0"
    yield Firing(
        promql.either(none_available, promql.unless(enough, alive)),
        f"{context.who}: no channel delivers",
        f"Either every channel reports itself unavailable (value 0), or {NUMBER} communications failed within {window} "
        "and none was delivered. Check the network and the providers' status pages, then the CRM's log for the event "
        "all_channels_failed.",
    )


def _delivery_rate_low(context: Context, settled: Settled) -> Iterator[Firing]:
    scope, window, threshold = context.scope, settled.window, settled.threshold
    levels = (
        (_OVERALL, "", recorded.FINISHED, recorded.FAILED, recorded.DELIVERY_RATIO, recorded.FAILURE_BOUND),
        (
            _CHANNEL,
            f" on {label('channel')}",
            recorded.CHANNEL_FINISHED,
            recorded.CHANNEL_FAILED,
            recorded.CHANNEL_DELIVERY_RATIO,
            recorded.CHANNEL_FAILURE_BOUND,
        ),
    )
    next_step = (
        "Look for failing channels and providers in crm_channel_availability and crm_api_errors_total, "
        "and at the statuses in crm_communications_total."
    )
    for level, where, finished, failed, share, bound in levels:
        many = promql.recorded(finished, scope, window)
        low = promql.compare(promql.recorded(share, scope, window), "<", threshold)
        yield Firing(
            promql.both(low, _enough(many, settled)) if settled.minimum_volume else low,
            f"{context.who}: only {PERCENTAGE} delivered{where} (threshold {settled.threshold_text})",
            f"Share of the communications finished within {window} that were delivered{where}. {next_step}",
            {labels.SCOPE: level},
        )
        if settled.minimum_volume:
            proved = promql.compare(f"1 - {promql.recorded(bound, scope, window)}", "<", threshold)
            few = promql.compare(many, "<", settled.minimum_volume)
            failures = promql.compare(promql.recorded(failed, scope, window), ">", _LEAST_FAILURES)
            yield Firing(
                promql.both(proved, few, failures),
                f"{context.who}: at most {PERCENTAGE} delivered{where} (threshold {settled.threshold_text})",
                f"Fewer than {settled.minimum_volume} communications finished within {window}{where}, but so many of them "
                f"failed that the share is below the threshold with 95 % confidence. {next_step}",
                {labels.SCOPE: level, VOLUME: LOW_VOLUME},
            )


def _api_error_rate_high(context: Context, settled: Settled) -> Iterator[Firing]:
    share = promql.recorded(recorded.API_ERROR_RATIO, context.scope, settled.window)
    requests = promql.recorded(recorded.API_REQUESTS, context.scope, settled.window)
    yield Firing(
        promql.both(promql.compare(share, ">", settled.threshold), _enough(requests, settled)),
        f"{context.who}: {PERCENTAGE} of requests to {label('api')} fail (threshold {settled.threshold_text})",
        f"Share of the requests to {label('api')} within {settled.window} that failed. See which error_type grows in "
        "crm_api_errors_total, then check credentials, quotas and the provider's status page.",
    )


def _channel_unavailable(context: Context, settled: Settled) -> Iterator[Firing]:
    best = promql.recorded(recorded.CHANNEL_BEST, context.scope)
    yield Firing(
        promql.compare(best, "==", 0),
        f"{context.who}: channel {label('channel')} is unavailable on every replica",
        f"No replica can use {label('channel')}; communications wait or go through a fallback channel. "
        "Check the channel's provider and the health endpoint's component of the channel.",
    )


def _retry_rate_high(context: Context, settled: Settled) -> Iterator[Firing]:
    share = promql.recorded(recorded.RETRY_RATIO, context.scope, settled.window)
    retries = promql.recorded(recorded.RETRIES, context.scope, settled.window)
    finished = promql.zero_filled(promql.recorded(recorded.FINISHED, context.scope, settled.window), retries)
    volume = promql.compare(f"{retries} + {finished}", ">=", settled.minimum_volume)
    yield Firing(
        promql.both(promql.compare(share, ">", settled.threshold), volume),
        f"{context.who}: {PERCENTAGE} retries per finished communication (threshold {settled.threshold_text})",
        f"Retries within {settled.window}, divided by the communications that finished. See which channel and "
        "attempt_number grow in crm_retry_attempts_total; rate limits and time-outs of providers are the usual cause.",
    )


def _email_open_rate_low(context: Context, settled: Settled) -> Iterator[Firing]:
    share = promql.recorded(recorded.OPEN_RATE, context.scope, settled.window)
    delivered = promql.recorded(recorded.EMAILS_DELIVERED, context.scope)
    yield Firing(
        promql.both(promql.compare(share, "<", settled.threshold), _enough(delivered, settled)),
        f"{context.who}: {PERCENTAGE} of {label('message_type')} e-mails are opened (threshold {settled.threshold_text})",
        "Few recipients open these e-mails. Check whether they land in spam folders (SPF, DKIM, DMARC, the sender's "
        "reputation), then subject and time of sending, and the tracking itself.",
        audience="Business",
    )


def _fallback_usage_high(context: Context, settled: Settled) -> Iterator[Firing]:
    share = promql.recorded(recorded.FALLBACK_RATIO, context.scope, settled.window)
    finished = promql.recorded(recorded.FINISHED, context.scope, settled.window)
    yield Firing(
        promql.both(promql.compare(share, ">", settled.threshold), _enough(finished, settled)),
        f"{context.who}: {PERCENTAGE} of communications need a fallback channel (threshold {settled.threshold_text})",
        f"Fallbacks within {settled.window}, divided by the communications that finished. primary_channel in "
        "crm_fallback_used_total names the channel that is avoided.",
    )


def _cache_miss_rate_high(context: Context, settled: Settled) -> Iterator[Firing]:
    share = promql.recorded(recorded.CACHE_MISS_RATIO, context.scope, settled.window)
    lookups = promql.recorded(recorded.CACHE_LOOKUPS, context.scope, settled.window)
    yield Firing(
        promql.both(promql.compare(share, ">", settled.threshold), _enough(lookups, settled)),
        f"{context.who}: {PERCENTAGE} of cache look-ups miss (threshold {settled.threshold_text})",
        f"Share of the look-ups within {settled.window} that missed. Check the cache's size, expiry times and evictions, "
        "and whether it was restarted.",
    )


def _delivery_time_slow(context: Context, settled: Settled) -> Iterator[Firing]:
    slowest = promql.recorded(recorded.DELIVERY_TIME_P95, context.scope, settled.window)
    deliveries = promql.recorded(recorded.DELIVERIES, context.scope, settled.window)
    limit = quantities.prometheus_duration(settled.threshold_text)
    yield Firing(
        promql.both(promql.compare(slowest, ">", settled.threshold), _enough(deliveries, settled)),
        f"{context.who}: one delivery in twenty on {label('channel')} takes longer than {DURATION} (threshold {limit})",
        f"95th percentile of the delivery time within {settled.window}. Compare crm_active_communications and "
        "crm_queue_size for a backlog, then the database and the provider's response times.",
    )


def _queue_size_high(context: Context, settled: Settled) -> Iterator[Firing]:
    yield Firing(
        promql.compare(promql.recorded(recorded.QUEUE_SIZE, context.scope), ">", settled.threshold),
        f"{context.who}: {NUMBER} communications of priority {label('priority')} wait (threshold {settled.threshold_text})",
        "More communications come in than are sent. Check crm_active_communications, unavailable channels and rate "
        "limits; add replicas if all of them are busy.",
    )


def _channel_partially_unavailable(context: Context, settled: Settled) -> Iterator[Firing]:
    worst = promql.compare(promql.recorded(recorded.CHANNEL_WORST, context.scope), "==", 0)
    best = promql.compare(promql.recorded(recorded.CHANNEL_BEST, context.scope), "==", 0)
    yield Firing(
        promql.unless(worst, best),
        f"{context.who}: channel {label('channel')} is unavailable on some replicas",
        "Some replicas can use the channel and some cannot, so it is not the provider. Compare the replicas in "
        "crm_channel_availability: network policy, node, credentials or a rollout that is stuck.",
    )


def _channel_flapping(context: Context, settled: Settled) -> Iterator[Firing]:
    best = promql.recorded(recorded.CHANNEL_BEST, context.scope)
    yield Firing(
        promql.compare(f"changes({best.over(settled.window)})", ">", settled.threshold),
        f"{context.who}: channel {label('channel')} changed its state {NUMBER} times in {settled.window}",
        "The channel goes up and down. Look for time-outs and rate limits of its provider; a health check with a "
        "time-out that is too short looks the same.",
    )


def _queue_stuck(context: Context, settled: Settled) -> Iterator[Firing]:
    scope, window = context.scope, settled.window
    queue = promql.recorded(recorded.QUEUE_SIZE, scope)
    waiting = promql.compare(promql.over_time("min", queue, window), ">", 0)
    moved = promql.select(metrics.COMMUNICATIONS, scope, status=promql.none_of(labels.QUEUED))
    progress = promql.either(
        promql.compare(promql.total(promql.increase(moved, window), scope), ">", 0),
        promql.compare(promql.total(f"{moved} unless {moved.offset(window)}", scope), ">", 0),
    )
    whole_window = str(queue.offset(window))
    on = ", ".join(labels.IDENTITY)
    yield Firing(
        f"({promql.both(waiting, whole_window)}) unless on ({on}) ({progress})",
        f"{context.who}: {NUMBER} communications of priority {label('priority')} wait and nothing is sent",
        f"For {window} the queue was never empty and no communication of any kind went on. The workers hang or died: "
        "look at the CRM's log, at the database's locks, and restart one replica to see whether it recovers.",
    )


_BUILDERS: dict[Alert, Callable[[Context, Settled], Iterator[Firing]]] = {
    alerts.AUTHENTICATION_FAILURE: _authentication_failure,
    alerts.ALL_CHANNELS_FAILED: _all_channels_failed,
    alerts.DELIVERY_RATE_LOW: _delivery_rate_low,
    alerts.API_ERROR_RATE_HIGH: _api_error_rate_high,
    alerts.CHANNEL_UNAVAILABLE: _channel_unavailable,
    alerts.RETRY_RATE_HIGH: _retry_rate_high,
    alerts.EMAIL_OPEN_RATE_LOW: _email_open_rate_low,
    alerts.FALLBACK_USAGE_HIGH: _fallback_usage_high,
    alerts.CACHE_MISS_RATE_HIGH: _cache_miss_rate_high,
    alerts.DELIVERY_TIME_SLOW: _delivery_time_slow,
    alerts.QUEUE_SIZE_HIGH: _queue_size_high,
    alerts.CHANNEL_PARTIALLY_UNAVAILABLE: _channel_partially_unavailable,
    alerts.CHANNEL_FLAPPING: _channel_flapping,
    alerts.QUEUE_STUCK: _queue_stuck,
}

_DELIVERY = (
    recorded.CHANNEL_FINISHED,
    recorded.CHANNEL_FAILED,
    recorded.CHANNEL_DELIVERY_RATIO,
    recorded.CHANNEL_FAILURE_BOUND,
    recorded.FINISHED,
    recorded.FAILED,
    recorded.DELIVERY_RATIO,
    recorded.FAILURE_BOUND,
)
_FINISHED = (recorded.CHANNEL_FINISHED, recorded.FINISHED)

_READS: dict[Alert, tuple[Recorded, ...]] = {
    alerts.DELIVERY_RATE_LOW: _DELIVERY,
    alerts.API_ERROR_RATE_HIGH: (recorded.API_ERRORS, recorded.API_REQUESTS, recorded.API_ERROR_RATIO),
    alerts.RETRY_RATE_HIGH: (*_FINISHED, recorded.RETRIES, recorded.RETRY_RATIO),
    alerts.EMAIL_OPEN_RATE_LOW: (recorded.OPEN_RATE,),
    alerts.FALLBACK_USAGE_HIGH: (*_FINISHED, recorded.FALLBACKS, recorded.FALLBACK_RATIO),
    alerts.CACHE_MISS_RATE_HIGH: (recorded.CACHE_LOOKUPS, recorded.CACHE_MISS_RATIO),
    alerts.DELIVERY_TIME_SLOW: (recorded.DELIVERIES, recorded.DELIVERY_TIME_P95),
}
"""Series that an alert reads over its own window, directly or through another series."""

ALERTS = tuple(_BUILDERS)
"""The alerts of this concern."""


def firings(context: Context, settled: Settled) -> Iterator[Firing]:
    """Yield the ways in which an alert of this concern can fire."""
    return _BUILDERS[settled.alert](context, settled)


def needed(settled: Settled) -> Iterator[tuple[Recorded, str]]:
    """Yield the series, with their window, that the alert reads."""
    for series in _READS.get(settled.alert, ()):
        yield series, settled.window
