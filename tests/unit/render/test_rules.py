"""The rules of a resource as objects: closed over the contract, confined to the resource, complete, overridable."""

import re
from collections.abc import Iterator

import promql_parser
import pytest

from crm_monitoring.api.conditions import ConditionType, Reason
from crm_monitoring.contract import alerts, labels, metrics, recorded
from crm_monitoring.contract.alerts import Unit
from crm_monitoring.contract.metrics import MetricType
from crm_monitoring.manifest import PROMETHEUS_RULE, Manifest, ObjectKey
from crm_monitoring.render import names, rules
from crm_monitoring.render.bundle import RuleCounts
from support.resources import SLACK, full, minimal, parsed, secret_key
from support.rules import alert_rules, part, rules_of

LEGACY = {"metrics": {"monitor": "None", "existingJob": "legacy"}}
WATCHDOG = {
    "notifications": {"receivers": [SLACK], "watchdog": {"urlSecretRef": secret_key("crm-alerting", "heartbeat")}}
}
RESOURCES: dict[str, Manifest] = {
    "the smallest resource": minimal(),
    "a resource with every block": full(),
    "a resource on an existing job": minimal({**LEGACY, "slos": full()["spec"]["slos"], **WATCHDOG}),
    "a resource with other windows": minimal(
        {"alerts": {"overrides": {a.name: {"window": "2h"} for a in alerts.ALL if a.window}}}
    ),
}

_LE = "le"
_ON_TARGETS = {"job", "instance"}


