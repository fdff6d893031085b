"""Every metric of the CRM: name, type, labels, unit, buckets."""

from dataclasses import dataclass
from enum import StrEnum

from crm_monitoring.contract import labels
from crm_monitoring.contract.labels import Label


class MetricType(StrEnum):
    """Prometheus metric types used by the contract."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family. `name` is what a query selects (for a histogram: without `_bucket`)."""

    name: str
    type: MetricType
    help: str
    labels: tuple[Label, ...] = ()
    unit: str = ""
    buckets: tuple[float, ...] = ()
    required: bool = True
    """Whether a CRM that follows the contract always exports it, traffic or not, once it has been used."""

    @property
    def label_names(self) -> tuple[str, ...]:
        """Return the names of the labels, in the order of the contract."""
        return tuple(label.name for label in self.labels)


COMMUNICATIONS = Metric(
    "crm_communications_total",
    MetricType.COUNTER,
    "Communications by the state they reached.",
    (labels.MESSAGE_TYPE, labels.CHANNEL, labels.STATUS),
)
DELIVERY_TIME = Metric(
    "crm_delivery_time_seconds",
    MetricType.HISTOGRAM,
    "Time from sending to confirmed delivery.",
    (labels.CHANNEL,),
    unit="seconds",
    buckets=(0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0),
)
OPEN_RATE = Metric(
    "crm_open_rate",
    MetricType.GAUGE,
    "Share of delivered e-mails that were opened, 0 to 1.",
    (labels.MESSAGE_TYPE,),
    unit="ratio",
)
CLICK_RATE = Metric(
    "crm_click_rate",
    MetricType.GAUGE,
    "Share of delivered e-mails in which a link was followed, 0 to 1.",
    (labels.MESSAGE_TYPE,),
    unit="ratio",
)
API_REQUESTS = Metric(
    "crm_api_requests_total",
    MetricType.COUNTER,
    "Requests to provider APIs, failed ones included.",
    (labels.API,),
)
API_ERRORS = Metric(
    "crm_api_errors_total",
    MetricType.COUNTER,
    "Requests to provider APIs that failed.",
    (labels.API, labels.ERROR_TYPE),
)
RETRY_ATTEMPTS = Metric(
    "crm_retry_attempts_total",
    MetricType.COUNTER,
    "Attempts to send again.",
    (labels.CHANNEL, labels.ATTEMPT_NUMBER),
)
FALLBACK_USED = Metric(
    "crm_fallback_used_total",
    MetricType.COUNTER,
    "Communications sent through another channel than the first choice.",
    (labels.PRIMARY_CHANNEL, labels.FALLBACK_CHANNEL),
)
CHANNEL_AVAILABILITY = Metric(
    "crm_channel_availability",
    MetricType.GAUGE,
    "Whether a channel can be used: 1 available, 0 unavailable.",
    (labels.CHANNEL,),
)
ACTIVE_COMMUNICATIONS = Metric(
    "crm_active_communications",
    MetricType.GAUGE,
    "Communications being processed now.",
)
QUEUE_SIZE = Metric(
    "crm_queue_size",
    MetricType.GAUGE,
    "Communications waiting to be processed.",
    (labels.PRIORITY,),
)
CACHE_HITS = Metric("crm_cache_hits_total", MetricType.COUNTER, "Look-ups answered by the cache.")
CACHE_MISSES = Metric("crm_cache_misses_total", MetricType.COUNTER, "Look-ups that the cache could not answer.")
INFO = Metric(
    "crm_info",
    MetricType.INFO,
    "Version and environment of the CRM; the value is 1.",
    (labels.VERSION, labels.ENVIRONMENT),
)

ALL = (
    COMMUNICATIONS,
    DELIVERY_TIME,
    OPEN_RATE,
    CLICK_RATE,
    API_REQUESTS,
    API_ERRORS,
    RETRY_ATTEMPTS,
    FALLBACK_USED,
    CHANNEL_AVAILABILITY,
    ACTIVE_COMMUNICATIONS,
    QUEUE_SIZE,
    CACHE_HITS,
    CACHE_MISSES,
    INFO,
)
"""Every metric of the contract, in the order of the documentation."""

LABEL_VALUES_REJECTED = Metric(
    "crm_label_values_rejected_total",
    MetricType.COUNTER,
    "Label values that the contract does not allow; the series says `other` in their place.",
    (labels.METRIC, labels.LABEL),
    required=False,
)
VALUES_REJECTED = Metric(
    "crm_values_rejected_total",
    MetricType.COUNTER,
    "Measurements that cannot be true: moved to the nearest possible value, or dropped when there is none.",
    (labels.METRIC,),
    required=False,
)

OWN = (LABEL_VALUES_REJECTED, VALUES_REJECTED)
"""What the in-app library says about its own use. No alert depends on it."""
