"""The sample CRM from outside: what it exports, answers and logs is what the contract and the product's document say."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample as Value

from crm_monitoring.contract import logs
from crm_monitoring.contract.environment import METRICS_PATH as METRICS_PATH_VARIABLE
from crm_monitoring.contract.environment import METRICS_PORT
from crm_monitoring.contract.health import COMPONENTS, HEALTH_PATH, LIVENESS_PATH, METRICS_PATH, READINESS_PATH
from crm_monitoring.contract.metrics import ALL, OWN, Metric, MetricType
from support.live import eventually
from support.sample import SOURCE, Sample, running

pytestmark = pytest.mark.integration

EXPOSED = {MetricType.INFO: "gauge"}
"""Types that the text format has no name for."""
SUFFIXES = {MetricType.HISTOGRAM: ("_bucket", "_count", "_sum")}
BUSY = ("authentication", "delivery_drop", "api_errors", "retries", "fallback", "cache_misses")
"""Faults that together make the sample use every metric and log every event."""
SHARE = 0.2
RARE = {logs.DEGRADED_PERFORMANCE.name, logs.SYSTEM_ISSUE.name, logs.ALL_CHANNELS_FAILED.name}
"""Events that the sample does not log while a channel works and the queue is not full."""
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    """A sample that has met most kinds of trouble, and works again."""
    with running(tmp_path_factory.mktemp("sample"), rate=80, CRM_LOG_LEVEL="DEBUG") as found:
        for fault in BUSY:
            found.fault(fault, share=SHARE)
        eventually(lambda: events(found) >= {event.name for event in logs.ALL} - RARE, within=60)
        for fault in BUSY:
            found.fault(fault, on=False)
        yield found


def events(sample: Sample) -> set[str]:
    return {line["event"] for line in sample.lines()}


def values(sample: Sample) -> list[Value]:
    return [value for family in text_string_to_metric_families(sample.metrics()) for value in family.samples]


def of(metric: Metric, found: list[Value]) -> list[Value]:
    names = {metric.name + suffix for suffix in SUFFIXES.get(metric.type, ("",))}
    return [value for value in found if value.name in names]


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_a_metric_has_the_labels_of_the_contract_and_no_value_that_it_does_not_allow(
    metric: Metric, sample: Sample
) -> None:
    found = of(metric, values(sample))
    assert found
    for value in found:
        labels = {name: text for name, text in value.labels.items() if name != "le"}
        assert set(labels) == set(metric.label_names), value
    for label in metric.labels:
        seen = {value.labels[label.name] for value in found}
        assert len(seen) <= label.max_values
        assert not label.values or seen <= set(label.values)


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_a_metric_has_the_type_of_the_contract(metric: Metric, sample: Sample) -> None:
    types = dict(re.findall(r"^# TYPE (crm_\w+) (\w+)$", sample.metrics(), re.M))

    assert types[metric.name] == EXPOSED.get(metric.type, metric.type.value)


def test_the_histogram_has_the_buckets_of_the_contract(sample: Sample) -> None:
    (histogram,) = [metric for metric in ALL if metric.type is MetricType.HISTOGRAM]
    bounds = {value.labels["le"] for value in of(histogram, values(sample)) if value.name.endswith("_bucket")}

    assert sorted(map(float, bounds)) == [*histogram.buckets, float("inf")]


def test_nothing_else_is_exported_under_the_products_prefix(sample: Sample) -> None:
    found = values(sample)
    known = [value for metric in (*ALL, *OWN) for value in of(metric, found)]

    assert [value for value in found if value.name.startswith("crm_") and value not in known] == []


def test_no_value_was_refused_by_the_library(sample: Sample) -> None:
    assert [value for metric in OWN for value in of(metric, values(sample))] == []


def test_no_communication_is_finished_twice(sample: Sample) -> None:
    counts: dict[str, float] = {}
    for value in values(sample):
        if value.name == "crm_communications_total":
            counts[value.labels["status"]] = counts.get(value.labels["status"], 0.0) + value.value

    finished = counts["delivered"] + counts["bounced"] + counts["failed"]
    assert counts["queued"] >= finished > 0
    assert counts["opened"] <= counts["delivered"]


def test_the_service_port_offers_the_same_metrics_in_the_openmetrics_format_too(sample: Sample) -> None:
    status, text = sample.get(METRICS_PATH + "/", Accept="application/openmetrics-text; version=1.0.0")
    families = openmetrics.text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    names = {value.name for family in families for value in family.samples}

    assert status == 200
    assert {value.name for value in values(sample)} <= names


HEALTH = {
    "nothing": ("", 200, "healthy", {}),
    "one channel of two that one agent serves": ("channel_down", 200, "healthy", {}),
    "the cache": ("cache_misses", 200, "degraded", {"cache": "unhealthy"}),
    "the database": ("database_down", 503, "unhealthy", {"database": "unhealthy"}),
    "every channel": (
        "all_channels_down",
        503,
        "unhealthy",
        {"email_agent": "unhealthy", "messaging_agent": "unhealthy"},
    ),
}
"""What is broken: the fault, the answer's code, the health of the whole and of the parts that are not healthy."""


