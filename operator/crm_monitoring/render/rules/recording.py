"""The recording rules: what each stock series is computed from."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from crm_monitoring.contract import labels, metrics, recorded
from crm_monitoring.contract.recorded import Recorded
from crm_monitoring.render import promql
from crm_monitoring.render.promql import Scope, Selector
from crm_monitoring.render.rules.model import RecordingRule, recording_rule


@dataclass(frozen=True, slots=True)
class Source:
    """Where series come from: whose they are, over which window, and how replicas share a queue."""

    scope: Scope
    window: str
    shared_queue: bool

    def raw(self, metric: metrics.Metric, suffix: str = "", **matchers: str | promql.Match) -> Selector:
        """Return series of the CRM itself."""
        return promql.select(metric, self.scope, suffix=suffix, **matchers)

    def counted(self, metric: metrics.Metric, *by: str, suffix: str = "", **matchers: str | promql.Match) -> str:
        """Return the events of a counter within the window, over all replicas."""
        return promql.total(promql.increase(self.raw(metric, suffix, **matchers), self.window), self.scope, *by)

    def finished(self, *by: str) -> str:
        """Return the communications that were delivered or failed."""
        return self.counted(metrics.COMMUNICATIONS, *by, status=promql.one_of(*labels.FINISHED_STATUSES))

    def failed(self, *by: str) -> str:
        """Return the communications that failed, 0 where others were delivered."""
        failed = self.counted(metrics.COMMUNICATIONS, *by, status=promql.one_of(*labels.FAILED_STATUSES))
        return promql.zero_filled(failed, self.finished(*by))

    def read(self, series: Recorded) -> Selector:
        """Return a series that an earlier rule recorded over the same window."""
        return promql.recorded(series, self.scope, self.window)


def _api_requests(source: Source) -> str:
    """Return requests by provider, or an estimate where the CRM exports none: one per communication and retry."""
    requests = source.counted(metrics.API_REQUESTS, "api")
    exported = promql.number_of(source.raw(metrics.API_REQUESTS), source.scope)
    sent = source.finished()
    retries = promql.zero_filled(source.counted(metrics.RETRY_ATTEMPTS), sent)
    on = ", ".join(labels.IDENTITY)
    estimate = f"0 * {source.counted(metrics.API_ERRORS, 'api')} + on ({on}) group_left () ({sent} + ({retries}))"
    return promql.either(requests, f"({estimate}) unless on ({on}) {exported}")


def _api_errors(source: Source) -> str:
    errors = source.counted(metrics.API_ERRORS, "api")
    return promql.zero_filled(errors, source.counted(metrics.API_REQUESTS, "api"))


def _cache_lookups(source: Source) -> str:
    hits, misses = source.counted(metrics.CACHE_HITS), source.counted(metrics.CACHE_MISSES)
    return f"({promql.zero_filled(hits, misses)}) + ({promql.zero_filled(misses, hits)})"


def _per_finished(source: Source, part: Recorded) -> str:
    """Return a share that survives a standstill: with nothing finished, the divisor is 1."""
    counted = source.read(part)
    finished = promql.zero_filled(source.read(recorded.FINISHED), counted)
    return f"{counted} / clamp_min({finished}, 1)"


def _delivered(source: Source, failed: Recorded, finished: Recorded) -> str:
    """Return 1 - failed / finished: in an outage since the start there is no series of deliveries to divide."""
    return f"1 - ({promql.ratio(source.read(failed), source.read(finished))})"


def _queue(source: Source) -> str:
    combine = promql.largest if source.shared_queue else promql.total
    return combine(source.raw(metrics.QUEUE_SIZE), source.scope, "priority")


def _open_rate(source: Source) -> str:
    mean = promql.over_time("avg", source.raw(metrics.OPEN_RATE), source.window)
    return promql.aggregate("avg", mean, source.scope, "message_type")


def _p95(source: Source) -> str:
    buckets = promql.rate(source.raw(metrics.DELIVERY_TIME, "_bucket"), source.window)
    return promql.quantile("0.95", promql.total(buckets, source.scope, "channel", "le"))


_EXPRESSIONS: dict[Recorded, Callable[[Source], str]] = {
    recorded.CHANNEL_FINISHED: lambda s: s.finished("channel"),
    recorded.CHANNEL_FAILED: lambda s: s.failed("channel"),
    recorded.CHANNEL_DELIVERY_RATIO: lambda s: _delivered(s, recorded.CHANNEL_FAILED, recorded.CHANNEL_FINISHED),
    recorded.CHANNEL_FAILURE_BOUND: lambda s: promql.wilson_lower(
        s.read(recorded.CHANNEL_FAILED), s.read(recorded.CHANNEL_FINISHED)
    ),
    recorded.FINISHED: lambda s: promql.total(s.read(recorded.CHANNEL_FINISHED), s.scope),
    recorded.FAILED: lambda s: promql.total(s.read(recorded.CHANNEL_FAILED), s.scope),
    recorded.DELIVERY_RATIO: lambda s: _delivered(s, recorded.FAILED, recorded.FINISHED),
    recorded.FAILURE_BOUND: lambda s: promql.wilson_lower(s.read(recorded.FAILED), s.read(recorded.FINISHED)),
    recorded.API_ERRORS: _api_errors,
    recorded.API_REQUESTS: _api_requests,
    recorded.API_ERROR_RATIO: lambda s: promql.ratio(s.read(recorded.API_ERRORS), s.read(recorded.API_REQUESTS)),
    recorded.RETRIES: lambda s: s.counted(metrics.RETRY_ATTEMPTS),
    recorded.RETRY_RATIO: lambda s: _per_finished(s, recorded.RETRIES),
    recorded.FALLBACKS: lambda s: s.counted(metrics.FALLBACK_USED),
    recorded.FALLBACK_RATIO: lambda s: _per_finished(s, recorded.FALLBACKS),
    recorded.CACHE_LOOKUPS: _cache_lookups,
    recorded.CACHE_MISS_RATIO: lambda s: promql.ratio(s.counted(metrics.CACHE_MISSES), s.read(recorded.CACHE_LOOKUPS)),
    recorded.CHANNEL_BEST: lambda s: promql.largest(s.raw(metrics.CHANNEL_AVAILABILITY), s.scope, "channel"),
    recorded.CHANNEL_WORST: lambda s: promql.smallest(s.raw(metrics.CHANNEL_AVAILABILITY), s.scope, "channel"),
    recorded.EMAILS_DELIVERED: lambda s: s.counted(
        metrics.COMMUNICATIONS, "message_type", channel=labels.EMAIL, status=labels.DELIVERED
    ),
    recorded.OPEN_RATE: _open_rate,
    recorded.DELIVERIES: lambda s: s.counted(metrics.DELIVERY_TIME, "channel", suffix="_count"),
    recorded.DELIVERY_TIME_P95: _p95,
    recorded.QUEUE_SIZE: _queue,
}


def recording_rules(scope: Scope, needed: Iterable[tuple[Recorded, str]], *, shared_queue: bool) -> list[RecordingRule]:
    """Return the rules for all stock series at their default windows and for those `needed` at other windows.

    They are in the order of `recorded.STOCK`: one group can evaluate them from top to bottom.
    """
    windows: dict[Recorded, set[str]] = {series: {series.window} for series in recorded.STOCK}
    for series, window in needed:
        windows[series].add(window)
    return [
        recording_rule(series.name(window), _EXPRESSIONS[series](Source(scope, window, shared_queue)))
        for series in recorded.STOCK
        for window in sorted(windows[series])
    ]
