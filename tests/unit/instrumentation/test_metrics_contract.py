"""The contract seen from outside: what a scrape of a used collector holds."""

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, disable_created_metrics, enable_created_metrics, generate_latest
from prometheus_client.core import Metric as Family
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from crm_monitoring.contract import metrics as contract
from crm_monitoring.contract.metrics import MetricType
from crm_monitoring.instrumentation.metrics import MetricsCollector


@pytest.fixture
def used() -> Iterator[CollectorRegistry]:
    disable_created_metrics()  # type: ignore[no-untyped-call]
    collector = MetricsCollector(CollectorRegistry())
    collector.set_info("2.0.0", "production")
    collector.record_communication_sent("welcome", "email", "sent")
    collector.record_delivery_time("email", 5.2)
    collector.record_open_rate("welcome", 0.4)
    collector.record_click_rate("welcome", 0.1)
    collector.record_api_request("twilio")
    collector.record_api_error("twilio", "no such type")
    collector.record_retry_attempt("email", 1)
    collector.record_fallback_used("email", "sms")
    collector.set_channel_availability("email", True)
    collector.set_queue_size("high", 3)
    collector.record_cache_hit()
    collector.record_open_rate("welcome", 40)
    yield collector.registry
    enable_created_metrics()  # type: ignore[no-untyped-call]


def shape(family: Family) -> tuple[str, str, frozenset[str]]:
    labels = {label for sample in family.samples for label in sample.labels} - {"le"}
    return family.name, family.type, frozenset(labels)


def test_the_text_format_holds_exactly_the_metrics_types_and_labels_of_the_contract(used: CollectorRegistry) -> None:
    expected = {
        (
            metric.name.removesuffix("_total"),
            "gauge" if metric.type is MetricType.INFO else metric.type.value,
            frozenset(metric.label_names),
        )
        for metric in (*contract.ALL, *contract.OWN)
    }
    assert {shape(family) for family in parse_text(generate_latest(used).decode())} == expected


def test_openmetrics_holds_exactly_the_metrics_types_and_labels_of_the_contract(used: CollectorRegistry) -> None:
    expected = {
        (
            metric.name.removesuffix("_info").removesuffix("_total"),
            metric.type.value,
            frozenset(metric.label_names),
        )
        for metric in (*contract.ALL, *contract.OWN)
    }
    text = generate_openmetrics(used).decode()  # type: ignore[no-untyped-call]
    assert {shape(family) for family in parse_openmetrics(text)} == expected  # type: ignore[no-untyped-call]


def test_series_are_called_what_a_query_of_the_contract_selects(used: CollectorRegistry) -> None:
    names = {sample.name for family in parse_text(generate_latest(used).decode()) for sample in family.samples}
    histogram = contract.DELIVERY_TIME.name
    expected = {metric.name for metric in (*contract.ALL, *contract.OWN)} - {histogram}
    assert names == expected | {f"{histogram}_{part}" for part in ("bucket", "count", "sum")}


def test_the_buckets_are_those_of_the_contract(used: CollectorRegistry) -> None:
    bounds = [
        sample.labels["le"]
        for family in used.collect()
        for sample in family.samples
        if sample.name == "crm_delivery_time_seconds_bucket"
    ]
    assert bounds == [*map(str, contract.DELIVERY_TIME.buckets), "+Inf"]


def test_help_is_that_of_the_contract(used: CollectorRegistry) -> None:
    found = {family.name: family.documentation for family in parse_text(generate_latest(used).decode())}
    assert found == {metric.name.removesuffix("_total"): metric.help for metric in (*contract.ALL, *contract.OWN)}
