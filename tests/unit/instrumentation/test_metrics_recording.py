"""Recording: on an instance, on the class, around blocks and functions."""

import math
import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry

from crm_monitoring.contract import labels
from crm_monitoring.contract.metrics import DELIVERY_TIME
from crm_monitoring.instrumentation.metrics import (
    MetricsCollector,
    initialize_metrics,
    observe_delivery,
    track_active,
)
from crm_monitoring.instrumentation.metrics.collector import replace_default_collector
from crm_monitoring.instrumentation.testing import isolated_metrics

Record = Callable[[MetricsCollector], None]

RECORDED: dict[str, tuple[Record, str, dict[str, str], float]] = {
    "a communication that was sent": (
        lambda c: c.record_communication_sent(message_type="welcome", channel="email", status="sent"),
        "crm_communications_total",
        {"message_type": "welcome", "channel": "email", "status": "sent"},
        1,
    ),
    "a delivery time": (
        lambda c: c.record_delivery_time(channel="sms", delivery_time_seconds=5.25),
        "crm_delivery_time_seconds_sum",
        {"channel": "sms"},
        5.25,
    ),
    "the number of delivery times": (
        lambda c: c.record_delivery_time(channel="sms", delivery_time_seconds=5.25),
        "crm_delivery_time_seconds_count",
        {"channel": "sms"},
        1,
    ),
    "an open rate": (
        lambda c: c.record_open_rate(message_type="welcome", open_rate=0.4),
        "crm_open_rate",
        {"message_type": "welcome"},
        0.4,
    ),
    "a click rate": (
        lambda c: c.record_click_rate(message_type="welcome", click_rate=1),
        "crm_click_rate",
        {"message_type": "welcome"},
        1,
    ),
    "an API request": (lambda c: c.record_api_request(api="twilio"), "crm_api_requests_total", {"api": "twilio"}, 1),
    "an API error": (
        lambda c: c.record_api_error(api="twilio", error_type="rate_limit"),
        "crm_api_errors_total",
        {"api": "twilio", "error_type": "rate_limit"},
        1,
    ),
    "a retry, its number as a number": (
        lambda c: c.record_retry_attempt(channel="email", attempt_number=2),
        "crm_retry_attempts_total",
        {"channel": "email", "attempt_number": "2"},
        1,
    ),
    "a fallback": (
        lambda c: c.record_fallback_used(primary_channel="email", fallback_channel="sms"),
        "crm_fallback_used_total",
        {"primary_channel": "email", "fallback_channel": "sms"},
        1,
    ),
    "an available channel": (
        lambda c: c.set_channel_availability(channel="chat", available=True),
        "crm_channel_availability",
        {"channel": "chat"},
        1,
    ),
    "an unavailable channel": (
        lambda c: c.set_channel_availability(channel="chat", available=False),
        "crm_channel_availability",
        {"channel": "chat"},
        0,
    ),
    "an active communication": (lambda c: c.increment_active_communications(), "crm_active_communications", {}, 1),
    "a queue": (lambda c: c.set_queue_size(priority="high", size=7), "crm_queue_size", {"priority": "high"}, 7),
    "a cache hit": (lambda c: c.record_cache_hit(), "crm_cache_hits_total", {}, 1),
    "a cache miss": (lambda c: c.record_cache_miss(), "crm_cache_misses_total", {}, 1),
    "version and environment": (
        lambda c: c.set_info("2.0.0", "production"),
        "crm_info",
        {"version": "2.0.0", "environment": "production"},
        1,
    ),
}


@pytest.mark.parametrize("what", RECORDED)
def test_it_is_recorded_in_the_registry_of_the_collector(what: str) -> None:
    record, name, series, value = RECORDED[what]
    collector = MetricsCollector(CollectorRegistry(), strict=True)
    record(collector)
    assert collector.registry.get_sample_value(name, series) == value


@pytest.mark.parametrize("what", [what for what in RECORDED if what != "version and environment"])
def test_the_class_records_in_the_default_collector(what: str) -> None:
    record, name, series, value = RECORDED[what]
    with isolated_metrics() as collector:
        record(MetricsCollector)  # type: ignore[arg-type]
        assert collector.registry.get_sample_value(name, series) == value


def test_an_instance_does_not_record_in_the_default_collector() -> None:
    own = MetricsCollector(CollectorRegistry())
    with isolated_metrics() as default:
        own.record_cache_hit()
        assert own.registry.get_sample_value("crm_cache_hits_total") == 1
        assert default.registry.get_sample_value("crm_cache_hits_total") == 0


def test_initialising_again_keeps_the_collector_and_takes_over_the_version() -> None:
    registry = CollectorRegistry()
    former = replace_default_collector(None)
    try:
        first = initialize_metrics(registry, version="1", environment="test")
        MetricsCollector.record_cache_hit()
        second = initialize_metrics(registry, version="2", environment="test", channels=["sms"])
    finally:
        replace_default_collector(former)
    assert first is second
    assert registry.get_sample_value("crm_cache_hits_total") == 1
    assert registry.get_sample_value("crm_info", {"version": "2", "environment": "test"}) == 1
    assert registry.get_sample_value("crm_info", {"version": "1", "environment": "test"}) is None
    assert registry.get_sample_value("crm_delivery_time_seconds_count", {"channel": "sms"}) == 0


