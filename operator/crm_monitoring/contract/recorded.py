"""Names of the series that the recording rules write, `level:metric:operations` as Prometheus' conventions want.

Every one carries the identity (`labels.IDENTITY`) and the labels of its level. Operations that look at a range end
with its length, so an alert whose window is overridden reads a series of its own.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recorded series."""

    level: str
    metric: str
    operation: str
    help: str
    labels: tuple[str, ...] = ()
    """Labels besides the identity."""
    window: str = ""
    """Length of the range, as Prometheus prints it; empty for a series without one."""

    def name(self, window: str | None = None) -> str:
        """Return the series' name, at its default window unless another is given (as Prometheus prints it)."""
        return f"{self.level}:{self.metric}:{self.operation}{window or self.window}"


_CHANNEL = ("channel",)
_API = ("api",)
_TYPE = ("message_type",)

CHANNEL_FINISHED = Recorded(
    "crm_channel",
    "communications_finished",
    "increase",
    "Communications that were delivered or failed.",
    _CHANNEL,
    "30m",
)
CHANNEL_FAILED = Recorded(
    "crm_channel", "communications_failed", "increase", "Communications that failed.", _CHANNEL, "30m"
)
CHANNEL_DELIVERY_RATIO = Recorded(
    "crm_channel",
    "communications_delivered",
    "ratio_rate",
    "Share of finished communications that were delivered, 0 to 1.",
    _CHANNEL,
    "30m",
)
CHANNEL_FAILURE_BOUND = Recorded(
    "crm_channel",
    "communications_failed",
    "wilson_lower",
    "Least share of failures that the number of communications proves (Wilson, one-sided 95 %).",
    _CHANNEL,
    "30m",
)
FINISHED = Recorded(
    "crm", "communications_finished", "increase", "Communications that were delivered or failed.", window="30m"
)
FAILED = Recorded("crm", "communications_failed", "increase", "Communications that failed.", window="30m")
DELIVERY_RATIO = Recorded(
    "crm",
    "communications_delivered",
    "ratio_rate",
    "Share of finished communications that were delivered, 0 to 1.",
    window="30m",
)
FAILURE_BOUND = Recorded(
    "crm",
    "communications_failed",
    "wilson_lower",
    "Least share of failures that the number of communications proves (Wilson, one-sided 95 %).",
    window="30m",
)
API_REQUESTS = Recorded(
    "crm_api",
    "requests",
    "increase",
    "Requests to a provider; estimated from communications and retries where the CRM does not export requests.",
    _API,
    "15m",
)
API_ERRORS = Recorded("crm_api", "errors", "increase", "Requests to a provider that failed.", _API, "15m")
API_ERROR_RATIO = Recorded(
    "crm_api", "errors", "ratio_rate", "Share of requests to a provider that failed, 0 to 1.", _API, "15m"
)
RETRIES = Recorded("crm", "retries", "increase", "Attempts to send again.", window="30m")
RETRY_RATIO = Recorded("crm", "retries", "ratio_rate", "Retries per finished communication.", window="30m")
FALLBACKS = Recorded(
    "crm", "fallbacks", "increase", "Communications sent through a channel other than the first.", window="30m"
)
FALLBACK_RATIO = Recorded("crm", "fallbacks", "ratio_rate", "Fallbacks per finished communication.", window="30m")
CACHE_LOOKUPS = Recorded("crm", "cache_lookups", "increase", "Look-ups in the cache.", window="30m")
CACHE_MISS_RATIO = Recorded("crm", "cache_misses", "ratio_rate", "Share of look-ups that missed, 0 to 1.", window="30m")
CHANNEL_BEST = Recorded(
    "crm_channel", "availability", "max", "1 when at least one replica can use the channel.", _CHANNEL
)
CHANNEL_WORST = Recorded("crm_channel", "availability", "min", "0 when at least one replica cannot use it.", _CHANNEL)
EMAILS_DELIVERED = Recorded(
    "crm_message_type", "emails_delivered", "increase", "Delivered e-mails of a message type.", _TYPE, "1d"
)
OPEN_RATE = Recorded("crm_message_type", "open_rate", "avg", "Mean open rate of a message type, 0 to 1.", _TYPE, "1h")
DELIVERIES = Recorded("crm_channel", "deliveries", "increase", "Deliveries whose time was measured.", _CHANNEL, "15m")
DELIVERY_TIME_P95 = Recorded(
    "crm_channel",
    "delivery_time_seconds",
    "p95_rate",
    "95th percentile of the delivery time in seconds.",
    _CHANNEL,
    "15m",
)
QUEUE_SIZE = Recorded(
    "crm_priority",
    "queue_size",
    "current",
    "Communications that wait: the sum over the replicas, or the largest value where they share a queue.",
    ("priority",),
)

