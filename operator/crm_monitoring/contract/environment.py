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
ALERT_EMAIL_TO = Variable("CRM_ALERT_EMAIL_TO", None, "Addresses that receive alerts by e-mail, separated by commas.")
ALERT_WEBHOOK_URL = Variable(
    "CRM_ALERT_WEBHOOK_URL", None, "Address that receives every alert as a JSON object by POST.", secret=True
)
ALERT_PAGERDUTY_REGION = Variable("CRM_ALERT_PAGERDUTY_REGION", "us", "Service region of PagerDuty: us or eu.")
ALERT_EMAIL_FROM = Variable(
    "CRM_ALERT_EMAIL_FROM", None, "Sender of alerts by e-mail. Unset: the first address of CRM_ALERT_EMAIL_TO."
)
ALERT_SMTP_HOST = Variable("CRM_ALERT_SMTP_HOST", "localhost", "Mail server that takes alerts by e-mail.")
ALERT_SMTP_PORT = Variable(
    "CRM_ALERT_SMTP_PORT", None, "Port of the mail server. Unset: 25 without encryption, 587 for starttls, 465 for tls."
)
ALERT_SMTP_SECURITY = Variable(
    "CRM_ALERT_SMTP_SECURITY", "none", "Encryption towards the mail server: none, starttls or tls."
)
ALERT_SMTP_USER = Variable("CRM_ALERT_SMTP_USER", None, "User name at the mail server. Unset: no authentication.")
ALERT_SMTP_PASSWORD = Variable("CRM_ALERT_SMTP_PASSWORD", None, "Password at the mail server.", secret=True)

ALERTING = (
    ALERT_PAGERDUTY_KEY,
    ALERT_PAGERDUTY_REGION,
    ALERT_SLACK_WEBHOOK,
    ALERT_WEBHOOK_URL,
    ALERT_EMAIL_TO,
    ALERT_EMAIL_FROM,
    ALERT_SMTP_HOST,
    ALERT_SMTP_PORT,
    ALERT_SMTP_SECURITY,
    ALERT_SMTP_USER,
    ALERT_SMTP_PASSWORD,
)
"""Variables of the alert manager inside the CRM. The operator sets none: the CRM would page beside Alertmanager."""

ALL = (
    LOG_LEVEL,
    LOG_FILE,
    ENABLE_JSON_LOGGING,
    METRICS_PORT,
    METRICS_PATH,
    HEALTH_CHECK_INTERVAL,
    *ALERTING,
)
"""Every variable."""
