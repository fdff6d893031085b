"""The help for tests, the messages of its failures above all."""

import logging
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter

from crm_monitoring.instrumentation.logging_config import get_crm_logger
from crm_monitoring.instrumentation.metrics import MetricsCollector
from crm_monitoring.instrumentation.testing import (
    assert_logged,
    assert_metric_increased,
    capture_logs,
    capture_metrics,
    isolated_metrics,
    metric_value,
)

WELCOME: dict[str, Any] = {"message_type": "welcome", "channel": "email", "status": "delivered"}


def test_the_example_of_the_product_passes() -> None:
    with isolated_metrics(), assert_metric_increased("crm_communications_total", by=1, **WELCOME):
        MetricsCollector.record_communication_sent(message_type="welcome", channel="email", status="delivered")


def test_a_metric_that_did_not_grow_says_so_and_what_there_is() -> None:
    def claim(collector: MetricsCollector) -> None:
        with assert_metric_increased("crm_communications_total", **WELCOME):
            collector.record_communication_sent("welcome", "sms", "sent")

    with isolated_metrics() as collector, pytest.raises(AssertionError) as failure:
        claim(collector)
    message = str(failure.value)
    assert (
        'crm_communications_total{channel="email", message_type="welcome", status="delivered"} should grow' in message
    )
    assert "it went from 0 to 0" in message
    assert 'crm_communications_total{channel="sms", message_type="welcome", status="sent"} 1' in message


def test_a_metric_that_grew_by_another_amount_fails() -> None:
    def claim(collector: MetricsCollector) -> None:
        with assert_metric_increased("crm_cache_hits_total", by=1):
            collector.record_cache_hit()
            collector.record_cache_hit()

    with isolated_metrics() as collector:
        collector.record_cache_hit()
        with pytest.raises(AssertionError, match="should grow by 1; it went from 1 to 3"):
            claim(collector)


def test_an_exception_of_the_block_comes_through() -> None:
    with isolated_metrics(), pytest.raises(KeyError), assert_metric_increased("crm_cache_hits_total"):
        raise KeyError


def test_values_before_and_after() -> None:
    with isolated_metrics() as collector:
        collector.record_api_request("twilio")
        with capture_metrics() as metrics:
            collector.record_api_request("twilio")
        found = [
            look("crm_api_requests_total", api="twilio") for look in (metrics.before, metrics.after, metrics.increase)
        ]
        assert found == [1, 2, 1]


def test_a_series_that_does_not_exist_yet_is_zero() -> None:
    with isolated_metrics():
        assert metric_value(None, "crm_communications_total", **WELCOME) == 0
        assert metric_value(None, "crm_delivery_time_seconds_count", channel="email") == 0


def test_a_name_that_does_not_exist_is_an_error_and_not_zero() -> None:
    registry = CollectorRegistry()
    Counter("known", "x", registry=registry)
    with pytest.raises(LookupError, match=r"no metric is called crm_comunications_total; there are: .*known_total"):
        metric_value(registry, "crm_comunications_total")


def test_a_label_that_does_not_exist_is_an_error_and_not_zero() -> None:
    with isolated_metrics() as collector:
        collector.record_api_request("twilio")
        with pytest.raises(
            LookupError, match=r"no series of crm_api_requests_total has exactly the labels \['provider'\]"
        ):
            metric_value(collector.registry, "crm_api_requests_total", provider="twilio")


def test_isolation_ends_with_the_block() -> None:
    with isolated_metrics() as outer:
        with isolated_metrics():
            MetricsCollector.record_cache_hit()
        assert metric_value(outer.registry, "crm_cache_hits_total") == 0


def test_a_line_is_found_by_its_fields() -> None:
    with capture_logs() as entries:
        get_crm_logger(__name__).info("Test message", plan_id="test-123")
    assert assert_logged(entries, message="Test message", plan_id="test-123")["level"] == "INFO"


def test_a_line_that_is_missing_shows_the_closest_first() -> None:
    with capture_logs() as entries:
        get_crm_logger("x").info("other")
        get_crm_logger("x").communication_sent(channel="sms", message_type="welcome", status="sent")
    with pytest.raises(AssertionError) as failure:
        assert_logged(entries, event="communication_sent", channel="email")
    assert str(failure.value).splitlines() == [
        "no entry has event='communication_sent', channel='email'; closest first:",
        "  INFO 'Communication sent': channel='sms'",
        "  INFO 'other': event='log', channel='(absent)'",
    ]


def test_no_line_at_all_is_said_plainly() -> None:
    with pytest.raises(AssertionError, match="nothing was logged"):
        assert_logged([], event="x")


def test_lines_of_the_standard_library_are_captured_and_logging_is_as_before_afterwards() -> None:
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    with capture_logs() as entries:
        logging.getLogger("some.library").debug("detail")
    assert_logged(entries, logger="some.library", level="DEBUG")
    assert (list(root.handlers), root.level) == before


def test_captured_lines_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    with capture_logs("INFO"):
        get_crm_logger("x").info("quiet")
    assert capsys.readouterr().out == ""
