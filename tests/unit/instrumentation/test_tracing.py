"""Spans, and the ids they give to log lines and exemplars."""

import os
import subprocess
import sys

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest

from crm_monitoring.contract import spans as contract
from crm_monitoring.instrumentation.correlation import correlation
from crm_monitoring.instrumentation.logging_config import get_crm_logger
from crm_monitoring.instrumentation.metrics import MetricsCollector
from crm_monitoring.instrumentation.testing import capture_logs
from crm_monitoring.instrumentation.tracing import delivery_span, retry_span, send_span, trace_ids

EXPORTER = InMemorySpanExporter()


@pytest.fixture(scope="module", autouse=True)
def provider() -> None:
    """OpenTelemetry's provider can be set once in a process."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(EXPORTER))
    trace.set_tracer_provider(provider)


@pytest.fixture(autouse=True)
def no_spans() -> None:
    EXPORTER.clear()


def only() -> ReadableSpan:
    (span,) = EXPORTER.get_finished_spans()
    return span


def test_a_span_has_the_attributes_of_the_contract() -> None:
    with (
        correlation(plan_id="p", client_id="c", communication_id="m"),
        send_span(channel="email", message_type="welcome"),
    ):
        pass
    span = only()
    assert (span.name, span.kind) == (contract.SEND, trace.SpanKind.CLIENT)
    assert dict(span.attributes or {}) == {
        "crm.plan_id": "p",
        "crm.client_id": "c",
        "crm.communication_id": "m",
        "crm.channel": "email",
        "crm.message_type": "welcome",
    }
    assert set(span.attributes or {}) <= set(contract.ATTRIBUTES)


def test_a_retry_is_a_child_of_the_communication() -> None:
    with send_span(channel="email", message_type="welcome"), retry_span(channel="email", attempt_number=1):
        pass
    retry, send = EXPORTER.get_finished_spans()
    assert retry.name == contract.RETRY
    assert retry.parent is not None
    assert send.context is not None
    assert retry.parent.span_id == send.context.span_id
    assert (retry.attributes or {})["crm.attempt_number"] == 1


def test_a_delivery_takes_more_attributes_and_events() -> None:
    with delivery_span(channel="sms", status="delivered", api="twilio") as span:
        span.set_attribute("crm.error_type", "none")
        span.add_event("confirmed")
    found = only()
    assert (found.name, (found.attributes or {})["crm.api"]) == (contract.DELIVERY, "twilio")
    assert [event.name for event in found.events] == ["confirmed"]


def test_a_failure_leaves_its_class_and_not_its_text() -> None:
    def fail() -> None:
        with send_span(channel="email", message_type="welcome"):
            raise ConnectionError("token=hunter2")

    with pytest.raises(ConnectionError):
        fail()
    span = only()
    assert span.status.status_code is trace.StatusCode.ERROR
    assert (span.attributes or {})[contract.ERROR] == "ConnectionError"
    assert "hunter2" not in span.to_json()


def test_log_lines_within_a_span_carry_its_ids_and_others_none() -> None:
    with capture_logs() as entries:
        with send_span(channel="email", message_type="welcome"):
            get_crm_logger("x").info("inside")
            ids = trace_ids()
        get_crm_logger("x").info("outside")
    context = only().context
    assert context is not None
    assert ids == {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}
    assert {name: entries[0][name] for name in ids} == ids
    assert not {"trace_id", "span_id"} & set(entries[1])


def test_a_span_that_is_not_recorded_gives_no_ids() -> None:
    with TracerProvider(sampler=ALWAYS_OFF).get_tracer("x").start_as_current_span("not sampled"):
        assert trace_ids() is None


def test_counts_and_delivery_times_carry_the_trace_as_exemplar_in_openmetrics() -> None:
    collector = MetricsCollector(CollectorRegistry())
    collector.record_communication_sent("untraced", "email", "sent")
    with send_span(channel="email", message_type="welcome"):
        collector.record_communication_sent("welcome", "email", "sent")
        collector.record_delivery_time("email", 5.2)
        collector.set_queue_size("high", 1)
    context = only().context
    assert context is not None
    text = generate_latest(collector.registry).decode()  # type: ignore[no-untyped-call]
    with_exemplar = [
        line.split("{")[0] + " " + line.split("} ")[0].split("{")[1] for line in text.splitlines() if " # {" in line
    ]
    assert with_exemplar == [
        'crm_communications_total channel="email",message_type="welcome",status="sent"',
        'crm_delivery_time_seconds_bucket channel="email",le="10.0"',
    ]
    assert f'trace_id="{context.trace_id:032x}"' in text


def test_exemplars_can_be_switched_off() -> None:
    collector = MetricsCollector(CollectorRegistry(), exemplars=False)
    with send_span(channel="email", message_type="welcome"):
        collector.record_api_request("twilio")
    assert " # {" not in generate_latest(collector.registry).decode()  # type: ignore[no-untyped-call]


WITHOUT_THE_EXTRA = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            asked.append(name)
            raise ImportError(name)

asked = []
sys.meta_path.insert(0, Absent())
from crm_monitoring.instrumentation.logging_config import get_crm_logger
from crm_monitoring.instrumentation.metrics import MetricsCollector, initialize_metrics
from crm_monitoring.instrumentation.tracing import send_span, trace_ids

initialize_metrics()
MetricsCollector.record_api_request(api="twilio")
get_crm_logger("x").info("line")
assert asked == [], "nothing asks for it before a span is opened"
with send_span(channel="email", message_type="welcome") as span:
    span.set_attribute("crm.api", "twilio")
    span.add_event("sent")
    assert trace_ids() is None
assert asked, "this span had to look"
"""


def test_without_the_extra_spans_do_nothing_and_nothing_is_imported() -> None:
    subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_EXTRA],
        env={**os.environ, "PYTHONPATH": "operator"},
        check=True,
        capture_output=True,
    )


HEAVY = "import sys, crm_monitoring.instrumentation; print(*sorted(m.partition('.')[0] for m in sys.modules))"


def test_the_library_imports_only_what_every_crm_can_carry() -> None:
    run = subprocess.run(
        [sys.executable, "-c", HEAVY],
        env={**os.environ, "PYTHONPATH": "operator"},
        check=True,
        capture_output=True,
        text=True,
    )
    heavy = {
        "pydantic",
        "kopf",
        "kubernetes",
        "click",
        "yaml",
        "aiohttp",
        "apprise",
        "fastapi",
        "opentelemetry",
        "rich",
    }
    assert heavy & set(run.stdout.split()) == set()
