"""The stock alerts: default threshold, window, `for`, severity and minimum volume of each.

Rates and severities are those of the product's monitoring document. It names no windows and no minimum volumes, no
threshold for fallback usage and no severity for slow delivery and long queues: those are choices of this project, and
every one can be overridden per resource.
"""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is, from worst to mildest."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Unit(StrEnum):
    """How a threshold is written in a resource."""

    RATIO = "ratio"
    """A percentage such as `95%`."""
    SECONDS = "seconds"
    """A duration such as `300s`."""
    COUNT = "count"
    """A whole number such as `100`."""
    NONE = "none"
    """The alert has no threshold: it is about yes and no."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One stock alert. Durations are written as in Prometheus."""

    name: str
    severity: Severity
    condition: str
    """When it fires, in words that follow `Fires when`."""
    unit: Unit = Unit.NONE
    threshold: str | None = None
    window: str | None = None
    """Length of the range that the expression looks at; None for an alert on instant values."""
    for_: str = "0s"
    keep_firing_for: str = "5m"
    minimum_volume: int | None = None
    """Events within the window below which the ratio is not trusted; None where the alert needs no such guard."""
    volume_of: str = ""
    """What `minimum_volume` counts."""


AUTHENTICATION_FAILURE = Alert(
    "CRMAuthenticationFailure",
    Severity.CRITICAL,
    "a provider refused the CRM's credentials at least once within the window",
    window="10m",
    keep_firing_for="10m",
)
ALL_CHANNELS_FAILED = Alert(
    "CRMAllChannelsFailed",
    Severity.CRITICAL,
    "no channel is available, or communications fail and none is delivered within the window",
    window="10m",
    for_="2m",
    minimum_volume=10,
    volume_of="failed communications",
)
DELIVERY_RATE_LOW = Alert(
    "CRMDeliveryRateLow",
    Severity.HIGH,
    "the share of finished communications that were delivered is below the threshold, in total or on one channel",
    Unit.RATIO,
    threshold="90%",
    window="30m",
    for_="5m",
    keep_firing_for="10m",
    minimum_volume=20,
    volume_of="finished communications",
)
API_ERROR_RATE_HIGH = Alert(
    "CRMAPIErrorRateHigh",
    Severity.HIGH,
    "the share of requests to a provider that failed is above the threshold",
    Unit.RATIO,
    threshold="5%",
    window="15m",
    for_="5m",
    keep_firing_for="10m",
    minimum_volume=50,
    volume_of="API requests",
)
CHANNEL_UNAVAILABLE = Alert(
    "CRMChannelUnavailable",
    Severity.HIGH,
    "every replica reports a channel as unavailable",
    for_="2m",
)
RETRY_RATE_HIGH = Alert(
    "CRMRetryRateHigh",
    Severity.MEDIUM,
    "retries per finished communication are above the threshold",
    Unit.RATIO,
    threshold="20%",
    window="30m",
    for_="10m",
    keep_firing_for="10m",
    minimum_volume=20,
    volume_of="finished communications and retries",
)
EMAIL_OPEN_RATE_LOW = Alert(
    "CRMEmailOpenRateLow",
    Severity.MEDIUM,
    "the open rate of a message type is below the threshold",
    Unit.RATIO,
    threshold="40%",
    window="1h",
    for_="1h",
    keep_firing_for="1h",
    minimum_volume=50,
    volume_of="delivered e-mails of the message type in one day",
)
FALLBACK_USAGE_HIGH = Alert(
    "CRMFallbackUsageHigh",
    Severity.MEDIUM,
    "the share of finished communications that needed a fallback channel is above the threshold",
    Unit.RATIO,
    threshold="10%",
    window="30m",
    for_="10m",
    keep_firing_for="10m",
    minimum_volume=20,
    volume_of="finished communications",
)
CACHE_MISS_RATE_HIGH = Alert(
    "CRMCacheMissRateHigh",
    Severity.LOW,
    "the share of cache look-ups that missed is above the threshold",
    Unit.RATIO,
    threshold="50%",
    window="30m",
    for_="30m",
    keep_firing_for="30m",
    minimum_volume=100,
    volume_of="cache look-ups",
)
DELIVERY_TIME_SLOW = Alert(
    "CRMDeliveryTimeSlow",
    Severity.MEDIUM,
    "the 95th percentile of the delivery time on a channel is above the threshold",
    Unit.SECONDS,
    threshold="300s",
    window="15m",
    for_="10m",
    keep_firing_for="10m",
    minimum_volume=20,
    volume_of="deliveries",
)
QUEUE_SIZE_HIGH = Alert(
    "CRMQueueSizeHigh",
    Severity.MEDIUM,
    "more communications of one priority wait than the threshold",
    Unit.COUNT,
    threshold="100",
    for_="10m",
)