STOCK = (
    CHANNEL_FINISHED,
    CHANNEL_FAILED,
    CHANNEL_DELIVERY_RATIO,
    CHANNEL_FAILURE_BOUND,
    FINISHED,
    FAILED,
    DELIVERY_RATIO,
    FAILURE_BOUND,
    API_ERRORS,
    API_REQUESTS,
    API_ERROR_RATIO,
    RETRIES,
    RETRY_RATIO,
    FALLBACKS,
    FALLBACK_RATIO,
    CACHE_LOOKUPS,
    CACHE_MISS_RATIO,
    CHANNEL_BEST,
    CHANNEL_WORST,
    EMAILS_DELIVERED,
    OPEN_RATE,
    DELIVERIES,
    DELIVERY_TIME_P95,
    QUEUE_SIZE,
)
"""Series for every resource. A series comes after those that it is computed from."""

TRAFFIC = Recorded(
    "crm",
    "traffic",
    "increase",
    "Communications that were delivered or failed, while the CRM was scraped at both ends of the range.",
    window="1h",
)
TRAFFIC_EXPECTED = Recorded(
    "crm", "traffic_expected", "median", "Median of the same hour in earlier weeks.", window="1h"
)
TRAFFIC_LOWEST = Recorded("crm", "traffic_expected", "lower", "Lower edge of what is usual.", window="1h")
TRAFFIC_HIGHEST = Recorded("crm", "traffic_expected", "upper", "Upper edge of what is usual.", window="1h")

TRAFFIC_BAND = (TRAFFIC, TRAFFIC_EXPECTED, TRAFFIC_LOWEST, TRAFFIC_HIGHEST)
"""Series of a resource with `alerts.anomaly`. A series comes after those that it is computed from."""

_SLO = ("slo",)

SLO_EVENTS = Recorded("crm", "slo_events", "rate", "Events that count for the objective, per second.", _SLO, "5m")
SLO_ERRORS = Recorded("crm", "slo_errors", "rate", "Events that were not good, per second.", _SLO, "5m")
SLO_ERROR_RATIO = Recorded(
    "crm", "slo_errors", "ratio_rate", "Share of events that were not good, each event weighing the same.", _SLO, "5m"
)
SLO_OBJECTIVE = Recorded("crm", "slo_objective", "ratio", "The objective, 0 to 1.", _SLO)
SLO_WINDOW_ERROR_RATIO = Recorded(
    "crm", "slo_errors", "ratio", "Share of events that were not good over the objective's own window.", _SLO
)
SLO_BUDGET_REMAINING = Recorded(
    "crm",
    "slo_error_budget_remaining",
    "ratio",
    "Share of the error budget that is left; below 0 when overspent.",
    _SLO,
)
SLO_BURN_RATE = Recorded(
    "crm",
    "slo_burn_rate",
    "rate",
    "Speed of spending: 1 spends the budget exactly by the end of the window.",
    _SLO,
    "1h",
)
SLO_EXHAUSTION = Recorded(
    "crm", "slo_error_budget_exhaustion", "seconds", "Time until the budget is spent at the current burn rate.", _SLO
)

SLO = (
    SLO_EVENTS,
    SLO_ERRORS,
    SLO_ERROR_RATIO,
    SLO_OBJECTIVE,
    SLO_WINDOW_ERROR_RATIO,
    SLO_BUDGET_REMAINING,
    SLO_BURN_RATE,
    SLO_EXHAUSTION,
)
"""Series for each objective; `SLO_ERROR_RATIO` exists at every window of its burn-rate alerts."""

ALL = (*STOCK, *TRAFFIC_BAND, *SLO)
