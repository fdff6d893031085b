"""Alerts and dashboard about the operator itself: real series make them fire, every query names a metric that exists."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from crm_monitoring.contract.alerts import Severity
from crm_monitoring.controller.telemetry import ConditionCollector, Telemetry
from support.charts import CHART, NAMESPACE, RELEASE, Manifest, render, the

RUNBOOKS = CHART.parents[1] / "docs" / "operator-runbooks.md"
ENABLED = (
    *("--set", "serviceMonitor.enabled=true"),
    *("--set", "prometheusRule.enabled=true"),
    *("--set", "dashboard.enabled=true"),
)
IDENTITY = f'namespace="{NAMESPACE}",job="{RELEASE}-metrics"'


def rules(*flags: str) -> list[Manifest]:
    """Return the alerting rules of a release."""
    (group,) = the(render(*ENABLED, *flags), "PrometheusRule")["spec"]["groups"]
    return list(group["rules"])


def dashboard() -> Manifest:
    """Return the dashboard of a release."""
    (content,) = the(render(*ENABLED), "ConfigMap")["data"].values()
    return dict(json.loads(content))


def series(metric: str, values: str, **labels: str) -> dict[str, str]:
    """Return an input series of promtool, of a replica called a unless `pod` says otherwise."""
    others = "".join(f',{name}="{value}"' for name, value in {"pod": "a", **labels}.items())
    return {"series": f"{metric}{{{IDENTITY}{others}}}", "values": values}


FIRES: dict[str, list[dict[str, str]]] = {
    "CRMOperatorDown": [series("up", "0x60")],
    "CRMOperatorNoLeader": [series("crm_operator_leader", "0x60"), series("crm_operator_leader", "0x60", pod="b")],
    "CRMOperatorSeveralLeaders": [
        series("crm_operator_leader", "1x60"),
        series("crm_operator_leader", "1x60", pod="b"),
    ],
    "CRMOperatorPassesFail": [
        series("crm_operator_reconcile_total", "0+10x60", kind="CRMMonitoring", result="success"),
        series("crm_operator_reconcile_total", "0+10x60", kind="CRMMonitoring", result="error"),
    ],
    "CRMOperatorQueueStuck": [
        series("crm_operator_leader", "1x60"),
        series("crm_operator_queue_oldest_seconds", "0+60x60"),
    ],
    "CRMOperatorRequestsFail": [
        series("crm_operator_api_requests_total", "0+10x60", verb="patch", kind="ConfigMap", code="200"),
        series("crm_operator_api_requests_total", "0+10x60", verb="patch", kind="ConfigMap", code="403"),
    ],
    "CRMOperatorWatchesRestart": [
        series("crm_operator_watch_restarts_total", "0+3x60", kind="Service", reason="Unavailable")
    ],
    "CRMOperatorKopfRestarts": [series("crm_operator_kopf_restarts_total", "0+1x60", reason="ended")],
    "CRMOperatorFightsOverObjects": [series("crm_operator_drift_corrections_total", "0+2x60", kind="PrometheusRule")],
    "CRMOperatorResourcesNotReady": [series("crm_operator_resources", "1x60", condition="Ready", status="False")],
}

CALM: dict[str, list[dict[str, str]]] = {
    "CRMOperatorDown": [series("up", "1x60"), series("up", "0x60", pod="b")],
    "CRMOperatorNoLeader": [series("crm_operator_leader", "1x60"), series("crm_operator_leader", "0x60", pod="b")],
    "CRMOperatorSeveralLeaders": [
        series("crm_operator_leader", "1x60"),
        series("crm_operator_leader", "0x60", pod="b"),
    ],
    "CRMOperatorPassesFail": [
        series("crm_operator_reconcile_total", "0+10x60", kind="CRMMonitoring", result="success"),
        series("crm_operator_reconcile_total", "0+1x60", kind="CRMMonitoring", result="error"),
    ],
    "CRMOperatorQueueStuck": [  # a standby has a queue that nobody works on
        series("crm_operator_leader", "0x60"),
        series("crm_operator_queue_oldest_seconds", "0+60x60"),
    ],
    "CRMOperatorRequestsFail": [  # what does not exist yet, and conflicts, are the routine
        series("crm_operator_api_requests_total", "0+10x60", verb="patch", kind="ConfigMap", code="200"),
        series("crm_operator_api_requests_total", "0+10x60", verb="get", kind="ConfigMap", code="404"),
        series("crm_operator_api_requests_total", "0+10x60", verb="patch", kind="ConfigMap", code="409"),
    ],
    "CRMOperatorWatchesRestart": [
        series("crm_operator_watch_restarts_total", "0+3x60", kind="Service", reason="Resync")
    ],
    "CRMOperatorKopfRestarts": [series("crm_operator_kopf_restarts_total", "1x60", reason="ended")],
    "CRMOperatorFightsOverObjects": [series("crm_operator_drift_corrections_total", "3x60", kind="PrometheusRule")],
    "CRMOperatorResourcesNotReady": [series("crm_operator_resources", "1x60", condition="Ready", status="True")],
}


def test_every_alert_has_a_case_for_firing_and_one_for_silence() -> None:
    names = {rule["alert"] for rule in rules()}

    assert names == set(FIRES) == set(CALM)


def test_alerts_fire_when_they_should_and_only_then(tool: Callable[[str], Path], tmp_path: Path) -> None:
    names = {rule["alert"]: rule for rule in rules()}
    cases = [
        {"interval": "1m", "input_series": given, "promql_expr_test": [_firing(name, fires)]}
        for table, fires in ((FIRES, True), (CALM, False))
        for name, given in table.items()
        if name in names
    ]
    (tmp_path / "rules.yaml").write_text(
        yaml.safe_dump({"groups": [{"name": "operator", "interval": "1m", "rules": rules()}]}), encoding="utf-8"
    )
    (tmp_path / "cases.yaml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": cases}), encoding="utf-8"
    )

    done = _promtool(tool, "test", "rules", str(tmp_path / "cases.yaml"))

    assert done.returncode == 0, done.stdout + done.stderr


OF_A_SHARD = {"CRMOperatorDown": "up", "CRMOperatorNoLeader": "crm_operator_leader"}


@pytest.mark.parametrize("alert", OF_A_SHARD)
def test_an_alert_is_about_the_shard_that_is_concerned_though_others_are_well(
    tool: Callable[[str], Path], alert: str, tmp_path: Path
) -> None:
    (rule,) = [rule for rule in rules("--set", "shards=3") if rule["alert"] == alert]
    values = {"1-of-3": "1x60", "2-of-3": "0x60", "3-of-3": "1x60"}
    expected = {
        "expr": f'count by (shard) (ALERTS{{alertname="{alert}",alertstate="firing"}})',
        "eval_time": "1h",
        "exp_samples": [{"labels": '{shard="2-of-3"}', "value": 1}],
    }
    given = [series(OF_A_SHARD[alert], each, shard=shard) for shard, each in values.items()]
    case = {"interval": "1m", "input_series": given, "promql_expr_test": [expected]}
    rule_file = {"groups": [{"name": "operator", "interval": "1m", "rules": [rule]}]}
    test_file = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [case]}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rule_file), encoding="utf-8")
    (tmp_path / "cases.yaml").write_text(yaml.safe_dump(test_file), encoding="utf-8")

    done = _promtool(tool, "test", "rules", str(tmp_path / "cases.yaml"))

    assert done.returncode == 0, done.stdout + done.stderr


def _firing(name: str, fires: bool) -> dict[str, Any]:
    """Say at the end of an hour whether an alert fires."""
    expr = f'count(ALERTS{{alertname="{name}",alertstate="firing"}} and on () vector(1)) > bool 0'
    return {"expr": expr, "eval_time": "1h", "exp_samples": [{"labels": "{}", "value": 1}] if fires else []}


def test_promtool_has_nothing_to_say(tool: Callable[[str], Path], tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "operator", "rules": rules()}]}), encoding="utf-8")

    done = _promtool(tool, "check", "rules", "--lint=all", "--lint-fatal", str(path))

    assert done.returncode == 0, done.stdout + done.stderr


def _promtool(tool: Callable[[str], Path], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(tool("promtool")), *arguments], capture_output=True, text=True, check=False, timeout=60)


def test_every_query_names_a_metric_that_the_operator_has() -> None:
    registry = CollectorRegistry()
    Telemetry(registry)
    registry.register(ConditionCollector(list))
    exist = {
        name
        for family in registry.collect()
        for name in (family.name, f"{family.name}_total", f"{family.name}_bucket", f"{family.name}_info")
    }
    queries = [rule["expr"] for rule in rules()]
    queries += [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", ())]
    asked = {name for query in queries for name in re.findall(r"crm_operator_\w+", query)}

    assert len(asked) >= 10
    assert asked <= exist


def test_every_alert_has_a_severity_of_ours_and_a_section_in_the_runbooks() -> None:
    sections = re.findall(r"^## (\w+)$", RUNBOOKS.read_text(encoding="utf-8"), re.MULTILINE)

    assert sections == [rule["alert"] for rule in rules()]
    assert {rule["labels"]["severity"] for rule in rules()} <= {str(severity) for severity in Severity}


def test_an_alert_links_to_its_section_where_it_is_published() -> None:
    published = rules("--set", "prometheusRule.runbookUrl=https://runbooks.example.com/operator")

    assert published[0]["annotations"]["runbook_url"] == "https://runbooks.example.com/operator#crmoperatordown"
    assert "runbook_url" not in rules()[0]["annotations"]


def test_labels_are_added_to_alerts_and_never_replace_the_severity() -> None:
    labelled = rules("--set", "prometheusRule.alertLabels.team=x", "--set", "prometheusRule.alertLabels.severity=none")

    assert labelled[0]["labels"] == {"severity": "high", "team": "x"}


def test_dashboards_of_two_releases_do_not_replace_each_other() -> None:
    other = the(render(*ENABLED, namespace="other"), "ConfigMap")["data"]
    ((name, content),) = other.items()

    assert json.loads(content)["uid"] != dashboard()["uid"]
    assert name not in the(render(*ENABLED), "ConfigMap")["data"]
    assert len(dashboard()["uid"]) <= 40


def test_the_monitor_scrapes_the_service_that_the_alerts_ask_about() -> None:
    manifests = render(*ENABLED)
    monitor, service = the(manifests, "ServiceMonitor")["spec"], the(manifests, "Service")

    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert {one["port"] for one in monitor["endpoints"]} == {one["name"] for one in service["spec"]["ports"]}
    assert all(IDENTITY in rule["expr"] for rule in rules())
    assert service["metadata"]["name"] == f"{RELEASE}-metrics"