STOCK = (
    AUTHENTICATION_FAILURE,
    ALL_CHANNELS_FAILED,
    DELIVERY_RATE_LOW,
    API_ERROR_RATE_HIGH,
    CHANNEL_UNAVAILABLE,
    RETRY_RATE_HIGH,
    EMAIL_OPEN_RATE_LOW,
    FALLBACK_USAGE_HIGH,
    CACHE_MISS_RATE_HIGH,
    DELIVERY_TIME_SLOW,
    QUEUE_SIZE_HIGH,
)
"""Every stock alert, worst severity first within the product's own order."""

CHANNEL_PARTIALLY_UNAVAILABLE = Alert(
    "CRMChannelPartiallyUnavailable",
    Severity.MEDIUM,
    "some replicas, but not all, report a channel as unavailable",
    for_="10m",
)
CHANNEL_FLAPPING = Alert(
    "CRMChannelFlapping",
    Severity.MEDIUM,
    "the availability of a channel changed more often than the threshold within the window",
    Unit.COUNT,
    threshold="6",
    window="30m",
    for_="5m",
)
QUEUE_STUCK = Alert(
    "CRMQueueStuck",
    Severity.HIGH,
    "communications wait during the whole window and none of any priority makes progress",
    window="15m",
    for_="5m",
)
TRAFFIC_ANOMALOUS = Alert(
    "CRMTrafficAnomalous",
    Severity.LOW,
    "far fewer or more communications finish in an hour than in that of earlier weeks; only with spec.alerts.anomaly",
    for_="30m",
    keep_firing_for="30m",
    minimum_volume=20,
    volume_of="communications that are usual in that hour, or that finish in it",
)
TARGETS_MISSING = Alert(
    "CRMTargetsMissing",
    Severity.CRITICAL,
    "Prometheus cannot scrape a single replica of the CRM, so that no other alert can fire",
    for_="5m",
)
METRIC_MISSING = Alert(
    "CRMMetricMissing",
    Severity.MEDIUM,
    "the CRM is scraped but never exported a metric that alerts depend on within the window",
    window="24h",
    for_="30m",
)
CONTRACT_VIOLATION = Alert(
    "CRMContractViolation",
    Severity.MEDIUM,
    "the CRM exports a metric in a way that makes alerts wrong: unit, buckets, values of labels",
    for_="30m",
)
ERROR_BUDGET_BURN_FAST = Alert(
    "CRMErrorBudgetBurnFast",
    Severity.CRITICAL,
    "an objective spends its error budget so fast that it would be gone within days",
    for_="2m",
    keep_firing_for="10m",
    minimum_volume=20,
    volume_of="events within the longer window",
)
ERROR_BUDGET_BURN_SLOW = Alert(
    "CRMErrorBudgetBurnSlow",
    Severity.MEDIUM,
    "an objective spends its error budget faster than its window allows",
    for_="15m",
    keep_firing_for="10m",
    minimum_volume=20,
    volume_of="events within the longer window",
)
ERROR_BUDGET_EXHAUSTED = Alert(
    "CRMErrorBudgetExhausted",
    Severity.MEDIUM,
    "the error budget of an objective is spent",
    for_="15m",
    keep_firing_for="10m",
)

ADDED = (
    CHANNEL_PARTIALLY_UNAVAILABLE,
    CHANNEL_FLAPPING,
    QUEUE_STUCK,
    TRAFFIC_ANOMALOUS,
    TARGETS_MISSING,
    METRIC_MISSING,
    CONTRACT_VIOLATION,
    ERROR_BUDGET_BURN_FAST,
    ERROR_BUDGET_BURN_SLOW,
    ERROR_BUDGET_EXHAUSTED,
)
"""Alerts that the product's monitoring document does not have."""

ALL = (*STOCK, *ADDED)
"""Every alert that a resource can change by an override."""

WATCHDOG = "CRMWatchdog"
"""The alert that always fires. It exists only with `notifications.watchdog`, and nothing about it can be changed."""

WATCHDOG_SEVERITY = "none"
"""Severity of the watchdog: one that no receiver takes."""


class Channel(StrEnum):
    """Kinds of receiver."""

    PAGERDUTY = "pagerduty"
    SLACK = "slack"
    EMAIL = "email"
    WEBHOOK = "webhook"


SEVERITY_MATRIX: dict[Channel, tuple[Severity, ...]] = {
    Channel.PAGERDUTY: (Severity.CRITICAL, Severity.HIGH),
    Channel.SLACK: (Severity.HIGH, Severity.MEDIUM),
    Channel.EMAIL: (Severity.MEDIUM, Severity.LOW),
    Channel.WEBHOOK: tuple(Severity),
}
"""Which severities a receiver gets unless it says otherwise."""
