"""Spans around sending, retrying and delivering, for a CRM that uses OpenTelemetry (extra `otel`).

Nothing is imported until a span is asked for, and without the extra every span is one that does nothing, so that the
calling code is the same with and without tracing.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from crm_monitoring.contract import spans
from crm_monitoring.instrumentation.correlation import current_correlation

TRACING = "opentelemetry.trace"
"""The module that a process has imported if a span can be active."""


class Span(Protocol):
    """What the caller may do with a span; OpenTelemetry's own spans can do more."""

    def set_attribute(self, key: str, value: Any) -> None:
        """Add one fact."""

    def add_event(self, name: str, attributes: Mapping[str, Any] | None = None) -> None:
        """Add one moment."""


class _NoSpan:
    """Stands in for a span where OpenTelemetry is not installed."""

    def set_attribute(self, key: str, value: Any) -> None:
        """Do nothing."""

    def add_event(self, name: str, attributes: Mapping[str, Any] | None = None) -> None:
        """Do nothing."""


def send_span(*, channel: str, message_type: str, **attributes: object) -> AbstractContextManager[Span]:
    """Open a span around handing one communication to a provider.

    Identifiers that `correlation` holds are added, and further attributes under the prefix `crm.`. An exception that
    leaves the block marks the span as failed with the exception's class; its text may hold credentials and stays out.
    """
    return _span(spans.SEND, "CLIENT", {"channel": channel, "message_type": message_type, **attributes})


def retry_span(*, channel: str, attempt_number: int, **attributes: object) -> AbstractContextManager[Span]:
    """Open a span around one more attempt; the first retry has the number 1. Otherwise as `send_span`."""
    return _span(spans.RETRY, "INTERNAL", {"channel": channel, "attempt_number": attempt_number, **attributes})


def delivery_span(*, channel: str, status: str, **attributes: object) -> AbstractContextManager[Span]:
    """Open a span around handling a provider's confirmation. Otherwise as `send_span`."""
    return _span(spans.DELIVERY, "CONSUMER", {"channel": channel, "status": status, **attributes})


def trace_ids() -> dict[str, str] | None:
    """Return the trace id and the span id of the active, sampled span, or None.

    Costs a dictionary look-up in a process that never imported OpenTelemetry.
    """
    trace = sys.modules.get(TRACING)
    if trace is None:
        return None
    context = trace.get_current_span().get_span_context()
    if not context.is_valid or not context.trace_flags.sampled:
        return None
    return {spans.TRACE_ID: f"{context.trace_id:032x}", spans.SPAN_ID: f"{context.span_id:016x}"}


@contextmanager
def _span(name: str, kind: str, attributes: Mapping[str, object]) -> Iterator[Span]:
    try:
        from opentelemetry import trace  # noqa: PLC0415 (the extra may be absent, and costs nothing until it is used)
    except ImportError:
        yield _NoSpan()
        return
    named = {spans.PREFIX + key: _attribute(value) for key, value in {**current_correlation(), **attributes}.items()}
    with trace.get_tracer(spans.TRACER).start_as_current_span(
        name, kind=trace.SpanKind[kind], attributes=named, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except BaseException as error:
            span.set_attribute(spans.ERROR, type(error).__name__)
            span.set_status(trace.Status(trace.StatusCode.ERROR))
            raise


def _attribute(value: object) -> str | bool | int | float:
    return value if isinstance(value, str | bool | int | float) else str(value)
