"""Log events of the CRM, their levels, and the fields of a log line."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """Log levels."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One domain event: the value of the field `event`, its level and its message."""

    name: str
    level: Level
    message: str


TEMPLATE_RENDERED = LogEvent("template_rendered", Level.DEBUG, "Template rendered")
CACHE_HIT = LogEvent("cache_hit", Level.DEBUG, "Cache hit")
CACHE_MISS = LogEvent("cache_miss", Level.DEBUG, "Cache miss")
COMMUNICATION_SENT = LogEvent("communication_sent", Level.INFO, "Communication sent")
DELIVERY_CONFIRMED = LogEvent("delivery_confirmed", Level.INFO, "Delivery confirmed")
RETRY_ATTEMPT = LogEvent("retry_attempt", Level.WARNING, "Retry attempt")
FALLBACK_USED = LogEvent("fallback_used", Level.WARNING, "Fallback channel used")
DEGRADED_PERFORMANCE = LogEvent("degraded_performance", Level.WARNING, "Degraded performance")
COMMUNICATION_FAILED = LogEvent("communication_failed", Level.ERROR, "Communication failed")
API_ERROR = LogEvent("api_error", Level.ERROR, "API error")
ALL_CHANNELS_FAILED = LogEvent("all_channels_failed", Level.CRITICAL, "All channels failed")
AUTHENTICATION_FAILED = LogEvent("authentication_failed", Level.CRITICAL, "Authentication failed")
SYSTEM_ISSUE = LogEvent("system_issue", Level.CRITICAL, "System-wide issue")

ALL = (
    TEMPLATE_RENDERED,
    CACHE_HIT,
    CACHE_MISS,
    COMMUNICATION_SENT,
    DELIVERY_CONFIRMED,
    RETRY_ATTEMPT,
    FALLBACK_USED,
    DEGRADED_PERFORMANCE,
    COMMUNICATION_FAILED,
    API_ERROR,
    ALL_CHANNELS_FAILED,
    AUTHENTICATION_FAILED,
    SYSTEM_ISSUE,
)
"""Every domain event of the CRM."""

BASE_FIELDS = ("timestamp", "level", "logger", "message", "module", "function", "line", "component", "event")
"""Fields of every line, in the order in which they are written."""

CORRELATION_FIELDS = ("plan_id", "client_id", "communication_id")
"""Fields that tie lines of one communication together."""

DOMAIN_FIELDS = ("channel", "message_type", "status")
