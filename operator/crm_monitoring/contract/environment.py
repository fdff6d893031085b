"""Environment variables that the CRM reads."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: its name, the library's default (None: not set) and what it does."""

    name: str
    default: str | None
    description: str
    secret: bool = False


LOG_LEVEL = Variable("CRM_LOG_LEVEL", "INFO", "Lowest level that is logged: DEBUG, INFO, WARNING, ERROR or CRITICAL.")
LOG_FILE = Variable("CRM_LOG_FILE", None, "File that receives the log besides standard output.")
ENABLE_JSON_LOGGING = Variable("CRM_ENABLE_JSON_LOGGING", "true", "Whether the log is JSON, one object a line.")
METRICS_PORT = Variable("CRM_METRICS_PORT", "8000", "Port of the metrics endpoint.")
METRICS_PATH = Variable("CRM_METRICS_PATH", "/metrics", "Path of the metrics endpoint.")
HEALTH_CHECK_INTERVAL = Variable("CRM_HEALTH_CHECK_INTERVAL", "30", "Seconds between two checks of the dependencies.")
ALERT_PAGERDUTY_KEY = Variable("CRM_ALERT_PAGERDUTY_KEY", None, "PagerDuty Events v2 routing key.", secret=True)
ALERT_SLACK_WEBHOOK = Variable("CRM_ALERT_SLACK_WEBHOOK", None, "Slack incoming webhook.", secret=True)
ALERT_EMAIL_TO = Variable("CRM_ALERT_EMAIL_TO", None, "Address that receives alerts by e-mail.")

ALL = (
    LOG_LEVEL,
    LOG_FILE,
    ENABLE_JSON_LOGGING,
    METRICS_PORT,
    METRICS_PATH,
    HEALTH_CHECK_INTERVAL,
    ALERT_PAGERDUTY_KEY,
    ALERT_SLACK_WEBHOOK,
    ALERT_EMAIL_TO,
)
"""Every variable. The operator sets none of the alerting ones: the CRM would page beside Alertmanager."""
