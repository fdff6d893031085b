"""Label names and the values they may take.

A label with `values` is closed: the in-app library writes `other` for anything else, so that a bug in a caller cannot
create series without bound. A label without `values` is open but bounded by `max_values`.
"""

from dataclasses import dataclass

OTHER = "other"
"""What the library writes in place of a value that is not allowed."""


@dataclass(frozen=True, slots=True)
class Label:
    """One label of the application's metrics."""

    name: str
    description: str
    values: tuple[str, ...] = ()
    max_values: int = 50


EMAIL = "email"

CHANNELS = (EMAIL, "sms", "whatsapp", "chat", "push")

DELIVERED_STATUSES = ("delivered", "opened", "clicked", "read")
"""Values of `status` that end a communication well."""

FAILED_STATUSES = ("failed", "bounced", "rejected", "undelivered", "expired")
"""Values of `status` that end a communication badly. Everything else is on its way and counts in neither."""

QUEUED = "queued"

PENDING_STATUSES = (QUEUED, "sent")

DELIVERED = "delivered"

FINISHED_STATUSES = (DELIVERED, *FAILED_STATUSES)
"""Values of `status` that count a finished communication exactly once. An opened e-mail was counted as delivered
before, so `opened`, `clicked` and `read` would count it again and make failures look rarer than they are."""

AUTHENTICATION_ERROR = "auth"

AUTHENTICATION_ERRORS = (AUTHENTICATION_ERROR, "authentication", "unauthorized", "forbidden")
"""Values of `error_type` that mean: the provider refuses our credentials. The library writes `auth`."""

CHANNEL = Label("channel", "Communication channel.", CHANNELS)
PRIMARY_CHANNEL = Label("primary_channel", "Channel that was tried first.", CHANNELS)
FALLBACK_CHANNEL = Label("fallback_channel", "Channel that was used instead.", CHANNELS)
MESSAGE_TYPE = Label("message_type", "Business type of the message, for example welcome or budget_summary.")
STATUS = Label(
    "status",
    "State that the communication reached; each is counted once when it is reached.",
    (*PENDING_STATUSES, *DELIVERED_STATUSES, *FAILED_STATUSES),
)
API = Label("api", "Provider whose API is called, for example twilio or smtp.")
ERROR_TYPE = Label(
    "error_type",
    "Class of the provider's error.",
    (
        *AUTHENTICATION_ERRORS,
        "rate_limit",
        "timeout",
        "connection",
        "invalid_request",
        "invalid_recipient",
        "server_error",
    ),
)
ATTEMPT_NUMBER = Label("attempt_number", "Number of the attempt, the first retry is 1.", ("1", "2", "3", "4", "5"))
PRIORITY = Label("priority", "Priority of the queue.", ("critical", "high", "normal", "low"))
VERSION = Label("version", "Version of the CRM.")
ENVIRONMENT = Label("environment", "Environment of the CRM, for example production.")
METRIC = Label("metric", "Name of the metric that a rejected value was meant for.")
LABEL = Label("label", "Name of the label that a rejected value was meant for.")

NAMESPACE = "namespace"
"""First half of a series' and an alert's identity: the namespace of the resource."""

RESOURCE = "crm_monitoring"
"""Second half of the identity: the name of the resource. Stamped by the scrape objects, never by the application."""

IDENTITY = (NAMESPACE, RESOURCE)

SEVERITY = "severity"
SEVERITIES = ("critical", "high", "medium", "low")
"""From worst to mildest."""

ALERT_NAME = "alertname"
CLUSTER = "cluster"
"""Third part of an alert's identity where one Alertmanager serves several clusters."""
SCOPE = "scope"
"""Tells alerts of one name apart: `overall` or `channel`."""
DIRECTION = "direction"
"""Tells alerts of one name apart: `low` or `high`."""
SLO = "slo"
"""Name of the objective that an alert is about."""
