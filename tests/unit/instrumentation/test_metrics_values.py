"""Label values that the contract does not allow, and measurements that cannot be true."""

import logging
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from crm_monitoring.contract import labels
from crm_monitoring.instrumentation.metrics import MetricsCollector
from crm_monitoring.instrumentation.testing import metric_value


@pytest.fixture
def collector() -> MetricsCollector:
    return MetricsCollector(CollectorRegistry())


def rejected(collector: MetricsCollector, metric: str, label: str) -> float:
    return metric_value(collector.registry, "crm_label_values_rejected_total", metric=metric, label=label)


def test_an_unknown_value_of_a_closed_label_becomes_other_and_each_is_counted(collector: MetricsCollector) -> None:
    for _ in range(2):
        collector.record_communication_sent(message_type="welcome", channel="pigeon", status="sent")
    series = {"message_type": "welcome", "channel": "other", "status": "sent"}
    assert collector.registry.get_sample_value("crm_communications_total", series) == 2
    assert rejected(collector, "crm_communications_total", "channel") == 2


def test_other_itself_is_no_mistake(collector: MetricsCollector) -> None:
    collector.record_api_error(api="twilio", error_type="other")
    assert metric_value(collector.registry, "crm_api_errors_total", api="twilio", error_type="other") == 1
    assert rejected(collector, "crm_api_errors_total", "error_type") == 0


def test_an_open_label_takes_so_many_values_and_no_more(collector: MetricsCollector) -> None:
    most = labels.MESSAGE_TYPE.max_values
    for number in range(most + 20):
        collector.record_open_rate(message_type=f"type-{number}", open_rate=0.5)
    families = {family.name: family for family in collector.registry.collect()}
    values = {sample.labels["message_type"] for sample in families["crm_open_rate"].samples}
    assert values == {f"type-{number}" for number in range(most)} | {"other"}
    assert rejected(collector, "crm_open_rate", "message_type") == 20


def test_an_open_label_has_the_same_values_in_all_its_metrics(collector: MetricsCollector) -> None:
    for number in range(labels.API.max_values):
        collector.record_api_request(api=f"api-{number}")
    collector.record_api_error(api="api-0", error_type="timeout")
    collector.record_api_error(api="one-more", error_type="timeout")
    assert metric_value(collector.registry, "crm_api_errors_total", api="api-0", error_type="timeout") == 1
    assert metric_value(collector.registry, "crm_api_errors_total", api="other", error_type="timeout") == 1


@pytest.mark.parametrize("spelling", labels.AUTHENTICATION_ERRORS)
def test_every_spelling_of_an_authentication_error_counts_in_the_series_that_already_exists(
    collector: MetricsCollector, spelling: str
) -> None:
    collector.record_api_error(api="twilio", error_type=spelling)
    assert metric_value(collector.registry, "crm_api_errors_total", api="twilio", error_type="auth") == 1


@given(text=st.text(alphabet=st.characters()))
def test_no_text_as_a_label_value_breaks_the_scrape(text: str) -> None:
    collector = MetricsCollector(CollectorRegistry())
    collector.record_api_request(api=text)
    collector.record_api_request(api="\ud800")
    list(text_string_to_metric_families(generate_latest(collector.registry).decode()))
    total = sum(s.value for f in collector.registry.collect() for s in f.samples if s.name == "crm_api_requests_total")
    assert total == 2


def test_refused_values_are_not_remembered(collector: MetricsCollector) -> None:
    for number in range(1000):
        collector.record_api_error(api="twilio", error_type=f"E{number}")
    assert len(collector._errors) == 0


IMPOSSIBLE: dict[str, tuple[object, float | None]] = {
    "a percentage": (85, 1.0),
    "below zero": (-0.1, 0.0),
    "infinite": (math.inf, None),
    "not a number": (math.nan, None),
    "a text": ("0.4", None),
    "nothing": (None, None),
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_an_impossible_ratio_is_moved_to_the_nearest_or_dropped_counted_and_warned_of_once(
    collector: MetricsCollector, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    value, recorded = IMPOSSIBLE[what]
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            collector.record_open_rate(message_type="welcome", open_rate=value)  # type: ignore[arg-type]
    assert collector.registry.get_sample_value("crm_open_rate", {"message_type": "welcome"}) == recorded
    assert metric_value(collector.registry, "crm_values_rejected_total", metric="crm_open_rate") == 3
    assert [record.getMessage() for record in caplog.records if "crm_open_rate" in record.getMessage()] != []
    assert len(caplog.records) == 1


def test_a_delivery_time_that_is_no_number_does_not_spoil_the_sum(collector: MetricsCollector) -> None:
    for seconds in (math.nan, math.inf, -3.0, 2.0):
        collector.record_delivery_time(channel="email", delivery_time_seconds=seconds)
    assert metric_value(collector.registry, "crm_delivery_time_seconds_sum", channel="email") == 2.0
    assert metric_value(collector.registry, "crm_delivery_time_seconds_count", channel="email") == 2


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (lambda c: c.record_open_rate("welcome", 85), "crm_open_rate: 85 is not a number from 0 to 1"),
        (lambda c: c.set_queue_size("high", -1), "crm_queue_size: -1 is not a number from 0"),
        (lambda c: c.record_api_error("smtp", "oops"), "error_type='oops' is not allowed; accepted: one of auth"),
        (lambda c: c.record_api_request(""), "api='' is not allowed; accepted: at most 50 short texts"),
    ],
)
def test_a_strict_collector_raises_and_says_what_would_be_accepted(record: object, says: str) -> None:
    with pytest.raises(ValueError, match=says.replace("(", r"\(")):
        record(MetricsCollector(CollectorRegistry(), strict=True))  # type: ignore[operator]
