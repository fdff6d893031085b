"""Names of spans and of their attributes, and of the fields that tie log lines and exemplars to a trace."""

from crm_monitoring.contract.labels import API, ATTEMPT_NUMBER, CHANNEL, ERROR_TYPE, MESSAGE_TYPE, STATUS
from crm_monitoring.contract.logs import CORRELATION_FIELDS

TRACER = "crm_monitoring"
"""Name of the instrumentation scope."""

SEND = "crm.send"
"""Handing one communication to a provider."""
RETRY = "crm.retry"
"""One more attempt; its parent is the span of the communication."""
DELIVERY = "crm.delivery"
"""Handling a provider's confirmation, usually in another process than the one that sent."""

ALL = (SEND, RETRY, DELIVERY)
"""Every span name."""

PREFIX = "crm."
"""Namespace of our attributes: `crm.` and the name of the label or log field that holds the same fact."""

ATTRIBUTES = tuple(
    PREFIX + name
    for name in (
        *CORRELATION_FIELDS,
        *(label.name for label in (CHANNEL, MESSAGE_TYPE, STATUS, API, ERROR_TYPE, ATTEMPT_NUMBER)),
    )
)
"""Every attribute that the library sets, `ERROR` aside."""

ERROR = "error.type"
"""OpenTelemetry's own attribute for the class of an error."""

TRACE_ID = "trace_id"
SPAN_ID = "span_id"
"""Fields of log lines and labels of exemplars: 32 and 16 hexadecimal digits."""
