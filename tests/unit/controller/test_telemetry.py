"""Telemetry: the metrics that are promised, and no series per resource."""

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from crm_monitoring.cluster.kube import RequestRecord
from crm_monitoring.controller.telemetry import ConditionCollector, Telemetry
from crm_monitoring.manifest import CRM_MONITORING, PROMETHEUS_RULE
from support.resources import minimal


@pytest.fixture
def telemetry():
    return Telemetry(CollectorRegistry())


def series(registry):
    text = generate_latest(registry).decode()
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith(("_created", "_bucket"))
    }


def test_a_request_is_counted_and_timed(telemetry):
    telemetry.requested(RequestRecord("apply", PROMETHEUS_RULE, "200", 0.1))
    found = series(telemetry.registry)
    labels = (("code", "200"), ("kind", "PrometheusRule"), ("verb", "apply"))
    assert found["crm_operator_api_requests_total", *labels] == 1
    assert found["crm_operator_api_request_duration_seconds_sum", ("verb", "apply")] == 0.1


def test_a_watch_is_counted_but_not_timed_because_it_lasts_for_minutes(telemetry):
    telemetry.requested(RequestRecord("watch", PROMETHEUS_RULE, "200", 240))
    assert not any(name[0].startswith("crm_operator_api_request_duration") for name in series(telemetry.registry))


def test_a_watch_that_began_anew_is_counted_with_its_reason(telemetry):
    telemetry.restarted(PROMETHEUS_RULE, "Expired")
    labels = (("kind", "PrometheusRule"), ("reason", "Expired"))
    assert series(telemetry.registry)["crm_operator_watch_restarts_total", *labels] == 1


def with_conditions(name, *conditions):
    return {**minimal(name=name), "status": {"conditions": [{"type": t, "status": s} for t, s in conditions]}}


def test_resources_are_counted_by_condition_when_asked():
    bodies = [
        with_conditions("a", ("Ready", "True"), ("Valid", "True")),
        with_conditions("b", ("Ready", "False"), ("Valid", "True")),
        minimal(name="c"),
    ]
    registry = CollectorRegistry()
    registry.register(ConditionCollector(lambda: bodies))
    assert series(registry) == {
        ("crm_operator_resources", ("condition", "Ready"), ("status", "False")): 1,
        ("crm_operator_resources", ("condition", "Ready"), ("status", "True")): 1,
        ("crm_operator_resources", ("condition", "Valid"), ("status", "True")): 2,
    }


def test_conditions_that_somebody_else_wrote_make_no_series():
    body = with_conditions("a", ("Ready", "Perhaps"), ("Invented-7f3a", "True"))
    registry = CollectorRegistry()
    registry.register(ConditionCollector(lambda: [body]))
    assert series(registry) == {}


def test_no_series_carries_a_name_of_a_resource(telemetry):
    telemetry.reconciles.labels(CRM_MONITORING.name, "success").inc()
    labels = {label for name in series(telemetry.registry) for label, _ in name[1:]}
    assert labels <= {"kind", "result", "verb", "code", "reason", "version", "python", "kopf"}
