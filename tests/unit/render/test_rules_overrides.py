"""What a resource changes on the alerts: overrides, labels, severities, runbooks, templates."""

import re
from typing import Any

import pytest

from crm_monitoring.contract import alerts
from crm_monitoring.contract.alerts import Unit
from crm_monitoring.render.settings import RenderSettings
from support.resources import full, minimal
from support.rules import alert_rules, named, part


@pytest.mark.parametrize("alert", alerts.ALL, ids=lambda alert: alert.name)
def test_every_alert_can_be_disabled(alert: alerts.Alert) -> None:
    change = {"alerts": {"overrides": {alert.name: {"enabled": False}}, "anomaly": {}}, "slos": full()["spec"]["slos"]}
    assert alert.name not in {rule["alert"] for rule in alert_rules(change)}


@pytest.mark.parametrize("alert", alerts.ALL, ids=lambda alert: alert.name)
def test_every_alert_takes_durations_severity_labels_and_annotations(alert: alerts.Alert) -> None:
    rule = named(
        alert.name,
        {
            "for": "90m",
            "keepFiringFor": "3m",
            "severity": "low",
            "labels": {"owner": "me"},
            "annotations": {"summary": "Mine", "chat": "#ops"},
        },
    )
    assert rule["for"] == "1h30m"
    assert rule["keep_firing_for"] == "3m"
    assert rule["labels"]["severity"] == "low"
    assert rule["labels"]["owner"] == "me"
    assert rule["annotations"]["summary"] == "Mine"
    assert rule["annotations"]["chat"] == "#ops"


THRESHOLDS = {"RATIO": ("12.5%", "0.125"), "SECONDS": ("90m", "5400"), "COUNT": ("1234", "1234")}


@pytest.mark.parametrize("alert", [a for a in alerts.ALL if a.unit is not Unit.NONE], ids=lambda alert: alert.name)
def test_every_threshold_can_be_changed(alert: alerts.Alert) -> None:
    written, compared = THRESHOLDS[alert.unit.name]
    assert re.search(rf"[<>] {re.escape(compared)}\b", named(alert.name, {"threshold": written})["expr"])


@pytest.mark.parametrize("alert", [a for a in alerts.ALL if a.minimum_volume is not None], ids=lambda alert: alert.name)
def test_every_minimum_volume_can_be_changed(alert: alerts.Alert) -> None:
    assert ">= 4321" in named(alert.name, {"minimumVolume": 4321})["expr"]


@pytest.mark.parametrize("alert", [a for a in alerts.ALL if a.window], ids=lambda alert: alert.name)
def test_every_window_can_be_changed(alert: alerts.Alert) -> None:
    assert re.search(r"(\[|offset |\w)77m|1h17m", named(alert.name, {"window": "77m"})["expr"])


def test_a_window_of_zero_keeps_no_alert_alive() -> None:
    assert "keep_firing_for" not in named("CRMQueueSizeHigh", {"keepFiringFor": "0s"})


def test_severities_are_exported_under_the_mapped_names() -> None:
    found = alert_rules({"alerts": {"severityMap": {"high": "critical", "medium": "warning"}}})
    assert {rule["labels"]["severity"] for rule in found} == {"critical", "warning", "low"}


def test_the_cluster_is_a_label_when_the_operator_knows_it() -> None:
    found = alert_rules(settings=RenderSettings(cluster="eu-1"))
    assert {rule["labels"].get("cluster") for rule in found} == {"eu-1"}
    assert {rule["labels"].get("cluster") for rule in alert_rules()} == {None}


def test_the_resource_s_runbooks_win_over_the_operator_s() -> None:
    settings = RenderSettings(runbook_base_url="https://a.example/")
    own = {"alerts": {"runbookBaseUrl": "https://b.example/r"}}
    assert named_url(alert_rules(settings=settings)) == "https://a.example/CRMQueueSizeHigh.md"
    assert named_url(alert_rules(own, settings)) == "https://b.example/r/CRMQueueSizeHigh.md"


def named_url(found: list[dict[str, Any]]) -> str:
    url = next(rule for rule in found if rule["alert"] == "CRMQueueSizeHigh")["annotations"]["runbook_url"]
    assert isinstance(url, str)
    return url


def test_labels_of_users_never_replace_those_that_tell_alerts_apart() -> None:
    user = {"team": "crm", "channel": "all", "scope": "mine", "job": "x"}
    change = {"alerts": {"extraLabels": user, "overrides": {"CRMQueueStuck": {"labels": {"priority": "p"}}}}}
    for rule in alert_rules(change):
        assert rule["labels"]["team"] == "crm"
        assert rule["labels"].get("scope") != "mine"
        assert not {"channel", "priority"} & set(rule["labels"])
    warnings = part(minimal(change)).warnings
    assert [w.partition(":")[0] for w in warnings] == [
        "spec.alerts.extraLabels.channel",
        "spec.alerts.extraLabels.scope",
        "spec.alerts.overrides.CRMQueueStuck.labels.priority",
    ]


TEMPLATES = {
    "a label": ("{{ $labels.channel }}", "{{ $labels.channel }}"),
    "the value": ("{{ $value | humanize }}", "{{ $value | humanize }}"),
    "a query": ('{{ query "up" }}', '{{ "{{" }} query "up" }}'),
    "a query with a trim marker": ('{{- query "up" }}', '{{ "{{" }}- query "up" }}'),
    "a third brace": ("{{{ $value }}", '{{ "{{" }}{ $value }}'),
    "a pipeline into something else": ("{{ $value | query }}", '{{ "{{" }} $value | query }}'),
    "a variable of the template": ("{{ $externalURL }}", '{{ "{{" }} $externalURL }}'),
    "no template": ("100 % of }} {", "100 % of }} {"),
}


@pytest.mark.parametrize("story", TEMPLATES)
def test_templates_of_users_reach_nothing_but_labels_and_the_value(story: str) -> None:
    written, expected = TEMPLATES[story]
    change = {
        "alerts": {
            "extraLabels": {"team": written},
            "overrides": {"CRMQueueSizeHigh": {"annotations": {"note": written}}},
            "custom": [{"alert": "Mine", "expr": "crm_queue_size > 1", "summary": written, "description": written}],
        }
    }
    found = {rule["alert"]: rule for rule in alert_rules(change)}
    assert found["CRMQueueSizeHigh"]["annotations"]["note"] == expected
    assert found["CRMQueueSizeHigh"]["labels"]["team"] == expected
    assert found["Mine"]["annotations"]["summary"] == expected
    assert found["Mine"]["annotations"]["description"] == expected