@pytest.mark.parametrize("broken", HEALTH)
def test_health_says_what_is_broken_and_readiness_follows_it(broken: str, sample: Sample) -> None:
    fault, code, overall, parts = HEALTH[broken]
    if fault:
        sample.fault(fault)
    try:
        health = eventually(lambda: at(sample, HEALTH_PATH, code, overall), within=15)
        found = {name: part["status"] for name, part in health["components"].items()}
        assert found == dict.fromkeys(COMPONENTS, "healthy") | parts
        assert at(sample, READINESS_PATH, code, overall)
        assert sample.get(LIVENESS_PATH)[0] == 200
    finally:
        if fault:
            sample.fault(fault, on=False)
    eventually(lambda: at(sample, HEALTH_PATH, 200, "healthy"), within=15)


def test_health_has_the_fields_of_the_document(sample: Sample) -> None:
    health = eventually(lambda: at(sample, f"{HEALTH_PATH}?include_details=true", 200, "healthy"), within=15)

    assert list(health) == ["status", "version", "timestamp", "uptime_seconds", "components"]
    assert set(health["components"]) == set(COMPONENTS)
    for part in health["components"].values():
        assert list(part) == ["status", "message", "last_check", "metadata"]


def at(sample: Sample, path: str, code: int, overall: str) -> dict[str, Any]:
    """Return the health if it is as it should be, else nothing."""
    status, text = sample.get(path)
    body: dict[str, Any] = json.loads(text)
    return body if (status, body["status"]) == (code, overall) else {}


def test_every_line_of_the_log_is_json_with_the_fields_of_the_document_in_their_order(sample: Sample) -> None:
    for line in sample.lines():
        assert tuple(line)[: len(logs.BASE_FIELDS)] == logs.BASE_FIELDS
        assert TIMESTAMP.fullmatch(line["timestamp"])


def test_an_event_has_its_level_and_message_and_says_which_communication_it_is_about(sample: Sample) -> None:
    known = {event.name: event for event in logs.ALL}
    found = [line for line in sample.lines() if line["logger"].startswith("sample_crm")]
    assert found
    for line in found:
        event = known[line["event"]]
        assert (line["level"], line["message"]) == (event.level, event.message)
        assert {*logs.CORRELATION_FIELDS} <= set(line)


def test_the_faults_are_those_that_its_readme_lists(sample: Sample) -> None:
    listed = re.findall(r"^\| `(\w+)` \|", (SOURCE / "README.md").read_text(encoding="utf-8"), re.M)
    status, text = sample.get("/faults")

    assert status == 200
    assert set(json.loads(text)) == set(listed)


def test_a_wrong_setting_stops_the_start_and_is_named() -> None:
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), METRICS_PORT.name: "x", METRICS_PATH_VARIABLE.name: "y"}
    done = subprocess.run(
        [sys.executable, "-m", "sample_crm"], env=environment, capture_output=True, text=True, check=False, timeout=30
    )

    assert done.returncode == 2
    assert METRICS_PORT.name in done.stderr
    assert METRICS_PATH_VARIABLE.name in done.stderr
    assert "Traceback" not in done.stderr