def selectors(expression: str) -> list[promql_parser.VectorSelector]:
    found: list[promql_parser.VectorSelector] = []

    def visit(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        if isinstance(node, promql_parser.MatrixSelector):
            found.append(node.vector_selector)

    promql_parser.walk(promql_parser.parse(expression), visit)
    return found


def grouped_labels(expression: str) -> set[str]:
    """Return every label that an aggregation or a match between vectors names."""
    lists = re.findall(r"\b(?:by|on|ignoring|group_left) \(([^)]*)\)", expression)
    return {label.strip() for names_ in lists for label in names_.split(",") if label.strip()}


def stem(series: recorded.Recorded) -> str:
    """Return the name of a recorded series without its window."""
    return f"{series.level}:{series.metric}:{series.operation}"


def exported() -> dict[str, set[str]]:
    """Return the labels of each series that the contract defines, by the series' name."""
    series: dict[str, set[str]] = {"up": set()}
    for metric in metrics.ALL:
        own = set(metric.label_names)
        if metric.type is MetricType.HISTOGRAM:
            series |= {metric.name + "_bucket": {*own, _LE}, metric.name + "_count": own, metric.name + "_sum": own}
        else:
            series[metric.name] = own
    series[metrics.INFO.name + "_info"] = set(metrics.INFO.label_names)
    series[metrics.QUEUE_SIZE.name].add("pid")  # what the multi-process check looks for
    return series


def names_selected(selector: promql_parser.VectorSelector) -> Iterator[str]:
    if selector.name:
        yield selector.name
    for matcher in selector.matchers.matchers:
        if matcher.name == "__name__":
            yield from matcher.value.split("|")


@pytest.mark.parametrize("story", RESOURCES)
def test_every_series_that_is_read_is_in_the_contract_or_recorded_by_the_same_object(story: str) -> None:
    for item in part(RESOURCES[story]).children:
        known = exported()
        for rule in item["spec"]["groups"][0]["rules"]:
            for selector in selectors(rule["expr"]):
                for name in names_selected(selector):
                    assert name in known, f"{rule} reads {name}"
                    matched = {m.name for m in selector.matchers.matchers}
                    allowed = known[name] | {*labels.IDENTITY, "job", "__name__"}
                    assert matched <= allowed, f"{rule} matches {matched - allowed} of {name}"
            if "record" in rule:
                series = next(s for s in recorded.ALL if rule["record"].startswith(stem(s)))
                known[rule["record"]] = set(series.labels)


@pytest.mark.parametrize("story", RESOURCES)
def test_every_selector_is_confined_to_the_resource(story: str) -> None:
    legacy = "existingJob" in RESOURCES[story]["spec"].get("metrics", {})
    for rule in rules_of(RESOURCES[story]):
        for selector in selectors(rule["expr"]):
            exact = {m.name: m.value for m in selector.matchers.matchers if str(m.op) == "MatchOp.Equal"}
            assert exact["namespace"] == "crm"
            raw = ":" not in (selector.name or "")
            assert exact["job" if legacy and raw else "crm_monitoring"] == ("legacy" if legacy and raw else "crm")


@pytest.mark.parametrize("story", RESOURCES)
def test_every_aggregation_keeps_the_identity_and_names_labels_of_the_contract(story: str) -> None:
    known = {_LE, *_ON_TARGETS, *labels.IDENTITY, *(label for s in exported().values() for label in s)}
    for rule in rules_of(RESOURCES[story]):
        if rule.get("alert") == "NoWelcomeMessages":
            continue  # the user's own expression
        for by in re.findall(r"\bby \(([^)]*)\)", rule["expr"]):
            assert by.split(", ")[:2] == list(labels.IDENTITY)
        assert grouped_labels(rule["expr"]) <= known


@pytest.mark.parametrize("story", RESOURCES)
def test_every_alert_is_complete(story: str) -> None:
    body = RESOURCES[story]
    resource = parsed(body)
    uids = {names.dashboard_uid(resource, audience) for audience in resource.spec.dashboards.audiences}
    for rule in rules_of(body):
        if "alert" not in rule:
            continue
        assert labels.ENVIRONMENT.name in rule["labels"]
        assert rule["labels"]["namespace"] == "crm"
        assert rule["labels"]["crm_monitoring"] == "crm"
        assert rule["labels"]["severity"]
        assert set(rule["annotations"]) >= {"summary", "description", "runbook_url", "dashboard_uid"}
        assert rule["annotations"]["runbook_url"].endswith(f"/{rule['alert']}.md")
        assert rule["annotations"]["dashboard_uid"] in uids
        assert all(text.strip() for text in rule["annotations"].values())


def test_alerts_on_numbers_say_the_current_value() -> None:
    for rule in alert_rules({"slos": full()["spec"]["slos"]}):
        alert = next(a for a in alerts.ALL if a.name == rule["alert"])
        if alert.unit is not Unit.NONE:
            assert "{{ $value" in rule["annotations"]["summary"], rule["alert"]


def test_annotations_refer_only_to_labels_that_the_alert_has() -> None:
    for rule in alert_rules({"slos": full()["spec"]["slos"]}):
        referred = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
        assert referred <= grouped_labels(rule["expr"]) | _labels_read(rule["expr"]) | set(rule["labels"]), rule[
            "alert"
        ]


def _labels_read(expression: str) -> set[str]:
    names_ = {selector.name for selector in selectors(expression)}
    return {label for s in recorded.ALL for label in s.labels if any(n and n.startswith(stem(s)) for n in names_)}


def test_the_stock_alerts_are_those_of_the_contract() -> None:
    found = {rule["alert"] for rule in alert_rules({"slos": full()["spec"]["slos"], "alerts": {"anomaly": {}}})}
    assert found == {alert.name for alert in alerts.ALL}


def test_each_concern_has_an_object_of_its_own() -> None:
    found = [child["metadata"]["name"] for child in part(full()).children]
    assert found == ["crm-crm-stock", "crm-crm-meta", "crm-crm-slo", "crm-crm-anomaly", "crm-crm-custom"]
    assert [child["metadata"]["name"] for child in part(minimal()).children] == ["crm-crm-stock", "crm-crm-meta"]


def test_groups_of_different_resources_have_different_names() -> None:
    bodies = (full(), full(name="other"), full(namespace="other"))
    found = [g["name"] for body in bodies for child in part(body).children for g in child["spec"]["groups"]]
    assert len(set(found)) == len(found)


def test_the_watchdog_exists_only_with_its_receiver() -> None:
    assert alerts.WATCHDOG in {rule["alert"] for rule in alert_rules(WATCHDOG)}
    assert alerts.WATCHDOG not in {rule["alert"] for rule in alert_rules({"notifications": {"receivers": [SLACK]}})}


def test_a_custom_alert_that_cannot_be_confined_holds_the_last_good_ones_and_harms_no_other_rule() -> None:
    custom = [
        {"alert": "Good", "expr": "crm_queue_size > 1", "summary": "Good"},
        {"alert": "Bad", "expr": "sum(", "summary": "Bad"},
        {"alert": "Foreign", "expr": 'up{namespace="kube-system"} == 0', "summary": "Foreign"},
    ]
    made = part(minimal({"alerts": {"custom": custom}}))
    assert made.held == {ObjectKey(PROMETHEUS_RULE, "crm", "crm-crm-custom")}
    assert [child["metadata"]["name"] for child in made.children] == ["crm-crm-stock", "crm-crm-meta"]
    assert {(f.condition, f.reason) for f in made.findings} == {(ConditionType.VALID, Reason.INVALID_SPEC)}
    assert [f.message.partition(":")[0] for f in made.findings] == [
        "spec.alerts.custom[1].expr (Bad)",
        "spec.alerts.custom[2].expr (Foreign)",
    ]


def test_rules_are_counted_by_kind() -> None:
    children = part(full()).children
    flat = rules_of(full())
    recording = sum("record" in rule for rule in flat)
    assert rules.count(children) == RuleCounts(recording, len(flat) - recording)
    assert recording > 0


def test_the_same_resource_gives_the_same_rules() -> None:
    assert part(full()) == part(full())


def test_no_object_comes_near_the_size_that_prometheus_operator_refuses() -> None:
    many = [{"name": f"s{i}", "sli": "Delivery", "objective": "99%", "window": "30d"} for i in range(10)]
    for child in part(full({"slos": many})).children:
        assert len(repr(child)) < 256 * 1024