BEFORE_INITIALISATION = """
from prometheus_client import REGISTRY, generate_latest
from crm_monitoring.instrumentation.metrics import MetricsCollector, initialize_metrics

MetricsCollector.record_cache_hit()
assert initialize_metrics(version="3", environment="test").registry is REGISTRY
print(generate_latest().decode())
"""


def test_recording_before_any_initialisation_uses_the_registry_of_the_process() -> None:
    run = subprocess.run(
        [sys.executable, "-c", BEFORE_INITIALISATION],
        env={**os.environ, "PYTHONPATH": "operator"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "crm_cache_hits_total 1.0" in run.stdout
    assert 'crm_info{environment="test",version="3"} 1.0' in run.stdout
    assert "_created" not in run.stdout


def test_two_collectors_in_one_registry_are_refused() -> None:
    registry = CollectorRegistry()
    MetricsCollector(registry)
    with pytest.raises(ValueError, match="Duplicated"):
        MetricsCollector(registry)


def test_what_an_alert_compares_exists_before_the_first_event() -> None:
    registry = CollectorRegistry()
    collector = MetricsCollector(registry, channels=["email", "sms"])
    collector.record_api_request(api="twilio")
    collector.record_communication_sent(message_type="welcome", channel="email", status="queued")
    zeros: list[tuple[str, dict[str, str]]] = [
        ("crm_api_errors_total", {"api": "twilio", "error_type": "auth"}),
        ("crm_delivery_time_seconds_count", {"channel": "email"}),
        ("crm_retry_attempts_total", {"channel": "sms", "attempt_number": "1"}),
        ("crm_fallback_used_total", {"primary_channel": "email", "fallback_channel": "sms"}),
        ("crm_fallback_used_total", {"primary_channel": "sms", "fallback_channel": "email"}),
        *(
            ("crm_communications_total", {"message_type": "welcome", "channel": "email", "status": status})
            for status in labels.FINISHED_STATUSES
        ),
    ]
    assert [registry.get_sample_value(name, series) for name, series in zeros] == [0.0] * len(zeros)


def test_the_first_error_of_a_provider_starts_its_requests() -> None:
    collector = MetricsCollector(CollectorRegistry())
    collector.record_api_error(api="smtp", error_type="timeout")
    assert collector.registry.get_sample_value("crm_api_requests_total", {"api": "smtp"}) == 0


def test_no_channel_is_called_available_before_anybody_looked() -> None:
    collector = MetricsCollector(CollectorRegistry(), channels=["email"])
    assert collector.registry.get_sample_value("crm_channel_availability", {"channel": "email"}) is None


@pytest.mark.parametrize("seconds", [*DELIVERY_TIME.buckets, 0.0, 0.51, 299.9, 5000.0])
def test_a_delivery_time_falls_into_its_bucket(seconds: float) -> None:
    collector = MetricsCollector(CollectorRegistry(), strict=True)
    collector.record_delivery_time(channel="email", delivery_time_seconds=seconds)
    for bound in (*DELIVERY_TIME.buckets, math.inf):
        le = "+Inf" if bound == math.inf else str(bound)
        count = collector.registry.get_sample_value("crm_delivery_time_seconds_bucket", {"channel": "email", "le": le})
        assert count == (seconds <= bound)


def test_an_active_communication_is_counted_while_the_block_runs_and_not_after_it_failed() -> None:
    collector = MetricsCollector(CollectorRegistry())

    def active() -> float | None:
        return collector.registry.get_sample_value("crm_active_communications")

    def fail() -> None:
        with track_active(collector), track_active(collector):
            assert active() == 2
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert active() == 0


def test_a_decorated_function_is_tracked_on_every_call_by_the_default_collector_of_that_time() -> None:
    @track_active()
    def send() -> float | None:
        return collector.registry.get_sample_value("crm_active_communications")

    for _ in range(2):
        with isolated_metrics() as collector:
            assert (send(), send()) == (1, 1)
            assert collector.registry.get_sample_value("crm_active_communications") == 0


async def test_a_decorated_coroutine_is_tracked_while_it_is_awaited() -> None:
    collector = MetricsCollector(CollectorRegistry())

    @observe_delivery(channel="email", collector=collector)
    @track_active(collector)
    async def send() -> float | None:
        return collector.registry.get_sample_value("crm_active_communications")

    assert await send() == 1
    assert collector.registry.get_sample_value("crm_active_communications") == 0
    assert collector.registry.get_sample_value("crm_delivery_time_seconds_count", {"channel": "email"}) == 1


def test_a_failed_block_is_no_delivery() -> None:
    collector = MetricsCollector(CollectorRegistry(), channels=["email"])
    with pytest.raises(OSError, match="refused"), observe_delivery("email", collector):
        raise OSError("refused")
    assert collector.registry.get_sample_value("crm_delivery_time_seconds_count", {"channel": "email"}) == 0
