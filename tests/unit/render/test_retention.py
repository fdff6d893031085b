"""What is looked at further back than Prometheus keeps is told, with both durations and the next step."""

from typing import Any

import pytest

from crm_monitoring.manifest import Manifest
from crm_monitoring.render import retention
from crm_monitoring.render.bundle import Part
from crm_monitoring.render.observed import Observed, Prometheus
from crm_monitoring.render.settings import RenderSettings
from support.resources import minimal, parsed

MONTH = {"slos": [{"name": "delivery", "sli": "Delivery", "objective": "99%", "window": "30d"}]}
WEEK = {"slos": [{"name": "delivery", "sli": "Delivery", "objective": "99%", "window": "7d"}]}
LABELLED = {"objectLabels": {"release": "kps"}}
EVERYWHERE = {"ruleSelector": {}, "ruleNamespaceSelector": {}}


def prometheus(**spec: Any) -> Manifest:
    return {"metadata": {"name": "k8s", "namespace": "monitoring"}, "spec": {**EVERYWHERE, **spec}}


def part(change: dict[str, Any], *prometheuses: Manifest) -> Part:
    return retention.part(parsed(minimal(change)), Observed.of(None, (), prometheuses), {}, RenderSettings())


TOLD: dict[str, tuple[dict[str, Any], Manifest, bool]] = {
    "a month, and the default of a day": (MONTH, prometheus(), True),
    "a month, and ten days": (MONTH, prometheus(retention="10d"), True),
    "a month, and a month": (MONTH, prometheus(retention="30d"), False),
    "a month, and five weeks": (MONTH, prometheus(retention="5w"), False),
    "a month, and a year": (MONTH, prometheus(retention="1y"), False),
    "a week, and 168 hours": (WEEK, prometheus(retention="168h"), False),
    "a month, and a size": (MONTH, prometheus(retentionSize="50GB"), False),
    "a month, and a size and ten days": (MONTH, prometheus(retentionSize="50GB", retention="10d"), True),
    "a month, and somewhere else to read from": (
        MONTH,
        prometheus(retention="1d", remoteRead=[{"url": "http://thanos"}]),
        False,
    ),
    "no objective": ({}, prometheus(), False),
    "a Prometheus that selects no rules": (MONTH, prometheus(ruleSelector=None), False),
    "a Prometheus that wants other labels": (
        MONTH,
        prometheus(ruleSelector={"matchLabels": {"release": "kps"}}),
        False,
    ),
    "a Prometheus that wants the labels of the resource": (
        MONTH | LABELLED,
        prometheus(ruleSelector={"matchLabels": {"release": "kps"}}),
        True,
    ),
    "a Prometheus for its own namespace": (MONTH, prometheus(ruleNamespaceSelector=None), False),
}


@pytest.mark.parametrize("story", TOLD)
def test_an_objective_is_told_when_prometheus_forgets_too_soon(story: str) -> None:
    change, seen, told = TOLD[story]
    found = [(finding.condition, finding.reason) for finding in part(change, seen).findings]
    assert found == ([("ObjectivesMeasurable", "WindowExceedsRetention")] if told else [])


def test_the_message_names_the_prometheus_both_durations_and_the_next_step() -> None:
    (finding,) = part(MONTH, prometheus(retention="10d")).findings
    assert finding.message == (
        "Prometheus monitoring/k8s keeps 10d, so error budgets are computed from that alone: delivery over 30d. "
        "Set its spec.retention to at least 30d, or choose a shorter window in spec.slos."
    )


def test_each_prometheus_that_runs_the_rules_is_told() -> None:
    other = {"metadata": {"name": "a", "namespace": "crm"}, "spec": {"ruleSelector": {}}}
    messages = [finding.message for finding in part(MONTH, prometheus(), other).findings]
    assert [message.split()[1] for message in messages] == ["crm/a", "monitoring/k8s"]


BANDS = {
    "a year": ("1y", None),
    "exactly three weeks and the hour before": ("505h", None),
    "three weeks": ("21d", "2 of 3 weeks are compared"),
    "ten days": ("10d", "1 of 3 weeks are compared"),
    "a day": ("24h", "CRMTrafficAnomalous cannot fire"),
}


@pytest.mark.parametrize("story", BANDS)
def test_the_band_of_the_traffic_warns_of_weeks_that_are_forgotten(story: str) -> None:
    kept, outcome = BANDS[story]
    found = part({"alerts": {"anomaly": {"weeks": 3}}}, prometheus(retention=kept))
    assert found.findings == ()
    assert [text.partition(f"keeps {kept}: ")[2].partition(".")[0] for text in found.warnings] == (
        [outcome] if outcome else []
    )


def test_a_prometheus_without_a_spec_runs_no_rules() -> None:
    assert not Prometheus.of({"metadata": {"name": "x", "namespace": "y"}}).runs_rules("y", {})
